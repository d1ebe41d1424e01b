"""What an ordered funnel says: conversion from step to step, its uncertainty, time to convert, cohorts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from evenfall.beliefs.constructors import Beta
from evenfall.beliefs.summary import summarise
from evenfall.window import day_start, local_day

__all__ = [
    "Cohort",
    "Conversion",
    "Delay",
    "FunnelTable",
    "Reached",
    "Step",
    "cohorts_of",
    "conversion_of",
    "delay_of",
    "local_days",
    "steps_of",
]

type Integers = NDArray[np.int64]
type Days = NDArray[np.datetime64]

_JEFFREYS: Final = 0.5
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_SECOND: Final = 1_000_000
_DAY: Final = np.timedelta64(1, "D")


@dataclass(frozen=True, slots=True)
class Conversion:
    """How many of how many went on, and what that says of the rate.

    Attributes
    ----------
    rate
        Share that was seen; None of nobody.
    mean
        Mean of the rate's belief, Beta(successes + 1/2, trials − successes + 1/2); None of nobody.
    lower, upper
        Its equal-tailed 95 % interval; it begins at 0 when nobody went on and ends at 1 when all did.
    """

    trials: int
    successes: int
    rate: float | None
    mean: float | None
    lower: float | None
    upper: float | None


@dataclass(frozen=True, slots=True)
class Delay:
    """How long those who got there took, in seconds; None of nobody.

    Attributes
    ----------
    median, p90
        The least time within which at least half, and nine in ten, of them were there.
    """

    n: int
    median: float | None
    p90: float | None


@dataclass(frozen=True, slots=True)
class Step:
    """One step: who reached it, out of whom, and when.

    Attributes
    ----------
    previous
        Name of the step its conversion is counted from: the nearest one before it that cannot be left out.
        None for the entry.
    """

    name: str
    optional: bool
    count: int
    previous: str | None
    from_previous: Conversion | None
    from_entry: Conversion | None
    delay_from_previous: Delay | None
    delay_from_entry: Delay | None


@dataclass(frozen=True, slots=True)
class Cohort:
    """The attempts that were opened on one local day.

    Attributes
    ----------
    entries
        All of them, also those whose window has not passed.
    by_age
        Conversions by age: place a holds those on the local day a days after the entry's. None for days that
        had not ended when the data did.
    conversion
        None while the window of one of the day's entries has not passed.
    """

    day: date
    entries: int
    by_age: tuple[int | None, ...]
    conversion: Conversion | None


@dataclass(frozen=True, slots=True, eq=False)
class Reached:
    """Attempts with the time of each step they came to.

    Attributes
    ----------
    steps
        Names in order.
    optional
        Which of them may be left out.
    entry : ndarray, shape (attempt,)
        Microseconds since 1970.
    after : ndarray, shape (attempt, step)
        Microseconds from the entry to the step; negative where it was not reached.
    passed : ndarray of bool, shape (attempt,)
        Whether the window of the attempt has wholly passed.
    """

    steps: tuple[str, ...]
    optional: tuple[bool, ...]
    entry: Integers
    after: Integers
    passed: NDArray[np.bool_]

    def previous(self, position: int) -> int:
        """Return the position of the nearest step before `position` that cannot be left out."""
        return next(i for i in range(position - 1, -1, -1) if not self.optional[i])


@dataclass(frozen=True, slots=True)
class FunnelTable:
    """An ordered funnel's answer.

    Attributes
    ----------
    question
        What was asked, JSON-ready.
    entries
        Attempts whose window has wholly passed; the steps count these.
    open_entries
        Attempts whose window has not passed yet; they are in the cohorts only.
    cohorts
        By local day of the entry, the first first; days without an entry are left out.
    until
        The last day the data holds is the one before.
    """

    question: Mapping[str, Any]
    entries: int
    open_entries: int
    steps: tuple[Step, ...]
    cohorts: tuple[Cohort, ...]
    until: date

    def __getitem__(self, name: str) -> Step:
        for step in self.steps:
            if step.name == name:
                return step
        raise KeyError(name)

    @property
    def conversion(self) -> Conversion:
        """From the entry to the last step."""
        last = self.steps[-1].from_entry
        return last if last is not None else conversion_of([self.entries], [self.entries])[0]

    def as_dict(self) -> dict[str, Any]:
        """Return the table as JSON-ready data."""
        cohorts = [{**asdict(cohort), "day": cohort.day.isoformat()} for cohort in self.cohorts]
        return {
            "question": dict(self.question),
            "entries": self.entries,
            "open_entries": self.open_entries,
            "until": self.until.isoformat(),
            "steps": [asdict(step) for step in self.steps],
            "cohorts": [{**cohort, "by_age": list(cohort["by_age"])} for cohort in cohorts],
        }

    def __str__(self) -> str:
        counts = " → ".join(f"{step.name} {step.count:,}" for step in self.steps)
        total = self.conversion
        if total.rate is None:
            return f"{counts}  (no entries)"
        return f"{counts}  conversion {total.rate:.3f} [{total.lower:.3f}, {total.upper:.3f}]"


def conversion_of(trials: Sequence[int], successes: Sequence[int]) -> list[Conversion]:
    """Return the conversions of pairs of counts, in their order.

    The prior is Jeffreys', Beta(1/2, 1/2): its equal-tailed interval covers close to the stated 95 % for
    small and large rates alike, once its ends are set to 0 and 1 where nobody and everybody converted.

    References
    ----------
    Brown, Cai, DasGupta (2001), Interval estimation for a binomial proportion, Statistical Science 16(2),
    section 4.1.2.

    Examples
    --------
    >>> found = conversion_of([20], [0])[0]
    >>> found.rate, found.lower, round(found.upper, 3)
    (0.0, 0.0, 0.117)
    """
    pairs = list(zip(trials, successes, strict=True))
    known = [(n, s) for n, s in pairs if n]
    figures = summarise([Beta(s + _JEFFREYS, n - s + _JEFFREYS) for n, s in known])
    each = zip(figures.mean.tolist(), figures.lower.tolist(), figures.upper.tolist(), strict=True)
    found = []
    for n, s in pairs:
        if not n:
            found.append(Conversion(0, 0, None, None, None, None))
            continue
        mean, lower, upper = next(each)
        found.append(Conversion(n, s, s / n, mean, lower if s else 0.0, upper if s < n else 1.0))
    return found


def delay_of(microseconds: Integers) -> Delay:
    """Return median and 90 % point of times, shape (attempt,); both are times that occurred.

    Examples
    --------
    >>> delay_of(np.array([1, 2, 3, 10]) * 1_000_000)
    Delay(n=4, median=2.0, p90=10.0)
    """
    n = len(microseconds)
    if not n:
        return Delay(0, None, None)
    ranks = [-(-n // 2) - 1, -(-9 * n // 10) - 1]
    median, p90 = (np.partition(microseconds, ranks)[ranks] / _SECOND).tolist()
    return Delay(n, median, p90)


def steps_of(reached: Reached) -> tuple[Step, ...]:
    """Return every step's figures, counted over the attempts whose window has passed."""
    after = reached.after[reached.passed]
    there = after >= 0
    counts = there.sum(axis=0).tolist()
    later = range(1, len(reached.steps))
    before = [reached.previous(i) for i in later]
    from_previous = conversion_of([counts[i] for i in before], counts[1:])
    from_entry = conversion_of([counts[0]] * len(later), counts[1:])
    first = Step(reached.steps[0], False, counts[0], None, None, None, None, None)
    return first, *(
        Step(
            name=reached.steps[i],
            optional=reached.optional[i],
            count=counts[i],
            previous=reached.steps[p],
            from_previous=from_previous[i - 1],
            from_entry=from_entry[i - 1],
            delay_from_previous=delay_of((after[:, i] - after[:, p])[there[:, i]]),
            delay_from_entry=delay_of(after[:, i][there[:, i]]),
        )
        for i, p in zip(later, before, strict=True)
    )


