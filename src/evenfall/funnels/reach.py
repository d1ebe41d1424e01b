"""How often each node is reached per entry, for every posterior draw at once."""

from __future__ import annotations

from collections.abc import Collection, Mapping, MutableSequence, Sequence
from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from evenfall.errors import ConfigError, UsageError
from evenfall.funnels.network import Component, Network

__all__ = ["arrivals", "flow_on", "passages", "reach", "reach_from_everywhere", "spectral_radii", "start_at"]

type Floats = NDArray[np.float64]

_LEAVES: Final = 1e-12
"""Chance to leave a cycle, per passage, below which nobody is said to leave: rounding alone makes 1e-15."""
_BLOCK: Final = 1 << 18
"""Numbers of a cycle's matrices that are worked on together: 2 MB stay in the cache."""


def start_at(network: Network, shares: Mapping[str, float]) -> Floats:
    """Return where entries begin, shape (node,), scaled to add up to 1.

    Raises
    ------
    UnknownName
        For a node that does not exist.
    UsageError
        For shares that are negative, not finite or all zero.
    """
    start = np.zeros(len(network.nodes))
    for node, share in shares.items():
        start[network.node(node)] += share
    if not (np.isfinite(start).all() and (start >= 0).all() and start.sum() > 0):
        raise UsageError(
            f"entries cannot begin at {dict(shares)}", remedy="give at least one node a share above 0"
        )
    return start / start.sum()


def arrivals(network: Network, rates: ArrayLike, start: ArrayLike) -> Floats:
    """Return the expected number of arrivals at every node, shape (draw, node).

    r_v = start_v + Σ_u r_u p_uv, in topological order. Inside a cycle these equations are solved draw by
    draw, r = start (I − Q)⁻¹ (Kemeny & Snell 1960, theorem 3.2.4). Where no cycle leads back to a node, the
    number is the probability to ever get there.

    Parameters
    ----------
    rates : ndarray, shape (draw, edge)
        Probability to take each edge, per arrival at its origin.
    start : ndarray, shape (node,) or (draw, node)
        Entries that begin at each node.

    Raises
    ------
    UsageError
        For rates outside 0..1 or arrays of the wrong shape.
    ConfigError
        When a cycle that is reached cannot be left, in any draw; the error names its nodes.
    """
    p = _checked(network, rates)
    begin = np.asarray(start, dtype=np.float64)
    if begin.shape[-1:] != (len(network.nodes),):
        raise UsageError(f"a start of shape {begin.shape} does not fit {len(network.nodes)} nodes")
    if begin.ndim == 1:
        begin = np.broadcast_to(begin, (p.shape[1], len(begin)))
    entered = {node: begin[:, node] for node in np.flatnonzero(begin.any(axis=0)).tolist()}
    nobody = [None] * len(network.nodes)
    r = np.zeros((len(network.nodes), p.shape[1]))
    for node, row in enumerate(flow_on(network, tuple(p), nobody, entered)):
        if row is not None:
            r[node] = row
    return r.T


def flow_on(
    network: Network,
    rates: Sequence[Floats],
    arrived: Sequence[Floats | None],
    begin: Mapping[int, Floats],
    changed: Collection[int] = (),
) -> list[Floats | None]:
    """Return `arrived` with the rows that a change reaches computed anew, to the very digits of `arrivals`.

    Parameters
    ----------
    rates : rows of shape (draw,), one per edge
        Probability to take each edge, per arrival at its origin; within 0..1.
    arrived : rows of shape (draw,), one per node
        Arrivals before the change; None where nobody arrives. The rows stay as they are.
    begin : rows of shape (draw,), by node
        Entries that begin at a node of which something is computed anew; nobody begins at the others.
    changed
        Edges whose rates are not those that `arrived` was computed with. Nodes of `begin` that nobody arrived
        at before are computed anew by themselves.

    Raises
    ------
    ConfigError
        When a cycle that is reached cannot be left, in any draw; the error names its nodes.
    """
    rows, moved = list(arrived), {node for node in begin if arrived[node] is None}
    altered, origins, targets = set(changed), network.origins.tolist(), network.targets.tolist()
    for component in network.components:
        edges = (*component.entering, *component.within)
        if moved.isdisjoint(component.nodes) and not any(e in altered or origins[e] in moved for e in edges):
            continue
        moved.update(component.nodes)
        for node in component.nodes:
            rows[node] = begin[node].copy() if node in begin else None
        for edge in component.entering:
            come, here = rows[origins[edge]], rows[targets[edge]]
            if come is not None:
                rows[targets[edge]] = come * rates[edge] if here is None else _add(here, come * rates[edge])
        if component.within and any(rows[node] is not None for node in component.nodes):
            _circulate(network, component, rates, rows)
    return rows


def _add(here: Floats, more: Floats) -> Floats:
    here += more
    return here


def passages(network: Network, rates: ArrayLike, start: ArrayLike) -> Floats:
    """Return how often every edge is taken per entry, shape (draw, edge)."""
    return np.asarray(arrivals(network, rates, start)[:, network.origins] * np.asarray(rates))


def reach(network: Network, rates: ArrayLike, source: str, target: str) -> Floats:
    """Return the probability to ever get from `source` to `target`, shape (draw,).

    From a node to itself it is 1.
    """
    return reach_from_everywhere(network, rates, [target])[:, network.node(source)]


