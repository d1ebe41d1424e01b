"""The attempts of a funnel, read piece by piece so that no answer is larger than a warehouse gives."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from evenfall.connectors.events.layout import Layout, fetch_layout
from evenfall.connectors.events.questions import CubeAsk, EventQuestion
from evenfall.connectors.funnels.attempts import Attempts, Candidates, OpenUnits
from evenfall.connectors.funnels.question import FunnelQuestion
from evenfall.connectors.funnels.statement import HOUR, FunnelStatements
from evenfall.connectors.warehouses import Warehouse
from evenfall.errors import QueryRefused, SourceRejected
from evenfall.window import DayWindow, local_day

__all__ = ["FunnelRead", "fetch_attempts"]

_ROWS: Final = 500_000
"""Entries that one statement is asked for: half of what a warehouse gives at most."""
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MARGIN: Final = timedelta(days=2)
_SETTING: Final = "set observation_source.columns."


@dataclass(frozen=True)
class FunnelRead:
    """A question, and the time it is about.

    Attributes
    ----------
    first
        Earliest instant of an entry; None for the first event of the table.
    stop
        First instant after the last entry.
    until
        End of the data: later events are not read.
    zone
        Wall times in the table are of this zone.
    """

    question: FunnelQuestion
    first: datetime | None
    stop: datetime
    until: datetime
    zone: ZoneInfo


def fetch_attempts(read: FunnelRead, warehouse: Warehouse, rows: int = _ROWS) -> Attempts:
    """Return the attempts that were opened in the range.

    Entries before the range are not looked at: a unit's first entry is its first in the range, and an attempt
    that was under way when the range began does not keep an entry from opening another. Nothing is read from
    before 1970: such a time stands for one that is not known.

    Parameters
    ----------
    rows
        Entries to read at once.

    Raises
    ------
    QueryRefused
        When the table, or a column of it, is not there.
    SourceDown, SourceRejected
        When the source cannot answer.
    """
    question, steps = read.question, len(read.question.steps)
    layout = _layout(read, warehouse)
    stop = min(read.stop, read.until)
    if layout is None:
        return Attempts.together([], steps)
    statements = FunnelStatements(question, layout, read.until, read.zone, warehouse)
    first = max(read.first or _first_event(statements, warehouse), _EPOCH)
    if first >= stop:
        return Attempts.together([], steps)
    counted = statements.entries(first, stop)
    hours = sorted((_whole(h), _whole(n)) for h, n in warehouse.query(counted.sql, counted.binds).rows)
    units, parts = OpenUnits(re_entry=question.re_entry), []
    for piece in _pieces(hours, rows):
        begin, end = max(first, _instant(piece[0])), min(stop, _instant(piece[-1] + HOUR))
        for candidates in _candidates(statements, begin, end, warehouse):
            after, ended = candidates.follow(question)
            opens = units.opening(candidates, ended)
            parts.append(Attempts(candidates.entry[opens], after[opens]))
    return Attempts.together(parts, steps)


def _layout(read: FunnelRead, warehouse: Warehouse) -> Layout | None:
    question, columns = read.question, read.question.columns
    asked = EventQuestion(
        connection=question.connection,
        table=question.table,
        attempt=question.steps[0],
        success=question.steps[-1],
        unit=question.unit,
        user=columns.user,
        session=columns.session,
        node=columns.node,
        event=columns.event,
        time=columns.time,
        contexts=tuple(sorted(columns.contexts.items())),
    )
    ask = CubeAsk(
        asked,
        nodes=question.steps if columns.node else (),
        keys=tuple(sorted(question.context)),
        span=_day_before(read.until, read.zone),
        zone=read.zone,
    )
    try:
        return fetch_layout(ask, warehouse)
    except QueryRefused as refused:
        if not refused.remedy.startswith(_SETTING):
            raise
        role, _, meant = refused.remedy.removeprefix(_SETTING).partition("; ")
        raise QueryRefused(refused.message, remedy=f"say which column is the {role}; {meant}") from None


def _day_before(instant: datetime, zone: ZoneInfo) -> DayWindow:
    day = local_day(instant, zone)
    return DayWindow(day - timedelta(days=1), day)


def _first_event(statements: FunnelStatements, warehouse: Warehouse) -> datetime:
    earliest = statements.earliest()
    (found,) = warehouse.query(earliest.sql, earliest.binds).rows[0]
    return _instant(max(_whole(found), 0) // HOUR * HOUR) - _MARGIN


def _pieces(hours: Sequence[tuple[int, int]], rows: int) -> Iterator[list[int]]:
    """Yield neighbouring hours with at most `rows` entries together, or one hour with more."""
    piece: list[int] = []
    held = 0
    for hour, entries in hours:
        if piece and held + entries > rows:
            yield piece
            piece, held = [], 0
        piece.append(hour)
        held += entries
    if piece:
        yield piece


def _candidates(
    statements: FunnelStatements, first: datetime, stop: datetime, warehouse: Warehouse
) -> Iterator[Candidates]:
    """Yield the entries of a range by time; when it is too much for the warehouse at once, half by half."""
    statement = statements.attempts(first, stop)
    try:
        rows = warehouse.query(statement.sql, statement.binds).rows
    except SourceRejected:
        if stop - first <= timedelta(hours=1):
            raise
        middle = first + (stop - first) / 2
        yield from _candidates(statements, first, middle, warehouse)
        yield from _candidates(statements, middle, stop, warehouse)
        return
    yield Candidates.of(rows, statements.widths)


def _instant(us: int) -> datetime:
    return _EPOCH + timedelta(microseconds=us)


def _whole(value: object) -> int:
    return int(value) if isinstance(value, int | float) else int(str(value))
