"""Runs of one compiled query: which there are, what they bind, and all their rows together."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import batched
from typing import Final

from evenfall.clock import Night
from evenfall.connectors.questions import ObservationQuery
from evenfall.connectors.sql import binds, lateral
from evenfall.connectors.sql.compile import CompiledQuery
from evenfall.connectors.warehouses import Warehouse
from evenfall.errors import QueryRefused, SourceError, SourceRejected
from evenfall.registry.time_expression import resolve_time
from evenfall.window import DayWindow, day_start, local_day

__all__ = ["Answer", "Execution", "Read", "execute"]

_BATCH: Final = 5_000
"""Executions that one LATERAL query stands for; bounds its memory."""

_GIVE_UP_AFTER: Final = 3
"""Executions rejected in a row from the first on, after which the query, not a day, is at fault."""

_DAY: Final = timedelta(days=1)


@dataclass(frozen=True)
class Read:
    """One question to one source: a query, the parameters it answers for, and the windows.

    Attributes
    ----------
    query
        The counting query, shared by all shards.
    shards
        Context values of each parameter; empty values for a parameter by itself.
    windows
        What to read, disjoint, in order: days when the query is splittable (always, for a time series), else
        windows of its declared length.
    night
        Gives the logical clock and the zone.
    """

    query: ObservationQuery
    shards: Mapping[str, Mapping[str, str]]
    windows: tuple[DayWindow, ...]
    night: Night

    @property
    def asked(self) -> tuple[DayWindow, ...]:
        """The ranges of dates to bind: the windows, or for a time series the one that holds them all."""
        if self.query.date_column is None or not self.windows:
            return self.windows
        first = min(window.first for window in self.windows)
        return (DayWindow(first, max(window.stop for window in self.windows)),)


@dataclass(frozen=True, slots=True)
class Execution:
    """One run of the query: the range of dates it covers, and the values of the shard keys it binds."""

    window: int
    values: tuple[str | None, ...] = ()


@dataclass
class Answer:
    """All rows of a read, the execution each came from, and the executions the source refused."""

    executions: Sequence[Execution]
    columns: tuple[str, ...] = ()
    rows: list[tuple[object, ...]] = field(default_factory=list)
    origins: list[int] = field(default_factory=list)
    rejected: dict[int, str] = field(default_factory=dict)

    def column(self, name: str) -> list[object] | None:
        """Return the values of a column, None when the result has none of that name."""
        if name.lower() not in self.columns:
            return None
        i = self.columns.index(name.lower())
        return [row[i] for row in self.rows]


def execute(read: Read, compiled: CompiledQuery, warehouse: Warehouse) -> Answer:
    """Return all rows of a read, by one query for all executions where the warehouse can do that.

    Raises
    ------
    SourceDown, SourceRejected
        When the source cannot answer at all; a single window it rejects is listed in the answer.
    """
    combinations = dict.fromkeys(
        tuple(shard.get(key) for key in compiled.bound_keys) for shard in read.shards.values()
    )
    executions = [Execution(window, values) for values in combinations for window in range(len(read.asked))]
    fill = _Binds(read, compiled, warehouse)
    if compiled.lateral_sql is not None and len(executions) > 1:
        try:
            return _all_at_once(executions, fill, compiled.lateral_sql, warehouse)
        except SourceError:
            # One bad day spoils the common query, and it needs more memory and time than one: ask one by one.
            pass
    return _one_by_one(executions, fill, compiled.sql, warehouse)


def _all_at_once(executions: Sequence[Execution], fill: _Binds, sql: str, warehouse: Warehouse) -> Answer:
    answer = Answer(executions)
    for part in batched(range(len(executions)), _BATCH):
        table = warehouse.query(sql, fill.of_many(part, executions))
        answer.columns = table.columns[1:]
        answer.origins += [int(str(row[0])) for row in table.rows]
        answer.rows += [row[1:] for row in table.rows]
    return answer


def _one_by_one(executions: Sequence[Execution], fill: _Binds, sql: str, warehouse: Warehouse) -> Answer:
    answer = Answer(executions)
    for i, execution in enumerate(executions):
        try:
            table = warehouse.query(sql, fill.of_one(execution))
        except SourceRejected as error:
            answer.rejected[i] = error.message
            if len(answer.rejected) == i + 1 and i + 1 in (len(executions), _GIVE_UP_AFTER):
                raise
            continue
        answer.columns = table.columns
        answer.rows += table.rows
        answer.origins += [i] * len(table.rows)
    return answer


class _Binds:
    """Fills the binds of executions: dates, clock, declared times, context values."""

    def __init__(self, read: Read, compiled: CompiledQuery, warehouse: Warehouse) -> None:
        self._variables = compiled.variables
        self._bound = [compiled.variables[key] for key in compiled.bound_keys]
        zone, back = read.night.zone, _lookback_days(read) if binds.LOOKBACK_START in compiled.binds else 0

        def at(instant: datetime) -> object:
            return warehouse.wall_time(instant, compiled.tables)

        self._dates: list[dict[str, object]] = [
            {
                binds.START_DATE: at(day_start(window.first, zone)),
                binds.END_DATE: at(day_start(window.stop, zone)),
                binds.LOOKBACK_START: at(day_start(window.first - back * _DAY, zone)),
            }
            for window in read.asked
        ]
        varying = {binds.START_DATE, binds.END_DATE, binds.LOOKBACK_START, *self._bound}
        self._varying = sorted(varying & compiled.binds)
        constant = compiled.binds - varying
        self._common = {name: value for name, value in self._constants(read, at).items() if name in constant}

    def of_one(self, execution: Execution) -> dict[str, object]:
        """Return the binds of one execution."""
        return {**self._common, **self._of(execution)}

    def of_many(self, positions: Sequence[int], executions: Sequence[Execution]) -> dict[str, object]:
        """Return the binds of many executions in one query: a list for each name that varies."""
        filled = [self._of(executions[position]) for position in positions]
        lists = {lateral.column_bind(name): [values[name] for values in filled] for name in self._varying}
        return {**self._common, **lists, lateral.column_bind(lateral.POSITION): list(positions)}

    def _of(self, execution: Execution) -> dict[str, object]:
        values = {**self._dates[execution.window], **dict(zip(self._bound, execution.values, strict=True))}
        return {name: values[name] for name in self._varying}

    def _constants(self, read: Read, at: Callable[[datetime], object]) -> dict[str, object]:
        instant, zone = read.night.instant, read.night.zone
        values: dict[str, object] = {
            bind: read.query.fixed.get(name) for name, bind in self._variables.items()
        }
        values |= {binds.AS_OF: at(instant), binds.LOGICAL_NOW: at(instant)}
        values[binds.LOGICAL_TODAY] = local_day(instant, zone)
        return values | {
            name: at(resolve_time(text, instant, zone)) for name, text in read.query.times.items()
        }


def _lookback_days(read: Read) -> int:
    """Return how many whole days before a window :lookback_start lies, as the declared times stand apart."""
    instant, zone, times = read.night.instant, read.night.zone, read.query.times
    start = resolve_time(times[binds.START_DATE], instant, zone)
    back = resolve_time(times[binds.LOOKBACK_START], instant, zone)
    if back > start:
        raise QueryRefused(
            "lookback_start lies after start_date", remedy="it says how far before the window visits count"
        )
    return math.ceil((start - back) / _DAY)