def local_days(instants: Integers, zone: ZoneInfo) -> Days:
    """Return the local day of each instant, in microseconds since 1970; shape as given."""
    if not instants.size:
        return np.zeros(instants.shape, dtype="datetime64[D]")
    first, last = (
        local_day(_EPOCH + timedelta(microseconds=int(us)), zone) for us in (instants.min(), instants.max())
    )
    days = [first + timedelta(days=i) for i in range((last - first).days + 2)]
    starts = np.array([int(day_start(day, zone).timestamp()) * _SECOND for day in days], dtype=np.int64)
    place = np.searchsorted(starts, instants, side="right") - 1
    return np.datetime64(first, "D") + place * _DAY


def cohorts_of(reached: Reached, window: timedelta, until: date, zone: ZoneInfo) -> tuple[Cohort, ...]:
    """Return the attempts by local day of entry, with the conversions by their age in local days.

    Parameters
    ----------
    window
        Of the funnel; the ages go as far as it may reach.
    until
        First day that is not in the data.
    """
    days = local_days(reached.entry, zone)
    converted = reached.after[:, -1] >= 0
    end = local_days(reached.entry[converted] + reached.after[converted, -1], zone)
    ages = (end - days[converted]) // _DAY
    oldest = max([-(-window // timedelta(days=1)), *ages.tolist()])
    present, place = np.unique(days, return_inverse=True)
    counts = np.zeros((len(present), oldest + 1), dtype=np.int64)
    np.add.at(counts, (place[converted], ages.astype(np.int64)), 1)
    entries = np.bincount(place, minlength=len(present)).tolist()
    passed = np.bincount(place, weights=reached.passed, minlength=len(present)).astype(np.int64).tolist()
    rates = conversion_of(entries, counts.sum(axis=1).tolist())
    return tuple(
        Cohort(
            day=day,
            entries=entries[i],
            by_age=tuple(n if day + timedelta(days=a) < until else None for a, n in enumerate(row)),
            conversion=rates[i] if passed[i] == entries[i] else None,
        )
        for i, (day, row) in enumerate(zip(present.tolist(), counts.tolist(), strict=True))
    )
