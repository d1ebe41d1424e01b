"""Rows of a result as evidence: three sums per window that add, or a quarantined window with the reason."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np
from numpy.typing import NDArray

from evenfall.beliefs.cohorts import Cohorts
from evenfall.beliefs.observations import STATISTIC_NAMES, Observations, Skipped
from evenfall.window import DayWindow

__all__ = ["Counts", "Fetched", "Quarantine", "Sums", "Unmatched", "checked_counts", "checked_sums"]

_COUNTED: Final = frozenset({"trials", "successes", "events", "n"})
_SIGNED: Final = frozenset({"sum"})
_NULL_IS_ZERO: Final = frozenset({"successes", "events"})
_NUMBERS: Final = frozenset({int, float, type(None)})


@dataclass(frozen=True, slots=True)
class Quarantine:
    """A window whose answer cannot be counted, with what was found.

    Attributes
    ----------
    values
        The offending columns and their values, as text.
    size
        Trials, exposure or n of the rows set aside, as far as they can be read.
    """

    window: DayWindow
    reason: str
    values: Mapping[str, str] = field(default_factory=dict)
    size: float = 0.0


@dataclass(frozen=True, slots=True)
class Unmatched:
    """Rows of a grouped result whose context values no shard has."""

    context: Mapping[str, str | None]
    rows: int
    size: float


@dataclass(frozen=True, slots=True, eq=False)
class Fetched:
    """What one read says of one parameter.

    Attributes
    ----------
    observations
        The windows that were read and hold, in order of time.
    quarantined
        The windows that do not, with reasons.
    skipped
        Why there is no evidence at all, if so.
    prior
        (alpha, beta) of the latest window whose result states a prior.
    unmatched
        Rows of the whole read that belong to no shard.
    cohorts
        The same days by age, for a parameter whose conversions are followed: `observations` then holds the
        people of each day and those who have converted so far, in the ages that were seen in full.
    slices
        The same days by slice, for a parameter that is sliced, by canonical name; a slice without an attempt
        in all the days read is not among them.
    sliced_cohorts
        The cohorts of each slice, for a parameter that is both sliced and followed.
    """

    observations: Observations
    quarantined: tuple[Quarantine, ...] = ()
    skipped: Skipped | None = None
    prior: tuple[float, float] | None = None
    unmatched: tuple[Unmatched, ...] = ()
    cohorts: Cohorts | None = None
    slices: Mapping[str, Observations] = field(default_factory=dict)
    sliced_cohorts: Mapping[str, Cohorts] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, eq=False)
class Sums:
    """The three sums of many rows, and what is wrong with some.

    Attributes
    ----------
    values : ndarray of float, shape (row, 3)
        (size, total, squares), zero where a row is bad.
    sizes : ndarray of float, shape (row,)
        The size of every row as far as it can be read, also of bad ones.
    bad
        Reason by row.
    """

    values: NDArray[np.float64]
    sizes: NDArray[np.float64]
    bad: Mapping[int, str]


@dataclass(frozen=True, slots=True, eq=False)
class Counts:
    """Columns of counts by name, zero where a row is bad or NULL.

    Attributes
    ----------
    null
        Where each column is NULL.
    bad
        Reason by row.
    """

    values: Mapping[str, NDArray[np.int64]]
    null: Mapping[str, NDArray[np.bool_]]
    bad: Mapping[int, str]


def checked_sums(parameter_type: str, columns: Mapping[str, Sequence[object]]) -> Sums:
    """Return the sums of rows, each checked for what its type of parameter can have.

    Parameters
    ----------
    parameter_type
        probability, rate, mean or duration.
    columns
        Values of each statistic, by its name in `STATISTIC_NAMES`.
    """
    names = STATISTIC_NAMES[parameter_type]
    rows = len(columns[names[0]])
    values = np.zeros((rows, 3))
    null = np.zeros((rows, 3), dtype=bool)
    bad: dict[int, str] = {}
    for i, name in enumerate(names):
        values[:, i], null[:, i] = _numbers(columns[name], name, bad)
    sizes = np.where(np.isfinite(values[:, 0]), values[:, 0], 0.0)
    _check_nulls(names, values, null, bad)
    values[null] = 0.0
    for i, name in enumerate(names):
        _check_column(name, values[:, i], bad)
    for mask, reason in _impossible(parameter_type, names, values):
        _mark(bad, mask, reason)
    values[list(bad)] = 0.0
    return Sums(values, sizes, bad)


def checked_counts(columns: Mapping[str, Sequence[object]]) -> Counts:
    """Return columns of counts, each value checked to be a whole number of at least 0, or NULL.

    Parameters
    ----------
    columns
        Values by the name that a reason is to give them.
    """
    bad: dict[int, str] = {}
    values: dict[str, NDArray[np.int64]] = {}
    null: dict[str, NDArray[np.bool_]] = {}
    for name, column in columns.items():
        numbers, null[name] = _numbers(column, name, bad)
        numbers[null[name]] = 0.0
        _check_column(name, numbers, bad, counted=True)
        numbers[list(bad)] = 0.0
        values[name] = numbers.astype(np.int64)
    return Counts(values, null, bad)


def _numbers(
    column: Sequence[object], name: str, bad: dict[int, str]
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Return a column as floats and where it is NULL; rows that hold no number are marked."""
    kinds = set(map(type, column))
    if not kinds <= _NUMBERS:
        for i, value in enumerate(column):
            if type(value) not in _NUMBERS:
                bad.setdefault(i, f"{name} is not a number")
        column = [value if type(value) in _NUMBERS else 0.0 for value in column]
    numbers = np.array(column, dtype=np.float64).reshape(-1)
    null = np.zeros(len(column), dtype=bool)
    if type(None) in kinds:
        null = np.fromiter((value is None for value in column), dtype=bool, count=len(column))
    return numbers, null


