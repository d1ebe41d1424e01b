"""The statement that follows every entry of a funnel through its steps; values are binds.

For each event the first later event of the next step is the least time over the later rows of its unit. What
lies beyond that step is carried along the same way, from the last step back to the entry: of the later rows
of a step the earliest also has the earliest times of everything after it, so a minimum finds them all, and
one window per step over rows sorted by unit and time is enough. Later means by a microsecond or more.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import reduce
from typing import Final
from zoneinfo import ZoneInfo

from sqlglot import exp

from evenfall.connectors.events.clocks import instants, microseconds, number
from evenfall.connectors.events.layout import Layout
from evenfall.connectors.funnels.question import FunnelQuestion
from evenfall.connectors.warehouses import Warehouse
from evenfall.window import day_start

__all__ = ["HOUR", "NEVER", "FunnelStatements", "Statement"]

HOUR: Final = microseconds(timedelta(hours=1))
NEVER: Final = 1 << 62
"""Microseconds since 1970 of what did not happen; longer than any time there is."""

_SLACK: Final = timedelta(days=2)
"""Days read beyond both ends by the raw column; the exact bounds are then set on microseconds."""

_AT, _CODE, _NODE, _OPENS, _NTH = "ef_us", "ef_code", "ef_node", "ef_opens", "ef_nth"


@dataclass(frozen=True, slots=True)
class Statement:
    """A SELECT and its binds."""

    sql: str
    binds: Mapping[str, object]


class FunnelStatements:
    """The statements of one funnel over one table.

    Parameters
    ----------
    until
        The end of the data: later events are not read.
    """

    def __init__(
        self, question: FunnelQuestion, layout: Layout, until: datetime, zone: ZoneInfo, warehouse: Warehouse
    ) -> None:
        self._question, self._layout, self._until = question, layout, until
        self._zone, self._warehouse = zone, warehouse
        self._units = [f"ef_unit_{i}" for i in range(len(layout.unit))]

    @property
    def widths(self) -> tuple[int, int, int, int]:
        """How many columns of `attempts` are units, steps, breaks, optional steps."""
        segments = len(self._question.required) - 1
        optional = len(self._question.steps) - segments - 1
        return len(self._units), segments, segments if self._breaks_at_all else 0, optional

    def earliest(self) -> Statement:
        """Return the statement for the clock of the table's first event."""
        query = exp.select(exp.Min(this=self._layout.clock.copy())).from_(self._layout.table.copy())
        return Statement(query.sql(self._warehouse.dialect), {})

    def entries(self, first: datetime, stop: datetime) -> Statement:
        """Return the statement that counts the entries in [first, stop) by the hour."""
        binds: dict[str, object] = {}
        scan = self._scan(first, stop, (0,), binds).subquery("scan")
        hour = exp.Sub(
            this=_column(_AT), expression=exp.paren(exp.Mod(this=_column(_AT), expression=number(HOUR)))
        )
        hours = (
            exp.select(exp.alias_(hour, "ef_hour")).from_(scan).where(*_within(first, stop), _is(_OPENS, 1))
        )
        query = exp.select("ef_hour", exp.alias_(exp.Count(this=exp.Star()), "entries")).from_(
            hours.subquery("hours")
        )
        return Statement(query.group_by("ef_hour").sql(self._warehouse.dialect), binds)

    def attempts(self, first: datetime, stop: datetime) -> Statement:
        """Return the statement of the entries in [first, stop), a row for each, by time.

        Its columns are the unit, the entry, the first time of each further required step counted from the one
        before it, the first break after each step but the last, and the first time of each optional step; all
        in microseconds since 1970, `NEVER` for what did not happen.
        """
        question = self._question
        binds: dict[str, object] = {}
        end = min(stop + question.window, self._until)
        names = None if question.strict_order == "events" else tuple(range(len(question.names)))
        query = self._scan(first, end, names, binds)
        base = [*self._units, _AT, _CODE, *([] if self._layout.node is None else [_NODE]), _OPENS]
        query = exp.select(*base).from_(query.subquery("scan")).where(*_within(first, end))
        carried: list[str] = []
        for segment in range(len(question.required) - 1, 0, -1):
            found = self._found(segment, carried)
            query = exp.select(*base, *found).from_(query.subquery(f"after_{segment}"))
            carried = [item.alias_or_name for item in found]
        return Statement(self._opened(query, stop).sql(self._warehouse.dialect), binds)

    @property
    def _breaks_at_all(self) -> bool:
        return self._question.strict_order != "no" or bool(self._question.exclude)

    def _scan(
        self, first: datetime, stop: datetime, names: Sequence[int] | None, binds: dict[str, object]
    ) -> exp.Select:
        """Return the events called one of `names` (all where None): unit, time, name, whether it opens."""
        layout, question = self._layout, self._question
        early, late = first - _SLACK, stop + _SLACK
        known = range(len(question.names)) if names is None else names
        binds |= {f"name_{i}": question.names[i] for i in known}
        clock = instants(layout.clock, layout.reading, self._zone, early, late)
        facts = [exp.alias_(clock, _AT), exp.alias_(_coded(layout.event, known), _CODE)]
        if layout.node is not None:
            facts.append(exp.alias_(_coded(layout.node, known), _NODE))
        facts.append(exp.alias_(self._opens(binds), _OPENS))
        units = [exp.alias_(c.copy(), name) for c, name in zip(layout.unit, self._units, strict=True)]
        query = exp.select(*units, *facts).from_(layout.table.copy())
        query = query.where(*(_not_null(column) for column in (*layout.unit, layout.raw_time)))
        if names is not None:
            query = query.where(exp.or_(*(_named(column, known) for column in self._name_columns)))
        return self._bounded(query, early, late, binds)

    @property
    def _name_columns(self) -> list[exp.Column]:
        node = self._layout.node
        return [self._layout.event] if node is None else [self._layout.event, node]

    def _opens(self, binds: dict[str, object]) -> exp.Expr:
        """Return 1 for a row that may open an attempt, else 0."""
        conditions: list[exp.Expr] = [exp.or_(*(_named(column, (0,)) for column in self._name_columns))]
        for i, (key, value) in enumerate(sorted(self._question.context.items())):
            text = exp.cast(self._layout.contexts[key].copy(), exp.DType.TEXT)
            conditions.append(exp.EQ(this=text, expression=exp.Placeholder(this=f"context_{i}")))
            binds[f"context_{i}"] = value
        return exp.Case().when(exp.and_(*conditions), number(1)).else_(number(0))

    def _bounded(
        self, query: exp.Select, first: datetime, stop: datetime, binds: dict[str, object]
    ) -> exp.Select:
        """Keep what may lie in a range, in a way that lets the warehouse leave files unread."""
        layout = self._layout
        if not layout.bounded:
            return query.where(*_range(layout.clock, number(_epoch(first)), number(_epoch(stop))))
        for name, instant in (("time_first", first), ("time_stop", stop)):
            midnight = day_start(instant.astimezone(self._zone).date(), self._zone)
            binds[name] = self._warehouse.wall_time(midnight, {layout.name})
        ends = (exp.Placeholder(this=name) for name in ("time_first", "time_stop"))
        return query.where(*_range(layout.raw_time, *ends))

    def _found(self, segment: int, carried: Sequence[str]) -> list[exp.Expr]:
        """Return what is known at a step of what follows, and at the step before it all of that once more."""
        question = self._question
        here = question.steps[question.required[segment]]
        found = {f"ef_step_{segment}": self._later(self._matches([here]), _column(_AT))}
        if self._breaks_at_all:
            found[f"ef_break_{segment}"] = self._later(self._breaks(segment), _column(_AT))
        for position in question.between(segment):
            wanted = self._matches([question.steps[position]])
            found[f"ef_optional_{position}"] = self._later(wanted, _column(_AT))
        for name in carried:
            found[name] = self._later(self._matches([here]), _column(name))
        return [exp.alias_(value, name) for name, value in found.items()]

    def _later(self, wanted: exp.Expr, value: exp.Expr) -> exp.Expr:
        """Return the least value of the rows of the unit that are wanted and strictly later."""
        return exp.Window(
            this=exp.Min(this=exp.Case().when(wanted, value)),
            partition_by=[_column(unit) for unit in self._units],
            order=exp.Order(expressions=[exp.Ordered(this=_column(_AT), desc=True)]),
            spec=exp.WindowSpec(
                kind="RANGE",
                start="UNBOUNDED",
                start_side="PRECEDING",
                end=exp.Literal.number(1),
                end_side="PRECEDING",
            ),
        )

    def _matches(self, names: Sequence[str]) -> exp.Expr:
        """Return the condition that a row is called one of the names."""
        codes = [number(self._question.names.index(name)) for name in dict.fromkeys(names)]
        columns = [_CODE] if self._layout.node is None else [_CODE, _NODE]
        tests = [exp.In(this=_column(c), expressions=[code.copy() for code in codes]) for c in columns]
        return exp.paren(exp.or_(*tests))

    def _breaks(self, segment: int) -> exp.Expr:
        """Return the condition that a row between two steps ends the attempt."""
        question = self._question
        low, high = question.required[segment - 1], question.required[segment]
        others = exp.Not(this=self._matches(question.steps[low : high + 1]))
        causes: list[exp.Expr] = [self._matches(question.exclude)] if question.exclude else []
        if question.strict_order == "events":
            causes.append(others)
        elif question.strict_order == "steps":
            causes.append(exp.and_(self._matches(question.steps), others))
        return exp.or_(*causes)

    def _opened(self, query: exp.Select, stop: datetime) -> exp.Select:
        """Return one row per entry, or the first of each unit where no other can count."""
        question = self._question
        last = len(question.required) - 1
        opened = [_is(_OPENS, 1), exp.LT(this=_column(_AT), expression=number(_epoch(stop)))]
        if not question.re_entry:
            rank = exp.Window(
                this=exp.RowNumber(),
                partition_by=[_column(unit) for unit in (*self._units, _OPENS)],
                order=exp.Order(expressions=[exp.Ordered(this=_column(_AT))]),
            )
            query = exp.select("*", exp.alias_(rank, _NTH)).from_(query.subquery("ranked"))
            opened.append(_is(_NTH, 1))
        kinds = ["step", *(["break"] if self._breaks_at_all else [])]
        times = [f"ef_{kind}_{segment}" for kind in kinds for segment in range(1, last + 1)]
        times += [f"ef_optional_{i}" for i in range(len(question.steps)) if i not in question.required]
        known = [exp.alias_(exp.Coalesce(this=_column(t), expressions=[number(NEVER)]), t) for t in times]
        return (
            exp.select(*self._units, _AT, *known)
            .from_(query.subquery("entries"))
            .where(*opened)
            .order_by(exp.Ordered(this=_column(_AT)))
        )


