"""Meeting tonight's read with the ledger: what is new, what is restated, what must not be counted again."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import pairwise

from evenfall.beliefs.observations import Observations
from evenfall.errors import AlreadyAbsorbed
from evenfall.window import DayWindow

__all__ = ["Count", "count_loaded", "digest_rows", "merge", "observations_of"]

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


def observations_of(rows: Mapping[DayWindow, Sums]) -> Observations:
    """Return the rows of one parameter's ledger as observations in order of time."""
    return Observations.of((window.first, window.stop, *sums) for window, sums in rows.items())


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
