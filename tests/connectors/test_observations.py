"""Reads of many windows and shards: what fits, what is set aside, what is asked again one by one."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import duckdb
import pytest

from evenfall.clock import Night
from evenfall.connectors.answers import Fetched
from evenfall.connectors.observations import Read, fetch_observations
from evenfall.connectors.questions import ObservationQuery
from evenfall.connectors.warehouses import Limits, Opening, Table
from evenfall.connectors.warehouses.duckdb import DuckDB
from evenfall.errors import QueryRefused, SourceDown, SourceRejected
from evenfall.window import DayWindow

UTC_ZONE = ZoneInfo("UTC")
DAY = timedelta(days=1)
FIRST = date(2025, 10, 1)
DATES = "at >= :start_date AND at < :end_date"
COLUMNS = {
    "probability": {"trials": "trials", "successes": "successes"},
    "rate": {"exposure": "exposure", "events": "events"},
    "mean": {"n": "n", "sum": "sum", "sum_squares": "sum_squares"},
}


class Listed:
    """A warehouse that answers each day from a list of rows and counts how often it is asked."""

    dialect = "sqlite"
    tables: Collection[str] = frozenset({"t"})
    empty_tables: Collection[str] = frozenset()

    def __init__(
        self, columns: Sequence[str], days: Mapping[str, Sequence[tuple[object, ...]] | Exception]
    ) -> None:
        self._columns, self._days = tuple(columns), days
        self.asked: list[dict[str, object]] = []

    def query(self, sql: str, binds: Mapping[str, object]) -> Table:
        self.asked.append(dict(binds))
        answer = self._days.get(str(binds["start_date"]), ())
        if isinstance(answer, Exception):
            raise answer
        return Table(self._columns, list(answer))

    def wall_time(self, instant: datetime, tables: Collection[str]) -> object:
        return instant.date().isoformat()

    def close(self) -> None:
        """Nothing to let go."""


def days(count: int) -> tuple[DayWindow, ...]:
    return tuple(DayWindow(FIRST + i * DAY, FIRST + (i + 1) * DAY) for i in range(count))


def night(as_of: date, zone: ZoneInfo = UTC_ZONE) -> Night:
    return Night(as_of, zone)


def query(text: str, kind: str = "probability", **more: object) -> ObservationQuery:
    return ObservationQuery(text, "data", kind, COLUMNS[kind], **more)  # type: ignore[arg-type]


COUNT = query(f"SELECT trials, successes FROM t WHERE {DATES}")
SERIES = query(
    f"SELECT d, COUNT(*) AS trials, SUM(x) AS successes FROM t WHERE {DATES} GROUP BY d", date_column="d"
)


def fetch(
    warehouse: Listed,
    asked: ObservationQuery = COUNT,
    count: int = 3,
    shards: Mapping[str, Mapping[str, str]] | None = None,
) -> dict[str, Fetched]:
    read = Read(asked, shards or {"p": {}}, days(count), night(FIRST + 9 * DAY))
    return fetch_observations(read, warehouse)


def test_a_day_without_a_row_beside_days_with_rows_is_zero() -> None:
    fetched = fetch(Listed(["trials", "successes"], {"2025-10-02": [(4, 1)]}))["p"]
    assert fetched.observations.sums.tolist() == [[0, 0, 0], [4, 1, 0], [0, 0, 0]]
    assert fetched.skipped is None


def test_a_bad_day_is_set_aside_with_its_values_and_the_others_count() -> None:
    fetched = fetch(Listed(["trials", "successes"], {"2025-10-01": [(4, 5)], "2025-10-03": [(7, 2)]}))["p"]
    (aside,) = fetched.quarantined
    assert aside.window == days(1)[0]
    assert aside.reason == "successes exceed trials"
    assert aside.values == {"trials": "4", "successes": "5"}
    assert aside.size == 4
    assert fetched.observations.first.tolist() == [FIRST + DAY, FIRST + 2 * DAY]
    assert fetched.observations.sums[:, 0].tolist() == [0, 7]


def test_two_rows_for_a_day_are_set_aside_together() -> None:
    fetched = fetch(
        Listed(["trials", "successes"], {"2025-10-01": [(4, 1), (6, 2)], "2025-10-02": [(1, 1)]})
    )["p"]
    (aside,) = fetched.quarantined
    assert aside.reason == "2 rows where one was expected"
    assert aside.size == 10
    assert fetched.observations.size == 1


def test_a_renamed_column_sets_every_day_aside_and_names_the_nearest() -> None:
    fetched = fetch(Listed(["trials", "sucesses"], {"2025-10-01": [(4, 1)]}))["p"]
    assert [aside.window for aside in fetched.quarantined] == list(days(3))
    assert "no column successes; did you mean sucesses?" in fetched.quarantined[0].reason
    assert len(fetched.observations) == 0


def test_columns_are_found_whatever_their_case() -> None:
    asked = ObservationQuery(
        f"SELECT a AS Tried, b AS Won FROM t WHERE {DATES}",
        "data",
        "probability",
        {"trials": "Tried", "successes": "WON"},
    )
    fetched = fetch(Listed(["tried", "won"], {"2025-10-01": [(4, 1)]}), asked)["p"]
    assert fetched.observations.total().tolist() == [4, 1, 0]


def test_a_day_the_source_rejects_is_set_aside_and_the_rest_goes_on() -> None:
    broken = SourceRejected("could not convert 'x'", connection="data")
    fetched = fetch(Listed(["trials", "successes"], {"2025-10-02": broken, "2025-10-03": [(7, 2)]}))["p"]
    assert [(a.window.first, a.reason) for a in fetched.quarantined] == [
        (FIRST + DAY, "could not convert 'x'")
    ]
    assert fetched.observations.size == 7


def test_a_query_the_source_rejects_for_every_day_is_an_error_soon() -> None:
    broken = SourceRejected("no such column", connection="data")
    warehouse = Listed([], {(FIRST + i * DAY).isoformat(): broken for i in range(30)})
    with pytest.raises(SourceRejected, match="no such column"):
        fetch(warehouse, count=30)
    assert len(warehouse.asked) == 3


def test_a_source_that_is_down_is_an_error_at_once() -> None:
    warehouse = Listed([], {"2025-10-02": SourceDown("gone", connection="data")})
    with pytest.raises(SourceDown, match="gone"):
        fetch(warehouse)


def test_a_prior_beside_the_evidence_is_the_latest_days() -> None:
    columns = ["trials", "successes", "alpha_prior", "beta_prior"]
    answers = {
        "2025-10-01": [(4, 1, 8, 17)],
        "2025-10-02": [(5, 1, 9.5, 18)],
        "2025-10-03": [(5, 1, None, None)],
    }
    assert fetch(Listed(columns, answers))["p"].prior == (9.5, 18.0)
    assert fetch(Listed(["trials", "successes"], {"2025-10-01": [(4, 1)]}))["p"].prior is None


def test_a_series_is_asked_once_and_its_bad_dates_are_set_aside() -> None:
    rows = [
        ("2025-10-01", 4, 1),
        ("2025-10-02", 5, 6),
        ("2025-10-03", 3, 1),
        ("2025-10-03", 3, 1),
        ("2025-09-30", 2, 1),
        (None, 1, 1),
        ("soon", 1, 1),
    ]
    warehouse = Listed(["d", "trials", "successes"], {"2025-10-01": rows})
    fetched = fetch(warehouse, SERIES, count=4)["p"]
    assert len(warehouse.asked) == 1
    assert warehouse.asked[0]["end_date"] == "2025-10-05"
    assert fetched.observations.first.tolist() == [FIRST, FIRST + 3 * DAY]
    assert fetched.observations.sums[:, 0].tolist() == [4, 0]
    reasons = sorted(aside.reason for aside in fetched.quarantined)
    assert reasons == [
        "2 rows where one was expected",
        "2025-09-30 is outside the days asked for",
        "a row has no readable date",
        "a row has no readable date",
        "successes exceed trials",
    ]
    assert sum(aside.size for aside in fetched.quarantined) == 5 + 6 + 2 + 1 + 1


def test_a_series_with_a_gap_between_the_days_asked_reads_over_it() -> None:
    rows = [("2025-10-01", 4, 1), ("2025-10-02", 9, 9), ("2025-10-03", 3, 1)]
    warehouse = Listed(["d", "trials", "successes"], {"2025-10-01": rows})
    windows = (days(3)[0], days(3)[2])
    fetched = fetch_observations(Read(SERIES, {"p": {}}, windows, night(FIRST + 9 * DAY)), warehouse)["p"]
    assert fetched.observations.sums[:, 0].tolist() == [4, 3]
    assert fetched.quarantined == ()


GROUPED = query(
    f"SELECT channel AS context_channel, device, COUNT(*) AS trials, SUM(x) AS successes FROM t "
    f"WHERE {DATES} GROUP BY channel, device",
    shard_keys=("channel", "device"),
)
SHARDS = {
    f"p[{channel},{device}]": {"channel": channel, "device": device}
    for channel in ("a", "b")
    for device in ("1", "2")
}


def test_values_that_are_numbers_in_the_source_match_by_their_text() -> None:
    warehouse = Listed(["context_channel", "device", "trials", "successes"], {"2025-10-01": [("a", 1, 4, 1)]})
    fetched = fetch(warehouse, GROUPED, shards=SHARDS)
    assert fetched["p[a,1]"].observations.size == 4
    assert fetched["p[b,2]"].observations.sums.tolist() == [[0, 0, 0]] * 3


def test_strangers_are_summed_by_their_values_and_never_dropped() -> None:
    rows = [("a", 1, 4, 1), ("c", 1, 5, 1), (None, 2, 6, 1)]
    warehouse = Listed(
        ["context_channel", "device", "trials", "successes"],
        {"2025-10-01": rows, "2025-10-02": [("c", 1, 7, 0)]},
    )
    unmatched = fetch(warehouse, GROUPED, shards=SHARDS)["p[a,2]"].unmatched
    assert {(u.context["channel"], u.context["device"], u.rows, u.size) for u in unmatched} == {
        ("c", "1", 2, 12.0),
        (None, "2", 1, 6.0),
    }


def test_a_bad_row_of_one_shard_leaves_the_other_shards_their_day() -> None:
    rows = [("a", "1", 4, 9), ("b", "1", 5, 1)]
    warehouse = Listed(["context_channel", "device", "trials", "successes"], {"2025-10-01": rows})
    fetched = fetch(warehouse, GROUPED, shards=SHARDS)
    assert [aside.window for aside in fetched["p[a,1]"].quarantined] == [days(1)[0]]
    assert fetched["p[b,1]"].quarantined == ()
    assert fetched["p[b,1]"].observations.size == 5


def test_a_missing_context_column_sets_everything_aside() -> None:
    warehouse = Listed(["channel_name", "device", "trials", "successes"], {"2025-10-01": [("a", 1, 4, 1)]})
    fetched = fetch(warehouse, GROUPED, shards=SHARDS)
    assert "no column channel" in fetched["p[a,1]"].quarantined[0].reason


def test_keys_that_are_bound_and_keys_that_are_columns_go_together() -> None:
    asked = query(
        f"SELECT device, COUNT(*) AS trials, SUM(x) AS successes FROM t "
        f"WHERE {DATES} AND channel = '{{{{channel}}}}' GROUP BY device",
        template=True,
        shard_keys=("channel", "device"),
    )

    class ByChannel(Listed):
        """Answers other rows for each channel."""

        def query(self, sql: str, binds: Mapping[str, object]) -> Table:
            super().query(sql, binds)
            size = {"a": 4, "b": 7}[str(binds["ctx_channel"])]
            return Table(("device", "trials", "successes"), [("1", size, 1), ("2", size + 1, 1), ("9", 1, 0)])

    warehouse = ByChannel([], {})
    fetched = fetch(warehouse, asked, count=1, shards=SHARDS)
    assert len(warehouse.asked) == 2
    sizes = {parameter_id: answer.observations.size for parameter_id, answer in fetched.items()}
    assert sizes == {"p[a,1]": 4, "p[a,2]": 5, "p[b,1]": 7, "p[b,2]": 8}
    assert [u.context for u in fetched["p[a,1]"].unmatched] == [
        {"channel": "a", "device": "9"},
        {"channel": "b", "device": "9"},
    ]


def test_a_table_without_a_file_yet_is_no_data_and_is_not_asked() -> None:
    warehouse = Listed([], {})
    warehouse.empty_tables = frozenset({"t"})
    fetched = fetch(warehouse)["p"]
    assert fetched.skipped is not None
    assert (fetched.skipped.reason, warehouse.asked) == ("no_data", [])


def test_the_lookback_lies_as_far_before_each_window_as_it_is_declared_before_the_start() -> None:
    times = {
        "start_date": "NOW() - INTERVAL '7 days'",
        "end_date": "NOW()",
        "lookback_start": "NOW() - INTERVAL '37 days'",
        "cutoff": "CURRENT_DATE - INTERVAL '1 day'",
    }
    asked = query(
        f"SELECT trials, successes FROM t WHERE {DATES} AND b >= :lookback_start AND c < :cutoff", times=times
    )
    warehouse = Listed(["trials", "successes"], {"2025-10-01": [(1, 1)]})
    fetch(warehouse, asked, count=1)
    assert warehouse.asked == [
        {
            "start_date": "2025-10-01",
            "end_date": "2025-10-02",
            "lookback_start": "2025-09-01",
            "cutoff": "2025-10-09",
        }
    ]


def test_a_lookback_nobody_declared_is_refused() -> None:
    asked = query(f"SELECT trials, successes FROM t WHERE {DATES} AND b >= :lookback_start")
    with pytest.raises(QueryRefused, match="how far back"):
        fetch(Listed([], {}), asked)


def _write(folder: Path, table: str, select: str) -> None:
    (folder / table).mkdir(parents=True, exist_ok=True)
    with duckdb.connect(":memory:") as connection:
        connection.execute("SET TimeZone = 'UTC'")
        connection.execute(f"COPY ({select}) TO '{folder / table / 'a.parquet'}' (FORMAT parquet)")


def test_one_day_that_cannot_be_read_costs_only_that_day(tmp_path: Path) -> None:
    values = "VALUES ('2025-10-01 08:00', '4'), ('2025-10-02 08:00', 'four'), ('2025-10-03 08:00', '6')"
    _write(tmp_path, "t", f"SELECT c0::TIMESTAMP AS at, c1 AS amount FROM ({values}) AS v(c0, c1)")
    counted = "COUNT(*) AS trials, SUM(CASE WHEN amount::INT > 0 THEN 1 END) AS successes"
    text = f"SELECT {counted} FROM t WHERE {DATES}"
    warehouse = DuckDB(Opening("data", tmp_path, UTC_ZONE))
    fetched = fetch_observations(Read(query(text), {"p": {}}, days(3), night(FIRST + 9 * DAY)), warehouse)[
        "p"
    ]
    warehouse.close()
    assert [aside.window.first for aside in fetched.quarantined] == [FIRST + DAY]
    assert "four" in fetched.quarantined[0].reason
    assert fetched.observations.sums[:, 0].tolist() == [1, 1]


def test_a_common_query_over_its_time_limit_is_asked_again_one_by_one(tmp_path: Path) -> None:
    _write(tmp_path, "t", "SELECT TIMESTAMP '2025-10-01 08:00' AS at FROM range(5)")
    asked = []

    class Slow(DuckDB):
        """A DuckDB whose common query never comes back in time."""

        def query(self, sql: str, binds: Mapping[str, object]) -> Table:
            asked.append(sql)
            if "LATERAL" in sql:
                raise SourceDown("the query took longer than 60 s", connection="data")
            return super().query(sql, binds)

    warehouse = Slow(Opening("data", tmp_path, UTC_ZONE))
    text = f"SELECT COUNT(*) AS trials, 0 AS successes FROM t WHERE {DATES}"
    read = Read(query(text.replace("0 AS", "COUNT(*) AS")), {"p": {}}, days(2), night(FIRST + 9 * DAY))
    assert fetch_observations(read, warehouse)["p"].observations.size == 5
    assert len(asked) == 3
    warehouse.close()


@pytest.mark.parametrize(
    ("zone", "day"),
    [
        ("Europe/Berlin", date(2025, 3, 30)),  # 23 hours
        ("Europe/Berlin", date(2025, 10, 26)),  # 25 hours
        ("America/Sao_Paulo", date(2018, 11, 4)),  # no midnight
        ("Atlantic/Azores", date(2025, 10, 26)),  # two midnights
        ("America/Havana", date(2025, 11, 2)),  # two midnights
        ("Asia/Kathmandu", date(2025, 10, 26)),  # 5:45 from UTC
    ],
)
def test_each_instant_belongs_to_one_local_day_also_when_clocks_change(
    tmp_path: Path, zone: str, day: date
) -> None:
    """An event per quarter of an hour; the expected counts come from Python's own zone arithmetic."""
    local = ZoneInfo(zone)
    start = datetime(day.year, day.month, day.day, tzinfo=UTC) - 2 * DAY
    instants = [start + timedelta(minutes=15 * i) for i in range(4 * 24 * 5)]
    listed = ", ".join(f"(TIMESTAMPTZ '{instant.isoformat()}')" for instant in instants)
    _write(tmp_path, "t", f"SELECT c0 AS at FROM (VALUES {listed}) AS v(c0)")
    windows = tuple(DayWindow(day + i * DAY, day + (i + 1) * DAY) for i in (-1, 0, 1))
    expected = [
        sum(instant.astimezone(local).date() == window.first for instant in instants) for window in windows
    ]
    text = f"SELECT COUNT(*) AS trials, COUNT(*) AS successes FROM t WHERE {DATES}"
    warehouse = DuckDB(Opening("data", tmp_path, local, Limits()))
    for one_at_a_time in (False, True):
        reads = [(window,) for window in windows] if one_at_a_time else [windows]
        sizes = [
            size
            for part in reads
            for size in fetch_observations(
                Read(query(text), {"p": {}}, part, night(day + 5 * DAY, local)), warehouse
            )["p"].observations.sums[:, 0]
        ]
        assert sizes == expected
    warehouse.close()
