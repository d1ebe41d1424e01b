"""Data as a funnel with a known truth would give them: arrays, from a seed."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from evenfall.beliefs.cube import Visited

__all__ = ["Edge", "Journeys", "Rate", "simulate_delays", "simulate_journeys", "simulate_sessions"]

_LAST_START = 86_400 - 3_600  # a session begins at least an hour before midnight, so that none crosses it
_MOST_STEPS = 40  # of less than 90 s each, which is that hour; nobody walks a cycle for longer


@dataclass(frozen=True, slots=True)
class Edge:
    """One way to go on: from the node `origin` to the node `target`."""

    slug: str
    origin: str
    target: str


@dataclass(frozen=True, slots=True, eq=False)
class Rate:
    """How probable an edge is, for whom.

    Attributes
    ----------
    daily : ndarray, shape (day, slice)
        Probability that a session at the edge's origin takes it.
    visited
        What a session must have visited before for this rate to hold.
    """

    daily: NDArray[np.float64]
    visited: Visited = field(default_factory=Visited)


@dataclass(frozen=True, slots=True, eq=False)
class Journeys:
    """Attempts, one row each, in order of day, session and time.

    A session attempts every edge that leaves a node it reaches, and takes at most one of them; where a cycle
    leads it back to a node, it attempts them again.

    Attributes
    ----------
    day, slice, session, edge : ndarray of int, shape (row,)
        Positions: day of the simulation, slice of the traffic, running number of the session, edge.
    second : ndarray of int, shape (row,)
        Seconds since the day began.
    visited : ndarray of uint64, shape (row,)
        Bit set of the nodes the session visited before this visit of the origin, in the order of `nodes`.
    converted : ndarray of bool, shape (row,)
        Whether the session took the edge.
    nodes
        Names of the nodes, in topological order but for the edges that lead back.
    """

    day: NDArray[np.int64]
    slice: NDArray[np.int64]
    session: NDArray[np.int64]
    edge: NDArray[np.int64]
    second: NDArray[np.int64]
    visited: NDArray[np.uint64]
    converted: NDArray[np.bool_]
    nodes: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.day)

    def has_visited(self, node: str) -> NDArray[np.bool_]:
        """Return, per row, whether the session had visited `node` before the attempt, shape (row,)."""
        return _holds(self.visited, self.nodes.index(node))


def simulate_sessions(
    per_day: NDArray[np.float64], shares: Sequence[float], rng: np.random.Generator
) -> NDArray[np.int64]:
    """Return how many sessions begin, shape (day, slice): Poisson around `per_day`, split by `shares`."""
    expected = np.multiply.outer(per_day, np.asarray(shares) / math.fsum(shares))
    return rng.poisson(expected)


def simulate_delays(
    day: NDArray[np.int64], share: float, longest: int, rng: np.random.Generator
) -> NDArray[np.int64]:
    """Return by how many days each row is late, shape (row,).

    A `share` of the rows is late, whatever their outcome. The late rows of one day come in one batch, 1 to
    `longest` days after the others.
    """
    late = rng.random(len(day)) < share
    return np.where(late, 1 + day % longest, 0)


def simulate_journeys(
    edges: Sequence[Edge],
    rates: Mapping[str, Sequence[Rate]],
    sessions: NDArray[np.int64],
    rng: np.random.Generator,
) -> Journeys:
    """Return what the sessions attempted on their way through a graph, cycles included.

    After 40 steps a session leaves, as one does that takes no edge: before it attempts anything more, so
    that no rate is bent.

    Parameters
    ----------
    edges
        The graph; sessions begin at the one node that no edge leads to.
    rates
        Per edge slug its rates; the first one whose `visited` the session fulfils holds.
    sessions : ndarray of int, shape (day, slice)
        How many sessions begin.

    Raises
    ------
    ValueError
        When the graph has not exactly one entry, does not hang together, or the edges that leave a node are
        together more probable than 1.
    """
    nodes = _ordered(edges)
    crowd = _Crowd.arriving(sessions, rng)
    ways = {
        position: [(n, edge, rates[edge.slug]) for n, edge in enumerate(edges) if edge.origin == node]
        for position, node in enumerate(nodes)
    }
    steps: list[_Attempts] = []
    walked = -1
    while walked < len(steps):  # once through a graph without cycles, else until nobody walks any more
        walked = len(steps)
        for position, leaving in ways.items():
            here = crowd.walking_at(position)
            if leaving and len(here):
                steps.append(crowd.leave(here, leaving, nodes, rng))
    columns = [np.concatenate(column) for column in zip(*steps, strict=True)]
    session, edge, second, visited, converted = columns
    order = np.lexsort((edge, second, session))
    session = session[order]
    return Journeys(
        crowd.day[session],
        crowd.slice[session],
        session,
        edge[order],
        second[order],
        visited[order],
        converted[order],
        nodes,
    )


type _Attempts = tuple[
    NDArray[np.int64], NDArray[np.int64], NDArray[np.int64], NDArray[np.uint64], NDArray[np.bool_]
]
"""Session, edge, second, visited and converted of some attempts."""

_GONE = -1


@dataclass(slots=True, eq=False)
class _Crowd:
    """Where every session stands while it walks, `_GONE` once it took no edge; arrays of shape (session,)."""

    day: NDArray[np.int64]
    slice: NDArray[np.int64]
    start: NDArray[np.int64]
    pace: NDArray[np.int64]
    at: NDArray[np.int64]
    depth: NDArray[np.int64]
    visited: NDArray[np.uint64]

    @classmethod
    def arriving(cls, sessions: NDArray[np.int64], rng: np.random.Generator) -> _Crowd:
        """Return all sessions at the entry, ordered by day and time of arrival."""
        cells = np.repeat(np.arange(sessions.size), sessions.ravel())
        day, part = np.divmod(cells, sessions.shape[1])
        start = rng.integers(0, _LAST_START, size=len(cells))
        order = np.lexsort((start, day))
        zeros = np.zeros(len(cells), dtype=np.int64)
        pace = rng.integers(15, 90, size=len(cells))
        return cls(day[order], part[order], start[order], pace, zeros, zeros.copy(), zeros.astype(np.uint64))

    def walking_at(self, position: int) -> NDArray[np.intp]:
        """Return the sessions at a node that have not walked for too long."""
        return np.flatnonzero((self.at == position) & (self.depth < _MOST_STEPS))

    def leave(
        self,
        here: NDArray[np.intp],
        leaving: Sequence[tuple[int, Edge, Sequence[Rate]]],
        nodes: tuple[str, ...],
        rng: np.random.Generator,
    ) -> _Attempts:
        """Move the sessions `here` on and return what they attempted.

        One uniform number per session decides among the edges, so that at most one is taken and each is taken
        with its own probability.
        """
        dice = rng.random(len(here))
        taken_below = np.zeros(len(here))
        second = self.start[here] + self.depth[here] * self.pace[here]
        visited = self.visited[here]
        origin = nodes.index(leaving[0][1].origin)
        self.at[here] = _GONE
        converted = []
        for _, edge, rates in leaving:
            taken_up_to = taken_below + self._probability(here, rates, nodes)
            takes = (taken_below <= dice) & (dice < taken_up_to)
            taken_below = taken_up_to
            self.at[here[takes]] = nodes.index(edge.target)
            converted.append(takes)
        if taken_below.max() > 1 + 1e-9:
            raise ValueError(f"the edges that leave {nodes[origin]!r} are together more probable than 1")
        self.depth[here] += 1
        self.visited[here] |= np.uint64(1 << origin)
        count = len(leaving)
        edge_numbers = np.repeat([number for number, _, _ in leaving], len(here))
        return (
            np.tile(here, count),
            edge_numbers,
            np.tile(second, count),
            np.tile(visited, count),
            np.concatenate(converted),
        )

    def _probability(
        self, here: NDArray[np.intp], rates: Sequence[Rate], nodes: tuple[str, ...]
    ) -> NDArray[np.float64]:
        """Return the probability that holds for each session, shape (session here,)."""
        day, part = self.day[here], self.slice[here]
        conditions = [_meets(self.visited[here], rate.visited, nodes) for rate in rates]
        return np.select(conditions, [rate.daily[day, part] for rate in rates], default=0.0)


def _holds(sets: NDArray[np.uint64], position: int) -> NDArray[np.bool_]:
    return np.asarray((sets >> np.uint64(position)) & np.uint64(1), dtype=np.bool_)


def _meets(sets: NDArray[np.uint64], condition: Visited, nodes: tuple[str, ...]) -> NDArray[np.bool_]:
    """Return which sets of visited nodes fulfil a condition, shape (set,)."""
    met = np.ones(len(sets), dtype=np.bool_)
    for group in (*({node} for node in condition.all), *condition.any):
        met &= np.any([_holds(sets, nodes.index(node)) for node in group], axis=0)
    for node in condition.none:
        met &= ~_holds(sets, nodes.index(node))
    return met


def _ordered(edges: Sequence[Edge]) -> tuple[str, ...]:
    """Return the nodes so that every edge leads forward but those that close a cycle, the entry first."""
    waiting = {
        node: {e.origin for e in edges if e.target == node} for e in edges for node in (e.origin, e.target)
    }
    entries = [node for node, before in waiting.items() if not before]
    if len(entries) != 1:
        raise ValueError(
            f"sessions must begin at exactly one node; {entries} have no edge that leads to them"
        )
    ordered: list[str] = []
    while waiting:
        ready = [node for node, before in waiting.items() if before <= set(ordered)]
        within_reach = [node for node, before in waiting.items() if before & set(ordered)]
        if not ready and not within_reach:
            raise ValueError(f"no edge leads from {entries[0]!r} to {sorted(waiting)}")
        following = (ready or within_reach)[0]
        ordered.append(following)
        del waiting[following]
    return tuple(ordered)