def reach_from_everywhere(network: Network, rates: ArrayLike, targets: list[str]) -> Floats:
    """Return the probability to ever get from each node to any of the `targets`, shape (draw, node).

    The targets are made absorbing: h_u = Σ_v p_uv h_v and h = 1 at a target. These are the arrivals in the
    reversed network from the targets. Nodes that lead to no target take no part, so a dead end elsewhere does
    no harm.
    """
    p = _checked(network, rates).copy()
    ends = [network.node(target) for target in targets]
    back = network.reversed()
    leads_there = np.zeros(len(network.nodes), dtype=bool)
    leads_there[list(back.downstream(ends))] = True
    p[np.isin(network.origins, ends) | ~leads_there[network.targets]] = 0.0
    start = np.zeros(len(network.nodes))
    start[ends] = 1.0
    return arrivals(back, p.T, start)


def spectral_radii(network: Network, rates: ArrayLike) -> dict[tuple[str, ...], Floats]:
    """Return, per cycle (by its nodes), the largest eigenvalue of its rates, shape (draw,).

    Below 1 everybody leaves in the end; the closer to 1, the more often the cycle is walked.
    """
    p = _checked(network, rates)
    return {
        tuple(network.nodes[node] for node in component.nodes): _radius(_inside(network, component, tuple(p)))
        for component in network.components
        if component.within
    }


def _checked(network: Network, rates: ArrayLike) -> Floats:
    """Return the rates edge by edge, shape (edge, draw), contiguous."""
    p = np.asarray(rates, dtype=np.float64)
    if p.ndim != 2 or p.shape[1] != len(network.edges):
        raise UsageError(f"rates of shape {p.shape} do not fit (draw, {len(network.edges)} edges)")
    p = np.ascontiguousarray(p.T)
    if p.size and not (p.min() >= 0.0 and p.max() <= 1.0):
        wrong = [network.edges[e] for e in np.flatnonzero(~((p >= 0) & (p <= 1)).all(axis=1))]
        raise UsageError(f"rates of {', '.join(wrong)} lie outside 0..1", remedy="a rate is a probability")
    return p


def _inside(
    network: Network, component: Component, p: Sequence[Floats], draws: slice = slice(None)
) -> Floats:
    """Return the rates between the nodes of a component, shape (node, node, draw)."""
    place = {node: number for number, node in enumerate(component.nodes)}
    q = np.zeros((len(place), len(place), len(p[component.within[0]][draws])))
    for edge in component.within:
        q[place[int(network.origins[edge])], place[int(network.targets[edge])]] += p[edge][draws]
    return q


def _circulate(
    network: Network, component: Component, p: Sequence[Floats], r: MutableSequence[Floats | None]
) -> None:
    """Replace the inflow of a component's nodes in `r` by their arrivals."""
    count = len(p[component.within[0]])
    inflow = np.zeros((len(component.nodes), count))
    for place, node in enumerate(component.nodes):
        row = r[node]
        if row is not None:
            inflow[place] = row
    if not inflow.any():
        return
    block = max(1, _BLOCK // len(inflow) ** 2)
    for first in range(0, count, block):
        draws = slice(first, first + block)
        least = _eliminate(_inside(network, component, p, draws), inflow[:, draws])
        if not (least > _LEAVES).all():
            worst = first + int(np.argmin(least))
            raise _cannot_leave(network, component, p, worst, count)
    for place, node in enumerate(component.nodes):
        r[node] = inflow[place]


def _eliminate(q: Floats, flow: Floats) -> Floats:
    """Solve x = flow + Qᵀx in place of `flow` and return the least pivot, shape (draw,).

    Gaussian elimination, one node after the other taken out of the chain and its flow passed on. Without
    exchanging rows it is stable here, and I − Q has only positive pivots exactly when the spectral radius of
    Q is below 1 (Berman & Plemmons 1994, chapter 6, theorem 2.3): so every draw is checked on the way.
    """
    size = len(q)
    pivots = np.empty_like(flow)
    for n in range(size - 1, -1, -1):
        pivots[n] = 1.0 - q[n, n]
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            onward = q[n, :n] / pivots[n]
            q[:n, :n] += q[:n, n, np.newaxis] * onward
            flow[:n] += flow[n] * onward
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        for n in range(size):
            flow[n] = (flow[n] + (flow[:n] * q[:n, n]).sum(axis=0)) / pivots[n]
    return np.where(np.isnan(pivots), -1.0, pivots).min(axis=0)


def _radius(q: Floats) -> Floats:
    return np.abs(np.linalg.eigvals(np.moveaxis(q, -1, 0))).max(axis=-1)


def _cannot_leave(
    network: Network, component: Component, p: Sequence[Floats], draw: int, draws: int
) -> ConfigError:
    radius = float(_radius(_inside(network, component, p, slice(draw, draw + 1)))[0])
    names = ", ".join(network.nodes[node] for node in component.nodes)
    edges = ", ".join(network.edges[edge] for edge in component.within)
    return ConfigError(
        f"nobody leaves the cycle of {names}: its spectral radius is {radius:.6g} "
        f"in draw {draw + 1} of {draws}",
        remedy=f"the rates of {edges} must leave a way out of every node",
    )
