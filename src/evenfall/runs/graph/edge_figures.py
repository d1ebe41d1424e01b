"""The rate of every edge over the traffic that comes to it: of all slices, or of those that are asked for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from evenfall.beliefs.belief import Belief
from evenfall.beliefs.summary import summarise
from evenfall.funnels.standing import Standing
from evenfall.funnels.whatif import weights_of
from evenfall.runs.graph.kept import Wired
from evenfall.runs.graph.question import Prepared
from evenfall.runs.graph.rates import RateSource

__all__ = ["EdgeFigure", "apart", "count_trials", "edge_figures"]

type Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class EdgeFigure:
    """Mean, stdev and equal-tailed 95 % interval of an edge's rate, before anything is set.

    Attributes
    ----------
    n
        Trials that the beliefs behind it count, none twice: slices by the same contexts exclude each other,
        and of beliefs about others, which count some of the same again, those that count the most are taken.
    """

    edge: str
    mean: float
    stdev: float
    lower: float
    upper: float
    n: float


def edge_figures(ready: Prepared, draws: int, seed: int) -> tuple[EdgeFigure, ...]:
    """Return the rate of every edge that somebody comes to, over the slices that are asked for.

    What one belief says of all visitors is told as it is. Of others, of the visitors at the edge's origin,
    from every slice and after every visit, the share that takes it: Σ w_s r_su p_suv / Σ w_s r_su, draw by
    draw, with the entries' share w, arrivals r and rates p. The rates are those believed; siblings that
    exceed 1 together are joined only along paths.

    Parameters
    ----------
    draws, seed
        Of the joint states that the answer is computed in.
    """
    labels = tuple(part.label for part in ready.slices)
    key = ("edges", ready.wired.graph_id, ready.start, labels, draws, seed)
    return ready.ground.once(key, lambda: tuple(_figures(ready, labels, draws, seed)))


def _figures(ready: Prepared, labels: Sequence[str], draws: int, seed: int) -> list[EdgeFigure]:
    standing = ready.ground.standing(ready.wired, ready.rates, ready.slices, draws, seed)
    weights = weights_of(ready.entries.mix, labels, draws, seed).T
    names: dict[int, set[str]] = {}
    for one in standing:
        for edge, rate in zip(one.base.expansion.edge.tolist(), one.base.expansion.rate, strict=True):
            names.setdefault(edge, set()).add(rate)
    sources: dict[str, list[RateSource]] = {}
    for source in ready.rates.sources:
        sources.setdefault(source.edge, []).append(source)
    figures = []
    for edge, found in sorted(names.items()):
        if len(found) == 1:
            told = _as_believed(ready.rates.beliefs[found.pop()])
        else:
            share = _share(standing, weights, edge)
            if share is None:
                continue
            lower, upper = np.quantile(share, (0.025, 0.975)).tolist()
            told = float(share.mean()), float(share.std()), lower, upper
        slug = ready.network.edges[edge]
        figures.append(EdgeFigure(slug, *told, count_trials(apart(ready.wired, slug), sources[slug])))
    return figures


def apart(wired: Wired, edge: str) -> dict[str, tuple[frozenset[str], int]]:
    """Return by parameter of an edge's rate what sets its attempts apart: context keys, and visits.

    Parameters of the same kind count attempts that exclude each other; of different kinds, some of the same.
    """
    return {
        parameter.id: (keys, scope.rank[1])
        for keys, by_pairs in wired.names.held.get(edge, {}).items()
        for members in by_pairs.values()
        for scope, parameter in members
        if parameter.type == "probability"
    }


def count_trials(kinds: Mapping[str, object], sources: Sequence[RateSource]) -> float:
    """Return the trials that the beliefs behind an edge count, none twice; `kinds` are those of `apart`."""
    groups: dict[object, dict[str | None, float]] = {}
    for source in sources:
        groups.setdefault(kinds.get(source.parameter_id or ""), {})[source.parameter_id] = source.n
    return max((sum(each.values()) for each in groups.values()), default=0.0)


def _as_believed(belief: Belief | float) -> tuple[float, float, float, float]:
    if not isinstance(belief, Belief):
        return belief, 0.0, belief, belief
    told = summarise([belief])
    return float(told.mean[0]), float(told.stdev[0]), float(told.lower[0]), float(told.upper[0])


def _share(standing: Sequence[Standing], weights: Floats, edge: int) -> Floats | None:
    """Return the share of an edge's visitors that takes it, shape (draw,); None when nobody comes."""
    taken, come = np.zeros(weights.shape[1]), np.zeros(weights.shape[1])
    for one, weight in zip(standing, weights, strict=True):
        expansion = one.base.expansion
        for row in np.flatnonzero(expansion.edge == edge).tolist():
            arrived = one.base.arrived[int(expansion.network.origins[row])]
            if arrived is not None:
                here = weight * arrived
                come += here
                taken += here * one.believed[row]
    return taken / come if (come > 0).all() else None
