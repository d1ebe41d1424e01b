"""Rows (entry day, age, people, conversions) as cohorts: each day holds, or is set aside, as a whole."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import numpy as np
from numpy.typing import NDArray

from evenfall.beliefs.cohorts import Cohorts
from evenfall.beliefs.observations import Observations
from evenfall.connectors.answers import Counts, Fetched, checked_counts
from evenfall.connectors.execution import Answer, Read
from evenfall.connectors.matching import NOWHERE, Match, all_quarantined, missing_column
from evenfall.connectors.sql.compile import CompiledQuery
from evenfall.window import DayWindow

__all__ = ["as_observations", "calendar_ages", "matched_cohorts"]

_DAY: Final = np.timedelta64(1, "D")


def matched_cohorts(read: Read, compiled: CompiledQuery, answer: Answer) -> dict[str, Fetched]:
    """Return the cohorts of each parameter in the rows of a read.

    Ages are dates after the entry day. The people of a day may stand in each of its rows, or in some of them;
    successes are the conversions at that age alone. An age without a row has none; ages that have not passed
    in full by the night, or that are not followed, do not count.
    """
    missing = missing_column(read, compiled, answer)
    if missing:
        return all_quarantined(read, missing, answer)
    return _CohortMatch(read, compiled, answer).fetched()


def calendar_ages(entry: NDArray[np.datetime64], night: np.datetime64, followed: int) -> NDArray[np.int64]:
    """Return how many ages of each cohort have passed in full when the day of `night` begins."""
    passed = (night - entry).astype("timedelta64[D]").astype(np.int64)
    return np.clip(passed, 0, followed)


def as_observations(cohorts: Cohorts) -> Observations:
    """Return people and conversions so far, by entry day."""
    sums = np.zeros((len(cohorts), 3))
    sums[:, 0], sums[:, 1] = cohorts.size, cohorts.converted
    return Observations(cohorts.entry, cohorts.entry + _DAY, sums)


class _CohortMatch:
    """Places every row of an answer in a cell (shard, entry day) and, within it, at an age."""

    def __init__(self, read: Read, compiled: CompiledQuery, answer: Answer) -> None:
        assert read.query.age_column is not None, "only a query by age gives cohorts"
        self._read = read
        self._match = Match(read, compiled, answer)
        names = {**read.query.columns, "age_days": read.query.age_column}
        self._counts: Counts = checked_counts({n: answer.column(c) or [] for n, c in names.items()})
        placed = (self._match.shards != NOWHERE) & (self._match.windows != NOWHERE)
        self._rows = np.flatnonzero(placed)
        self._cells = self._match.shards[placed] * len(read.windows) + self._match.windows[placed]

    def fetched(self) -> dict[str, Fetched]:
        """Return the evidence of each parameter."""
        width = len(self._read.windows)
        size, held = self._people()
        for cell, reason, rows in self._faults(size):
            if held[cell]:
                held[cell] = False
                shard, window = divmod(cell, width)
                self._match.set_aside(shard, window, reason, rows, float(size[cell]))
        self._match.set_aside_rejected(held)
        converted = self._by_age()
        priors = self._match.priors()
        found: dict[str, Fetched] = {}
        for shard, parameter_id in enumerate(self._match.ids):
            cells = np.arange(shard * width, (shard + 1) * width)[held[shard * width : (shard + 1) * width]]
            cohorts = self._cohorts(cells - shard * width, size[cells], converted[cells])
            found[parameter_id] = Fetched(
                as_observations(cohorts),
                self._match.quarantine(shard),
                prior=priors.get(shard),
                unmatched=self._match.unmatched,
                cohorts=cohorts,
            )
        return found

    def _people(self) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
        """Return the people of each cell, and a mask of those that hold: all, until a fault is found."""
        size = np.zeros(len(self._match.ids) * len(self._read.windows), dtype=np.int64)
        np.maximum.at(size, self._cells, self._counts.values["trials"][self._rows])
        return size, np.ones(len(size), dtype=bool)

    def _faults(self, size: NDArray[np.int64]) -> Iterator[tuple[int, str, list[int]]]:
        """Yield each cell that does not hold, with the reason and its rows that show it."""
        counts, rows, cells = self._counts, self._rows, self._cells
        for place in np.flatnonzero(np.isin(rows, list(counts.bad))):
            yield int(cells[place]), counts.bad[int(rows[place])], [int(rows[place])]
        trials, ages = counts.values["trials"][rows], counts.values["age_days"][rows]
        successes, ageless = counts.values["successes"][rows], counts.null["age_days"][rows]
        for place in np.flatnonzero((trials > 0) & (trials != size[cells])):
            reason = f"trials of one entry day differ: {trials[place]:,} and {size[cells[place]]:,}"
            yield int(cells[place]), reason, [int(rows[place])]
        for place in np.flatnonzero(ageless & (successes > 0)):
            yield int(cells[place]), "successes without an age_days", [int(rows[place])]
        order = np.lexsort((np.where(ageless, NOWHERE, ages), cells))
        same = (np.diff(cells[order]) == 0) & (np.diff(np.where(ageless, NOWHERE, ages)[order]) == 0)
        for place in order[1:][same]:
            named = "no age" if ageless[place] else f"age {ages[place]}"
            yield int(cells[place]), f"two rows of one entry day for {named}", [int(rows[place])]
        total = np.bincount(cells, successes, len(size)).astype(np.int64)
        for cell in np.flatnonzero(total > size):
            reason = f"{total[cell]:,} successes over all ages exceed {size[cell]:,} trials"
            yield int(cell), reason, [int(row) for row in rows[cells == cell][:1]]

    def _by_age(self) -> NDArray[np.int64]:
        """Return the conversions of each cell at each age that is followed."""
        followed = self._read.query.max_age_days
        ages = self._counts.values["age_days"][self._rows]
        kept = (ages < followed) & ~self._counts.null["age_days"][self._rows]
        converted = np.zeros((len(self._match.ids) * len(self._read.windows), followed), dtype=np.int64)
        successes = self._counts.values["successes"][self._rows]
        np.add.at(converted, (self._cells[kept], ages[kept]), successes[kept])
        return converted

    def _cohorts(
        self, windows: NDArray[np.int64], size: NDArray[np.int64], converted: NDArray[np.int64]
    ) -> Cohorts:
        days: list[DayWindow] = [self._read.windows[window] for window in windows.tolist()]
        entry = np.array([day.first for day in days], dtype="datetime64[D]")
        followed = self._read.query.max_age_days
        observed = calendar_ages(entry, np.datetime64(self._read.night.as_of), followed)
        seen = np.where(np.arange(followed) < observed[:, None], converted, 0)
        return Cohorts(entry, size, seen, observed, "calendar")
