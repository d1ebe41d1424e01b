"""The embedded engine: locked to one folder whatever reaches it, and forgiving about files."""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import duckdb
import pytest

from evenfall.connectors.warehouses import Limits, Opening
from evenfall.connectors.warehouses.duckdb import DuckDB
from evenfall.errors import SourceError, SourceRejected

BERLIN = ZoneInfo("Europe/Berlin")


def write(path: Path, select: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with duckdb.connect(":memory:") as connection:
        connection.execute(f"COPY ({select}) TO '{path}' (FORMAT parquet)")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    data = tmp_path / "data"
    write(data / "events" / "day=2025-10-01" / "a.parquet", "SELECT 1 AS x")
    (tmp_path / "secret.csv").write_text("word\nhunter2\n")
    write(tmp_path / "secret.parquet", "SELECT 'hunter2' AS word")
    return data


@pytest.fixture
def warehouse(folder: Path) -> Iterator[DuckDB]:
    opened = DuckDB(Opening("data", folder, BERLIN))
    yield opened
    opened.close()


ATTACKS = [
    "SELECT * FROM read_text('/etc/passwd')",
    "SELECT * FROM read_text(['/etc/passwd'])",
    "SELECT * FROM read_text('file:///etc/passwd')",
    "SELECT * FROM read_text('{data}/../secret.csv')",
    "SELECT * FROM read_text('{data}/./../secret.csv')",
    "SELECT * FROM read_text('/proc/self/environ')",
    "SELECT * FROM read_text('~/.profile')",
    "SELECT * FROM read_blob('/etc/passwd')",
    "SELECT * FROM read_csv('/etc/passwd')",
    "SELECT * FROM read_csv_auto('/etc/passwd')",
    "SELECT * FROM sniff_csv('/etc/passwd')",
    "SELECT * FROM read_json('/etc/passwd')",
    "SELECT * FROM read_ndjson_objects('/etc/passwd')",
    "SELECT * FROM parquet_scan('{data}/../secret.parquet')",
    "SELECT * FROM parquet_metadata('{data}/../secret.parquet')",
    "SELECT * FROM parquet_kv_metadata('{data}/../secret.parquet')",
    "SELECT * FROM read_duckdb('/etc/passwd')",
    "SELECT * FROM glob('/etc/*')",
    "SELECT * FROM '/etc/passwd'",
    "SELECT * FROM '{data}/../secret.csv'",
    "SELECT * FROM query('SELECT * FROM read_text(''/etc/passwd'')')",
    "FROM json_execute_serialized_sql(json_serialize_sql('SELECT * FROM read_text(''/etc/passwd'')'))",
    "SELECT * FROM read_text('https://example.invalid/')",
    "SELECT * FROM sqlite_scan('/etc/passwd', 't')",
    "SELECT getenv('HOME')",
    "WITH x AS MATERIALIZED (FROM read_text('/etc/passwd')) FROM x",
    "ATTACH '/etc/passwd' AS p",
    "ATTACH '{data}/new.db' AS n",
    "COPY events TO '{data}/out.csv'",
    "COPY events TO '/tmp/out.csv'",
    "COPY (SELECT 1) TO '{data}/events/day=2025-10-01/a.parquet' (FORMAT parquet)",
    "EXPORT DATABASE '{data}/dump'",
    "IMPORT DATABASE '/etc'",
    "INSTALL httpfs",
    "LOAD httpfs",
    "LOAD '/tmp/evil.so'",
    "SET enable_external_access = true",
    "SET allowed_directories = ['/']",
    "RESET lock_configuration",
    "SET memory_limit = '100GB'",
    "SET VARIABLE a = 1",
    "PRAGMA database_list",
    "CALL pragma_version()",
    "CREATE TABLE mine AS SELECT 1",
    "CREATE MACRO mine() AS 1",
    "CREATE SECRET (TYPE s3)",
    "DROP VIEW events",
    "CHECKPOINT",
    "BEGIN",
    "USE memory",
    "PREPARE v AS SELECT 1",
    "EXPLAIN ANALYZE SELECT * FROM events",
    "SELECT * FROM local_variable",
]


@pytest.mark.parametrize("sql", ATTACKS)
def test_nothing_outside_the_folder_is_reached_even_without_the_parser(
    warehouse: DuckDB, folder: Path, sql: str
) -> None:
    local_variable = duckdb.connect(":memory:")  # a Python name must not become a table
    before = sorted(path.as_posix() for path in folder.rglob("*"))
    with pytest.raises(SourceError) as refused:
        warehouse.query(sql.replace("{data}", folder.as_posix()), {})
    assert "hunter2" not in str(refused.value)
    assert "root:" not in str(refused.value)
    assert sorted(path.as_posix() for path in folder.rglob("*")) == before
    assert warehouse.query("SELECT x FROM events", {}).rows == [(1,)]
    local_variable.close()


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("enable_external_access", False),
        ("lock_configuration", True),
        ("python_enable_replacements", False),
        ("allow_community_extensions", False),
        ("autoinstall_known_extensions", False),
        ("autoload_known_extensions", False),
        ("allow_persistent_secrets", False),
        ("temp_directory", ""),
        ("TimeZone", "Europe/Berlin"),
    ],
)
def test_every_lock_holds_by_itself(warehouse: DuckDB, setting: str, value: object) -> None:
    assert warehouse.query(f"SELECT current_setting('{setting}') AS v", {}).rows == [(value,)]
    with pytest.raises(duckdb.Error, match="locked"):
        warehouse._connection.execute(f"SET {setting} = {value!r}")


