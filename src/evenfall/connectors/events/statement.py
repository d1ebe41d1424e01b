"""The one statement that counts attempts by visited nodes, context, day and age; values are binds."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from sqlglot import exp

from evenfall.connectors.events.clocks import DAY, Reading, instants, microseconds, number, wall_times
from evenfall.connectors.events.layout import Layout
from evenfall.connectors.events.questions import CubeAsk
from evenfall.connectors.warehouses import Warehouse
from evenfall.window import day_start

__all__ = ["Statement", "counting_statement"]

_SLACK: Final = timedelta(days=2)
"""Days read beyond both ends by the raw column; the exact bounds are then set on microseconds."""

_AT, _WALL, _GAP, _MASK, _FIRST = "at_us", "wall_us", "gap_us", "mask", "success_us"


@dataclass(frozen=True, slots=True)
class Statement:
    """A SELECT and its binds; its columns are day, mask, age, trials, then one per context."""

    sql: str
    binds: Mapping[str, object]


def counting_statement(ask: CubeAsk, layout: Layout, warehouse: Warehouse) -> Statement:
    """Return the statement that counts the attempts of the days that are asked for.

    Attempts are read from a horizon before the first day, so that the gap rule needs nothing else, and each
    is joined once with its unit's events in [attempt - lookback, attempt + horizon).
    """
    parts = _Parts(ask, layout, warehouse)
    trials = exp.alias_(exp.Count(this=exp.Star()), "trials")
    query = (
        exp.select("day_us", _MASK, "age_us", trials, *parts.contexts)
        .from_(parts.aged().subquery("aged"))
        .group_by("day_us", _MASK, "age_us", *parts.contexts)
    )
    return Statement(query.sql(warehouse.dialect), parts.binds)


class _Parts:
    """The steps of the statement, each a SELECT over the one before."""

    def __init__(self, ask: CubeAsk, layout: Layout, warehouse: Warehouse) -> None:
        question, span, zone = ask.question, ask.span, ask.zone
        self._layout, self._nodes, self._span, self._zone = layout, ask.nodes, span, zone
        self._lookback, self._horizon = microseconds(question.lookback), microseconds(question.horizon)
        self._units = [f"unit_{i}" for i in range(len(layout.unit))]
        self.contexts = [f"context_{i}" for i in range(len(layout.contexts))]
        opens, closes = span.bounds(zone)
        self._first = opens - max(question.lookback, question.horizon) - _SLACK
        self._stop = closes + question.horizon + _SLACK
        self.binds: dict[str, object] = {"attempt": question.attempt, "success": question.success}
        self.binds |= {f"node_{i}": node for i, node in enumerate(ask.nodes)}
        if layout.bounded:
            for name, instant in (("time_first", self._first), ("time_stop", self._stop)):
                midnight = day_start(instant.astimezone(zone).date(), zone)
                self.binds[name] = warehouse.wall_time(midnight, {layout.name})

    def aged(self) -> exp.Select:
        """Return a row per counted attempt: its day, its mask, its context, and its age in microseconds."""
        wait = exp.paren(exp.Sub(this=_column(_FIRST), expression=_column(_AT)))
        return exp.select(
            exp.alias_(_floor(_column(_WALL)), "day_us"),
            _MASK,
            exp.alias_(_floor(wait), "age_us"),
            *self.contexts,
        ).from_(self._journeys().subquery("journeys"))

    def _journeys(self) -> exp.Select:
        """Join each counted attempt with the visits before it and the successes after it."""
        attempt, hit = "attempts", "hits"
        keys = [_column(name, attempt) for name in (*self._units, _AT, _WALL, *self.contexts)]
        at, hit_at = _column(_AT, attempt), _column(_AT, hit)
        same = [exp.EQ(this=_column(u, attempt), expression=_column(u, hit)) for u in self._units]
        near = [
            exp.GTE(this=hit_at, expression=exp.Sub(this=at, expression=number(self._lookback))),
            exp.LT(this=hit_at, expression=exp.Add(this=at, expression=number(self._horizon))),
        ]
        won = exp.and_(
            exp.EQ(this=_column("success", hit), expression=number(1)), exp.GTE(this=hit_at, expression=at)
        )
        first = exp.Min(this=exp.Case().when(won, hit_at))
        return (
            exp.select(*keys, exp.alias_(self._mask(hit, at), _MASK), exp.alias_(first, _FIRST))
            .from_(self._counted().subquery(attempt))
            .join(self._hits().subquery(hit), on=exp.and_(*same, *near), join_type="left")
            .group_by(*keys)
        )

    def _mask(self, hit: str, at: exp.Expr) -> exp.Expr:
        """Return the sum of the bits of the nodes seen strictly before the attempt."""
        total: exp.Expr = number(0)
        for i in range(len(self._nodes)):
            seen = exp.and_(
                exp.EQ(this=_column("node", hit), expression=number(i)),
                exp.LT(this=_column(_AT, hit), expression=at),
            )
            once = exp.Max(this=exp.Case().when(seen, number(1)).else_(number(0)))
            total = exp.Add(this=total, expression=exp.Mul(this=once, expression=number(1 << i)))
        return total

    def _counted(self) -> exp.Select:
        """Keep the attempts of the span before which their unit made none for a horizon."""
        day = [_wall_midnight(day) for day in (self._span.first, self._span.stop)]
        alone = exp.or_(
            exp.Is(this=_column(_GAP), expression=exp.null()),
            exp.GTE(this=_column(_GAP), expression=number(self._horizon)),
        )
        return (
            exp.select(*self._units, _AT, _WALL, *self.contexts)
            .from_(self._attempts().subquery("gaps"))
            .where(
                alone,
                exp.GTE(this=_column(_WALL), expression=number(day[0])),
                exp.LT(this=_column(_WALL), expression=number(day[1])),
            )
        )

    def _attempts(self) -> exp.Select:
        """Return every attempt with the time since the unit's previous one, and its context.

        Attempts of a unit at one instant all get the least of each context's values, and all but one of them
        follow at once: so which attempts and values there are never depends on which contexts somebody else
        asks for. Windows do this, not a GROUP BY: after one SQLite expects few rows and joins them without
        an index, which takes the square of the events.
        """
        columns = zip(self._layout.contexts.values(), self.contexts, strict=True)
        facts = [exp.alias_(column.copy(), name) for column, name in columns]
        events = self._scan(*facts, exp.alias_(self._timed(wall_times), _WALL))
        units = [_column(unit, "events") for unit in self._units]
        at = _column(_AT, "events")
        least = [
            exp.alias_(
                exp.Window(this=exp.Min(this=_column(name, "events")), partition_by=[*units, at]), name
            )
            for name in (_WALL, *self.contexts)
        ]
        order = exp.Order(expressions=[exp.Ordered(this=at, nulls_first=True)])
        previous = exp.Window(this=exp.Lag(this=at), partition_by=units, order=order)
        since = exp.alias_(exp.Sub(this=at, expression=previous), _GAP)
        return exp.select(*units, at, *least, since).from_(
            events.where(_is(self._layout.event, "attempt")).subquery("events")
        )

    def _hits(self) -> exp.Select:
        """Return the events that may be a success or a visit, with the number of the node visited."""
        layout = self._layout
        success = _is(layout.event, "success")
        wanted: exp.Expr = success
        node: exp.Expr = exp.null()
        if layout.node is not None:
            binds = [f"node_{i}" for i in range(len(self._nodes))]
            node = exp.Case()
            for i, bind in enumerate(binds):
                node = node.when(_is(layout.node, bind), number(i))
            visit = exp.In(this=layout.node.copy(), expressions=[exp.Placeholder(this=b) for b in binds])
            wanted = exp.or_(success, visit)
        flag = exp.Case().when(success, number(1)).else_(number(0))
        return self._scan(exp.alias_(flag, "success"), exp.alias_(node, "node")).where(wanted)

    def _scan(self, *facts: exp.Expr) -> exp.Select:
        """Return the events of a unit, in the range of time that matters."""
        layout = self._layout
        units = [exp.alias_(c.copy(), name) for c, name in zip(layout.unit, self._units, strict=True)]
        query = exp.select(*units, exp.alias_(self._timed(instants), _AT), *facts).from_(layout.table.copy())
        query = query.where(
            *(exp.Not(this=exp.Is(this=c.copy(), expression=exp.null())) for c in layout.unit)
        )
        if not layout.bounded:
            first, stop = (number(_epoch(instant)) for instant in (self._first, self._stop))
            return query.where(_between(layout.clock, first, stop))
        first, stop = (exp.Placeholder(this=name) for name in ("time_first", "time_stop"))
        return query.where(_between(layout.raw_time, first, stop))

    def _timed(self, turn: Callable[[exp.Expr, Reading, ZoneInfo, datetime, datetime], exp.Expr]) -> exp.Expr:
        """Return the clock of the table as instants or as wall times."""
        return turn(self._layout.clock, self._layout.reading, self._zone, self._first, self._stop)


def _column(name: str, table: str | None = None) -> exp.Column:
    return exp.column(name, table=table)


def _is(column: exp.Expr, bind: str) -> exp.Expr:
    return exp.EQ(this=column.copy(), expression=exp.Placeholder(this=bind))


def _between(column: exp.Expr, first: exp.Expr, stop: exp.Expr) -> exp.Expr:
    return exp.and_(
        exp.GTE(this=column.copy(), expression=first), exp.LT(this=column.copy(), expression=stop)
    )


def _floor(value: exp.Expr) -> exp.Expr:
    """Return microseconds rounded down to whole days; no division, which every dialect rounds its own way."""
    return exp.Sub(this=value, expression=exp.paren(exp.Mod(this=value.copy(), expression=number(DAY))))


def _wall_midnight(day: date) -> int:
    return (day - date(1970, 1, 1)).days * DAY


def _epoch(instant: datetime) -> int:
    return microseconds(instant - datetime(1970, 1, 1, tzinfo=UTC))
