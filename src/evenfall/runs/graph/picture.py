"""What the page of a graph shows: every edge with its light, its rate over all traffic, and what was seen."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Final

from evenfall.errors import ConfigError, UnknownName, UsageError
from evenfall.findings import Light
from evenfall.registry.parameter import Parameter
from evenfall.registry.schemas import Scenario
from evenfall.registry.schemas.graph import Cost, Edge, Node
from evenfall.runs.graph.edge_figures import apart, edge_figures
from evenfall.runs.graph.entries import count_entries
from evenfall.runs.graph.kept import Ground, Wired
from evenfall.runs.graph.question import Prepared, prepare
from evenfall.runs.graph.whatif import DRAWS
from evenfall.runs.listing import ListedRow, Listing
from evenfall.runs.report import json_ready

__all__ = ["EdgePicture", "GraphPicture", "draw_graph"]

type _Rates = Mapping[str, tuple[float, float, float, float]]

_WORST: Final = (Light.RED, Light.AMBER, Light.STALE, Light.GREY, Light.GREEN)
_SEED: Final = 0


@dataclass(frozen=True, slots=True)
class EdgePicture:
    """One edge as it stands.

    Attributes
    ----------
    parameter_id, parameters
        The parameter the graph names for it, and all that stand on it: slices, visited ones, delays.
    light, detail, since, incident
        Of the one that stands worst; grey when nothing stands on it.
    mean, stdev, lower, upper
        Its rate over all traffic that comes to it, with the equal-tailed 95 % interval.
    n, observed
        Trials that its posteriors count, and what share of them went this way.
    expected
        Mean and stdev of what was expected of these trials.
    sigma
        How far the last days were from that, of the parameter that stands worst.
    cost
        What one passage costs, on average.
    latency
        Whether it takes time.
    """

    slug: str
    from_node: str
    to_node: str
    parameter_id: str | None
    parameters: tuple[str, ...]
    light: Light
    detail: str
    since: date | None
    incident: int | None
    mean: float | None
    stdev: float | None
    lower: float | None
    upper: float | None
    n: float
    observed: float | None
    expected: tuple[float, float] | None
    sigma: float | None
    cost: float | None
    latency: bool

    def as_dict(self) -> dict[str, Any]:
        """Return the edge as JSON-ready data."""
        facts = {name: json_ready(getattr(self, name)) for name in self.__slots__}
        expected = dict(zip(("mean", "stdev"), self.expected, strict=True)) if self.expected else None
        del facts["from_node"], facts["to_node"]
        return {**facts, "from": self.from_node, "to": self.to_node, "expected": expected}


@dataclass(frozen=True, slots=True)
class GraphPicture:
    """A graph as it stands at the end of a night.

    Attributes
    ----------
    contexts
        Those that parameters on its edges tell apart, each with the label and the share of every value; a
        share is None where nothing was counted.
    note
        Why the rates are those of single parameters, where they could not be mixed over the traffic.
    """

    id: str
    name: str
    as_of: date
    currency: str
    nodes: tuple[Node, ...]
    edges: tuple[EdgePicture, ...]
    contexts: tuple[Mapping[str, Any], ...]
    note: str = ""

    def as_dict(self) -> dict[str, Any]:
        """Return the picture as JSON-ready data."""
        return {
            "id": self.id,
            "name": self.name,
            "as_of": self.as_of.isoformat(),
            "currency": self.currency,
            "nodes": [node.model_dump(include={"slug", "name", "outcome", "x", "y"}) for node in self.nodes],
            "edges": [edge.as_dict() for edge in self.edges],
            "contexts": json_ready(self.contexts),
            "note": self.note,
        }


def draw_graph(ground: Ground, listing: Listing, graph_id: str) -> GraphPicture:
    """Return what the page of a graph shows.

    Parameters
    ----------
    listing
        How all parameters stand at the end of the ground's night.

    Raises
    ------
    UnknownName
        When there is no such graph.
    """
    registry = ground.world.registry
    if graph_id not in registry.graphs:
        raise UnknownName("graph", graph_id, registry.graphs)
    wired, rows = ground.wired(graph_id), {row.id: row for row in listing.rows}
    note = ""
    rates: _Rates = {}
    shares: dict[str, Mapping[str, float]] = {}
    try:
        ready = prepare(ground.world, Scenario(graph=graph_id), ground=ground)
        rates = {f.edge: (f.mean, f.stdev, f.lower, f.upper) for f in edge_figures(ready, DRAWS, _SEED)}
        shares = {key: _shares(ready, key) for key in _keys(wired)}
    except (ConfigError, UsageError) as unasked:  # no single entry, no outcome, an edge without a rate
        note = unasked.message
    return GraphPicture(
        id=graph_id,
        name=wired.graph.name or graph_id,
        as_of=ground.night.as_of,
        currency=registry.settings.currency,
        nodes=wired.graph.nodes,
        edges=tuple(_edge(ground, wired, edge, rows, rates) for edge in wired.graph.edges),
        contexts=tuple(_context(ground, key, shares.get(key, {})) for key in _keys(wired)),
        note=note,
    )


def _shares(ready: Prepared, key: str) -> Mapping[str, float]:
    """Return how entries divide over the values of a context, where they were counted."""
    contexts = [{key: value} for value in ready.rates.values_of(key)]
    entries = count_entries(ready.rates, contexts)
    if entries.counted_at is None:
        return {}
    return {one[key]: share for one, share in zip(contexts, entries.mix.shares, strict=True)}


def _keys(wired: Wired) -> list[str]:
    """Return the contexts that parameters on the graph's edges tell apart."""
    return sorted({key for edge in wired.graph.edges for key in _context_keys(wired, edge.slug)})


