"""Tables as people have them: other names, other ways to write a time, and what cannot be counted."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from contextlib import closing
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import duckdb
import pytest

from evenfall.beliefs.cube import Cube, Visited
from evenfall.clock import Night
from evenfall.connectors.events.layout import fetch_layout
from evenfall.connectors.events.questions import CubeAsk, EventCondition, EventQuestion
from evenfall.connectors.events.read import EventRead, fetch_cube, fetch_events
from evenfall.connectors.events.statement import counting_statement
from evenfall.connectors.warehouses import Limits, Opening, Warehouse
from evenfall.connectors.warehouses.duckdb import DuckDB
from evenfall.connectors.warehouses.sqlite import SQLite
from evenfall.errors import QueryRefused, SourceRejected
from evenfall.window import DayWindow

from .tables import DAY, OPENERS, QUESTION, Event

# ruff: noqa: DTZ001 - wall times of the project's zone are what these tables hold

BERLIN = ZoneInfo("Europe/Berlin")
SPAN = DayWindow(date(2026, 3, 8), date(2026, 3, 14))
NOON = datetime(2026, 3, 10, 12)
PLAIN = EventQuestion("data", "events", "attempt", "success", horizon=timedelta(hours=6))


def sqlite_of(folder: Path, columns: str, rows: Sequence[Sequence[object]], table: str = "events") -> SQLite:
    with closing(sqlite3.connect(folder / "e.db")) as connection:
        connection.execute(f"CREATE TABLE {table} ({columns})")
        marks = ", ".join("?" * len(columns.split(",")))
        connection.executemany(f"INSERT INTO {table} VALUES ({marks})", rows)
        connection.commit()
    return SQLite(Opening("data", folder / "e.db", BERLIN))


def duckdb_of(folder: Path, query: str) -> DuckDB:
    (folder / "data" / "events").mkdir(parents=True)
    with closing(duckdb.connect(":memory:")) as connection:
        connection.execute(f"COPY ({query}) TO '{folder}/data/events/a.parquet' (FORMAT parquet)")
    return DuckDB(Opening("data", folder / "data", BERLIN))


def ask(
    warehouse: Warehouse,
    question: EventQuestion = PLAIN,
    nodes: tuple[str, ...] = ("home",),
    keys: tuple[str, ...] = (),
) -> Cube:
    with closing(warehouse):
        return fetch_cube(CubeAsk(question, nodes, keys, SPAN, BERLIN), warehouse)


# Names ------------------------------------------------------------------------------------------------------


def test_columns_that_are_not_named_have_the_names_of_their_roles(tmp_path: Path) -> None:
    rows = [
        ("ann", "view", "home", "2026-03-10 11:00", None),
        ("ann", "attempt", None, "2026-03-10 12:00", "ads"),
    ]
    warehouse = sqlite_of(tmp_path, "user, event, node, time, context_channel", rows)
    found = ask(warehouse, keys=("channel",)).lookup(Visited(all=frozenset({"home"})), {"channel": "ads"})
    assert found.size == 1


@pytest.mark.parametrize("name", ['we"ird', "drop table x; --", "sélect", "a'b", "[b]"])
def test_names_and_values_are_never_read_as_sql(tmp_path: Path, name: str) -> None:
    quoted = '"' + name.replace('"', '""') + '"'
    rows = [(name, name, "home", "2026-03-10 11:00"), (name, "it's", "", "2026-03-10 12:00")]
    warehouse = sqlite_of(tmp_path, f"{quoted}, event, node, time", rows, table=quoted)
    question = replace(PLAIN, table=name, user=name, attempt="it's", success=name)
    found = ask(warehouse, question, nodes=("home", "it's", name))
    assert found.lookup(Visited(all=frozenset({"home"}), none=frozenset({name}))).size == 1


def test_a_table_or_column_that_is_not_there_is_refused_with_the_nearest(tmp_path: Path) -> None:
    rows = [("ann", "attempt", "home", "2026-03-10 12:00")]
    for wrong, message in (
        (replace(PLAIN, table="evnts"), "no table is called evnts: did you mean events"),
        (replace(PLAIN, user="usr"), "table events has no column usr.*columns.user; did you mean user"),
        (replace(PLAIN, event="evet"), "no column evet.*columns.event; did you mean event"),
        (replace(PLAIN, unit="session"), "no column session"),
        (replace(PLAIN, contexts=(("channel", "chan"),)), "no column chan"),
    ):
        (tmp_path / "e.db").unlink(missing_ok=True)
        warehouse = sqlite_of(tmp_path, "user, event, node, time", rows)
        keys = ("channel",) if wrong.contexts else ()
        with pytest.raises(QueryRefused, match=message):
            ask(warehouse, wrong, keys=keys)


def test_a_context_without_a_column_says_where_it_was_looked_for(tmp_path: Path) -> None:
    warehouse = sqlite_of(
        tmp_path, "user, event, node, time", [("ann", "attempt", "home", "2026-03-10 12:00")]
    )
    with pytest.raises(QueryRefused, match="no column context_channel or channel"):
        ask(warehouse, keys=("channel",))


def test_a_table_without_nodes_is_enough_where_nobody_asks_for_visits(tmp_path: Path) -> None:
    warehouse = sqlite_of(tmp_path, "user, event, time", [("ann", "attempt", "2026-03-10 12:00")])
    assert ask(warehouse, nodes=()).lookup().size == 1


# Times ------------------------------------------------------------------------------------------------------

SECONDS = int(NOON.replace(tzinfo=BERLIN).timestamp())
TIMES = [
    ("2026-03-10 11:59:59.999999", "2026-03-10 12:00:00"),
    ("2026-03-10T11:59:59.999999", "2026-03-10T12:00:00"),
    ("2026-03-10T10:59:59.999999Z", "2026-03-10T11:00:00Z"),
    ("2026-03-10 12:59:59.999999+02:00", "2026-03-10 06:00:00-05:00"),
    (SECONDS - 1, SECONDS),
    (SECONDS - 0.5, SECONDS + 0.0),
]


@pytest.mark.parametrize("times", TIMES, ids=str)
def test_sqlite_times_are_read_however_they_are_written(tmp_path: Path, times: tuple[object, object]) -> None:
    rows = [("ann", "view", "home", times[0]), ("ann", "attempt", "", times[1]), ("bob", "attempt", "", None)]
    found = ask(sqlite_of(tmp_path, "user, event, node, time", rows))
    assert found.lookup(Visited(all=frozenset({"home"}))).sums[:, 0].tolist() == [0, 0, 1, 0, 0, 0]


@pytest.mark.parametrize(
    "time",
    [
        "TIMESTAMP '2026-03-10 12:00:00'",
        "TIMESTAMP_NS '2026-03-10 12:00:00'",
        "TIMESTAMP_S '2026-03-10 12:00:00'",
        "TIMESTAMPTZ '2026-03-10 11:00:00+00'",
        "DATE '2026-03-10'",
        f"CAST({SECONDS} AS BIGINT)",
        f"CAST({SECONDS} AS INTEGER)",
        f"CAST({SECONDS} AS DOUBLE)",
    ],
)
def test_duckdb_times_are_read_by_their_type(tmp_path: Path, time: str) -> None:
    query = f"SELECT 'ann' AS user, 'attempt' AS event, 'home' AS node, {time} AS time"
    found = ask(duckdb_of(tmp_path, query))
    assert found.lookup().sums[:, 0].tolist() == [0, 0, 1, 0, 0, 0]


@pytest.mark.parametrize("time", ["yesterday", SECONDS * 1000, 2461110.5, "2026-03-10 12:00:00+0100", b"x"])
def test_what_is_no_time_is_refused_and_shown(tmp_path: Path, time: object) -> None:
    warehouse = sqlite_of(tmp_path, "user, event, node, time", [("ann", "attempt", "home", time)])
    with pytest.raises(QueryRefused, match=r"column time of events holds .*, which is no time"):
        ask(warehouse)


def test_a_text_in_duckdb_is_no_time(tmp_path: Path) -> None:
    query = "SELECT 'ann' AS user, 'attempt' AS event, 'home' AS node, '2026-03-10' AS time"
    with pytest.raises(QueryRefused, match="VARCHAR"):
        ask(duckdb_of(tmp_path, query))


# Nothing, and too much --------------------------------------------------------------------------------------


def test_an_empty_table_is_an_empty_cube(tmp_path: Path) -> None:
    assert len(ask(sqlite_of(tmp_path, "user, event, node, time", []))) == 0
    (tmp_path / "data" / "events").mkdir(parents=True)
    assert len(ask(DuckDB(Opening("data", tmp_path / "data", BERLIN)))) == 0


def test_a_table_without_a_time_is_an_empty_cube(tmp_path: Path) -> None:
    rows = [("ann", "attempt", "home", None)]
    assert len(ask(sqlite_of(tmp_path, "user, event, node, time", rows))) == 0


@pytest.mark.parametrize("engine", OPENERS)
def test_more_rows_than_a_warehouse_gives_at_once_are_read_in_halves(engine: str, tmp_path: Path) -> None:
    at = [datetime(2026, 3, 8, 1) + i * DAY for i in range(6) for _ in range(2)]
    events = [Event(f"u{i}", day, "attempt", channel=str(i % 2)) for i, day in enumerate(at)]
    OPENERS[engine](tmp_path, events, "UTC").close()
    path = tmp_path / ("data" if engine == "duckdb" else "events.db")
    adapter = DuckDB if engine == "duckdb" else SQLite
    for most, fits in ((12, True), (5, True), (2, True), (1, False)):
        limited = Opening("data", path, ZoneInfo("UTC"), Limits(max_rows=most))
        with closing(adapter(limited)) as warehouse:
            asked = CubeAsk(QUESTION, (), ("channel",), SPAN, ZoneInfo("UTC"))
            if fits:
                assert fetch_cube(asked, warehouse).lookup().sums[:, 0].tolist() == [2] * 6
            else:
                with pytest.raises(SourceRejected, match="more than 1 rows"):
                    fetch_cube(asked, warehouse)


def test_sqlite_joins_events_by_an_index_and_not_each_with_each(tmp_path: Path) -> None:
    asked = CubeAsk(QUESTION, ("home", "pricing"), ("channel",), SPAN, ZoneInfo("UTC"))
    with closing(OPENERS["sqlite"](tmp_path, [Event("ann", NOON, "attempt")], "UTC")) as warehouse:
        layout = fetch_layout(asked, warehouse)
        assert layout is not None
        statement = counting_statement(asked, layout, warehouse)
    with closing(sqlite3.connect(tmp_path / "events.db")) as connection:
        plan = connection.execute(f"EXPLAIN QUERY PLAN {statement.sql}", statement.binds).fetchall()
    joins = [step for *_, step in plan if "LEFT-JOIN" in step]
    assert len(joins) == 1
    assert joins[0].startswith("SEARCH source USING AUTOMATIC")


def test_63_nodes_fit_and_64_are_refused(tmp_path: Path) -> None:
    nodes = tuple(f"n{i:02}" for i in range(64))
    rows = [("ann", "view", node, "2026-03-10 11:00") for node in nodes]
    warehouse = sqlite_of(
        tmp_path, "user, event, node, time", [*rows, ("ann", "attempt", "", "2026-03-10 12:00")]
    )
    with closing(warehouse):
        found = fetch_cube(CubeAsk(PLAIN, nodes[:63], (), SPAN, BERLIN), warehouse)
        assert found.mask.tolist() == [2**63 - 1]
        with pytest.raises(QueryRefused, match="64 nodes"):
            fetch_cube(CubeAsk(PLAIN, nodes, (), SPAN, BERLIN), warehouse)


def test_parameters_that_name_more_nodes_together_are_read_in_several_cubes(tmp_path: Path) -> None:
    nodes = [f"n{i:02}" for i in range(100)]
    rows = [("ann", "view", node, "2026-03-10 11:00") for node in nodes[::2]]
    warehouse = sqlite_of(
        tmp_path, "user, event, node, time", [*rows, ("ann", "attempt", "", "2026-03-10 12:00")]
    )
    conditions = {node: EventCondition(Visited(all=frozenset({node}))) for node in nodes}
    windows = tuple(DayWindow(day, day + DAY) for day in SPAN)
    read = EventRead(PLAIN, conditions, dict.fromkeys(nodes, windows), Night(date(2026, 3, 20), BERLIN))
    with closing(warehouse):
        fetched = fetch_events(read, warehouse)
    assert {node for node in nodes if fetched[node].observations.size} == set(nodes[::2])


def test_each_parameter_gets_the_days_it_wants(tmp_path: Path) -> None:
    instants = [datetime(2026, 3, day, 12, tzinfo=UTC) for day in (8, 9, 10)]
    rows = [(f"u{i}", "attempt", "home", str(at)) for i, at in enumerate(instants)]
    windows = {
        "all": tuple(DayWindow(day, day + DAY) for day in SPAN),
        "some": (DayWindow(SPAN.first, SPAN.first + DAY), DayWindow(date(2026, 3, 10), date(2026, 3, 11))),
    }
    read = EventRead(
        PLAIN, dict.fromkeys(windows, EventCondition()), windows, Night(date(2026, 3, 20), BERLIN)
    )
    with closing(sqlite_of(tmp_path, "user, event, node, time", rows)) as warehouse:
        fetched = fetch_events(read, warehouse)
    assert fetched["all"].observations.sums[:, 0].tolist() == [1, 1, 1, 0, 0, 0]
    assert fetched["some"].observations.first.tolist() == [date(2026, 3, 8), date(2026, 3, 10)]
    assert fetched["some"].observations.size == 2


def test_what_remains_of_a_context_is_every_value_not_listed(tmp_path: Path) -> None:
    rows = [
        (f"u{i}", "attempt", v, "2026-03-10 12:00") for i, v in enumerate(["google", "x", "y", None, "bing"])
    ]
    windows = (DayWindow(date(2026, 3, 10), date(2026, 3, 11)),)
    condition = EventCondition(rest={"channel": ("google", "bing")})
    read = EventRead(PLAIN, {"p": condition}, {"p": windows}, Night(date(2026, 3, 20), BERLIN))
    with closing(sqlite_of(tmp_path, "user, event, channel, time", rows)) as warehouse:
        assert fetch_events(read, warehouse)["p"].observations.size == 3
