"""Rows to parameters and windows: by execution, by context columns, by date; what fits nowhere is listed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Final

import numpy as np
from numpy.typing import NDArray

from evenfall.beliefs.observations import STATISTIC_NAMES, Observations
from evenfall.connectors.answers import Fetched, Quarantine, Sums, Unmatched, checked_sums
from evenfall.connectors.execution import Answer, Read
from evenfall.connectors.sql.compile import CompiledQuery
from evenfall.errors import nearest
from evenfall.window import DayWindow

__all__ = ["NOWHERE", "Match", "all_quarantined", "matched", "missing_column"]

NOWHERE: Final = -1
_SHOWN: Final = 80


def matched(read: Read, compiled: CompiledQuery, answer: Answer) -> dict[str, Fetched]:
    """Return the evidence of each parameter in the rows of a read."""
    missing = missing_column(read, compiled, answer)
    if missing:
        return all_quarantined(read, missing, answer)
    match = Match(read, compiled, answer)
    return match.fetched()


def missing_column(read: Read, compiled: CompiledQuery, answer: Answer) -> str:
    """Return what is wrong when a column that the parameter needs is not in the result."""
    if not answer.rows:
        return ""
    wanted = list(read.query.columns.values())
    if read.query.date_column is not None:
        wanted.append(read.query.date_column)
    if read.query.age_column is not None:
        wanted.append(read.query.age_column)
    in_rows = (key for key in read.query.shard_keys if key not in compiled.bound_keys)
    wanted += [key for key in in_rows if f"context_{key.lower()}" not in answer.columns]
    for name in wanted:
        if name.lower() not in answer.columns:
            close = nearest(name, answer.columns)
            hint = f"did you mean {' or '.join(close)}?" if close else f"it has {', '.join(answer.columns)}"
            return f"the result has no column {name}; {hint}"
    return ""


def all_quarantined(read: Read, reason: str, answer: Answer) -> dict[str, Fetched]:
    """Return every window of a read set aside for one reason."""
    shown = _shown(answer, 0)
    quarantined = tuple(Quarantine(window, reason, shown) for window in read.windows)
    return {parameter_id: Fetched(Observations.of(()), quarantined) for parameter_id in read.shards}


class Match:
    """Places every row of an answer in a cell (shard, window).

    Attributes
    ----------
    ids
        Parameters in the order of the shards.
    shards, windows : ndarray of int, shape (row,)
        Cell of each row; `NOWHERE` where it has none.
    quarantined
        Windows set aside so far, by shard.
    unmatched
        Rows whose context values no shard has.
    """

    def __init__(self, read: Read, compiled: CompiledQuery, answer: Answer) -> None:
        self._read, self._answer = read, answer
        self._bound = compiled.bound_keys
        self.ids = list(read.shards)
        names = STATISTIC_NAMES[read.query.type]
        values = {name: answer.column(read.query.columns[name]) or [] for name in names}
        self.sums: Sums = checked_sums(read.query.type, values)
        self.quarantined: dict[int, list[Quarantine]] = {}
        self.unmatched: tuple[Unmatched, ...] = ()
        self.shards = self._shard_of_rows()
        self.windows = self._window_of_rows()

    def fetched(self) -> dict[str, Fetched]:
        """Return the evidence of each parameter."""
        read, shape = self._read, (len(self.ids), len(self._read.windows))
        placed = (self.shards != NOWHERE) & (self.windows != NOWHERE)
        cells = np.where(placed, self.shards * shape[1] + self.windows, 0)
        counts = np.bincount(cells[placed], minlength=shape[0] * shape[1])
        alone = placed & (counts[cells] == 1) if len(cells) else placed
        fine = alone.copy()
        fine[[row for row in self.sums.bad if alone[row]]] = False
        sums = np.zeros((shape[0] * shape[1], 3))
        sums[cells[fine]] = self.sums.values[fine]
        held = np.ones(shape[0] * shape[1], dtype=bool)
        for row in np.flatnonzero(alone & ~fine):
            held[cells[row]] = False
            self.set_aside(int(self.shards[row]), int(self.windows[row]), self.sums.bad[int(row)], [int(row)])
        self._set_aside_extra_rows(cells, counts, placed, held)
        self.set_aside_rejected(held)
        priors = self.priors()
        first = np.array([window.first for window in read.windows], dtype="datetime64[D]")
        stop = np.array([window.stop for window in read.windows], dtype="datetime64[D]")
        grid, kept = sums.reshape(*shape, 3), held.reshape(shape)
        return {
            parameter_id: Fetched(
                _observations(first, stop, grid[i], kept[i]),
                self.quarantine(i),
                prior=priors.get(i),
                unmatched=self.unmatched,
            )
            for i, parameter_id in enumerate(self.ids)
        }

    def _shard_of_rows(self) -> NDArray[np.int64]:
        """Return each row's shard, by the values its execution bound and those in its context columns."""
        answer, keys = self._answer, self._read.query.shard_keys
        if not keys:
            return np.zeros(len(answer.rows), dtype=np.int64)
        columns: list[Sequence[object]] = []
        for key in keys:
            if key in self._bound:
                place = self._bound.index(key)
                values = [execution.values[place] for execution in answer.executions]
                columns.append([values[origin] for origin in answer.origins])
            else:
                columns.append(answer.column(f"context_{key}") or answer.column(key) or [])
        lookup = {
            tuple(shard.get(key) for key in keys): i for i, shard in enumerate(self._read.shards.values())
        }
        found = np.array([lookup.get(row, NOWHERE) for row in zip(*columns, strict=True)], dtype=np.int64)
        return self._with_texts(found, keys, columns, lookup)

    def _with_texts(
        self,
        found: NDArray[np.int64],
        keys: Sequence[str],
        columns: Sequence[Sequence[object]],
        lookup: Mapping[tuple[str | None, ...], int],
    ) -> NDArray[np.int64]:
        """Look rows up again whose context values are numbers, and list those that no shard has."""
        lost: dict[tuple[str | None, ...], tuple[int, float]] = {}
        for row in np.flatnonzero(found == NOWHERE).tolist():
            values = tuple(None if column[row] is None else str(column[row]) for column in columns)
            found[row] = lookup.get(values, NOWHERE)
            if found[row] == NOWHERE:
                rows, size = lost.get(values, (0, 0.0))
                lost[values] = (rows + 1, size + float(self.sums.sizes[row]))
        self.unmatched = tuple(
            Unmatched(dict(zip(keys, values, strict=True)), rows, size)
            for values, (rows, size) in lost.items()
        )
        return found

    def _window_of_rows(self) -> NDArray[np.int64]:
        query = self._read.query
        if query.date_column is None:
            own = [execution.window for execution in self._answer.executions]
            return np.array([own[origin] for origin in self._answer.origins], dtype=np.int64)
        by_day = {day: i for i, window in enumerate(self._read.windows) for day in window}
        asked = self._read.asked[0]
        windows = np.full(len(self._answer.rows), NOWHERE, dtype=np.int64)
        for row, value in enumerate(self._answer.column(query.date_column) or ()):
            day = _as_day(value)
            windows[row] = by_day.get(day, NOWHERE) if day is not None else NOWHERE
            if day is None or day not in asked:
                reason = (
                    "a row has no readable date" if day is None else f"{day} is outside the days asked for"
                )
                self._set_aside_row(row, asked, reason)
        return windows

    def _set_aside_extra_rows(
        self,
        cells: NDArray[np.int64],
        counts: NDArray[np.int64],
        placed: NDArray[np.bool_],
        held: NDArray[np.bool_],
    ) -> None:
        for cell in np.flatnonzero(counts > 1):
            held[cell] = False
            rows = [int(row) for row in np.flatnonzero(placed & (cells == cell))]
            shard, window = divmod(int(cell), len(self._read.windows))
            self.set_aside(shard, window, f"{len(rows)} rows where one was expected", rows)

    def quarantine(self, shard: int) -> tuple[Quarantine, ...]:
        """Return the windows of a shard that were set aside, in order."""
        return tuple(sorted(self.quarantined.get(shard, ()), key=lambda aside: aside.window))

    def set_aside_rejected(self, held: NDArray[np.bool_]) -> None:
        """Quarantine the windows of the executions that the source refused."""
        width = len(self._read.windows)
        own = [tuple(shard.get(key) for key in self._bound) for shard in self._read.shards.values()]
        for i, reason in self._answer.rejected.items():
            execution = self._answer.executions[i]
            windows = range(width) if self._read.query.date_column else [execution.window]
            for shard in (j for j, values in enumerate(own) if values == execution.values):
                for window in windows:
                    held[shard * width + window] = False
                    self.set_aside(shard, window, reason, [])

    def set_aside(
        self, shard: int, window: int, reason: str, rows: Sequence[int], size: float | None = None
    ) -> None:
        """Quarantine a window, with what its first row holds; its size is that of all rows unless given."""
        size = float(sum(self.sums.sizes[row] for row in rows)) if size is None else size
        shown = _shown(self._answer, rows[0]) if rows else {}
        self.quarantined.setdefault(shard, []).append(
            Quarantine(self._read.windows[window], reason, shown, size)
        )

    def _set_aside_row(self, row: int, window: DayWindow, reason: str) -> None:
        """Quarantine a row that belongs to no window, under the range that was asked."""
        shard = int(self.shards[row])
        if shard != NOWHERE:
            aside = Quarantine(window, reason, _shown(self._answer, row), float(self.sums.sizes[row]))
            self.quarantined.setdefault(shard, []).append(aside)

    def priors(self) -> dict[int, tuple[float, float]]:
        """Return by shard the (alpha, beta) of its latest window that states both."""
        alphas, betas = (self._answer.column(name) for name in self._read.query.prior_columns)
        latest: dict[int, tuple[int, float, float]] = {}
        for row, (alpha, beta) in enumerate(zip(alphas or (), betas or (), strict=False)):
            shard, window = int(self.shards[row]), int(self.windows[row])
            if shard == NOWHERE or not isinstance(alpha, int | float) or not isinstance(beta, int | float):
                continue
            if shard not in latest or window >= latest[shard][0]:
                latest[shard] = (window, float(alpha), float(beta))
        return {shard: (alpha, beta) for shard, (_, alpha, beta) in latest.items()}


def _observations(
    first: NDArray[np.datetime64],
    stop: NDArray[np.datetime64],
    sums: NDArray[np.float64],
    kept: NDArray[np.bool_],
) -> Observations:
    if kept.all():
        return Observations(first, stop, sums)
    return Observations(first[kept], stop[kept], sums[kept])


def _as_day(value: object) -> date | None:
    if isinstance(value, datetime):
        return value.date()
    if isinstance(value, date):
        return value
    if isinstance(value, str):
        try:
            return datetime.fromisoformat(value).date()
        except ValueError:
            return None
    return None


def _shown(answer: Answer, row: int) -> dict[str, str]:
    """Return one row as short texts, for people."""
    return {name: repr(value)[:_SHOWN] for name, value in zip(answer.columns, answer.rows[row], strict=False)}
