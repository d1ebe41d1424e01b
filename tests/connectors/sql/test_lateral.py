"""One query for many windows returns exactly the rows of one query per window."""

from __future__ import annotations

import math
import random
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import duckdb
import pytest

from evenfall.connectors.sql import lateral
from evenfall.connectors.sql.compile import compile_query
from evenfall.connectors.warehouses import Opening
from evenfall.connectors.warehouses.duckdb import DuckDB

START = datetime(2025, 10, 1)  # noqa: DTZ001 -- wall time
DATES = "created_at >= :start_date AND created_at < :end_date"
QUERIES = [
    f"SELECT COUNT(*) AS n, SUM(amount) AS s FROM t WHERE {DATES}",
    f"SELECT COUNT(*) AS n, SUM(amount) AS s FROM t WHERE {DATES} AND channel = 'never'",
    f"SELECT channel, COUNT(*) AS n, SUM(amount) AS s FROM t WHERE {DATES} GROUP BY channel",
    f"SELECT channel, COUNT(*) AS n FROM t WHERE {DATES} AND arrived_at < NOW() GROUP BY 1",
    f"SELECT created_at::DATE AS d, COUNT(*) AS n FROM t WHERE {DATES} GROUP BY 1 ORDER BY 1",
    f"SELECT COUNT(*) FILTER (WHERE amount > 3) AS n FROM t JOIN u USING (user_id) WHERE {DATES}",
    f"SELECT COUNT(*) AS n, COUNT(u.user_id) AS s FROM t LEFT JOIN u ON u.user_id = t.user_id WHERE {DATES}",
    f"WITH d AS (SELECT * FROM t WHERE {DATES}), v AS (SELECT DISTINCT user_id FROM u) "
    "SELECT COUNT(*) AS n, SUM(d.amount) AS s FROM d JOIN v USING (user_id)",
    f"SELECT COUNT(*) AS n FROM t WHERE {DATES} AND NOT EXISTS (SELECT 1 FROM u WHERE u.user_id = t.user_id)",
    "WITH v AS (SELECT user_id FROM t WHERE created_at >= :lookback_start AND created_at < :as_of "
    "GROUP BY 1 HAVING COUNT(*) >= 2) SELECT COUNT(*) AS n, COUNT(DISTINCT t.user_id) AS s FROM t "
    f"JOIN v USING (user_id) WHERE {DATES}",
]  # fmt: skip


@pytest.fixture(scope="module")
def warehouse(tmp_path_factory: pytest.TempPathFactory) -> DuckDB:
    folder = tmp_path_factory.mktemp("lateral")
    rng = random.Random(7)
    rows = []
    for _ in range(400):
        at = START + timedelta(days=rng.randrange(6), seconds=rng.choice([0, 86_399, rng.randrange(86_400)]))
        channel = rng.choice(["a", "b", "c", None])
        rows.append(
            (at, at + timedelta(hours=rng.randrange(50)), rng.randrange(30), channel, rng.randrange(9) / 4)
        )
    with duckdb.connect(":memory:") as connection:
        connection.execute(
            "CREATE TABLE t(created_at DATETIME, arrived_at DATETIME, user_id INT, channel TEXT, amount REAL)"
        )
        connection.executemany("INSERT INTO t VALUES (?, ?, ?, ?, ?)", rows)
        for day in range(6):
            part = folder / "t" / f"day={date(2025, 10, 1) + timedelta(days=day)}"
            part.mkdir(parents=True)
            condition = f"created_at::DATE = DATE '{date(2025, 10, 1) + timedelta(days=day)}'"
            connection.execute(
                f"COPY (SELECT * FROM t WHERE {condition}) TO '{part / 'a.parquet'}' (FORMAT parquet)"
            )
        (folder / "u").mkdir()
        connection.execute(
            f"COPY (SELECT unnest(range(0, 30, 3)) AS user_id) TO '{folder}/u/a.parquet' (FORMAT parquet)"
        )
    return DuckDB(Opening("data", folder, ZoneInfo("UTC")))


@pytest.mark.parametrize("text", QUERIES)
def test_the_rows_are_those_of_separate_executions(warehouse: DuckDB, text: str) -> None:
    keys = ("channel",) if text.startswith("SELECT channel") else ()
    query = compile_query(
        text, dialect="duckdb", tables=warehouse.tables, statistics=("n", "s"), shard_keys=keys
    )
    assert query.lateral_sql is not None, query.reason
    windows = [
        {
            "start_date": START + timedelta(days=day),
            "end_date": START + timedelta(days=day + 1),
            "lookback_start": START + timedelta(days=day - 2),
        }
        for day in (0, 1, 2, 3, 4, 5, 9)  # the last one is empty
    ]
    fixed = {"logical_now": START + timedelta(days=4), "as_of": START + timedelta(days=6)}
    common = {name: value for name, value in fixed.items() if name in query.binds}
    one_by_one = [
        (position, *row)
        for position, window in enumerate(windows)
        for row in warehouse.query(
            query.sql, {**common, **{k: v for k, v in window.items() if k in query.binds}}
        ).rows
    ]
    lists = {
        lateral.column_bind(name): [window[name] for window in windows]
        for name in windows[0]
        if name in query.binds
    }
    positions = {lateral.column_bind(lateral.POSITION): list(range(len(windows)))}
    table = warehouse.query(query.lateral_sql, {**common, **lists, **positions})
    assert _sorted(table.rows) == _sorted(one_by_one)
    assert table.columns[0] == lateral.POSITION


def _sorted(rows: list[tuple[object, ...]]) -> list[tuple[str, ...]]:
    """Return rows as text, sums of quarters being exact in binary."""
    assert all(not isinstance(value, float) or math.isfinite(value) for row in rows for value in row)
    return sorted(tuple(map(str, row)) for row in rows)