def test_a_link_out_of_the_folder_is_not_followed(folder: Path) -> None:
    os.symlink("/etc/passwd", folder / "users.csv")
    os.symlink(folder.parent / "secret.parquet", folder / "events" / "day=2025-10-01" / "b.parquet")
    warehouse = DuckDB(Opening("data", folder, BERLIN))
    for table, link in (("users", "users.csv"), ("events", "b.parquet")):
        with pytest.raises(
            SourceRejected, match=f"table {table} cannot be read: .*{link} is a link"
        ) as refused:
            warehouse.query(f"SELECT * FROM {table}", {})
        assert refused.value.remedy
    with pytest.raises(SourceRejected, match="Permission"):
        warehouse.query(f"SELECT * FROM read_text('{folder}/users.csv')", {})
    warehouse.close()


def test_a_file_replaced_by_a_link_while_open_is_not_followed(folder: Path) -> None:
    (folder / "users.csv").write_text("name\nann\n")
    warehouse = DuckDB(Opening("data", folder, BERLIN))
    assert warehouse.query("SELECT name FROM users", {}).rows == [("ann",)]
    (folder / "users.csv").unlink()
    os.symlink("/etc/passwd", folder / "users.csv")
    with pytest.raises(SourceRejected, match="Permission"):
        warehouse.query("SELECT * FROM users", {})
    warehouse.close()


def test_tables_are_folders_of_parquet_and_csv_files(folder: Path) -> None:
    (folder / "Prices.csv").write_text("seen,amount\n2025-10-01 08:00:00,1.5\n")
    (folder / "notes.txt").write_text("not a table")
    (folder / ".hidden").mkdir()
    warehouse = DuckDB(Opening("data", folder, BERLIN))
    assert warehouse.tables == {"events", "prices"}
    table = warehouse.query("SELECT seen, amount FROM prices", {})
    assert table.rows == [(datetime(2025, 10, 1, 8), 1.5)]  # noqa: DTZ001 -- wall time
    assert warehouse.query("SELECT day FROM events", {}).rows == [(date(2025, 10, 1),)]
    warehouse.close()


def test_a_table_without_rows_yet_is_known_to_be_empty(folder: Path) -> None:
    (folder / "later" / "day=2025-10-02").mkdir(parents=True)
    (folder / "header.csv").write_text("at,amount\n")
    (folder / "nothing.csv").write_text("")
    warehouse = DuckDB(Opening("data", folder, BERLIN))
    assert warehouse.tables == {"events", "later", "header", "nothing"}
    assert warehouse.empty_tables == {"later", "header", "nothing"}
    warehouse.close()


