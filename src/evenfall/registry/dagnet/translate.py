"""Files of DagNet become definition files: the whole import, without touching a disk."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Literal

from evenfall.errors import ConfigError
from evenfall.registry.dagnet.account import Account, Entry, Fate, Target
from evenfall.registry.dagnet.conditions import Condition
from evenfall.registry.dagnet.contexts import Case, read_contexts
from evenfall.registry.dagnet.edges import write_graph
from evenfall.registry.dagnet.graphs import GraphDraft, name_edges, read_nodes
from evenfall.registry.dagnet.json_text import read_json
from evenfall.registry.dagnet.naming import distinct
from evenfall.registry.dagnet.parameters import Draft, own_definition, read_parameter
from evenfall.registry.dagnet.reasons import reason
from evenfall.registry.dagnet.workshop import Step, Unplaceable, Workshop
from evenfall.registry.dagnet.writing import to_yaml
from evenfall.registry.schemas import Context, Graph
from evenfall.registry.sources import Text, read_tree
from evenfall.registry.tree import Path

__all__ = ["Known", "Skipped", "Translation", "translate"]

type Kind = Literal["graph", "parameter", "context", "case", ""]

_ROUNDING: Final = 1e-9
_NUMBER_KEYS: Final = {
    "value",
    "prior_source",
    "observation_source",
    "bayesian_update",
    "fallback_value",
    "edge_reference",
    "context_filter",
    "visited_filter",
}


@dataclass(frozen=True, slots=True)
class Known:
    """What the project has already.

    Attributes
    ----------
    parameters
        Ids of its parameters.
    """

    contexts: Mapping[str, Context] = field(default_factory=dict)
    graphs: Mapping[str, Graph] = field(default_factory=dict)
    parameters: frozenset[str] = frozenset()
    currency: str = "USD"


@dataclass(frozen=True, slots=True)
class Skipped:
    """A file that is no graph, parameter, context or experiment."""

    file: str
    why: str


@dataclass(frozen=True, slots=True)
class Translation:
    """What an import would write, and the account of every value it read.

    Attributes
    ----------
    definitions
        What each file says, by its path in the project.
    files
        The same as text.
    entries
        What became of each value of each file, in the files' order.
    problems
        Files that cannot be read; with any of them nothing may be written.
    """

    definitions: Mapping[str, Mapping[str, object]] = field(default_factory=dict)
    files: Mapping[str, str] = field(default_factory=dict)
    entries: tuple[Entry, ...] = ()
    skipped: tuple[Skipped, ...] = ()
    warnings: tuple[str, ...] = ()
    problems: tuple[ConfigError, ...] = ()

    def of(self, fate: Fate) -> tuple[Entry, ...]:
        """Return the entries of one fate."""
        return tuple(entry for entry in self.entries if entry.fate == fate)


def translate(
    texts: Iterable[Text], known: Known | None = None, strength: float | None = None
) -> Translation:
    """Return what files of DagNet mean as definitions of Evenfall.

    Parameters
    ----------
    texts
        The files, with their paths below the imported folder; ``.json`` or YAML.
    known
        What the project has already.
    strength
        Trials that a mean without a stdev counts for where a parameter needs one; without it such a mean is
        no parameter, and the report says so.

    Returns
    -------
    Translation
        Every leaf of every file is below the path of exactly one of its entries, or its file is skipped.
    """
    accounts: dict[Kind, list[Account]] = {"graph": [], "parameter": [], "context": [], "case": []}
    skipped: list[Skipped] = []
    problems: list[ConfigError] = []
    for text in sorted(texts, key=lambda text: text.file):
        account, found = _read(text)
        problems += found
        kind = _kind(account.data)
        if kind:
            accounts[kind].append(account)
        elif not found:
            skipped.append(Skipped(text.file, _why_skipped(account.data)))
    if problems:
        return Translation(skipped=tuple(skipped), problems=tuple(problems))
    shop = _run(accounts, known or Known(), strength)
    entries = [entry for kind in accounts.values() for each in kind for entry in each.settle(reason)]
    texts_by_file = {
        file: to_yaml(definition, f"Imported from DagNet: {_one_line(shop.origins[file])}")
        for file, definition in sorted(shop.files.items())
    }
    warnings = tuple(dict.fromkeys(shop.warnings))
    return Translation(shop.files, texts_by_file, tuple(entries), tuple(skipped), warnings)


def _one_line(name: str) -> str:
    return "".join(character if character.isprintable() else "?" for character in name)


def _read(text: Text) -> tuple[Account, tuple[ConfigError, ...]]:
    """Return the content of a file, or what is wrong with it as a text."""
    if text.problem is None and text.file.endswith(".json"):
        try:
            return Account(text.file, read_json(text.text, text.file)), ()
        except ConfigError as error:
            return Account(text.file, None), (error,)
    tree, problems = read_tree(text)
    return Account(text.file, tree.data), problems


def _kind(data: object) -> Kind:
    """Return what a file is, by its keys."""
    if not isinstance(data, dict):
        return ""
    nodes, values = data.get("nodes"), data.get("values")
    if isinstance(nodes, tuple) and isinstance(data.get("edges"), tuple):
        return "graph"
    if isinstance(data.get("case"), dict) and "nodes" not in data:
        return "case"
    if not isinstance(data.get("id"), str):
        return ""
    if isinstance(values, tuple):
        numeric = any(isinstance(value, dict) and "mean" in value for value in values)
        return "parameter" if numeric or "query" in data else "context"
    return "parameter" if _NUMBER_KEYS & data.keys() else ""


def _why_skipped(data: object) -> str:
    if data is None:
        return "empty"
    if not isinstance(data, dict):
        return "not a mapping"
    return "no graph, parameter, context or experiment"


def _run(accounts: Mapping[Kind, Sequence[Account]], known: Known, strength: float | None) -> Workshop:
    """Return everything that is written, with the accounts filled in."""
    contexts = read_contexts(accounts["context"], _cases(accounts), known.contexts)
    shop = Workshop(contexts, strength, known.currency, known.parameters)
    shop.drafts = _drafts(accounts["parameter"], shop)
    names = {account.file: _stem(account.file) for account in accounts["graph"]}
    ids = distinct(names, "graph")
    graphs = [read_nodes(account, ids[account.file]) for account in accounts["graph"]]
    name_edges(graphs)
    for graph in graphs:
        write_graph(graph, shop)
    for draft in shop.drafts.values():
        if draft.kind == "rate" and not draft.uses:
            _place_alone(draft, shop, graphs, known)
        for part in draft.slices:
            part.rate.refuse(_why_unused(draft, part.rate.why_not_learnable(strength)))
    _put_contexts(shop, accounts)
    _warn_of_shares(shop)
    return shop


def _stem(file: str) -> str:
    return file.rsplit("/", 1)[-1].rsplit(".", 1)[0]


def _cases(
    accounts: Mapping[Kind, Sequence[Account]],
) -> list[tuple[str, tuple[str, ...], Account, Path]]:
    """Return every experiment: first those of the graphs, whose weights count."""
    found: list[tuple[str, tuple[str, ...], Account, Path]] = []
    for account in accounts["graph"]:
        for index, _ in enumerate(account.members(("nodes",))):
            path: Path = ("nodes", index, "case")
            names = [account.text((*path, "id")), *(account.text((*path[:2], key)) for key in ("id", "uuid"))]
            said = [name for name in names if name]
            if isinstance(account.at(path), dict) and said:
                found.append((said[0], tuple(said[1:]), account, path))
    for account in accounts["case"]:
        name = account.text(("case", "id")) or account.text(("parameter_id",))
        found.append((name or _stem(account.file), (), account, ("case",)))
    return found


def _drafts(accounts: Sequence[Account], shop: Workshop) -> dict[str, Draft]:
    """Return the parameter files by the ids other files name them by; own definitions are written."""
    wanted = {account.file: account.text(("id",)) or _stem(account.file) for account in accounts}
    legal = {file: shop.claims.claim(text, file) for file, text in sorted(wanted.items())}
    drafts: dict[str, Draft] = {}
    for account in accounts:
        draft = read_parameter(account, legal[account.file])
        if draft.raw_id in drafts:
            account.drop((), f"{drafts[draft.raw_id].account.file} has this id already")
            continue
        drafts[draft.raw_id] = draft
        if draft.kind == "definition" and (definition := own_definition(draft)) is not None:
            shop.put(f"parameters/{draft.id}.yaml", definition, account)
        elif draft.kind == "cost":
            account.drop(("type",), "what a passage costs stands on its edge")
        elif draft.kind == "other":
            account.drop((), "neither a probability nor a cost: an edge has no place for it")
    return drafts


def _place_alone(draft: Draft, shop: Workshop, graphs: Sequence[GraphDraft], known: Known) -> None:
    """Write the parameters of a file that no edge takes; its query says what they are about."""
    nodes = {slug: slug for graph in known.graphs.values() for slug in (node.slug for node in graph.nodes)}
    for graph in graphs:
        nodes |= graph.nodes
    query = draft.query
    step = None
    if query.start in nodes and query.end in nodes:
        step = Step("", nodes, (nodes[query.start], nodes[query.end]))
    condition = Condition(
        "", "", query.visited, query.visited_any, query.exclude, query.contexts, query.cases, query.unreadable
    )
    shop.add_slices(draft, step, condition)
    base = draft.base
    if base is None:
        return
    try:
        if why := base.rate.why_not_learnable(shop.strength):
            raise Unplaceable(why)
        if step is None and not condition.is_everyone:
            raise Unplaceable("its query has conditions, but names no nodes of a graph")
        reference = shop.reference(step, condition) if step else None
    except Unplaceable as error:
        base.rate.refuse(str(error))
        return
    shop.add_parameter(draft.id, base.rate, reference, draft)
    if reference is not None:
        at = Target(f"parameters/{draft.id}.yaml", ("edge_reference",))
        draft.account.move(("query",), at, str(reference), "conditions stand in references")


def _why_unused(draft: Draft, why: str) -> str:
    return "no edge carries this cost" if draft.kind == "cost" else why or "no edge takes this parameter"


def _put_contexts(shop: Workshop, accounts: Mapping[Kind, Sequence[Account]]) -> None:
    origins = {
        shop.contexts.keys.get(account.text(("id",)) or ""): account for account in accounts["context"]
    }
    for case in shop.contexts.cases.values():
        origins.setdefault(case.key, case.places[0][0])
    for key, definition in shop.contexts.definitions.items():
        source = origins.get(key) or Account("conditions", None)
        shop.put(f"contexts/{key}.yaml", definition, source)


def _warn_of_shares(shop: Workshop) -> None:
    cases: dict[str, Case] = {case.key: case for case in shop.contexts.cases.values()}
    for case in cases.values():
        total = sum(weight for weight, _, _ in case.weights.values())
        if case.weights and abs(total - 1) > _ROUNDING:
            said = f"the weights of {case.key} add up to {total:g}: they are kept, and the rest leaves there"
            shop.warnings.append(said)
