"""A quantity as people read it: its centre and how far it may lie from there."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["Figure", "lift_of", "summarise_draws", "summarise_rows"]


@dataclass(frozen=True, slots=True)
class Figure:
    """Mean, median and equal-tailed interval; the mean is None where it does not exist."""

    mean: float | None
    median: float
    lower: float
    upper: float

    def __str__(self) -> str:
        centre = self.median if self.mean is None else self.mean
        return f"{centre:.4g} [{self.lower:.4g}, {self.upper:.4g}]"


def summarise_draws(draws: NDArray[np.float64], level: float = 0.95) -> Figure:
    """Return the figure of draws, shape (draw,)."""
    return summarise_rows(draws[np.newaxis], level)[0]


def summarise_rows(rows: NDArray[np.float64], level: float = 0.95) -> list[Figure]:
    """Return the figure of each row of draws, shape (row, draw)."""
    tail = 0.5 * (1.0 - level)
    rows = np.ascontiguousarray(rows)
    quantiles = _quantiles(rows, np.array([tail, 0.5, 1.0 - tail])).tolist()
    means = rows.mean(axis=1).tolist()
    return [Figure(mean, median, lo, hi) for mean, (lo, median, hi) in zip(means, quantiles, strict=True)]


def _quantiles(rows: NDArray[np.float64], levels: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return quantiles of each row, shape (row, level), to the digits of ``np.quantile``.

    That one selects the few order statistics it needs; sorting them all by vector instructions takes an
    eighth of the time for some thousand draws.
    """
    ordered = np.sort(rows, axis=1)
    places = levels * (rows.shape[1] - 1)
    below = np.floor(places).astype(np.intp)
    part = places - below
    low, high = ordered[:, below], ordered[:, np.minimum(below + 1, rows.shape[1] - 1)]
    step = high - low
    return np.asarray(np.where(part < 0.5, low + step * part, high - step * (1.0 - part)))


def lift_of(before: NDArray[np.float64], after: NDArray[np.float64], level: float = 0.95) -> Figure | None:
    """Return after/before − 1, shape (draw,) each; None when it is no number in some draw.

    That is so where `before` is 0, or so near it that the ratio is above the largest float.
    """
    if not (before > 0).all():
        return None
    with np.errstate(over="ignore"):
        ratio = after / before
    return summarise_draws(ratio - 1.0, level) if np.isfinite(ratio).all() else None
