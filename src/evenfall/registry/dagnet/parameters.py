"""Parameter files of DagNet: which of their values count, and of whom they are."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Final, Literal

from evenfall.errors import ConfigError
from evenfall.registry.dagnet.account import Account, Target
from evenfall.registry.dagnet.beliefs import StatedRate, read_rate
from evenfall.registry.dagnet.conditions import Condition, read_condition
from evenfall.registry.schemas import ParameterDefinition
from evenfall.registry.stated import missing_prior, state_beliefs
from evenfall.registry.translate import validate
from evenfall.registry.tree import Path, Tree, parse_path

__all__ = ["Draft", "Slice", "describe", "own_definition", "read_parameter"]

type Kind = Literal["rate", "cost", "definition", "other"]

_MONTHS: Final = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_UK_DATE: Final = re.compile(r"(\d{1,2})-([A-Za-z]{3})-(\d{2}|\d{4})")
_METADATA: Final = ("description", "created_at", "updated_at", "author", "version")


@dataclass(frozen=True, slots=True)
class Slice:
    """The value that counts for one part of the traffic.

    Attributes
    ----------
    index
        Which of the file's values it is.
    """

    index: int
    condition: Condition
    rate: StatedRate


@dataclass(slots=True)
class Draft:
    """A parameter file, read but not yet placed.

    Attributes
    ----------
    raw_id, id
        What the file calls it, and what it is called here.
    query
        Of whom all its values are.
    slices
        One value for each part of the traffic; that of everybody first.
    uses
        How many edges have taken a parameter from it.
    """

    account: Account
    raw_id: str
    id: str
    kind: Kind
    query: Condition = field(default_factory=Condition)
    slices: list[Slice] = field(default_factory=list)
    uses: int = 0

    @property
    def base(self) -> Slice | None:
        """The value of everybody."""
        return next((part for part in self.slices if part.condition.is_everyone), None)


def read_parameter(account: Account, parameter_id: str) -> Draft:
    """Return the draft of a parameter file; values that are not current are accounted for as dropped."""
    raw_id = account.text(("id",)) or parameter_id
    data = account.data if isinstance(account.data, dict) else {}
    kind = _kind(data)
    draft = Draft(account, raw_id, parameter_id, kind)
    if kind in ("rate", "cost"):
        draft.query = read_condition(account.text(("query",)))
        draft.slices = _slices(account, raw_id)
    return draft


def _kind(data: Mapping[str, object]) -> Kind:
    if "values" not in data:
        return "definition"
    said = data.get("type", "probability")
    return "rate" if said == "probability" else "cost" if said in ("cost_gbp", "cost") else "other"


def _slices(account: Account, raw_id: str) -> list[Slice]:
    """Return the current value of each part of the traffic, that of everybody first."""
    parts: dict[Condition, list[int]] = {}
    for index, entry in enumerate(account.members(("values",))):
        if not isinstance(entry, dict):
            account.drop(("values", index), "not a mapping with a mean")
            continue
        parts.setdefault(_part(entry, raw_id), []).append(index)
    found = []
    for condition, indices in parts.items():
        current = max(indices, key=lambda index: (*_ends(account.at(("values", index))), index))
        for index in indices:
            if index != current:
                why = f"a value of another time; values[{current}] is the latest"
                account.drop(("values", index), why)
        found.append((current, condition))
    found.sort(key=lambda part: (not part[1].is_everyone, part[0]))
    return [Slice(index, condition, _rate(account, index)) for index, condition in found]


def _rate(account: Account, index: int) -> StatedRate:
    """Return the rate, or the bare numbers of a cost, of one value."""
    path: Path = ("values", index)
    if _kind(account.data if isinstance(account.data, dict) else {}) == "rate":
        return read_rate(account, path)
    mean, stdev = account.number((*path, "mean")), account.number((*path, "stdev"), 0.0)
    return StatedRate(account, path, mean, stdev)


def _part(entry: Mapping[str, object], raw_id: str) -> Condition:
    """Return of whom a value is, beyond the query of its file; its days do not matter."""
    said = read_condition(entry.get("sliceDSL"))
    part = Condition("", "", said.visited, said.visited_any, said.exclude, said.contexts, said.cases)
    unreadable = tuple(text for text in said.unreadable if not text.startswith("context("))
    every = tuple(text for text in said.unreadable if text.startswith("context("))
    unreadable += tuple(text for text in every if ":" in text)
    if isinstance(entry.get("context_id"), str):
        unreadable += (f"context_id {entry['context_id']}",)
    return part.joined(Condition(unreadable=unreadable))


def _ends(entry: object) -> tuple[date, date]:
    """Return until when, and since when, a value was counted; an open end is the latest."""
    data = entry if isinstance(entry, dict) else {}
    first = _day(data.get("window_from") or data.get("cohort_from"))
    stop = _day(data.get("window_to") or data.get("cohort_to"))
    return stop or (date.max if first else date.min), first or date.min


def _day(said: object) -> date | None:
    """Return the day that 2025-03-31T23:59:59Z or 31-Mar-25 names."""
    text = said if isinstance(said, str) else ""
    uk = _UK_DATE.match(text)
    try:
        if uk and uk[2].lower() in _MONTHS:
            year = int(uk[3]) + (2000 if len(uk[3]) == 2 else 0)
            return date(year, _MONTHS.index(uk[2].lower()) + 1, int(uk[1]))
        return date.fromisoformat(text[:10])
    except ValueError:
        return None


def describe(draft: Draft, file: str) -> tuple[dict[str, object], dict[str, object]]:
    """Return name and type, and the metadata, that a draft's parameter has in `file`; account for them."""
    account = draft.account
    head: dict[str, object] = {}
    if (name := account.text(("name",))) is not None:
        head["name"] = name
        account.move(("name",), Target(file, ("name",)), name)
    head["type"] = "probability"
    if account.at(("type",)) is not None:
        account.move(("type",), Target(file, ("type",)), "probability")
    metadata: dict[str, object] = {}
    for key in _METADATA:
        path: Path = ("metadata", key)
        text = account.text(path)
        if text is None and key == "description" and account.text((key,)) is not None:
            path, text = (key,), account.text((key,))
        if text is not None:
            metadata[key] = text
            account.move(path, Target(file, ("metadata", key)), text)
    tags = account.members(("metadata", "tags"))
    if tags and all(isinstance(tag, str) for tag in tags):
        metadata["tags"] = tags
        account.move(("metadata", "tags"), Target(file, ("metadata", "tags")), tags)
    return head, {"metadata": metadata} if metadata else {}


