"""Edges whose rate depends on what was visited before: nodes unfold into states, and results fold back."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from evenfall.beliefs.cube import Visited
from evenfall.errors import ConfigError, UsageError
from evenfall.funnels.network import Network

__all__ = ["EdgeRate", "Expansion", "expand", "holds"]

_MOST_STATES: Final = 100_000


def holds(condition: Visited | None, visited: frozenset[str]) -> bool:
    """Return whether a condition is fulfilled; no condition always is."""
    if condition is None:
        return True
    return (
        condition.all <= visited
        and not condition.none & visited
        and all(group & visited for group in condition.any)
    )


@dataclass(frozen=True, slots=True)
class EdgeRate:
    """Which rate an edge has, for whom.

    Attributes
    ----------
    edge
        The edge's slug.
    rate
        Name of the rate among the draws, such as a parameter's id.
    visited
        For whom it holds; for everybody when None.
    """

    edge: str
    rate: str
    visited: Visited | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Expansion:
    """A network whose nodes are (node, what was visited before).

    Attributes
    ----------
    base
        The network before it was unfolded.
    network
        The states; ``cart|search`` is the cart of those who had visited search, and search alone counts.
    node, visited
        Per state, the position of its node and the condition nodes visited strictly before it.
    edge : ndarray of int, shape (state edge,)
        The position of each state's edge in the base network.
    rate
        Per state edge, the name of its rate.
    remembered
        The nodes whose visits are told apart.
    """

    base: Network
    network: Network
    node: NDArray[np.intp]
    visited: tuple[frozenset[str], ...]
    edge: NDArray[np.intp]
    rate: tuple[str, ...]
    remembered: frozenset[str] = frozenset()

    def unfold(self, start: ArrayLike) -> NDArray[np.float64]:
        """Return where entries begin among the states, shape (..., state): with nothing visited before."""
        fresh = np.array([not visited for visited in self.visited])
        return np.where(fresh, np.asarray(start, dtype=np.float64)[..., self.node], 0.0)

    def collapse(self, arrivals: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return arrivals per node, shape (draw, node), from those per state, shape (draw, state)."""
        folded = np.zeros((len(self.base.nodes), len(arrivals)))
        np.add.at(folded, self.node, arrivals.T)
        return folded.T

    def states(self, node: str) -> list[str]:
        """Return the names of a node's states."""
        position = self.base.node(node)
        return [self.network.nodes[state] for state in np.flatnonzero(self.node == position)]


def expand(
    network: Network,
    rates: Sequence[EdgeRate],
    start: ArrayLike,
    also: Iterable[Visited | None] = (),
) -> Expansion:
    """Return the states that entries can be in, with one rate for every way on.

    Only nodes that a condition mentions are remembered, and only once they are left behind: at the node
    itself the visit is not yet before the attempt.

    Parameters
    ----------
    rates
        Several per edge when it has conditions; the first that holds counts.
    start : ndarray, shape (node,)
        Where entries begin; states that cannot be reached from there are left out.
    also
        Further conditions whose nodes are to be remembered.

    Raises
    ------
    UnknownName
        For an edge or a node in a condition that does not exist.
    ConfigError
        For an edge without a rate that holds, naming what was visited.
    """
    choices = _choices(network, rates)
    remembered = _remembered(network, [*(rate.visited for rate in rates), *also])
    leaving = _leaving(network)
    states = {(int(node), frozenset[str]()): n for n, node in enumerate(np.flatnonzero(np.asarray(start)))}
    waiting = list(states)
    walked: list[tuple[int, int, int, str]] = []
    for node, visited in waiting:  # grows while it is walked
        here = network.nodes[node]
        after = visited | {here} if here in remembered else visited
        for edge in leaving[node]:
            state = (int(network.targets[edge]), after)
            if state not in states:
                states[state] = len(states)
                waiting.append(state)
            rate = _choose(network.edges[edge], choices.get(edge, ()), visited)
            walked.append((states[node, visited], states[state], edge, rate))
        if len(states) > _MOST_STATES:
            raise UsageError(
                f"the conditions tell more than {_MOST_STATES:,} states apart",
                remedy=f"fewer than {len(remembered)} nodes may be mentioned in conditions",
            )
    return _expansion(network, list(states), walked, remembered)


def _choices(network: Network, rates: Iterable[EdgeRate]) -> dict[int, list[EdgeRate]]:
    choices: dict[int, list[EdgeRate]] = {}
    for rate in rates:
        choices.setdefault(network.edge(rate.edge), []).append(rate)
    return choices


def _remembered(network: Network, conditions: Iterable[Visited | None]) -> frozenset[str]:
    named = frozenset[str]().union(*(c.nodes for c in conditions if c is not None))
    for node in sorted(named):
        network.node(node)
    return named


def _leaving(network: Network) -> list[list[int]]:
    leaving: list[list[int]] = [[] for _ in network.nodes]
    for edge, origin in enumerate(network.origins.tolist()):
        leaving[origin].append(edge)
    return leaving


def _choose(edge: str, choices: Iterable[EdgeRate], visited: frozenset[str]) -> str:
    for choice in choices:
        if holds(choice.visited, visited):
            return choice.rate
    after = f" after {', '.join(sorted(visited))}" if visited else ""
    raise ConfigError(
        f"the edge {edge} has no rate{after}", remedy="give it a parameter without a visited_filter"
    )


def _expansion(
    network: Network,
    states: list[tuple[int, frozenset[str]]],
    walked: list[tuple[int, int, int, str]],
    remembered: frozenset[str],
) -> Expansion:
    names = tuple(_label(network.nodes[node], visited) for node, visited in states)
    origins, targets, edges = (
        np.array([step[column] for step in walked], dtype=np.intp) for column in (0, 1, 2)
    )
    slugs = tuple(_label(network.edges[e], states[s][1]) for s, e in zip(origins, edges, strict=True))
    outcomes = {network.node(outcome) for outcome in network.outcomes}
    ends = tuple(name for name, (node, _) in zip(names, states, strict=True) if node in outcomes)
    return Expansion(
        base=network,
        network=Network.at(names, slugs, origins, targets, ends),
        node=np.array([node for node, _ in states], dtype=np.intp),
        visited=tuple(visited for _, visited in states),
        edge=edges,
        rate=tuple(step[3] for step in walked),
        remembered=remembered,
    )


def _label(name: str, visited: frozenset[str]) -> str:
    return f"{name}|{','.join(sorted(visited))}" if visited else name
