"""One suite that every embedded warehouse passes: the same questions, attacks, limits and empty answers."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import duckdb
import pytest

from evenfall.clock import Night
from evenfall.connectors.observations import Read, fetch_observations
from evenfall.connectors.questions import ObservationQuery
from evenfall.connectors.sql.compile import compile_lookup, compile_query
from evenfall.connectors.warehouses import WAREHOUSES, Limits, Opening, Warehouse, open_warehouse
from evenfall.errors import QueryRefused, SourceDown, SourceRejected, UnknownName
from evenfall.registry.settings import Connection, Settings
from evenfall.window import DayWindow

BERLIN = ZoneInfo("Europe/Berlin")
ROWS = [
    # created_at (wall time), channel, converted: by hand, two days and two channels, one row at each midnight
    ("2025-10-01 00:00:00", "google", 1),
    ("2025-10-01 23:59:59", "google", 0),
    ("2025-10-01 12:00:00", "bing", 1),
    ("2025-10-02 00:00:00", "google", 1),
    ("2025-10-02 08:00:00", None, 1),
]
DAYS = (
    DayWindow(date(2025, 10, 1), date(2025, 10, 2)),
    DayWindow(date(2025, 10, 2), date(2025, 10, 3)),
    DayWindow(date(2025, 10, 3), date(2025, 10, 4)),
)
NIGHT = Night(date(2025, 10, 4), BERLIN)
COUNT = """
    SELECT COUNT(*) AS trials, SUM(CASE WHEN converted = 1 THEN 1 END) AS successes FROM journeys
    WHERE created_at >= :start_date AND created_at < :end_date
