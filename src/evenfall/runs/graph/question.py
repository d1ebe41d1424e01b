"""A question put to a graph: a saved scenario or a call, made ready with its slices, rates and shares."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Any

from evenfall.beliefs.cube import Visited
from evenfall.clock import Night
from evenfall.errors import UnknownName, UsageError
from evenfall.findings import Finding
from evenfall.funnels.mixing import Mix
from evenfall.funnels.network import Network
from evenfall.funnels.overrides import Override
from evenfall.funnels.standing import Slice
from evenfall.registry.fallback import Names
from evenfall.registry.references import EdgeReference, is_reference
from evenfall.registry.schemas import Graph, Scenario, SetRate
from evenfall.registry.translate import validate
from evenfall.registry.tree import Tree
from evenfall.runs.graph.entries import Entries, count_entries, divide
from evenfall.runs.graph.kept import Ground, Wired
from evenfall.runs.graph.lookup import read_reference
from evenfall.runs.graph.rates import GraphRates
from evenfall.runs.world import World

__all__ = ["Prepared", "merge_findings", "prepare", "read_scenario"]


def read_scenario(saved: Mapping[str, Scenario], base: str | None = None, **asked: Any) -> Scenario:
    """Return what is asked as a scenario: a saved one, with what the call says in place of it or beside it.

    Parameters
    ----------
    base
        Id of a saved scenario. Its overrides stand beside those of the call, but an edge that the call sets
        by its slug is no longer set by the scenario, neither for all nor for some.
    asked
        Keys of a scenario file; None and empty values say nothing.

    Raises
    ------
    UnknownName
        When there is no such scenario.
    UsageError
        When the call says what no scenario file may say.
    """
    if base is not None and base not in saved:
        raise UnknownName("scenario", base, saved)
    begun = saved[base].model_dump(exclude_defaults=True) if base is not None else {}
    said = {key: value for key, value in asked.items() if value not in (None, (), {}, [])}
    if "overrides" in said:
        mine = {edge: _as_written(value) for edge, value in said["overrides"].items()}
        kept = {
            edge: value
            for edge, value in begun.get("overrides", {}).items()
            if not {edge, _edge_of(edge)} & mine.keys()
        }
        said["overrides"] = {**kept, **mine}
    question, problems = validate(Scenario, Tree("", _plain({**begun, **said})))
    if question is None:
        first = problems[0]
        place = " ".join(filter(None, (first.path, "" if first.value is None else repr(first.value))))
        raise UsageError(f"{place}: {first.message}" if place else first.message, remedy=first.remedy)
    return question


def _edge_of(text: str) -> str:
    """Return the slug of the edge that a slug or a reference names; empty when it names two nodes."""
    return read_reference(text).edge if is_reference(text) else text


def _as_written(value: object) -> object:
    """Return a rate as a file writes it; (mean, stdev) is a pair."""
    match value:
        case SetRate():
            return value.model_dump()
        case [mean, stdev]:
            return {"mean": mean, "stdev": stdev}
    return value


def _plain(value: object) -> object:
    match value:
        case Mapping():
            return {str(key): _plain(member) for key, member in value.items()}
        case str():
            return value
        case Sequence():
            return tuple(_plain(member) for member in value)
    return value


@dataclass(frozen=True)
class Prepared:
    """A question with everything that its answer is computed from."""

    question: Scenario
    ground: Ground
    wired: Wired
    rates: GraphRates
    slices: tuple[Slice, ...]
    entries: Entries
    mix_after: Mix | None
    overrides: tuple[Override, ...]
    targets: tuple[str, ...]
    mece: frozenset[str] = field(default_factory=frozenset)

    @property
    def graph_id(self) -> str:
        """The graph's name."""
        return self.wired.graph_id

    @property
    def graph(self) -> Graph:
        """The graph."""
        return self.wired.graph

    @property
    def night(self) -> Night:
        """The night that is asked."""
        return self.ground.night

    @property
    def network(self) -> Network:
        """The graph's network."""
        return self.wired.network

    @property
    def start(self) -> str:
        """The node where entries begin."""
        return next(iter(self.rates.start))


