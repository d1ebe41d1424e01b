"""Event tables in both embedded warehouses, and the model they are held against."""

from __future__ import annotations

import itertools
import sqlite3
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import duckdb

from evenfall.beliefs.cube import NEVER, Cube
from evenfall.connectors.events.questions import CubeAsk, EventQuestion
from evenfall.connectors.events.read import fetch_cube
from evenfall.connectors.warehouses import Opening, Warehouse
from evenfall.connectors.warehouses.duckdb import DuckDB
from evenfall.connectors.warehouses.sqlite import SQLite
from evenfall.window import DayWindow

DAY = timedelta(days=1)
NODES = ("home", "pricing")
KEYS = ("channel", "device")
QUESTION = EventQuestion(
    connection="data",
    table="events",
    attempt="attempt",
    success="success",
    user="user_id",
    time="happened",
    contexts=(("channel", "channel"), ("device", "device")),
    lookback=timedelta(hours=30),
    horizon=timedelta(hours=20),
)


@dataclass(frozen=True)
class Event:
    """One row; `at` is a wall time of the project's zone, or an instant when it has a zone."""

    user: str | None
    at: datetime
    event: str
    node: str | None = None
    channel: str | None = None
    device: str | None = None
    session: str | None = None

    @property
    def row(self) -> tuple[object, ...]:
        return (self.user, self.at, self.event, self.node, self.channel, self.device, self.session)


def open_duckdb(folder: Path, events: Sequence[Event], zone: str) -> Warehouse:
    data = folder / "data" / "events"
    data.mkdir(parents=True, exist_ok=True)
    zoned = any(event.at.tzinfo for event in events)
    kind = "TIMESTAMP WITH TIME ZONE" if zoned else "TIMESTAMP"
    with closing(duckdb.connect(":memory:")) as connection:
        connection.execute("SET TimeZone = 'UTC'")
        connection.execute(
            f"CREATE TABLE e (user_id VARCHAR, happened {kind}, event VARCHAR, node VARCHAR, channel VARCHAR,"
            " device VARCHAR, session VARCHAR)"
        )
        if events:
            connection.executemany(
                f"INSERT INTO e VALUES (?, CAST(? AS {kind}), ?, ?, ?, ?, ?)",
                [(row[0], str(row[1]), *row[2:]) for row in (event.row for event in events)],
            )
        connection.execute(f"COPY e TO '{data / 'part.parquet'}' (FORMAT parquet)")
    return DuckDB(Opening("data", folder / "data", ZoneInfo(zone)))


def open_sqlite(folder: Path, events: Sequence[Event], zone: str) -> Warehouse:
    path = folder / "events.db"
    path.unlink(missing_ok=True)
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(
            "CREATE TABLE events (user_id, happened TEXT, event, node, channel, device, session)"
        )
        rows = ((row[0], str(row[1]), *row[2:]) for row in (event.row for event in events))
        connection.executemany("INSERT INTO events VALUES (?, ?, ?, ?, ?, ?, ?)", rows)
        connection.commit()
    return SQLite(Opening("data", path, ZoneInfo(zone)))


OPENERS: dict[str, Callable[[Path, Sequence[Event], str], Warehouse]] = {
    "duckdb": open_duckdb,
    "sqlite": open_sqlite,
}


def cube_of(
    warehouse: Warehouse,
    span: DayWindow,
    *,
    question: EventQuestion = QUESTION,
    nodes: tuple[str, ...] = NODES,
    keys: tuple[str, ...] = KEYS,
    zone: str = "UTC",
) -> Cube:
    with closing(warehouse):
        return fetch_cube(CubeAsk(question, nodes, keys, span, ZoneInfo(zone)), warehouse)


Cell = tuple[date, frozenset[str], tuple[str | None, ...], int]


def cells_of(cube: Cube) -> Counter[Cell]:
    """The cube as counts by cell, which is all that it says."""
    cells: Counter[Cell] = Counter()
    for i, (day, mask, age) in enumerate(
        zip(cube.day.tolist(), cube.mask.tolist(), cube.age_days.tolist(), strict=True)
    ):
        visited = frozenset(node for bit, node in enumerate(cube.nodes) if mask >> bit & 1)
        context = tuple(
            values[code] for values, code in zip(cube.values, cube.codes[i].tolist(), strict=True)
        )
        assert cube.successes[i] == (cube.trials[i] if age != NEVER else 0)
        cells[day, visited, context, age] += int(cube.trials[i])
    return cells


def modelled(
    events: Sequence[Event],
    span: DayWindow,
    *,
    question: EventQuestion = QUESTION,
    nodes: Sequence[str] = NODES,
    keys: Sequence[str] = KEYS,
    zone: str = "UTC",
) -> Counter[Cell]:
    """The same counts by the words of decision 0005, attempt by attempt, without SQL."""

    def instant(event: Event) -> datetime:
        return (event.at if event.at.tzinfo else event.at.replace(tzinfo=ZoneInfo(zone))).astimezone(UTC)

    def unit(event: Event) -> object:
        if question.unit == "user":
            return event.user
        if event.session is None or (question.user and event.user is None):
            return None
        return (event.user, event.session) if question.user else (event.session,)

    cells: Counter[Cell] = Counter()
    mine = sorted((event for event in events if unit(event) is not None), key=lambda e: repr(unit(e)))
    for _, group in itertools.groupby(mine, key=unit):
        journey = list(group)
        tried = [event for event in journey if event.event == question.attempt]
        for at in sorted({instant(event) for event in tried}):
            day = at.astimezone(ZoneInfo(zone)).date()
            before = any(at - question.horizon < instant(event) < at for event in tried)
            if before or day not in span:
                continue
            rows = [event for event in tried if instant(event) == at]
            context = tuple(min(filter(None, (getattr(r, key) for r in rows)), default=None) for key in keys)
            seen = {e.node for e in journey if at - question.lookback <= instant(e) < at} & set(nodes)
            won = [
                instant(e)
                for e in journey
                if e.event == question.success and at <= instant(e) < at + question.horizon
            ]
            cells[day, frozenset(filter(None, seen)), context, (min(won) - at) // DAY if won else NEVER] += 1
    return cells
