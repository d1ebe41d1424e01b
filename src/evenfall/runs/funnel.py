"""An ordered funnel over an event table of the project: the question, what the table says, the answer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, fields
from datetime import date, datetime, timedelta
from typing import Any, Final, TypedDict, Unpack, cast

import numpy as np

from evenfall.clock import Night
from evenfall.connectors.funnels.attempts import Attempts
from evenfall.connectors.funnels.question import FunnelColumns, FunnelQuestion, Strictness, Unit
from evenfall.connectors.funnels.read import FunnelRead, fetch_attempts
from evenfall.connectors.warehouses import open_warehouse
from evenfall.errors import ConfigError, UnknownName, UsageError
from evenfall.funnels.steps import FunnelTable, Reached, cohorts_of, steps_of
from evenfall.runs.world import World
from evenfall.window import day_start, parse_duration

__all__ = ["FunnelOptions", "answer_funnel", "read_question"]

_ROLES: Final = frozenset(field.name for field in fields(FunnelColumns)) - {"contexts"}
_STRICTNESS: Final[Mapping[bool | str, str]] = {False: "no", True: "steps"}
_MICROSECOND: Final = timedelta(microseconds=1)


class FunnelOptions(TypedDict, total=False):
    """What may be said of a funnel beside its table, steps and window; see `FunnelQuestion`.

    Attributes
    ----------
    connection
        By default ``data``.
    strict_order
        True is ``steps``.
    exclude, optional
        Names, or one text with commas between them.
    columns
        Columns by role (user, session, event, time, node); any other key is a context's.
    """

    connection: str
    strict_order: bool | str
    re_entry: bool
    exclude: str | Sequence[str]
    optional: str | Sequence[str]
    unit: str
    context: Mapping[str, str]
    columns: Mapping[str, str]


def read_question(
    table: str, steps: str | Sequence[str], window: str | timedelta, **how: Unpack[FunnelOptions]
) -> FunnelQuestion:
    """Return the question that people write.

    Parameters
    ----------
    steps
        Names in order, or one text with commas between them.
    window
        Such as ``7d``.

    Raises
    ------
    UsageError
        When it contradicts itself.
    """
    named = dict(how.get("columns", {}))
    roles = {role: named.pop(role) for role in _ROLES & named.keys()}
    strict = how.get("strict_order", False)
    return FunnelQuestion(
        table=table,
        steps=_names(steps),
        window=_length(window),
        connection=how.get("connection", "data"),
        strict_order=cast(Strictness, _STRICTNESS.get(strict, strict)),
        re_entry=how.get("re_entry", False),
        exclude=_names(how.get("exclude", ())),
        optional=_names(how.get("optional", ())),
        unit=cast(Unit, how.get("unit", "user")),
        context=dict(how.get("context", {})),
        columns=FunnelColumns(**roles, contexts=named),
    )


def answer_funnel(
    world: World,
    question: FunnelQuestion,
    first: date | str | None = None,
    stop: date | str | None = None,
    as_of: date | str | None = None,
) -> FunnelTable:
    """Return what the table says as of a night: of data up to the end of the day before.

    Parameters
    ----------
    first, stop
        Local days of the entries, from `first` up to, not including, `stop`; by default all.

    Raises
    ------
    UsageError
        When the days are none, or in the wrong order.
    UnknownName
        When there is no such connection.
    QueryRefused
        When the table, or a column of it, is not there.
    SourceDown, SourceRejected
        When the source cannot answer.
    """
    night, settings = world.night(as_of), world.registry.settings
    begin, end = _instant(first, night), _instant(stop, night)
    if begin is not None and end is not None and end <= begin:
        raise UsageError(
            f"no day lies from {first} up to {stop}", remedy="the second is the first day no longer counted"
        )
    if question.connection not in settings.connections:
        raise UnknownName("connection", question.connection, settings.connections)
    read = FunnelRead(question, begin, end or night.data_end, night.data_end, night.zone)
    with open_warehouse(
        settings.connections[question.connection], settings, world.registry.root
    ) as warehouse:
        attempts = fetch_attempts(read, warehouse)
    return _table(question, attempts, night, {"first": _day(first), "stop": _day(stop)})


def _table(
    question: FunnelQuestion, attempts: Attempts, night: Night, days: Mapping[str, str | None]
) -> FunnelTable:
    window, until = question.window // _MICROSECOND, int(night.data_end.timestamp()) * 1_000_000
    reached = Reached(
        steps=question.steps,
        optional=tuple(name in question.optional for name in question.steps),
        entry=attempts.entry,
        after=attempts.after,
        passed=attempts.entry + window <= until,
    )
    passed = int(np.count_nonzero(reached.passed))
    return FunnelTable(
        question={**_as_dict(question), **days},
        entries=passed,
        open_entries=len(attempts.entry) - passed,
        steps=steps_of(reached),
        cohorts=cohorts_of(reached, question.window, night.as_of, night.zone),
        until=night.as_of,
    )


def _as_dict(question: FunnelQuestion) -> dict[str, Any]:
    facts = asdict(question)
    columns = facts.pop("columns")
    contexts = columns.pop("contexts")
    named = {role: column for role, column in columns.items() if column}
    lists = {name: list(facts[name]) for name in ("steps", "exclude", "optional")}
    seconds = int(question.window.total_seconds())
    del facts["window"]
    return {**facts, **lists, "window_seconds": seconds, "columns": {**named, **contexts}}


def _length(window: str | timedelta) -> timedelta:
    if isinstance(window, timedelta):
        return window
    try:
        return parse_duration(window)
    except (ConfigError, OverflowError):
        raise UsageError(
            f"{window!r} is no length of time", remedy="write digits and one of s, m, h, d, such as 1h or 7d"
        ) from None


def _names(names: str | Sequence[str]) -> tuple[str, ...]:
    return tuple(name.strip() for name in names.split(",")) if isinstance(names, str) else tuple(names)


def _parsed(day: date | str) -> date:
    try:
        return date.fromisoformat(day) if isinstance(day, str) else day
    except ValueError:
        raise UsageError(f"{day!r} is not a date", remedy="write it as 2026-10-01") from None


def _instant(day: date | str | None, night: Night) -> datetime | None:
    return None if day is None else day_start(_parsed(day), night.zone)


def _day(day: date | str | None) -> str | None:
    return None if day is None else _parsed(day).isoformat()
