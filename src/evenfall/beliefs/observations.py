"""What was seen: sums that add, one row per interval of local days."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Final

import numpy as np
from numpy.typing import NDArray

__all__ = ["STATISTIC_NAMES", "Observations", "Skipped"]

STATISTIC_NAMES: Final[Mapping[str, tuple[str, ...]]] = {
    "probability": ("trials", "successes"),
    "rate": ("exposure", "events"),
    "mean": ("n", "sum", "sum_squares"),
    "duration": ("n", "sum", "sum_squares"),
}
"""Per parameter type, what people call the three sums (size, total, squares); a missing third is zero."""


@dataclass(frozen=True, slots=True)
class Skipped:
    """An expected outcome without a posterior, and why.

    Attributes
    ----------
    reason
        One of insufficient_samples, no_data, source_down, quarantined, not_due, config_error, failed.
    detail
        What exactly was found, for people.
    remedy
        What to do about it; empty when waiting is enough.
    """

    reason: str
    detail: str = ""
    remedy: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class Observations:
    """Additive sufficient statistics of one parameter over disjoint intervals, in order of time.

    Attributes
    ----------
    first, stop : ndarray of datetime64[D], shape (interval,)
        The local days each row covers, half open.
    sums : ndarray of float, shape (interval, 3)
        Per row (size, total, squares): trials, successes, 0 for a probability; exposure, events, 0 for a
        rate; n, Σx, Σx² for a mean; n, Σlog x, Σ(log x)² for a duration.
    """

    first: NDArray[np.datetime64]
    stop: NDArray[np.datetime64]
    sums: NDArray[np.float64]

    @classmethod
    def of(cls, rows: Iterable[tuple[date, date, float, float, float]]) -> Observations:
        """Return the observations of rows (first, stop, size, total, squares), in any order."""
        ordered = sorted(rows)
        return cls(
            np.array([row[0] for row in ordered], dtype="datetime64[D]"),
            np.array([row[1] for row in ordered], dtype="datetime64[D]"),
            np.array([row[2:] for row in ordered], dtype=np.float64).reshape(-1, 3),
        )

    def __len__(self) -> int:
        return len(self.sums)

    @property
    def size(self) -> float:
        """Trials, exposure or n over all intervals."""
        return math.fsum(self.sums[:, 0])

    def total(self) -> NDArray[np.float64]:
        """Return the three sums over all intervals, shape (3,); counts exact, floats correctly rounded."""
        return np.array([math.fsum(column) for column in self.sums.T])

    def between(self, first: date | None = None, stop: date | None = None) -> Observations:
        """Return the intervals that lie wholly at or after `first` and before `stop`."""
        keep = np.ones(len(self), dtype=bool)
        if first is not None:
            keep &= self.first >= np.datetime64(first)
        if stop is not None:
            keep &= self.stop <= np.datetime64(stop)
        return self if keep.all() else Observations(self.first[keep], self.stop[keep], self.sums[keep])
