"""Conversions that take time: people by the day they entered, conversions by age."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Literal

import numpy as np
from numpy.typing import NDArray

__all__ = ["Clock", "Cohorts"]

type Clock = Literal["elapsed", "calendar"]
"""How ages are counted: in whole days of 24 hours from each person's own entry, or in dates after the entry
day; on the calendar, a person who enters at noon is half a day old when age 1 begins."""


@dataclass(frozen=True, slots=True, eq=False)
class Cohorts:
    """People by entry day, and how many of them converted at which age.

    Attributes
    ----------
    entry : ndarray of datetime64[D], shape (cohort,)
        Local day of entry, ascending.
    size : ndarray of int, shape (cohort,)
        People who entered.
    conversions : ndarray of int, shape (cohort, age)
        Of them, those who converted in age cell j, which is [j, j + 1) days; zero where not observed yet.
    observed : ndarray of int, shape (cohort,)
        Number of age cells observed in full for everybody of the cohort: cells 0 … observed - 1.
    clock
        How ages are counted.
    """

    entry: NDArray[np.datetime64]
    size: NDArray[np.int64]
    conversions: NDArray[np.int64]
    observed: NDArray[np.int64]
    clock: Clock = "elapsed"

    def __post_init__(self) -> None:
        cohorts, ages = self.conversions.shape
        if not len(self.entry) == len(self.size) == len(self.observed) == cohorts:
            raise ValueError("entry, size, conversions and observed must have one row per cohort")
        if np.any(self.observed < 0) or np.any(self.observed > ages):
            raise ValueError(f"observed must lie in 0..{ages}, the number of age cells")
        if np.any(self.conversions < 0) or np.any(self.conversions.sum(axis=1) > self.size):
            raise ValueError("a cohort cannot convert fewer than none or more people than entered")
        if np.any(self.conversions[np.arange(ages) >= self.observed[:, None]]):
            raise ValueError("conversions of an age cell that was not observed in full do not count")

    def between(self, first: date | None = None, stop: date | None = None) -> Cohorts:
        """Return the cohorts that entered at or after `first` and before `stop`."""
        keep = np.ones(len(self), dtype=bool)
        if first is not None:
            keep &= self.entry >= np.datetime64(first)
        if stop is not None:
            keep &= self.entry < np.datetime64(stop)
        return Cohorts(
            self.entry[keep], self.size[keep], self.conversions[keep], self.observed[keep], self.clock
        )

    def within(self, days: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return conversions in the first `days` age cells, and how many of these were observed.

        Returns
        -------
        converted, observed : ndarray of int, shape (cohort,)
        """
        return self.conversions[:, :days].sum(axis=1), np.minimum(self.observed, days)

    def __len__(self) -> int:
        return len(self.size)

    @property
    def ages(self) -> int:
        """Number of age cells."""
        return int(self.conversions.shape[1])

    @property
    def converted(self) -> NDArray[np.int64]:
        """Conversions of each cohort so far, shape (cohort,)."""
        total: NDArray[np.int64] = self.conversions.sum(axis=1)
        return total