def test_a_broken_file_costs_its_own_table_only(folder: Path) -> None:
    (folder / "broken").mkdir()
    (folder / "broken" / "a.parquet").write_bytes(b"PAR1 this is not parquet")
    warehouse = DuckDB(Opening("data", folder, BERLIN))
    assert warehouse.query("SELECT x FROM events", {}).rows == [(1,)]
    with pytest.raises(SourceRejected, match="table broken cannot be read"):
        warehouse.query("SELECT * FROM broken", {})
    warehouse.close()


def test_files_of_different_age_may_have_different_columns(folder: Path) -> None:
    write(folder / "events" / "day=2025-10-02" / "a.parquet", "SELECT 'google' AS channel, 2 AS x")
    warehouse = DuckDB(Opening("data", folder, BERLIN))
    assert warehouse.query("SELECT x, channel FROM events ORDER BY x", {}).rows == [(1, None), (2, "google")]
    warehouse.close()


def test_partitions_that_arrive_while_open_are_read(warehouse: DuckDB, folder: Path) -> None:
    write(folder / "events" / "day=2025-10-02" / "a.parquet", "SELECT 2 AS x")
    assert warehouse.query("SELECT SUM(x) AS s FROM events", {}).rows == [(3,)]


@pytest.mark.parametrize("name", ["it's", "a*b", "a?b", "spa ce", "ünï"])
def test_folders_with_odd_names_are_read(tmp_path: Path, name: str) -> None:
    data = tmp_path / name
    write(tmp_path / "plain.parquet", "SELECT 7 AS x")
    (data / "events").mkdir(parents=True)
    (data / "events" / "a.parquet").write_bytes((tmp_path / "plain.parquet").read_bytes())
    warehouse = DuckDB(Opening("data", data, BERLIN))
    assert warehouse.query("SELECT x FROM events", {}).rows == [(7,)]
    warehouse.close()


def test_numbers_come_back_plain(warehouse: DuckDB) -> None:
    sql = (
        "SELECT 1.50::DECIMAL(9, 2) A, 2.00::DECIMAL(9, 2) b, SUM(x) AS C, NULL::DECIMAL(9, 2) d FROM events"
    )
    table = warehouse.query(sql, {})
    assert table.columns == ("a", "b", "c", "d")
    assert table.rows == [(1.5, 2, 1, None)]
    assert [type(value) for value in table.rows[0]] == [float, int, int, type(None)]


def test_times_with_a_zone_come_back_as_wall_times(warehouse: DuckDB) -> None:
    sql = 'SELECT x, TIMESTAMPTZ \'2025-10-01 22:30:00+00\' AS "odd ""name" FROM events WHERE x = $x'
    table = warehouse.query(sql, {"x": 1})
    assert table.columns == ("x", 'odd "name')
    assert table.rows == [(1, datetime(2025, 10, 2, 0, 30))]  # noqa: DTZ001 -- Berlin is two hours ahead


def test_a_query_over_its_memory_limit_is_rejected_with_a_remedy(folder: Path) -> None:
    warehouse = DuckDB(Opening("data", folder, BERLIN, Limits(memory="20MB")))
    sql = "SELECT COUNT(*) FROM (SELECT DISTINCT i, i * 7 AS j, i::TEXT AS k FROM range(5000000) AS r(i))"
    with pytest.raises(SourceRejected, match="more than 20MB") as refused:
        warehouse.query(sql, {})
    assert refused.value.remedy
    assert warehouse.query("SELECT x FROM events", {}).rows == [(1,)]
    warehouse.close()


def test_binds_are_wall_times_unless_the_column_has_a_zone(folder: Path) -> None:
    write(folder / "zoned" / "a.parquet", "SELECT TIMESTAMPTZ '2025-10-01 22:30:00+00' AS at")
    warehouse = DuckDB(Opening("data", folder, BERLIN))
    instant = datetime(2025, 10, 1, 22, tzinfo=UTC)
    assert warehouse.wall_time(instant, {"events"}) == datetime(2025, 10, 2)  # noqa: DTZ001
    assert warehouse.wall_time(instant, {"zoned", "events"}) == instant
    warehouse.close()