def prepare(
    world: World,
    question: Scenario,
    as_of: date | str | None = None,
    names: Names | None = None,
    ground: Ground | None = None,
) -> Prepared:
    """Return the slices, rates, shares and overrides that a question is about, as of a night.

    Parameters
    ----------
    names
        Of the world's registry, when they were made before.
    ground
        What answers as of that night stand on, when questions were asked of it before.

    Raises
    ------
    UnknownName
        For a graph, node, edge, context or value that the project does not have.
    UsageError
        When the question does not say which graph, or where entries begin.
    ConfigError
        When an edge has no rate, or two parameters are equally close.
    """
    if ground is None:
        ground = Ground(world, world.night(as_of), names or Names.of(world.registry))
    wired = ground.wired(_graph_of(world, question.graph))
    network, own = wired.network, wired.names
    start = _start_of(network, question.start)
    overrides = tuple(_override(text, value, own) for text, value in question.overrides.items())
    for override in overrides:
        network.edge(override.edge)
    rates = ground.rates(wired, start)
    select = _selected(question, own)
    keys = {*select, *(key for override in overrides for key in override.context)}
    contexts = rates.contexts(select, rates.needed_keys(keys))
    entries = count_entries(rates, contexts)
    return Prepared(
        question=question,
        ground=ground,
        wired=wired,
        rates=rates,
        slices=tuple(rates.slice(context) for context in contexts),
        entries=entries,
        mix_after=divide(question.mix, contexts, entries.mix) if question.mix else None,
        overrides=overrides,
        targets=_targets(network, start, question.to),
        mece=frozenset(key for key, context in world.registry.contexts.items() if context.mece),
    )


def merge_findings(findings: Iterable[Finding], slices: Sequence[Slice]) -> tuple[Finding, ...]:
    """Return each finding once; its subject is the node, with the slices when it is not true of all."""
    labels = [part.label for part in slices]
    found: dict[tuple[str, str], tuple[Finding, list[str]]] = {}
    for finding in findings:
        label, _, node = finding.subject.rpartition(": ")
        found.setdefault((node, finding.message), (finding, []))[1].append(label)
    return tuple(
        replace(one, subject=node if set(labels) <= set(where) else f"{node} ({'; '.join(where)})")
        for (node, _), (one, where) in found.items()
    )


def _graph_of(world: World, name: str | None) -> str:
    graphs = world.registry.graphs
    if name is not None:
        if name not in graphs:
            raise UnknownName("graph", name, graphs)
        return name
    if len(graphs) != 1:
        known = ", ".join(graphs) if graphs else "none"
        raise UsageError(f"which graph? The project has {known}", remedy="name one with --graph")
    return next(iter(graphs))


def _start_of(network: Network, named: str | None) -> str:
    if named is not None:
        network.node(named)
        return named
    if len(network.entries) != 1:
        found = ", ".join(network.entries) or "none, as every node is led to"
        raise UsageError(
            f"entries must begin at one node that no edge leads to; found {found}",
            remedy="say where entries begin with --from NODE",
        )
    return network.entries[0]


def _targets(network: Network, start: str, named: Sequence[str]) -> tuple[str, ...]:
    """Return the nodes named, else the outcomes that lie ahead."""
    if named:
        for node in named:
            network.node(node)
        return tuple(named)
    ahead = network.downstream([network.node(start)])
    found = tuple(node for node in network.outcomes if network.node(node) in ahead and node != start)
    if not found:
        raise UsageError(
            f"no outcome lies ahead of {start}", remedy="name the nodes to look at with --to NODE"
        )
    return found


def _selected(question: Scenario, names: Names) -> dict[str, tuple[str, ...]]:
    """Return the values to look at per context; those of the mix when nothing else is said."""
    for key, values in question.select.items():
        _check_values(key, values, names)
    if question.select or not question.mix or any("=" in name for name in question.mix):
        return dict(question.select)
    homes = [key for key, values in names.contexts.items() if question.mix.keys() <= values]
    if len(homes) != 1:
        every = {value for values in names.contexts.values() for value in values}
        for name in question.mix:
            if name not in every:
                raise UnknownName("context value", name, every)
        raise UsageError(
            "the mix does not say which context it divides", remedy="select its values: --select channel=..."
        )
    return {homes[0]: tuple(question.mix)}


def _check_values(key: str, values: Iterable[str], names: Names) -> None:
    if key not in names.contexts:
        raise UnknownName("context", key, names.contexts)
    for value in values:
        if value not in names.contexts[key]:
            raise UnknownName(f"value of {key}", value, names.contexts[key])


def _override(text: str, value: float | SetRate, names: Names) -> Override:
    reference = read_reference(text) if is_reference(text) else EdgeReference(text)
    edge = names.edge_of(reference)
    visited = Visited(
        all=frozenset(reference.visited),
        any=tuple(frozenset(group) for group in reference.visited_any),
        none=frozenset(reference.exclude),
    )
    rate = value if isinstance(value, SetRate) else SetRate(mean=float(value))
    return Override(edge, rate.mean, rate.stdev, dict(reference.context), visited if visited.nodes else None)
