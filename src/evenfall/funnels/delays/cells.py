"""The share of all conversions that fall in or before each age cell, by the clock that counts the ages.

With the clock `elapsed`, age cell j ends when a person is j + 1 days old, and its share is F(j + 1). On the
calendar the cell ends at a midnight; people enter evenly over their day, so at the end of cell j they are
between j and j + 1 days old and the share is the mean of F over [j, j + 1].
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from typing import Final

import numpy as np
from numpy.typing import NDArray

from evenfall.beliefs.cohorts import Clock
from evenfall.beliefs.numerics.arrays import Floats
from evenfall.funnels.delays.families import LagFamily, LagShape

__all__ = ["Cells", "cell_tails", "cell_values"]

_STRETCHES: Final = (0.0, 1.0, 2.0, 4.0, 8.0, 16.0, 30.0)  # of −log(share of the cell): beyond, 1e-13 of it
_FINEST: Final = 16
_PIECES_PER_WIDTH: Final = 0.6


@dataclass(frozen=True, slots=True, eq=False)
class Cells:
    """Cumulated shares at the ends of the age cells, shape (point, age), with their slopes.

    Attributes
    ----------
    cdf, survival
        Each to full relative precision.
    slopes : dict of ndarray, shape (point, age)
        Of the cdf, by the name of the coordinate: log_t50, log_ratio, onset, and q where the family has it.
    """

    cdf: Floats
    survival: Floats
    slopes: dict[str, Floats]

    def shares(self) -> Floats:
        """Return the share of each cell, from whichever tail keeps its digits."""
        cdf, survival = np.diff(self.cdf, prepend=0.0), -np.diff(self.survival, prepend=1.0)
        return np.maximum(np.where(self.cdf < 0.5, cdf, survival), 0.0)


def cell_tails(family: LagFamily, shape: LagShape, ages: int, clock: Clock) -> Cells:
    """Return cdf and survival at the end of age cells 0 … ages − 1; no slopes."""
    if clock == "elapsed":
        return Cells(*family.tails(np.arange(1.0, ages + 1.0), shape), {})

    def at(t: Floats) -> dict[str, Floats]:
        cdf, survival = family.tails(t, shape)
        return {"cdf": cdf, "survival": survival}

    found = _blurred(at, shape, ages)
    return Cells(found["cdf"], found["survival"], {})


def cell_values(family: LagFamily, shape: LagShape, ages: int, clock: Clock) -> Cells:
    """Return cdf, survival and slopes at the end of age cells 0 … ages − 1."""
    if clock == "elapsed":
        value = family.values(np.arange(1.0, ages + 1.0), shape)
        slopes = {"log_t50": value.by_log_t50, "log_ratio": value.by_log_ratio, "onset": value.by_onset}
        return Cells(value.cdf, value.survival, slopes if value.by_q is None else {**slopes, "q": value.by_q})

    def at(t: Floats) -> dict[str, Floats]:
        value = family.values(t, shape)
        found = {"cdf": value.cdf, "survival": value.survival, "log_ratio": value.by_log_ratio}
        return found if value.by_q is None else {**found, "q": value.by_q}

    found = _blurred(at, shape, ages)
    cdf, survival = found.pop("cdf"), found.pop("survival")
    return Cells(cdf, survival, {**found, **_moved(family, shape, cdf, survival, found["log_ratio"])})


def _moved(
    family: LagFamily, shape: LagShape, cdf: Floats, survival: Floats, by_log_ratio: Floats
) -> dict[str, Floats]:
    """Return the slopes of the means in t50 and the onset, by parts: ∫ t f = [t F] − ∫ F.

    Both move the lag along the axis of time, where the density f may be infinite at the onset.
    """
    t = np.arange(cdf.shape[-1] + 1.0)
    low, high = family.tails(t, shape)
    early = cdf < 0.5
    moment = np.where(early, np.diff(t * low) - cdf, survival - np.diff(t * high))
    mass = np.where(early, np.diff(low), -np.diff(high))
    t50, phi, ratio = (x[..., None] for x in (shape.t50_days, shape.onset, np.exp(shape.log_ratio)))
    # The slope of the spread after the onset in φ over its slope in r; see `LagFamily.values`.
    along = ((ratio - phi) / (1.0 - phi) - 1.0) / ratio
    return {
        "log_t50": -moment,
        "onset": (moment - phi * t50 * mass) / (1.0 - phi) - t50 * mass + along * by_log_ratio,
    }


type _Values = Callable[[Floats], dict[str, Floats]]


def _blurred(at: _Values, shape: LagShape, ages: int) -> dict[str, Floats]:
    """Return the means over [j, j + 1], with the day of the onset and the one after it integrated apart.

    A lag of width w = t50 · log(t95/t50) days is smooth over about w days, so days are cut in pieces no
    longer than that; one rule serves all the points of a call, the finest that any of them needs.
    """
    width = float(np.min(shape.t50_days * np.minimum(shape.rest_log_ratio, 1.0)))
    pieces = int(np.clip(np.ceil(_PIECES_PER_WIDTH / max(width, 1e-9)), 1, _FINEST))
    onset = shape.onset_days
    day = np.floor(onset)
    bent = 2 if np.any(onset > 0) else 1
    found = _smooth(at, ages, pieces)
    before = None
    for k in range(bent):
        length = (day + k + 1.0) - onset
        after = _from_onset(at, onset, length, pieces)
        column = (day + k).astype(np.intp)
        rows = np.flatnonzero(column < ages)
        for name, total in after.items():
            part = total if before is None else total - before[name]
            # Until the onset nobody has converted.
            extra = onset - day if name == "survival" and k == 0 else 0.0
            found[name][rows, column[rows]] = (part + extra)[rows]
        before = after
    return found


def _smooth(at: _Values, ages: int, pieces: int) -> dict[str, Floats]:
    """Return the means over each day by Gauss-Legendre: fewer nodes where the day is short beside the age."""
    columns: list[dict[str, Floats]] = []
    for start, stop, nodes in ((0, 4, 14), (4, 16, 8), (16, 64, 5), (64, ages, 4)):
        days = np.arange(start, min(stop, ages))
        if not len(days):
            continue
        u, weight = _unit_rule(nodes, pieces)
        values = at((days[:, None] + u).ravel())
        columns.append(
            {name: v.reshape((*v.shape[:-1], len(days), len(u))) @ weight for name, v in values.items()}
        )
    return {name: np.concatenate([part[name] for part in columns], axis=-1) for name in columns[0]}


def _from_onset(at: _Values, onset: Floats, length: Floats, pieces: int) -> dict[str, Floats]:
    """Return the integrals from the onset over `length` days, in the log of the time since the onset.

    There F is a smooth step however steeply it starts, with the factor e^−y of the change of variable.
    """
    share, weight = _log_rule(pieces)
    values = at(onset[..., None] + length[..., None] * share)
    return {
        # What the rule leaves out is the very start, where everybody is still to convert.
        name: length * (v @ weight + (1.0 - weight.sum() if name == "survival" else 0.0))
        for name, v in values.items()
    }


@cache
def _unit_rule(nodes: int, pieces: int) -> tuple[Floats, Floats]:
    """Return nodes and weights on [0, 1], cut in equal pieces."""
    u, weight = np.polynomial.legendre.leggauss(nodes)
    starts = np.arange(pieces)[:, None] / pieces
    spread: NDArray[np.float64] = (starts + (u + 1.0) / (2.0 * pieces)).ravel()
    return spread, np.tile(weight / (2.0 * pieces), pieces)


@cache
def _log_rule(pieces: int) -> tuple[Floats, Floats]:
    """Return shares s = e^−y of a stretch and weights, with y cut where `_STRETCHES` says."""
    shares, weights = [], []
    for low, high in pairwise(_STRETCHES):
        u, weight = _unit_rule(14, 2 * pieces)
        share = np.exp(-(low + (high - low) * u))
        shares.append(share)
        weights.append(weight * (high - low) * share)
    return np.concatenate(shares), np.concatenate(weights)
