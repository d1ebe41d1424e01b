"""Small event tables on both engines, and the funnel's rules once more, event by event."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import duckdb

from evenfall.connectors.funnels.attempts import Attempts
from evenfall.connectors.funnels.question import FunnelQuestion
from evenfall.connectors.funnels.read import FunnelRead, fetch_attempts
from evenfall.connectors.warehouses import WAREHOUSES, Opening, Warehouse

ENGINES = ("duckdb", "sqlite")
UTC_ZONE = ZoneInfo("UTC")
START = datetime(2025, 6, 1, tzinfo=UTC)
SECOND = 1_000_000

type Event = tuple[str, int, str, str]
"""User, second after `START`, event, channel."""

type Found = tuple[str | None, ...]


def wall(second: float, zone: ZoneInfo = UTC_ZONE) -> str:
    """Return the wall time of a second after `START`."""
    at = (START + timedelta(seconds=second)).astimezone(zone).replace(tzinfo=None)
    return at.isoformat(" ")


@contextmanager
def opened(
    engine: str, folder: Path, rows: Sequence[Sequence[Any]], zone: ZoneInfo = UTC_ZONE
) -> Iterator[Warehouse]:
    """Yield a warehouse with a table of the rows (user, session, event, page, time, channel)."""
    names = ("user_id", "session_id", "event_type", "page", "created_at", "channel")
    path = folder / "events.db" if engine == "sqlite" else folder / "data"
    if engine == "sqlite":
        path.unlink(missing_ok=True)
        with sqlite3.connect(path) as db:
            db.execute(f"CREATE TABLE events ({', '.join(f'{name} TEXT' for name in names)})")
            db.executemany("INSERT INTO events VALUES (?, ?, ?, ?, ?, ?)", rows)
        db.close()
    else:
        (path / "events").mkdir(parents=True, exist_ok=True)
        with duckdb.connect(":memory:") as connection:
            kinds = ("VARCHAR", "VARCHAR", "VARCHAR", "VARCHAR", "TIMESTAMP", "VARCHAR")
            listed = ", ".join(f"{name} {kind}" for name, kind in zip(names, kinds, strict=True))
            connection.execute(f"CREATE TABLE events ({listed})")
            if rows:
                connection.executemany("INSERT INTO events VALUES (?, ?, ?, ?, ?, ?)", rows)
            connection.execute(f"COPY events TO '{path / 'events' / 'part.parquet'}' (FORMAT parquet)")
    warehouse: Warehouse = WAREHOUSES.resolve(engine)(Opening("data", path, zone))
    try:
        yield warehouse
    finally:
        warehouse.close()


def laid(events: Sequence[Event]) -> list[tuple[Any, ...]]:
    """Return events as rows of the table; their session is their user's only one."""
    return [(user, "s", name, None, wall(second), channel) for user, second, name, channel in events]


def ask(
    warehouse: Warehouse,
    question: FunnelQuestion,
    *,
    first: int | None = None,
    stop: int = 10**7,
    until: int = 10**7,
    zone: ZoneInfo = UTC_ZONE,
    rows: int = 1000,
) -> Attempts:
    """Return the attempts of a question; times in seconds after `START`."""
    begin = None if first is None else START + timedelta(seconds=first)
    ends = (START + timedelta(seconds=second) for second in (stop, until))
    return fetch_attempts(FunnelRead(question, begin, *ends, zone), warehouse, rows)


def as_listed(attempts: Attempts) -> list[tuple[int, tuple[int, ...]]]:
    """Return the attempts as pairs of the entry's second and the seconds to each step, −1 for none."""
    start = int(START.timestamp()) * SECOND
    return sorted(
        ((int(entry) - start) // SECOND, tuple(int(us) // SECOND if us >= 0 else -1 for us in after))
        for entry, after in zip(attempts.entry, attempts.after, strict=True)
    )


def by_hand(
    events: Sequence[Event], question: FunnelQuestion, first: int, stop: int, until: int
) -> list[tuple[int, tuple[int, ...]]]:
    """Return what `as_listed` must say, by going through the events of each user one moment at a time."""
    found = []
    for user in {event[0] for event in events}:
        own = sorted((event[1], event[2], event[3]) for event in events if event[0] == user)
        free_from = first
        for at, name, channel in own:
            wanted = question.context.get("channel", channel)
            if name != question.steps[0] or channel != wanted or not free_from <= at < min(stop, until):
                continue
            reached, end = _follow(own, at, question, until)
            found.append((at, tuple(reached.get(i, at - 1) - at for i in range(len(question.steps)))))
            free_from = end if question.re_entry else stop
    return sorted(found)


def _follow(
    events: Sequence[tuple[int, str, str]], entry: int, question: FunnelQuestion, until: int
) -> tuple[dict[int, int], float]:
    expiry = entry + int(question.window.total_seconds())
    reached, last = {0: entry}, 0
    required = [i for i, name in enumerate(question.steps) if name not in question.optional]
    if required == [0]:
        return reached, entry + 1e-6
    for moment in sorted({at for at, _, _ in events if entry < at < min(expiry, until)}):
        names = {name for at, name, _ in events if at == moment}
        coming = required[required.index(last) + 1]
        if question.steps[coming] in names:
            reached[coming], last = moment, coming
            if coming == required[-1]:
                return reached, moment + 1e-6
            continue
        for position in range(last + 1, coming):
            if question.steps[position] in names:
                reached.setdefault(position, moment)
        allowed = question.steps[last : coming + 1]
        others = {
            "no": set(),
            "steps": (names & set(question.steps)) - set(allowed),
            "events": names - set(allowed),
        }
        if names & set(question.exclude) or others[question.strict_order]:
            return reached, moment
    return reached, expiry