def _context_keys(wired: Wired, slug: str) -> Iterator[str]:
    for keys, by_pairs in wired.names.held.get(slug, {}).items():
        if any(by_pairs.values()):
            yield from keys


def _context(ground: Ground, key: str, shares: Mapping[str, float]) -> dict[str, Any]:
    declared = ground.world.registry.contexts.get(key)
    labels = {value.id: value.label for value in declared.values} if declared is not None else {}
    known = ground.names.contexts.get(key, frozenset())
    values = (*labels, *sorted(known - set(labels)))
    return {
        "id": key,
        "name": (declared.name if declared is not None else None) or key,
        "values": [
            {"id": value, "label": labels.get(value) or value, "share": shares.get(value)} for value in values
        ],
    }


def _edge(
    ground: Ground, wired: Wired, edge: Edge, rows: Mapping[str, ListedRow], rates: _Rates
) -> EdgePicture:
    held = list(_held(wired, edge.slug))
    every = [*held, *_delays(ground, edge)]
    ids = tuple(dict.fromkeys(parameter.id for parameter in every))
    stand = [rows[name] for name in ids if name in rows]
    worst = min(stand, key=_badness, default=None)
    broadest = _broadest([(kind, rows[one]) for one, kind in apart(wired, edge.slug).items() if one in rows])
    mean, stdev, lower, upper = rates.get(edge.slug) or _alone(edge, broadest)
    n = sum(row.row.size for row in broadest)
    return EdgePicture(
        slug=edge.slug,
        from_node=edge.from_node,
        to_node=edge.to_node,
        parameter_id=edge.p.parameter_id if edge.p is not None else None,
        parameters=ids,
        light=worst.row.light if worst is not None else Light.GREY,
        detail=worst.row.detail if worst is not None else "",
        since=worst.since if worst is not None else None,
        incident=worst.incident if worst is not None else None,
        mean=mean,
        stdev=stdev,
        lower=lower,
        upper=upper,
        n=n,
        observed=sum(row.row.total for row in broadest) / n if n else None,
        expected=_expected(edge, broadest),
        sigma=worst.row.sigma if worst is not None else None,
        cost=edge.cost.mean if isinstance(edge.cost, Cost) else edge.cost,
        latency=edge.latency is not None or any(one.latency is not None for one in every),
    )


def _badness(row: ListedRow) -> tuple[int, float]:
    return _WORST.index(row.row.light), -abs(row.row.sigma or 0.0)


def _held(wired: Wired, slug: str) -> Iterator[Parameter]:
    for by_pairs in wired.names.held.get(slug, {}).values():
        for members in by_pairs.values():
            for _, parameter in members:
                yield parameter


def _delays(ground: Ground, edge: Edge) -> Iterator[Parameter]:
    for by_pairs in ground.names.delays.get(edge.slug, {}).values():
        for members in by_pairs.values():
            for _, parameter in members:
                yield parameter


def _broadest(held: Iterable[tuple[tuple[frozenset[str], int], ListedRow]]) -> list[ListedRow]:
    """Return the parameters that count the most trials between them without counting any twice.

    Slices by the same contexts exclude each other; those by others, or after visits, count the same
    trials again. Where nothing was counted they are those that speak of the most.
    """
    groups: dict[tuple[frozenset[str], int], list[ListedRow]] = {}
    for key, row in held:
        groups.setdefault(key, []).append(row)
    order = sorted(groups, key=lambda key: (key[1], len(key[0]), sorted(key[0])))
    return max((groups[key] for key in order), key=lambda rows: sum(r.row.size for r in rows), default=[])


def _alone(
    edge: Edge, broadest: Sequence[ListedRow]
) -> tuple[float | None, float | None, float | None, float | None]:
    """Return the figures of an edge that could not be mixed over the traffic: of its one parameter."""
    if len(broadest) == 1:
        row = broadest[0].row
        if row.posterior_mean is not None:
            return row.posterior_mean, row.posterior_stdev, row.lower, row.upper
        return row.prior_mean, row.prior_stdev, None, None
    if not broadest and edge.p is not None:
        return edge.p.mean, edge.p.stdev, None, None
    return None, None, None, None


def _expected(edge: Edge, broadest: Sequence[ListedRow]) -> tuple[float, float] | None:
    """Return mean and stdev of what was expected, mixed by the trials that were counted."""
    stated = [
        (row.row.prior_mean, row.row.prior_stdev or 0.0, row.row.size)
        for row in broadest
        if row.row.prior_mean is not None
    ]
    if not stated or len(stated) < len(broadest):
        own = edge.p if edge.p is not None and not broadest else None
        return (own.mean, own.stdev or 0.0) if own is not None and own.mean is not None else None
    whole = math.fsum(size for _, _, size in stated)
    shares = [size / whole if whole else 1.0 / len(stated) for _, _, size in stated]
    mean = math.fsum(share * mean for share, (mean, _, _) in zip(shares, stated, strict=True))
    variance = math.fsum((share * stdev) ** 2 for share, (_, stdev, _) in zip(shares, stated, strict=True))
    return mean, math.sqrt(variance)
