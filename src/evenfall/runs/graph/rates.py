"""Which parameter gives each edge of a graph its rate, in every slice and after every visit that matters."""

from __future__ import annotations

import copy
import itertools
import math
from collections.abc import Callable, Collection, Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final, Literal

from evenfall.beliefs.belief import Belief
from evenfall.beliefs.constructors import Beta
from evenfall.beliefs.cube import Visited
from evenfall.beliefs.summary import summarise
from evenfall.clock import Night
from evenfall.errors import ConfigError, UsageError
from evenfall.funnels.masks import EdgeRate, expand
from evenfall.funnels.mixing import slice_label
from evenfall.funnels.network import Network
from evenfall.funnels.propagate import Slice
from evenfall.funnels.reach import start_at
from evenfall.registry.fallback import Names
from evenfall.registry.parameter import Parameter
from evenfall.registry.schemas import Graph
from evenfall.registry.scope import Scope
from evenfall.runs.graph.known import Known
from evenfall.runs.graph.lookup import Lookup
from evenfall.runs.graph.pooled import PooledFits
from evenfall.runs.report import json_ready
from evenfall.runs.world import World

__all__ = ["GraphRates", "RateSource", "names_of_graph"]

type Origin = Literal["declared", "posterior", "prior"]


@dataclass(frozen=True, slots=True)
class RateSource:
    """Where the rate of an edge comes from.

    Attributes
    ----------
    edge
        The edge's slug.
    visits
        For whom it holds, such as ``visited(account)``; empty for everybody.
    slices
        Labels of the slices it holds in; empty for all of them.
    parameter_id
        The parameter that answers; None when the graph itself states the rate.
    level
        How the answer stands to the question, as in `Answer`.
    origin
        ``posterior``, ``prior``, or ``declared`` in the graph.
    detail
        Where the numbers of the prior come from.
    passed_over
        Closer parameters without enough evidence of their own.
    """

    edge: str
    visits: str
    slices: tuple[str, ...]
    parameter_id: str | None
    level: str
    origin: Origin
    detail: str
    mean: float
    lower: float
    upper: float
    n: float = 0.0
    age_days: float | None = None
    passed_over: tuple[str, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """Return the source as JSON-ready data."""
        facts: dict[str, Any] = json_ready(self)
        return facts


def names_of_graph(names: Names, graph: Graph) -> Names:
    """Return the names with the parameters that may answer for the edges of one graph.

    What the graph wires to an edge comes before others about the very same attempts: a parameter's id before
    parameters that merely refer to the edge, and a stated number before all of these.
    """
    held = {edge: names.held.get(edge.slug, {}) for edge in graph.edges}
    kept: dict[
        str, dict[frozenset[str], dict[frozenset[tuple[str, str]], list[tuple[Scope, Parameter]]]]
    ] = {}
    for edge, by_keys in held.items():
        wired = edge.p.parameter_id if edge.p is not None else None
        stated = edge.p is not None and wired is None
        kept[edge.slug] = {
            keys: {
                pairs: [
                    (scope, parameter)
                    for scope, parameter in members
                    if not (stated and scope == Scope())
                    and (_is(parameter, wired) or not any(s == scope and _is(p, wired) for s, p in members))
                ]
                for pairs, members in by_pairs.items()
            }
            for keys, by_pairs in by_keys.items()
        }
    return replace(names, held=kept, inline={})  # what this graph states itself is taken by itself


def _is(parameter: Parameter, wired: str | None) -> bool:
    return wired is not None and wired in (parameter.id, parameter.template_id)


_MOST_SLICES: Final = 1000

type _Key = tuple[str, str, str | None, str]
type _Told = tuple[EdgeRate, RateSource, Belief | float]


@dataclass
class GraphRates:
    """The rates of one graph as of a night, resolved slice by slice.

    Attributes
    ----------
    names
        Of the graph, as `names_of_graph` returns them.
    start
        Share of the entries that begins at each node.
    beliefs
        What is believed of each rate that was asked for, by the name its draws have.
    """

    world: World
    night: Night
    graph: Graph
    network: Network
    names: Names
    start: Mapping[str, float]
    beliefs: dict[str, Belief | float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        ids = {p.id for edge in self.names.held for _, p in self._held(edge)}
        known = Known.of(self.world, sorted(ids), self.night)
        pooled = PooledFits(self.world, self.night)
        self._lookup = Lookup(self.world, self.night, self.names, known, pooled)
        self._stated = {edge.slug: edge.p for edge in self.graph.edges if edge.p and edge.p.mean is not None}
        self._masks = self._reachable()
        self._found: dict[_Key, tuple[RateSource, list[str]]] = {}
        self._sliced: dict[tuple[tuple[str, str], ...], tuple[Slice, list[_Told]]] = {}
        self._kept: dict[Hashable, Any] = {}

    def asked_anew(self) -> GraphRates:
        """Return the same rates, of which nothing was asked yet; what was found for others is shared."""
        anew = copy.copy(self)
        anew.beliefs, anew._found = {}, {}
        return anew

    def once[T](self, name: Hashable, find: Callable[[], T]) -> T:
        """Return what `find` finds, which holds for every question; it is called once."""
        if name not in self._kept:
            self._kept[name] = find()
        kept: T = self._kept[name]
        return kept

    def _held(self, edge: str) -> Iterator[tuple[Scope, Parameter]]:
        for by_pairs in self.names.held.get(edge, {}).values():
            for members in by_pairs.values():
                yield from members

    def _reachable(self) -> dict[str, list[frozenset[str]]]:
        """Return per edge that entries can come to, what of its conditions' nodes they may have visited."""
        remembered = {edge: self._nodes_of(edge) for edge in self.network.edges}
        every = frozenset[str]().union(*remembered.values()) & set(self.network.nodes)
        anything = [EdgeRate(edge, "") for edge in self.network.edges]
        states = expand(self.network, anything, start_at(self.network, self.start), [Visited(all=every)])
        masks: dict[str, dict[frozenset[str], None]] = {}
        for position, origin in zip(states.edge.tolist(), states.network.origins.tolist(), strict=True):
            edge = self.network.edges[position]
            masks.setdefault(edge, {})[states.visited[origin] & remembered[edge]] = None
        return {edge: list(found) for edge, found in masks.items()}

    def _nodes_of(self, edge: str, context: frozenset[tuple[str, str]] | None = None) -> frozenset[str]:
        """Return the nodes whose visits matter to an edge: to its parameters, or to a fit that pools them."""
        held = [each for each in self._held(edge) if context is None or each[0].context <= context]
        told = frozenset[str]().union(*(self._lookup.pooled.visited_nodes(p) for _, p in held))
        return _nodes(scope for scope, _ in held) | (told & set(self.network.nodes))

    def needed_keys(self, given: Collection[str]) -> frozenset[str]:
        """Return `given` and the context keys without which some edge has no rate."""
        keys = frozenset(given)
        for edge in self._masks:
            offered = [
                used for used, by_pairs in self.names.held.get(edge, {}).items() if any(by_pairs.values())
            ]
            if edge in self._stated or not offered or any(used <= keys for used in offered):
                continue
            keys |= min(offered, key=lambda used: (len(used - keys), sorted(used)))
        return keys

    def contexts(self, select: Mapping[str, Sequence[str]], keys: Collection[str]) -> list[dict[str, str]]:
        """Return the slices: every combination of the selected values, and of all values of further keys."""
        values = {key: tuple(select.get(key, ())) or self.values_of(key) for key in [*select, *sorted(keys)]}
        count = math.prod(len(listed) for listed in values.values())
        if count > _MOST_SLICES:
            raise UsageError(
                f"{count:,} slices of {', '.join(values)} are too many to be looked at together",
                remedy=f"select fewer values; {_MOST_SLICES} slices at most",
            )
        return [dict(zip(values, chosen, strict=True)) for chosen in itertools.product(*values.values())]

    def values_of(self, key: str) -> tuple[str, ...]:
        """Return every value of a context, in the order of its file."""
        known = self.names.contexts.get(key, frozenset())
        listed = self.world.registry.contexts[key].value_ids if key in self.world.registry.contexts else ()
        return (*listed, *sorted(known - set(listed)))

    def slice(self, context: Mapping[str, str]) -> Slice:
        """Return the slice of a context with the rate of every edge that entries can come to.

        Raises
        ------
        ConfigError
            When an edge has no rate there, or two parameters are equally close.
        """
        label, key = slice_label(context), tuple(context.items())
        if key not in self._sliced:
            told = [self._rate(edge, mask, context) for edge, masks in self._masks.items() for mask in masks]
            self._sliced[key] = Slice([rate for rate, _, _ in told], dict(context)), told
        part, told = self._sliced[key]
        for rate, source, belief in told:
            self.beliefs[rate.rate] = belief
            place = (rate.edge, source.visits, source.parameter_id, source.level)
            self._found.setdefault(place, (source, []))[1].append(label)
        return part

    def _rate(self, edge: str, mask: frozenset[str], context: Mapping[str, str]) -> _Told:
        nodes = self._nodes_of(edge, frozenset(context.items()))
        seen, unseen = mask & nodes, nodes - mask
        request = Scope.of(visited=seen, exclude=unseen, context=context.items())
        condition = Visited(all=seen, none=unseen) if nodes else None
        if edge in self._stated and not self.names.implied_by(edge, request):
            rate, source, belief = self._declared(edge, condition)
        else:
            rate, source, belief = self._resolved(edge, request, condition)
        return EdgeRate(edge, rate, condition), source, belief

    def _declared(self, edge: str, condition: Visited | None) -> tuple[str, RateSource, Belief | float]:
        stated = self._stated[edge]
        mean = stated.mean if stated.mean is not None else 0.0
        belief = Beta(mean=mean, stdev=stated.stdev) if stated.stdev else mean
        lower, upper = _interval(belief)
        level = "exact" if condition is None else "base"
        detail = f"graph {self.graph.id or self.graph.name or ''}".strip()
        source = RateSource(edge, _words(condition), (), None, level, "declared", detail, mean, lower, upper)
        return f"{edge} (graph)", source, belief

    def _resolved(
        self, edge: str, request: Scope, condition: Visited | None
    ) -> tuple[str, RateSource, Belief | float]:
        if not any(True for _ in self._held(edge)):
            raise ConfigError(
                f"the edge {edge} has no rate",
                value=edge,
                remedy="give it p: {parameter_id: ...} or p: {mean: ...}, or a parameter with its reference",
            )
        found = self._lookup.find(request.reference(edge))
        answer = found.answer
        assert found.belief is not None, "asked for a rate"
        source = RateSource(
            edge,
            _words(condition),
            (),
            answer.parameter_id,
            answer.level,
            "declared" if answer.origin == "inline" else answer.origin,
            answer.prior_origin,
            answer.mean,
            answer.lower,
            answer.upper,
            answer.n,
            answer.age_days,
            answer.passed_over,
        )
        return found.name, source, found.belief

    @property
    def sources(self) -> tuple[RateSource, ...]:
        """Where the rates come from that were asked for so far, in the order of the graph's edges."""
        order = {edge: number for number, edge in enumerate(self.network.edges)}
        every = {label for _, labels in self._found.values() for label in labels}
        merged = [
            replace(source, slices=() if every <= set(labels) else tuple(dict.fromkeys(labels)))
            for source, labels in self._found.values()
        ]
        return tuple(sorted(merged, key=lambda source: order[source.edge]))


def _nodes(scopes: Iterable[Scope]) -> frozenset[str]:
    nodes: set[str] = set()
    for scope in scopes:
        nodes |= {*scope.visited, *scope.exclude, *(node for group in scope.visited_any for node in group)}
    return frozenset(nodes)


def _words(condition: Visited | None) -> str:
    if condition is None:
        return ""
    named = [("visited", condition.all), ("exclude", condition.none)]
    return " ".join(f"{verb}({','.join(sorted(nodes))})" for verb, nodes in named if nodes)


def _interval(belief: Belief | float) -> tuple[float, float]:
    if not isinstance(belief, Belief):
        return belief, belief
    summary = summarise([belief])
    return float(summary.lower[0]), float(summary.upper[0])