def _column(name: str) -> exp.Column:
    return exp.column(name)


def _is(name: str, value: int) -> exp.Expr:
    return exp.EQ(this=_column(name), expression=number(value))


def _not_null(column: exp.Expr) -> exp.Expr:
    return exp.Not(this=exp.Is(this=column.copy(), expression=exp.null()))


def _named(column: exp.Expr, codes: Sequence[int] | range) -> exp.Expr:
    return exp.In(this=column.copy(), expressions=[exp.Placeholder(this=f"name_{i}") for i in codes])


def _coded(column: exp.Expr, codes: Sequence[int] | range) -> exp.Expr:
    """Return the place of a row's name among those of the question, −1 for any other."""

    def add(cases: exp.Case, i: int) -> exp.Case:
        bind = exp.Placeholder(this=f"name_{i}")
        return cases.when(exp.EQ(this=column.copy(), expression=bind), number(i))

    return reduce(add, codes, exp.Case()).else_(number(-1))


def _range(column: exp.Expr, first: exp.Expr, stop: exp.Expr) -> list[exp.Expr]:
    return [exp.GTE(this=column.copy(), expression=first), exp.LT(this=column.copy(), expression=stop)]


def _within(first: datetime, stop: datetime) -> list[exp.Expr]:
    return _range(_column(_AT), number(_epoch(first)), number(_epoch(stop)))


def _epoch(instant: datetime) -> int:
    return microseconds(instant - datetime(1970, 1, 1, tzinfo=UTC))