def _check_nulls(
    names: Sequence[str], values: NDArray[np.float64], null: NDArray[np.bool_], bad: dict[int, str]
) -> None:
    """Mark rows whose NULLs cannot mean zero; a row of NULLs alone is a window without events."""
    if not null.any():
        return
    size = np.where(null[:, 0], 0.0, values[:, 0])
    rest = np.where(null[:, 1:], 0.0, values[:, 1:])
    _mark(bad, null[:, 0] & (rest != 0).any(axis=1), f"{names[0]} is NULL although {names[1]} is not")
    for i, name in enumerate(names[1:], start=1):
        if name not in _NULL_IS_ZERO:
            _mark(bad, null[:, i] & (size > 0), f"{name} is NULL although {names[0]} is not zero")


def _check_column(
    name: str, values: NDArray[np.float64], bad: dict[int, str], *, counted: bool = False
) -> None:
    finite = np.isfinite(values)
    _mark(bad, ~finite, f"{name} is not a finite number")
    if name not in _SIGNED:
        _mark(bad, finite & (values < 0), f"{name} is negative")
    if counted or name in _COUNTED:
        _mark(bad, finite & (values != np.floor(values)), f"{name} is not a whole number")


def _impossible(
    parameter_type: str, names: Sequence[str], values: NDArray[np.float64]
) -> list[tuple[NDArray[np.bool_], str]]:
    """Return what no set of events can give, by type."""
    size, total, squares = values.T
    if parameter_type == "probability":
        return [(total > size, "successes exceed trials")]
    if parameter_type == "rate":
        return [((total > 0) & (size == 0), "events without exposure")]
    # Cauchy and Schwarz: (Σx)² <= n·Σx²; the slack is the rounding of the warehouse's own sums.
    with np.errstate(over="ignore", invalid="ignore"):
        spread = total**2 > size * squares * (1 + 1e-9) + 1e-300
    nothing = (size == 0) & ((total != 0) | (squares != 0))
    return [
        (nothing, "a sum without observations"),
        (spread, f"{names[2]} is below {names[1]}² / {names[0]}"),
    ]


def _mark(bad: dict[int, str], mask: NDArray[np.bool_], reason: str) -> None:
    for i in np.flatnonzero(mask):
        bad.setdefault(int(i), reason)
