"""Who has arrived where after t days: the lags of edges composed along all ways, draw by draw.

A lag is a measure on a grid of hours; ways in series are convolved, ways that join are added. All of it is
done in frequencies: with f_v the arrivals at node v and k_uv the eventual rate times the lag of an
edge, f_v = [v is the start] + Σ_u f_u k_uv there is an equation of plain numbers, and cycles are solved too.

References
----------
Transforms wrap around: what lies beyond the window comes back at its beginning. Measures are therefore damped
by e^(−ak) before and lifted after (Grübel and Hermesmeier 1999, ASTIN Bulletin 29, 197-214).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from evenfall.beliefs.numerics.arrays import Floats
from evenfall.errors import UsageError
from evenfall.funnels.delays.draws import DelayDraws
from evenfall.funnels.delays.families import LagFamily, LagShape

__all__ = ["Arrivals", "Leg", "arrivals", "chain"]

STEPS_PER_DAY: Final = 24
"""An hour: the error of a cdf is of the order of the slope of the density times an hour squared."""

_DAMPING: Final = 26.0  # over the padded window: aliases fall by e⁻¹³ twice, rounding grows by e¹³
_ROUNDS: Final = 2_000
_BLOCK: Final = 64  # draws at once, which bounds the memory that transforms take
_SETTLED: Final = 1e-11

type _Waves = NDArray[np.complex128]


@dataclass(frozen=True, slots=True, eq=False)
class Leg:
    """One edge of a way.

    Attributes
    ----------
    start, end
        Nodes.
    eventual : ndarray, shape (draw,)
        Of those at `start`, the share that ever takes the edge.
    family, shape
        Their lag; None when it takes no time.
    """

    start: str
    end: str
    eventual: Floats
    family: LagFamily | None = None
    shape: LagShape | None = None

    @classmethod
    def of(cls, start: str, end: str, draws: DelayDraws) -> Leg:
        """Return the edge of a delayed conversion."""
        return cls(start, end, draws.eventual, draws.family, draws.shape)


@dataclass(frozen=True, slots=True, eq=False)
class Arrivals:
    """Arrivals at one node per entry, at the times of a grid.

    Attributes
    ----------
    cdf : ndarray, shape (draw, time)
        Expected arrivals by each time, 0 first; where no cycle passes the node, the probability to be there.
    steps_per_day
        Of the grid.
    """

    cdf: Floats
    steps_per_day: int

    def within(self, days: float | Sequence[float] | Floats) -> Floats:
        """Return the arrivals within these days, shape (draw, day), by linear interpolation."""
        at = np.atleast_1d(np.asarray(days, dtype=np.float64)) * self.steps_per_day
        last = self.cdf.shape[1] - 1
        if np.any(at > last + 1e-9) or np.any(at < 0):
            raise UsageError(
                f"arrivals are known for {last / self.steps_per_day:g} days", remedy="ask for more days"
            )
        low = np.minimum(np.floor(at + 1e-12).astype(np.intp), last)
        share = np.clip(at - low, 0.0, 1.0)
        high = np.minimum(low + 1, last)
        return np.asarray(self.cdf[:, low] * (1 - share) + self.cdf[:, high] * share)

    def daily(self) -> Floats:
        """Return the mean of the cdf over each whole day [m, m + 1], shape (draw, day).

        Of people who start evenly over a day, that share has arrived m midnights after it ended.
        """
        n = self.steps_per_day
        days = (self.cdf.shape[1] - 1) // n
        trapezoids = (self.cdf[:, :-1] + self.cdf[:, 1:]) / 2
        return np.asarray(trapezoids[:, : days * n].reshape(len(self.cdf), days, n).mean(axis=2))


def chain(legs: Sequence[tuple[Floats, LagFamily | None, LagShape | None]], days: float) -> Arrivals:
    """Return the arrivals at the end of edges in series; each is (eventual rate, family, shape)."""
    named = [Leg(str(i), str(i + 1), *leg) for i, leg in enumerate(legs)]
    return arrivals(named, "0", str(len(legs)), days)


def arrivals(
    legs: Sequence[Leg], start: str, target: str, days: float, *, steps_per_day: int = STEPS_PER_DAY
) -> Arrivals:
    """Return the arrivals at `target` of those who enter at `start`, up to `days` later.

    Edges draw jointly: row by row they are one state of the world.

    Raises
    ------
    UsageError
        When the rates of a cycle let nobody ever leave it.
    """
    used = _between(legs, start, target)
    count = len(legs[0].eventual) if legs else 1
    cells = int(np.ceil(days * steps_per_day - 1e-9)) + 1
    blocks = [slice(first, first + _BLOCK) for first in range(0, count, _BLOCK)]
    parts = [
        _arrivals([_rows(leg, rows) for leg in used], start, target, cells, steps_per_day) for rows in blocks
    ]
    lengths = [len(range(*rows.indices(count))) for rows in blocks]
    wide = [np.broadcast_to(part, (length, cells)) for part, length in zip(parts, lengths, strict=True)]
    return Arrivals(np.concatenate(wide), steps_per_day)


def _rows(leg: Leg, rows: slice) -> Leg:
    shape = leg.shape and LagShape(
        leg.shape.log_t50[rows], leg.shape.log_ratio[rows], leg.shape.onset[rows], leg.shape.q[rows]
    )
    return Leg(leg.start, leg.end, leg.eventual[rows], leg.family, shape)


def _between(legs: Sequence[Leg], start: str, target: str) -> list[Leg]:
    """Return the edges that lie on some way from start to target."""
    ahead = _closure({start}, [(leg.start, leg.end) for leg in legs])
    back = _closure({target}, [(leg.end, leg.start) for leg in legs])
    return [leg for leg in legs if leg.start in ahead and leg.end in back]


def _closure(nodes: set[str], edges: Sequence[tuple[str, str]]) -> set[str]:
    found, fresh = set(nodes), set(nodes)
    while fresh:
        fresh = {end for begin, end in edges if begin in fresh} - found
        found |= fresh
    return found


def _arrivals(legs: Sequence[Leg], start: str, target: str, cells: int, per_day: int) -> Floats:
    if not legs:
        return np.full((1, cells), float(start == target))
    size = int(2 ** np.ceil(np.log2(2 * cells)))
    damping = _DAMPING / size
    waves = [_wave(leg, cells, size, damping, per_day) for leg in legs]
    found = _solve(legs, waves, start, target)
    found = np.broadcast_to(found, (len(found), size // 2 + 1))
    masses = np.fft.irfft(found, size, axis=1)[:, :cells] * np.exp(damping * np.arange(cells))
    # a mass at a grid point stands for lags to either side of it, except those of no time at all
    cdf = np.cumsum(masses, axis=1) - masses / 2
    at_once = [leg for leg in legs if leg.shape is None]
    rates = [leg.eventual[:, None].astype(np.complex128) for leg in at_once]
    now = _solve(at_once, rates, start, target).real if at_once else float(start == target)
    cdf[:, :1] = now
    return np.maximum.accumulate(np.maximum(cdf, now), axis=1)


def _wave(leg: Leg, cells: int, size: int, damping: float, per_day: int) -> _Waves:
    """Return the transform of an edge's damped measure, shape (draw, frequency).

    The mass of each cell is shared out to its two ends so that its mean stays: with F at its ends and its
    middle, the mean by Simpson's rule.
    """
    if leg.family is None or leg.shape is None:
        return leg.eventual[:, None].astype(np.complex128)
    t = np.arange(2 * cells - 1) / (2.0 * per_day)
    cdf = leg.family.cdf(t, leg.shape)
    low, middle, high = cdf[:, :-2:2], cdf[:, 1:-1:2], cdf[:, 2::2]
    mass = high - low
    later = np.clip(high - (low + 4.0 * middle + high) / 6.0, 0.0, mass)
    masses = np.zeros((len(cdf), cells))
    masses[:, :-1] += mass - later
    masses[:, 1:] += later
    masses *= leg.eventual[:, None] * np.exp(-damping * np.arange(cells))
    waves: _Waves = np.fft.rfft(masses, size, axis=1)
    return waves


def _solve(legs: Sequence[Leg], waves: Sequence[_Waves], start: str, target: str) -> _Waves:
    """Return f at the target: f_v = [v is the start] + Σ_u f_u k_uv, by sweeps until nothing moves.

    Edges are swept in the order of a walk from the start, so that without a cycle one sweep settles all.
    """
    order = _order(legs, start)
    into: dict[str, list[int]] = {}
    for number, leg in enumerate(legs):
        into.setdefault(leg.end, []).append(number)
    f: dict[str, _Waves] = {start: np.ones((1, 1), dtype=np.complex128)}
    for _ in range(_ROUNDS):
        moved = 0.0
        for node in order:
            parts = [f[legs[i].start] * waves[i] for i in into.get(node, ()) if legs[i].start in f]
            if not parts:
                continue
            fresh: _Waves = np.asarray(sum(parts[1:], parts[0]) + float(node == start))
            moved = max(moved, float(np.max(np.abs(fresh - f[node]))) if node in f else 1.0)
            f[node] = fresh
        if moved < _SETTLED or (not _has_cycle(legs, order)):
            return f.get(target, np.zeros((1, 1), dtype=np.complex128))
    raise UsageError(
        f"between {start} and {target} some go round in circles forever",
        remedy="the rates of a cycle must leave a way out; see `evenfall whatif`",
    )


def _order(legs: Sequence[Leg], start: str) -> list[str]:
    """Return the nodes, each after those that lead to it as far as cycles allow."""
    onward: dict[str, list[str]] = {}
    for leg in legs:
        onward.setdefault(leg.start, []).append(leg.end)
    seen: set[str] = set()
    done: list[str] = []
    stack: list[tuple[str, bool]] = [(start, False)]
    while stack:
        node, left = stack.pop()
        if left:
            done.append(node)
        elif node not in seen:
            seen.add(node)
            stack.append((node, True))
            stack += [(other, False) for other in onward.get(node, ()) if other not in seen]
    return done[::-1]


def _has_cycle(legs: Sequence[Leg], order: Sequence[str]) -> bool:
    place = {node: number for number, node in enumerate(order)}
    return any(place[leg.end] <= place[leg.start] for leg in legs if leg.start in place)
