"""Contexts of DagNet, and its experiments: each is a dimension, its variants are the values."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from evenfall.registry.dagnet.account import Account, Target
from evenfall.registry.dagnet.naming import distinct
from evenfall.registry.schemas import Context
from evenfall.registry.tree import Path

__all__ = ["Case", "Contexts", "read_contexts"]

_WHOLE = 1e-9


@dataclass(slots=True)
class Case:
    """An experiment: in a node of a graph, in a file of its own, or in both.

    Attributes
    ----------
    key
        The context it becomes.
    weights
        Share of the traffic of each variant, and where that is said.
    """

    key: str
    places: list[tuple[Account, Path]] = field(default_factory=list)
    weights: dict[str, tuple[float, Account, Path]] = field(default_factory=dict)
    variants: list[str] = field(default_factory=list)


@dataclass(slots=True)
class Contexts:
    """Every context of the import, and which value a condition means.

    Attributes
    ----------
    definitions
        What is written, by key.
    project
        The contexts the project declares already.
    """

    project: Mapping[str, Context]
    definitions: dict[str, dict[str, object]] = field(default_factory=dict)
    keys: dict[str, str] = field(default_factory=dict)
    cases: dict[str, Case] = field(default_factory=dict)
    values: dict[str, dict[str, str]] = field(default_factory=dict)
    made: set[str] = field(default_factory=set)

    def resolve(self, raw_key: str, raw_value: str) -> tuple[str, str] | str:
        """Return key and value of a context condition, or why there is none.

        A context that nobody declares is made, with the values that conditions name.
        """
        key = self.keys.get(raw_key, raw_key)
        known = self.values.get(key)
        if known is None:
            declared = self.project.get(key)
            if declared is not None and declared.values:
                known = {value: value for value in declared.value_ids}
                known |= {"other": "other"} if declared.other_policy else {}
            else:
                return self._make(raw_key, raw_value)
        if raw_value in known:
            return key, known[raw_value]
        if key in self.made:
            return self._make(raw_key, raw_value)
        return f"the context {key} has no value {raw_value!r}; it has {', '.join(known)}"

    def resolve_case(self, raw_key: str, variant: str) -> tuple[str, str] | str:
        """Return key and value of the condition that somebody is in a variant, or why there is none."""
        case = self.cases.get(raw_key)
        if case is None:
            return f"no experiment is called {raw_key!r}"
        if variant not in case.variants:
            return f"the experiment {raw_key} has no variant {variant!r}; it has {', '.join(case.variants)}"
        return case.key, variant

    def _make(self, raw_key: str, raw_value: str) -> tuple[str, str] | str:
        key = self.keys.get(raw_key) or distinct({raw_key: raw_key}, "context")[raw_key]
        others = {other.lower(): other for other in (*self.definitions, *self.project) if other != key}
        if key.lower() in others or (key in self.definitions and key not in self.made):
            return f"no context is called {raw_key!r}; the nearest is {others.get(key.lower(), key)}"
        self.keys[raw_key] = key
        self.made.add(key)
        self.values.setdefault(key, {})[raw_value] = raw_value
        ids = sorted(self.values[key])
        self.definitions[key] = {"id": key, "values": tuple({"id": each} for each in ids), "mece": False}
        return key, raw_value


def read_contexts(
    contexts: Iterable[Account],
    cases: Iterable[tuple[str, tuple[str, ...], Account, Path]],
    project: Mapping[str, Context],
) -> Contexts:
    """Return the contexts of context files and of experiments.

    Parameters
    ----------
    cases
        Of each place that describes an experiment: its id, the further names it goes by, and the place.
    """
    found = Contexts(project)
    files = {account.file: account for account in contexts}
    places = list(cases)
    wanted = {f"context {name}": account.text(("id",)) or name for name, account in files.items()}
    wanted |= {f"case {name}": name for name, _, _, _ in places}
    names = distinct(wanted, "context")
    for file, account in files.items():
        _declare(found, account, names[f"context {file}"])
    for name, others, account, path in places:
        case = found.cases.setdefault(name, Case(names[f"case {name}"]))
        for other in others:
            found.cases.setdefault(other, case)
        case.places.append((account, path))
    for case in {id(case): case for case in found.cases.values()}.values():
        _declare_case(found, case)
    return found


def _declare(found: Contexts, account: Account, key: str) -> None:
    file = f"contexts/{key}.yaml"
    raw = account.text(("id",)) or key
    definition: dict[str, object] = {"id": key}
    account.move(("id",), Target(file, ("id",)), key, "ids are made of letters, digits, '_' and '-'")
    for name in ("name", "description"):
        if (text := account.text((name,))) is not None:
            definition[name] = text
            account.move((name,), Target(file, (name,)), text)
    definition["values"], known = _values(account, file)
    definition |= _policy(account, file)
    account.drop(("type",), "every context is a list of values")
    found.keys[raw] = key
    found.values[key] = known | ({"other": "other"} if definition.get("other_policy") else {})
    found.definitions[key] = definition


def _values(account: Account, file: str) -> tuple[tuple[dict[str, str], ...], dict[str, str]]:
    """Return the values as they are written, and the value that each id or alias stands for."""
    written: list[dict[str, str]] = []
    known: dict[str, str] = {}
    for index, _ in enumerate(account.members(("values",))):
        path: Path = ("values", index)
        name = account.text((*path, "id"))
        if name is None or name in {value["id"] for value in written}:
            account.drop(path, "a value without an id" if name is None else "a value listed twice")
            continue
        value = {"id": name}
        target: Path = ("values", len(written))
        account.move((*path, "id"), Target(file, (*target, "id")), name)
        for key, place in (("label", (*path, "label")), ("source_filter", _filter(account, path))):
            if place and (text := account.text(place)) is not None:
                value[key] = text
                account.move(place, Target(file, (*target, key)), text)
        written.append(value)
        known[name] = name
        for alias in account.members((*path, "aliases")):
            known.setdefault(str(alias), name)
    return tuple(written), known


def _filter(account: Account, path: Path) -> Path:
    """Return where the one filter of a value stands; nothing when there are several."""
    if account.text((*path, "source_filter")) is not None:
        return (*path, "source_filter")
    sources = account.at((*path, "sources"))
    if isinstance(sources, dict) and len(sources) == 1:
        return (*path, "sources", next(iter(sources)), "filter")
    return ()


def _policy(account: Account, file: str) -> dict[str, object]:
    """Return whether the values are everything there is, and what stands for the rest."""
    data = account.data if isinstance(account.data, dict) else {}
    if "otherPolicy" not in data:
        policy: dict[str, object] = {"mece": False}
        if isinstance(data.get("mece"), bool):
            policy["mece"] = data["mece"]
            account.move(("mece",), Target(file, ("mece",)), data["mece"])
        if "other_policy" in data and data["other_policy"] in ("computed", "explicit", None):
            policy["other_policy"] = data["other_policy"]
            account.move(("other_policy",), Target(file, ("other_policy",)), data["other_policy"])
        return policy
    said = data["otherPolicy"]
    at = Target(file, ("other_policy",))
    if said in ("computed", "explicit"):
        account.move(("otherPolicy",), at, said)
        return {"mece": True, "other_policy": said}
    if said in (None, "null"):
        account.move(("otherPolicy",), Target(file, ("mece",)), True, "no other: the values are everything")
        return {"mece": True, "other_policy": None}
    account.move(("otherPolicy",), Target(file, ("mece",)), False, "the values need not be everything")
    return {"mece": False}


def _declare_case(found: Contexts, case: Case) -> None:
    """Write the context of an experiment, and remember its weights; a graph's weights come first."""
    file = f"contexts/{case.key}.yaml"
    definition: dict[str, object] = {"id": case.key}
    for account, path in case.places:
        account.move((*path, "id"), Target(file, ("id",)), case.key, "an experiment is a context")
        above = path[:-1]
        for key, place in (("name", (*above, "name")), ("description", (*above, "description"))):
            text = account.text(place) if path == ("case",) else None
            if text is not None and key not in definition:
                definition[key] = text
                account.move(place, Target(file, (key,)), text)
        _read_variants(case, account, path, file)
    total = sum(weight for weight, _, _ in case.weights.values())
    definition["values"] = tuple({"id": variant} for variant in case.variants)
    definition["mece"] = abs(total - 1) <= _WHOLE
    found.values[case.key] = {variant: variant for variant in case.variants}
    found.definitions[case.key] = definition


def _read_variants(case: Case, account: Account, path: Path, file: str) -> None:
    for index, _ in enumerate(account.members((*path, "variants"))):
        at: Path = (*path, "variants", index)
        name = account.text((*at, "name"))
        if name is None:
            account.drop(at, "a variant without a name")
            continue
        if name not in case.variants:
            case.variants.append(name)
        account.move((*at, "name"), Target(file, ("values", case.variants.index(name), "id")), name)
        weight = account.number((*at, "weight"), 0.0, 1.0)
        if weight is not None and name in case.weights:
            account.drop((*at, "weight"), "another place states this variant's weight; that one counts")
        elif weight is not None:
            case.weights[name] = (weight, account, (*at, "weight"))
