"""SQLite behind its authorizer: reading listed tables, and nothing else, whatever reaches it."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from evenfall.connectors.warehouses import Opening
from evenfall.connectors.warehouses.sqlite import SQLite
from evenfall.errors import SourceDown, SourceError, SourceRejected

BERLIN = ZoneInfo("Europe/Berlin")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    file = tmp_path / "odd ?name#%.db"
    connection = sqlite3.connect(file)
    connection.executescript(
        """
        CREATE TABLE events (at TEXT, channel TEXT);
        CREATE VIEW googles AS SELECT * FROM events WHERE channel = 'google';
        INSERT INTO events VALUES ('2025-10-01 08:00:00', 'google');
        """
    )
    connection.close()
    return file


@pytest.fixture
def warehouse(path: Path) -> Iterator[SQLite]:
    opened = SQLite(Opening("events", path, BERLIN))
    yield opened
    opened.close()


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT * FROM sqlite_master",
        "SELECT * FROM sqlite_schema",
        "SELECT sql FROM main.sqlite_master",
        "SELECT * FROM pragma_table_info('events')",
        "SELECT * FROM pragma_database_list",
        "SELECT * FROM dbstat",
        "SELECT * FROM json_each('[1]')",
        "SELECT load_extension('evil')",
        "SELECT readfile('/etc/passwd')",
        "SELECT writefile('/tmp/x', 'y')",
        "SELECT fts3_tokenizer('simple')",
        "SELECT sqlite_version()",
        "SELECT random()",
        "SELECT zeroblob(1000000000)",
        "SELECT printf('%1000000000d', 1)",
        "ATTACH '/etc/passwd' AS p",
        "ATTACH ':memory:' AS m",
        "DETACH main",
        "PRAGMA journal_mode = DELETE",
        "PRAGMA table_info(events)",
        "INSERT INTO events VALUES (1, 2)",
        "UPDATE events SET channel = 'x'",
        "DELETE FROM events",
        "DROP TABLE events",
        "CREATE TABLE mine (a)",
        "CREATE TEMP TABLE mine (a)",
        "CREATE VIEW mine AS SELECT 1",
        "CREATE TRIGGER t AFTER INSERT ON events BEGIN SELECT 1; END",
        "CREATE VIRTUAL TABLE v USING fts5(a)",
        "ALTER TABLE events ADD COLUMN c",
        "VACUUM",
        "VACUUM INTO '/tmp/copy.db'",
        "BEGIN IMMEDIATE",
        "SAVEPOINT s",
        "ANALYZE",
        "WITH RECURSIVE r(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM r) SELECT COUNT(*) FROM r",
        "SELECT 1; DELETE FROM events",
        "SELECT * FROM events WHERE at > :missing",
    ],
)
def test_nothing_but_reading_its_tables_is_possible_even_without_the_parser(
    warehouse: SQLite, sql: str
) -> None:
    with pytest.raises(SourceError):
        warehouse.query(sql, {})
    assert warehouse.query("SELECT channel FROM events", {}).rows == [("google",)]


def test_tables_and_views_are_listed_without_the_engines_own(warehouse: SQLite) -> None:
    assert warehouse.tables == {"events", "googles"}
    assert warehouse.query("SELECT COUNT(*) AS n FROM googles", {}).rows == [(1,)]


def test_the_file_is_never_written(warehouse: SQLite, path: Path) -> None:
    before = path.read_bytes()
    warehouse.query("SELECT channel, COUNT(*) FROM events GROUP BY channel ORDER BY 2", {})
    assert path.read_bytes() == before
    assert [file.name for file in path.parent.iterdir()] == [path.name]


def test_the_file_is_read_only_even_without_the_authorizer(warehouse: SQLite) -> None:
    warehouse._connection.set_authorizer(None)
    for sql in ("DELETE FROM events", "CREATE TABLE mine (a)", "ATTACH ':memory:' AS m"):
        with pytest.raises(SourceRejected, match=r"readonly|too many attached"):
            warehouse.query(sql, {})


@pytest.mark.parametrize(
    "stored", ["2025-10-02", "2025-10-02 00:00:00", "2025-10-02T00:00:00", "2025-10-02 00:00:00.000"]
)
def test_midnight_sorts_into_its_day_however_the_column_writes_it(tmp_path: Path, stored: str) -> None:
    file = tmp_path / "midnight.db"
    connection = sqlite3.connect(file)
    connection.execute("CREATE TABLE t (at TEXT)")
    connection.execute("INSERT INTO t VALUES (?)", [stored])
    connection.commit()
    connection.close()
    warehouse = SQLite(Opening("events", file, ZoneInfo("UTC")))

    def counted(first: int) -> object:
        bounds = [warehouse.wall_time(datetime(2025, 10, day, tzinfo=UTC), ()) for day in (first, first + 1)]
        sql = "SELECT COUNT(*) AS n FROM t WHERE at >= :a AND at < :b"
        return warehouse.query(sql, dict(zip("ab", bounds, strict=True))).rows[0][0]

    assert [counted(1), counted(2), counted(3)] == [0, 1, 0]
    warehouse.close()


def test_times_are_bound_as_local_wall_time_in_sqlites_own_form(warehouse: SQLite) -> None:
    assert warehouse.wall_time(datetime(2025, 10, 1, 4, 30, tzinfo=UTC), ()) == "2025-10-01 06:30:00"
    assert warehouse.wall_time(datetime(2025, 10, 1, 22, tzinfo=UTC), ()) == "2025-10-02"
    assert warehouse.query("SELECT :day AS d", {"day": date(2025, 10, 1)}).rows == [("2025-10-01",)]


def test_a_locked_file_is_down_not_rejected(path: Path) -> None:
    writer = sqlite3.connect(path)
    writer.execute("PRAGMA locking_mode = EXCLUSIVE")
    writer.execute("BEGIN EXCLUSIVE")
    try:
        with pytest.raises(SourceDown, match="locked"):
            SQLite(Opening("events", path, BERLIN), lock_seconds=0.05)
    finally:
        writer.close()


def test_a_file_that_is_no_database_is_rejected(tmp_path: Path) -> None:
    (tmp_path / "text.db").write_text("this is certainly not a database file" * 50)
    with pytest.raises(SourceRejected, match="not a database"):
        SQLite(Opening("events", tmp_path / "text.db", BERLIN))


def test_a_connection_may_be_used_from_another_thread(warehouse: SQLite) -> None:
    seen: list[object] = []
    thread = threading.Thread(target=lambda: seen.append(warehouse.query("SELECT 1 AS a", {}).rows))
    thread.start()
    thread.join()
    assert seen == [[(1,)]]
