"""Counts of attempts by what came before them: every conditional rate of a funnel is one lookup."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np
from numpy.typing import NDArray

from evenfall.beliefs.observations import Observations
from evenfall.errors import UnknownName
from evenfall.window import DayWindow

__all__ = ["MAX_NODES", "NEVER", "Ages", "Cube", "Masks", "Visited"]

MAX_NODES: Final = 63
"""Nodes of one cube: each is a bit of a signed 64-bit integer, the widest that every warehouse has."""

NEVER: Final = -1
"""Age of an attempt without success."""

_DAY: Final = np.timedelta64(1, "D")

type Values = str | Sequence[str | None] | None


@dataclass(frozen=True, slots=True)
class Visited:
    """What must have been visited before an attempt.

    Attributes
    ----------
    all
        Every one of these nodes.
    any
        Of each group at least one node; nothing meets an empty group.
    none
        None of these nodes.
    """

    all: frozenset[str] = frozenset()
    any: tuple[frozenset[str], ...] = ()
    none: frozenset[str] = frozenset()

    @property
    def nodes(self) -> frozenset[str]:
        """Every node it names."""
        return self.all.union(self.none, *self.any)


@dataclass(frozen=True, slots=True, eq=False)
class Ages:
    """Attempts by day, and their successes by age.

    Attributes
    ----------
    day : ndarray of datetime64[D], shape (day,)
        Every day of the cube.
    trials : ndarray of int, shape (day,)
        Attempts of each day.
    successes : ndarray of int, shape (day, age)
        Of them, those whose first success came so many whole days of 24 hours after the attempt.
    """

    day: NDArray[np.datetime64]
    trials: NDArray[np.int64]
    successes: NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class Masks:
    """Attempts by the exact set of nodes visited before them.

    Attributes
    ----------
    mask : ndarray of uint64, shape (mask,)
        Bit i says whether the cube's node i was visited; ascending.
    trials, successes : ndarray of int, shape (mask,)
    """

    mask: NDArray[np.uint64]
    trials: NDArray[np.int64]
    successes: NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Cube:
    """Attempts and successes by visited nodes, context values, day of the attempt and age of the success.

    Attributes
    ----------
    nodes
        Bit i of a mask says whether `nodes[i]` was visited in [attempt - lookback, attempt).
    contexts
        Keys of the contexts, in the order of the columns of `codes`.
    values
        Per context key the values that occur, None for no value.
    span
        The days that were read; a day without a row had no attempt.
    day : ndarray of datetime64[D], shape (row,)
        Local day of the attempt.
    mask : ndarray of uint64, shape (row,)
    codes : ndarray of int, shape (row, context)
        Index of the attempt's value in `values`.
    age_days : ndarray of int, shape (row,)
        Whole days of 24 hours from the attempt to its first success, `NEVER` without one.
    trials, successes : ndarray of int, shape (row,)
        Attempts, and those of them that succeeded; a row with an age has as many of one as of the other.
    """

    nodes: tuple[str, ...]
    contexts: tuple[str, ...]
    values: tuple[tuple[str | None, ...], ...]
    span: DayWindow
    day: NDArray[np.datetime64]
    mask: NDArray[np.uint64]
    codes: NDArray[np.int64]
    age_days: NDArray[np.int64]
    trials: NDArray[np.int64]
    successes: NDArray[np.int64]
    _place: NDArray[np.int64] = field(init=False, repr=False)
    _masks: NDArray[np.uint64] = field(init=False, repr=False)
    _mask_of: NDArray[np.int64] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        if len(self.nodes) > MAX_NODES:
            raise ValueError(f"a cube holds at most {MAX_NODES} nodes, not {len(self.nodes)}")
        place = (self.day - np.datetime64(self.span.first)).astype(np.int64)
        if len(place) and not 0 <= place.min() <= place.max() < len(self.span):
            raise ValueError(f"a row lies outside {self.span}")
        masks, mask_of = np.unique(self.mask, return_inverse=True)
        object.__setattr__(self, "_place", place)
        object.__setattr__(self, "_masks", masks)
        object.__setattr__(self, "_mask_of", mask_of)

    def __len__(self) -> int:
        return len(self.trials)

    @property
    def days(self) -> NDArray[np.datetime64]:
        """Every day that was read, in order."""
        return np.datetime64(self.span.first) + np.arange(len(self.span)).astype("timedelta64[D]")

    def lookup(
        self, visited: Visited | None = None, context: Mapping[str, Values] | None = None
    ) -> Observations:
        """Return the daily counts of the attempts that meet a condition, zero days included.

        Parameters
        ----------
        visited
            What was visited before; every attempt when None.
        context
            Per key the value on the attempt's row, or several of which it is one.

        Raises
        ------
        UnknownName
            When the cube does not hold a node or a context key.
        """
        rows = self._rows(visited, context)
        sums = np.zeros((len(self.span), 3))
        sums[:, 0] = self._by_day(rows, self.trials)
        sums[:, 1] = self._by_day(rows, self.successes)
        return Observations(self.days, self.days + _DAY, sums)

    def by_age(self, visited: Visited | None = None, context: Mapping[str, Values] | None = None) -> Ages:
        """Return the attempts of each day that meet a condition, with their successes by age.

        Raises
        ------
        UnknownName
            When the cube does not hold a node or a context key.
        """
        rows = self._rows(visited, context)
        ages = int(self.age_days.max(initial=NEVER)) + 1
        aged = rows[self.age_days[rows] != NEVER]
        cells = self._place[aged] * ages + self.age_days[aged]
        counts = np.bincount(cells, self.successes[aged], len(self.span) * ages)
        successes = counts.astype(np.int64).reshape(len(self.span), ages)
        return Ages(self.days, self._by_day(rows, self.trials).astype(np.int64), successes)

    def by_mask(self, context: Mapping[str, Values] | None = None) -> Masks:
        """Return the attempts by the exact set of nodes visited before, over all days.

        Raises
        ------
        UnknownName
            When the cube does not hold a context key.
        """
        rows = self._rows(None, context)
        trials, successes = (
            np.bincount(self._mask_of[rows], counts[rows], len(self._masks)).astype(np.int64)
            for counts in (self.trials, self.successes)
        )
        return Masks(self._masks, trials, successes)

    def bits(self, nodes: Iterable[str]) -> np.uint64:
        """Return the mask that has exactly the bits of `nodes`.

        Raises
        ------
        UnknownName
            When the cube does not hold one of them.
        """
        mask = 0
        for node in nodes:
            if node not in self.nodes:
                raise UnknownName("node of the cube", node, self.nodes)
            mask |= 1 << self.nodes.index(node)
        return np.uint64(mask)

    def _rows(
        self, visited: Visited | None, context: Mapping[str, Values] | None
    ) -> NDArray[np.int64] | NDArray[np.intp]:
        """Return the rows that meet a condition; visited sets are judged once per distinct mask."""
        keep = np.ones(len(self), dtype=bool)
        if visited is not None and visited != Visited():
            keep &= self._met(visited)[self._mask_of]
        for key, wanted in (context or {}).items():
            keep &= self._has(key, wanted)
        return np.flatnonzero(keep)

    def _met(self, visited: Visited) -> NDArray[np.bool_]:
        every, none = self.bits(visited.all), self.bits(visited.none)
        met: NDArray[np.bool_] = ((self._masks & every) == every) & ((self._masks & none) == 0)
        for group in visited.any:
            met &= (self._masks & self.bits(group)) != 0
        return met

    def _has(self, key: str, wanted: Values) -> NDArray[np.bool_]:
        if key not in self.contexts:
            raise UnknownName("context of the cube", key, self.contexts)
        column = self.contexts.index(key)
        several = (wanted,) if wanted is None or isinstance(wanted, str) else tuple(wanted)
        chosen = np.array([value in several for value in self.values[column]], dtype=bool)
        codes = self.codes[:, column]
        return chosen[codes] if len(chosen) else np.zeros(len(self), dtype=bool)

    def _by_day(self, rows: NDArray[np.intp], counts: NDArray[np.int64]) -> NDArray[np.float64]:
        return np.bincount(self._place[rows], counts[rows], len(self.span)).astype(np.float64)
