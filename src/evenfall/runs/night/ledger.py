"""Meeting tonight's read with the ledger: what is new, what is restated, what must not be counted again."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from evenfall.beliefs.cohorts import Cohorts
from evenfall.beliefs.observations import Observations
from evenfall.errors import AlreadyAbsorbed
from evenfall.window import DayWindow

__all__ = [
    "Count",
    "cells_of",
    "count_loaded",
    "digest_cohorts",
    "digest_rows",
    "merge",
    "merge_cohorts",
    "merge_slices",
    "observations_of",
    "rows_of",
]

Sums = tuple[float, float, float]


def merge(
    parameter_id: str, known: Mapping[DayWindow, Sums], read: Mapping[DayWindow, Sums]
) -> dict[DayWindow, Sums]:
    """Return the ledger after tonight's read: the rows of `read` replace those of the same interval.

    Raises
    ------
    AlreadyAbsorbed
        When an interval overlaps another one without being it: its units would be counted twice.
    """
    merged = {**known, **read}
    ordered = sorted(merged)
    for earlier, later in pairwise(ordered):
        if earlier.overlaps(later):
            raise AlreadyAbsorbed(
                f"{parameter_id}: the evidence of {later} overlaps that of {earlier}, which is in the ledger",
                remedy="read intervals that do not overlap, or backfill from the start of the older one",
            )
    return merged


def merge_cohorts(known: Cohorts | None, read: Cohorts | None) -> Cohorts | None:
    """Return the cohorts after tonight's read: a day that was read replaces all that was known of it.

    A cohort of which no age has passed says nothing yet and is left out.
    """
    if read is not None:
        seen = read.observed > 0
        read = Cohorts(
            read.entry[seen], read.size[seen], read.conversions[seen], read.observed[seen], read.clock
        )
    if known is None or read is None:
        return read if known is None else known
    kept = ~np.isin(known.entry, read.entry)
    ages = max(known.ages, read.ages)
    entry = np.concatenate([known.entry[kept], read.entry])
    order = np.argsort(entry, kind="stable")
    cells = np.concatenate([_widened(known.conversions[kept], ages), _widened(read.conversions, ages)])
    return Cohorts(
        entry[order],
        np.concatenate([known.size[kept], read.size])[order],
        cells[order],
        np.concatenate([known.observed[kept], read.observed])[order],
        read.clock,
    )


def _widened(cells: NDArray[np.int64], ages: int) -> NDArray[np.int64]:
    return np.pad(cells, ((0, 0), (0, ages - cells.shape[1])))


def merge_slices(
    known: Mapping[str, Mapping[DayWindow, Sums]],
    read: Mapping[str, Mapping[DayWindow, Sums]],
    windows: Collection[DayWindow],
) -> dict[str, dict[DayWindow, Sums]]:
    """Return the slices after tonight's read of `windows`; one the read does not name had nothing there."""
    nothing = (0.0, 0.0, 0.0)
    return {
        name: {
            **known.get(name, {}),
            **{window: read.get(name, {}).get(window, nothing) for window in windows},
        }
        for name in sorted({*known, *read})
    }


def cells_of(cohorts: Cohorts) -> Iterator[tuple[DayWindow, int, float, float]]:
    """Yield (entry day, age, people, conversions) of every cell that was observed."""
    for row, entry in enumerate(cohorts.entry.tolist()):
        window = DayWindow(entry, entry + timedelta(days=1))
        for age in range(int(cohorts.observed[row])):
            yield window, age, float(cohorts.size[row]), float(cohorts.conversions[row, age])


def digest_cohorts(cohorts: Cohorts) -> str:
    """Return a text that is equal exactly when the cohorts are, for hashing."""
    cells = ";".join(
        f"{entry}:{size}:" + ",".join(map(str, row[:seen]))
        for entry, size, row, seen in zip(
            cohorts.entry.tolist(),
            cohorts.size.tolist(),
            cohorts.conversions.tolist(),
            cohorts.observed.tolist(),
            strict=True,
        )
    )
    return f"{cohorts.clock}|{cells}"


def observations_of(rows: Mapping[DayWindow, Sums]) -> Observations:
    """Return the rows of one parameter's ledger as observations in order of time."""
    return Observations.of((window.first, window.stop, *sums) for window, sums in rows.items())


def rows_of(seen: Observations | None) -> dict[DayWindow, Sums]:
    """Return observations by interval."""
    if seen is None:
        return {}
    return {
        DayWindow(first, stop): (size, total, squares)
        for first, stop, (size, total, squares) in zip(
            seen.first.tolist(), seen.stop.tolist(), seen.sums.tolist(), strict=True
        )
    }


@dataclass(frozen=True, slots=True)
class Count:
    """Where the trials of tonight's read went; `loaded` is the sum of the other three."""

    loaded: float
    counted: float
    late_not_counted: float
    quarantined: float


def count_loaded(
    read: Mapping[DayWindow, Sums], quarantined: Iterable[float], absorbed_until: date | None
) -> Count:
    """Return the account of one parameter's read, in trials.

    Evidence of days before `absorbed_until` of the root cannot be counted: the numbers from outside already
    hold those days, and nobody can tell which of their events they knew.
    """
    late = sum(
        sums[0]
        for window, sums in read.items()
        if absorbed_until is not None and window.first < absorbed_until
    )
    counted = sum(sums[0] for sums in read.values()) - late
    refused = sum(quarantined)
    return Count(counted + late + refused, counted, late, refused)


def digest_rows(rows: Iterable[tuple[DayWindow, Sums]]) -> Sequence[str]:
    """Return the rows as texts that are equal exactly when the rows are, for hashing."""
    return [
        f"{window.first}/{window.stop}:{sums[0]!r},{sums[1]!r},{sums[2]!r}" for window, sums in sorted(rows)
    ]