def own_definition(draft: Draft) -> dict[str, object] | None:
    """Return a file that is written in Evenfall's own words already, without the keys the schema refuses.

    None when no belief of the file is feasible; the account says why.
    """
    account, file = draft.account, f"parameters/{draft.id}.yaml"
    data: dict[str, object] = {}
    for key, value in account.data.items() if isinstance(account.data, dict) else ():
        if key in ParameterDefinition.model_fields:
            data[key] = value
        else:
            account.drop((key,), "parameters have no such key")
    data["id"] = draft.id
    definition, problems = validate(ParameterDefinition, Tree(account.file, data))
    while definition is None:
        refused = {path[0]: problem for problem in problems if (path := parse_path(problem.path))}
        for key, problem in refused.items():
            account.drop((key,), _said(problem))
            data.pop(str(key), None)
        definition, problems = validate(ParameterDefinition, Tree(account.file, data))
    if fault := _fault(definition, Tree(account.file, data)):
        account.drop((), fault)
        return None
    for key, value in data.items():
        why = "ids are made of letters, digits, '.', '_' and '-'" if key == "id" else ""
        account.move((key,), Target(file, (key,)), value, why)
    return data


def _fault(definition: ParameterDefinition, tree: Tree) -> str:
    """Return why the beliefs of a definition cannot be used; empty when they can."""
    stated, problems, _ = state_beliefs(definition, tree)
    missing = None if problems else missing_prior(definition, stated, tree)
    return f"infeasible: {_said(problems[0])}" if problems else _said(missing) if missing else ""


def _said(problem: ConfigError) -> str:
    """Return what is wrong and what to do, without a place: it is not one of the file's own lines."""
    said = f"{problem.message}: {problem.remedy}" if problem.remedy else problem.message
    return f"{problem.path}: {said}" if problem.path else said