"""


@dataclass(frozen=True)
class Kind:
    """How to make and open one kind of warehouse."""

    name: str
    make: Callable[[Path], Path]


def make_parquet(folder: Path) -> Path:
    (folder / "data" / "journeys" / "day=2025-10-01").mkdir(parents=True)
    with duckdb.connect(":memory:") as connection:
        connection.execute("CREATE TABLE j (created_at TIMESTAMP, channel VARCHAR, converted INTEGER)")
        connection.executemany("INSERT INTO j VALUES (?, ?, ?)", ROWS)
        target = folder / "data" / "journeys" / "day=2025-10-01" / "part.parquet"
        connection.execute(f"COPY j TO '{target}' (FORMAT parquet)")
    return folder / "data"


def make_sqlite(folder: Path) -> Path:
    path = folder / "events.db"
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE journeys (created_at TEXT, channel TEXT, converted INTEGER)")
    connection.executemany("INSERT INTO journeys VALUES (?, ?, ?)", ROWS)
    connection.commit()
    connection.close()
    return path


KINDS = [Kind("duckdb", make_parquet), Kind("sqlite", make_sqlite)]


@pytest.fixture(params=KINDS, ids=lambda kind: kind.name)
def kind(request: pytest.FixtureRequest) -> Kind:
    chosen: Kind = request.param
    return chosen


@pytest.fixture
def path(kind: Kind, tmp_path: Path) -> Path:
    return kind.make(tmp_path)


@pytest.fixture
def warehouse(kind: Kind, path: Path) -> Iterator[Warehouse]:
    opened: Warehouse = WAREHOUSES.resolve(kind.name)(Opening("events", path, BERLIN))
    yield opened
    opened.close()


def probability(text: str, *, template: bool = False, **more: object) -> ObservationQuery:
    columns = {"trials": "trials", "successes": "successes"}
    return ObservationQuery(text, "events", "probability", columns, template=template, **more)  # type: ignore[arg-type]


def ask(warehouse: Warehouse, query: ObservationQuery, shards: Mapping[str, Mapping[str, str]] | None = None):  # type: ignore[no-untyped-def]
    return fetch_observations(Read(query, shards or {"p": {}}, DAYS, NIGHT), warehouse)


def test_counts_of_each_day_are_those_counted_by_hand(warehouse: Warehouse) -> None:
    fetched = ask(warehouse, probability(COUNT))["p"]
    assert fetched.observations.sums.tolist() == [[3, 2, 0], [2, 2, 0], [0, 0, 0]]
    assert fetched.quarantined == ()


def test_days_add_up_to_the_window_of_a_splittable_query(warehouse: Warehouse) -> None:
    whole = Read(probability(COUNT), {"p": {}}, (DayWindow(DAYS[0].first, DAYS[-1].stop),), NIGHT)
    one = fetch_observations(whole, warehouse)["p"].observations
    assert ask(warehouse, probability(COUNT))["p"].observations.total().tolist() == one.sums[0].tolist()


def test_a_grouped_query_answers_all_shards_and_lists_what_no_shard_has(warehouse: Warehouse) -> None:
    text = COUNT.replace("SELECT", "SELECT channel AS context_channel,") + " GROUP BY channel"
    query = probability(text, shard_keys=("channel",))
    fetched = ask(
        warehouse, query, {"g": {"channel": "google"}, "b": {"channel": "bing"}, "y": {"channel": "y"}}
    )
    assert fetched["g"].observations.sums[:, 0].tolist() == [2, 1, 0]
    assert fetched["b"].observations.sums[:, 0].tolist() == [1, 0, 0]
    assert fetched["y"].observations.sums[:, 0].tolist() == [0, 0, 0]
    lost = fetched["g"].unmatched
    assert [(u.context, u.rows, u.size) for u in lost] == [({"channel": None}, 1, 1.0)]


def test_a_template_of_bound_values_answers_each_shard(warehouse: Warehouse) -> None:
    text = """
        SELECT COUNT(*) AS trials, SUM(CASE WHEN converted = 1 THEN 1 END) AS successes,
               '{{channel}}' AS context_channel
        FROM journeys WHERE created_at >= :start_date AND created_at < :end_date
        {% if channel %} AND channel = '{{ channel }}' {% endif %}
        {% if device %} AND device = '{{ device }}' {% endif %}
        GROUP BY channel
    """
    query = probability(
        text, template=True, shard_keys=("channel",), variables=frozenset({"channel", "device"})
    )
    fetched = ask(warehouse, query, {"g": {"channel": "google"}, "b": {"channel": "bing"}})
    assert fetched["g"].observations.sums.tolist() == [[2, 1, 0], [1, 1, 0], [0, 0, 0]]
    assert fetched["b"].observations.sums.tolist() == [[1, 1, 0], [0, 0, 0], [0, 0, 0]]


@pytest.mark.parametrize(
    "value",
    [
        "google' OR '1'='1",
        "google'; DROP TABLE journeys; --",
        "' UNION SELECT 1000, 1000, 'x' --",
        "{{channel}}",
        "$start_date",
        ":end_date",
        "\\' OR 1=1 --",
        "google\x00",
    ],
)
def test_a_context_value_that_is_an_attack_is_bound_and_matches_nothing(
    warehouse: Warehouse, value: str
) -> None:
    text = COUNT + " AND channel = '{{channel}}'"
    query = probability(text, template=True, shard_keys=("channel",), variables=frozenset({"channel"}))
    attacked = ask(warehouse, query, {"a": {"channel": value}, "g": {"channel": "google"}})
    assert attacked["a"].observations.sums.sum() == 0
    assert attacked["g"].observations.sums[:, 0].tolist() == [2, 1, 0]
    assert ask(warehouse, probability(COUNT))["p"].observations.size == 5


def test_common_table_expressions_and_windows_are_read(warehouse: Warehouse) -> None:
    text = """
        WITH kept AS (
            SELECT channel, converted, ROW_NUMBER() OVER (PARTITION BY channel ORDER BY created_at) AS nth
            FROM journeys WHERE created_at >= :start_date AND created_at < :end_date
        )
        SELECT COUNT(*) AS trials, SUM(converted) AS successes FROM kept WHERE nth = 1
    """
    compiled = compile_query(text, dialect=warehouse.dialect, tables=warehouse.tables, statistics=("trials",))
    assert not compiled.splittable
    sums = ask(warehouse, probability(text))["p"].observations.sums
    assert sums[:, 0].tolist() == [2, 2, 0]


def test_a_time_series_is_read_in_one_query_by_its_dates(warehouse: Warehouse) -> None:
    text = (
        COUNT.replace("SELECT", "SELECT DATE(created_at) AS observation_date,")
        + " GROUP BY DATE(created_at) ORDER BY observation_date"
    )
    fetched = ask(warehouse, probability(text, date_column="observation_date"))["p"]
    assert fetched.observations.sums.tolist() == [[3, 2, 0], [2, 2, 0], [0, 0, 0]]


def test_the_clock_in_a_query_is_the_nights_own(warehouse: Warehouse) -> None:
    compiled = compile_lookup(
        "SELECT COUNT(*) AS n FROM journeys WHERE created_at < NOW() AND CURRENT_DATE = '2025-10-02'",
        dialect=warehouse.dialect,
        tables=warehouse.tables,
    )
    instant = datetime(2025, 10, 2, 4, tzinfo=UTC)  # 06:00 in Berlin: the row of 08:00 is not there yet
    binds = {"logical_now": warehouse.wall_time(instant, compiled.tables), "logical_today": date(2025, 10, 2)}
    assert warehouse.query(compiled.sql, binds).rows == [(4,)]


def test_no_row_at_all_is_no_data(warehouse: Warehouse) -> None:
    text = (
        COUNT.replace("SELECT", "SELECT channel AS context_channel,")
        + " AND channel = 'none' GROUP BY channel"
    )
    fetched = ask(warehouse, probability(text))["p"]
    assert fetched.skipped is not None
    assert fetched.skipped.reason == "no_data"
    assert len(fetched.observations) == 0


def test_an_empty_result_has_its_columns(warehouse: Warehouse) -> None:
    table = warehouse.query("SELECT channel AS C, converted FROM journeys WHERE 1 = 0", {})
    assert table.columns == ("c", "converted")
    assert table.rows == []


def test_a_query_that_takes_too_long_is_a_source_that_is_down(kind: Kind, path: Path) -> None:
    opening = Opening("events", path, BERLIN, Limits(timeout_seconds=0.05))
    warehouse: Warehouse = WAREHOUSES.resolve(kind.name)(opening)
    # 5^16 combinations: no engine finishes that within the limit.
    joins = ", ".join(f"journeys AS j{i}" for i in range(16))
    sql = f"SELECT SUM(LENGTH(j0.channel || j9.channel)) FROM {joins} WHERE j1.created_at < j15.created_at"
    with pytest.raises(SourceDown, match="took longer than"):
        warehouse.query(sql, {})
    assert warehouse.query("SELECT COUNT(*) FROM journeys", {}).rows == [(5,)]
    warehouse.close()


def test_a_result_of_too_many_rows_is_rejected_with_a_remedy(kind: Kind, path: Path) -> None:
    warehouse: Warehouse = WAREHOUSES.resolve(kind.name)(Opening("events", path, BERLIN, Limits(max_rows=4)))
    with pytest.raises(SourceRejected, match="more than 4 rows") as refused:
        warehouse.query("SELECT channel FROM journeys", {})
    assert "COUNT" in refused.value.remedy
    warehouse.close()


def test_a_column_that_does_not_exist_is_rejected_and_named(warehouse: Warehouse) -> None:
    with pytest.raises(SourceRejected, match="no_such"):
        ask(warehouse, probability(COUNT + " AND no_such = 1"))


def test_a_missing_file_or_folder_is_down(kind: Kind, tmp_path: Path) -> None:
    with pytest.raises(SourceDown, match="does not exist"):
        WAREHOUSES.resolve(kind.name)(Opening("events", tmp_path / "nowhere", BERLIN))


@pytest.mark.parametrize(
    "sql",
    [
        "DELETE FROM journeys",
        "INSERT INTO journeys VALUES ('2025-10-01', 'x', 1)",
        "UPDATE journeys SET converted = 1",
        "DROP TABLE journeys",
        "CREATE TABLE mine (a INTEGER)",
        "ATTACH 'other.db' AS other",
        "VACUUM",
        "SELECT 1; SELECT 2",
    ],
)
def test_the_engine_itself_refuses_to_do_more_than_select(warehouse: Warehouse, sql: str) -> None:
    with pytest.raises((SourceRejected, SourceDown)):
        warehouse.query(sql, {})
    assert warehouse.query("SELECT COUNT(*) FROM journeys", {}).rows == [(5,)]


@pytest.mark.parametrize(
    "text",
    [
        "SELECT * FROM read_text('/etc/passwd')",
        "SELECT * FROM read_csv('/etc/passwd')",
        "SELECT * FROM read_blob('/etc/passwd')",
        "SELECT * FROM glob('/etc/*')",
        "SELECT * FROM '/etc/passwd'",
        'SELECT * FROM "/etc/passwd"',
        "SELECT * FROM 'file.csv'",
        "SELECT read_text('/etc/passwd') FROM journeys",
        "SELECT readfile('/etc/passwd') FROM journeys",
        "SELECT main.read_text('/etc/passwd') FROM journeys",
        "SELECT '/etc/passwd'.read_text() FROM journeys",
        "SELECT getenv('HOME') FROM journeys",
        "SELECT load_extension('x') FROM journeys",
        "SELECT current_setting('home_directory') FROM journeys",
        "SELECT * FROM sqlite_master",
        "SELECT * FROM information_schema.tables",
        "SELECT * FROM duckdb_settings()",
        "SELECT * FROM pragma_table_info('journeys')",
        "SELECT * FROM query('SELECT * FROM read_text(''/etc/passwd'')')",
        "SELECT * FROM query_table('journeys')",
        "SELECT * FROM (WITH sqlite_master AS (SELECT 1 AS a) SELECT a FROM sqlite_master) x, sqlite_master",
        "WITH sqlite_master AS (SELECT * FROM sqlite_master) SELECT * FROM sqlite_master",
        "SELECT (SELECT COUNT(*) FROM sqlite_master) FROM journeys",
        "SELECT 1 FROM journeys WHERE EXISTS (SELECT 1 FROM read_text('/etc/passwd'))",
        "SELECT * FROM main.journeys",
        "COPY journeys TO '/tmp/x.csv'",
        "COPY (SELECT 1) TO 'x.csv'",
        "ATTACH '/etc/passwd' AS p",
        "INSTALL httpfs",
        "PRAGMA table_info(journeys)",
        "SELECT 1 FROM journeys; DELETE FROM journeys",
        "DELETE FROM journeys",
        "WITH gone AS (DELETE FROM journeys RETURNING *) SELECT * FROM gone",
        "SELECT * INTO mine FROM journeys",
        "SELECT * FROM journeys FOR UPDATE",
        "WITH RECURSIVE r(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM r) SELECT n FROM r",
        "SELECT random() FROM journeys",
        "EXPLAIN SELECT * FROM journeys",
        "VALUES (1)",
        "SELECT ? FROM journeys",
        "SELECT :nobody FROM journeys",
        "SELECT * FROM nowhere",
        "",
        "-- nothing",
        "SELECT",
    ],
)
def test_a_query_that_is_no_plain_read_is_refused_before_it_reaches_the_engine(kind: Kind, text: str) -> None:
    dialect = WAREHOUSES.resolve(kind.name).dialect
    with pytest.raises(QueryRefused) as refused:
        compile_lookup(text, dialect=dialect, tables={"journeys"})
    assert refused.value.remedy


def test_connections_of_a_project_open_by_their_type(kind: Kind, path: Path, tmp_path: Path) -> None:
    settings = Settings(zone=BERLIN, clock=None, store_url="sqlite://", connections={})
    connection = Connection("events", kind.name, path.relative_to(tmp_path).as_posix())
    with open_warehouse(connection, settings, tmp_path) as warehouse:
        assert warehouse.query("SELECT COUNT(*) FROM journeys", {}).rows == [(5,)]
        assert "journeys" in warehouse.tables


def test_an_unknown_type_of_warehouse_is_named_with_the_nearest(tmp_path: Path) -> None:
    settings = Settings(zone=BERLIN, clock=None, store_url="sqlite://", connections={})
    with (
        pytest.raises(UnknownName, match="duckdb"),
        open_warehouse(Connection("x", "duckdbb"), settings, tmp_path),
    ):
        pass


def test_a_row_at_midnight_belongs_to_the_day_that_begins(warehouse: Warehouse) -> None:
    text = COUNT + " AND channel = 'google'"
    fetched = ask(warehouse, probability(text))["p"].observations
    assert fetched.sums[:, 0].tolist() == [2, 1, 0]
    assert timedelta(days=1) == DAYS[0].stop - DAYS[0].first
