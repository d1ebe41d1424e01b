"""Compiling: dates, clock, binds, tables, shards."""

from __future__ import annotations

import re

import pytest

from evenfall.connectors.sql.compile import CompiledQuery, compile_lookup, compile_query
from evenfall.errors import QueryRefused

COUNT = "SELECT COUNT(*) AS trials, SUM(converted) AS successes FROM journeys"
DATED = f"{COUNT} WHERE created_at >= :start_date AND created_at < :end_date"


def compiled(text: str, **more: object) -> CompiledQuery:
    given: dict[str, object] = {"dialect": "duckdb", "tables": {"journeys", "events"}, **more}
    return compile_query(text, statistics=("trials", "successes"), **given)  # type: ignore[arg-type]


def corrected(text: str, dialect: str = "duckdb") -> str:
    with pytest.raises(QueryRefused) as refused:
        compiled(text, dialect=dialect)
    return refused.value.remedy.removeprefix("write:\n").replace("$", ":")


@pytest.mark.parametrize("dialect", ["duckdb", "sqlite"])
@pytest.mark.parametrize(
    "text",
    [
        COUNT,
        f"{COUNT} WHERE channel = 'google'",
        f"{COUNT} WHERE created_at >= :start_date",
        f"{COUNT} WHERE created_at < :end_date AND channel = 'a' OR channel = 'b'",
        f"{COUNT} WHERE created_at >= NOW() AND channel = 'google'",
        f"{COUNT} WHERE created_at > CURRENT_DATE",
        f"{COUNT} WHERE created_at BETWEEN :start_date AND :end_date",
        f"{COUNT} WHERE created_at > :start_date AND created_at < :end_date",
        f"{COUNT} WHERE created_at >= :start_date AND created_at <= :end_date",
        f"{COUNT} WHERE :start_date < created_at AND created_at < :end_date",
        "WITH a AS (SELECT * FROM journeys WHERE happened_at >= :start_date) "
        "SELECT COUNT(*) AS trials, SUM(converted) AS successes FROM a",
    ],
)
def test_a_query_without_its_window_is_refused_and_the_remedy_compiles(text: str, dialect: str) -> None:
    remedy = corrected(text, dialect)
    assert compiled(remedy, dialect=dialect).splittable


def test_the_corrected_text_keeps_the_other_conditions_and_the_column() -> None:
    remedy = corrected(f"{COUNT} WHERE happened >= NOW() - INTERVAL '7 days' AND channel = 'google'")
    assert remedy == f"{COUNT} WHERE channel = 'google' AND happened >= :start_date AND happened < :end_date"


def test_comments_and_spacing_are_gone_from_the_text_that_is_executed() -> None:
    noisy = DATED.replace("SELECT", "select /* ; DROP TABLE journeys; */ ").replace(
        "FROM", "-- '; DELETE\n from"
    )
    assert compiled(noisy + " ;").sql == compiled(DATED).sql


@pytest.mark.parametrize(
    "clock", ["NOW()", "CURRENT_TIMESTAMP", "now()", "get_current_timestamp()", "LOCALTIMESTAMP"]
)
def test_the_clock_is_a_bind(clock: str) -> None:
    query = compiled(f"{DATED} AND arrived_at < {clock}")
    assert query.sql.endswith("arrived_at < $logical_now")
    assert "logical_now" in query.binds


@pytest.mark.parametrize("clock", ["CURRENT_DATE", "today()", "current_date()"])
def test_the_day_is_a_bind(clock: str) -> None:
    assert compiled(f"{DATED} AND arrived_on < {clock}").sql.endswith("arrived_on < $logical_today")


@pytest.mark.parametrize(
    "clock", ["date('now')", "datetime('NOW')", "strftime('%Y', 'now')", "julianday('now')"]
)
def test_sqlites_words_for_the_clock_are_binds(clock: str) -> None:
    query = compiled(f"{DATED} AND {clock} > '2025'", dialect="sqlite")
    assert "logical_now" in query.binds
    assert "'now'" not in query.sql.lower()


@pytest.mark.parametrize(
    "clock", ["date()", "datetime()", "julianday()", "datetime(created_at, 'localtime')", "CURRENT_TIME"]
)
def test_other_readings_of_the_clock_are_refused(clock: str) -> None:
    with pytest.raises(QueryRefused):
        compiled(f"{DATED} AND {clock} > '2025'", dialect="sqlite")


@pytest.mark.parametrize(
    "call", ["random()", "uuid()", "nextval('s')", "setseed(1)", "age(created_at)", "txid_current()"]
)
def test_functions_that_answer_differently_each_time_are_refused(call: str) -> None:
    with pytest.raises(QueryRefused):
        compiled(f"{DATED} AND {call} IS NOT NULL")


def test_declared_times_may_be_bound_and_others_are_named() -> None:
    assert "cutoff" in compiled(f"{DATED} AND arrived_at < :cutoff", extra_binds={"cutoff"}).binds
    with pytest.raises(QueryRefused, match="did you mean :start_date"):
        compiled(DATED + " AND x < :start_dat")


def test_a_context_may_be_bound_by_its_plain_name() -> None:
    text = f"{DATED} AND channel = :channel"
    query = compiled(text, template=True, variables={"channel"}, set_variables={"channel"})
    assert "ctx_channel" in query.binds


@pytest.mark.parametrize(
    "text",
    [
        # each name is a WITH part somewhere, but not where it is read
        "SELECT * FROM (WITH secret AS (SELECT 1 AS a) SELECT a FROM secret) AS x JOIN secret ON TRUE",
        "WITH secret AS (SELECT * FROM secret) SELECT * FROM secret",
        "WITH a AS (SELECT * FROM b), b AS (SELECT 1 AS x) SELECT * FROM a",
        "SELECT x FROM journeys WHERE EXISTS (WITH s AS (SELECT 1) SELECT * FROM s) AND x IN (FROM s)",
        "SELECT * FROM (SELECT * FROM secret) AS a",
        "SELECT * FROM journeys, secret",
        "SELECT * FROM journeys UNION ALL SELECT * FROM secret",
    ],
)
def test_a_with_name_hides_no_table_outside_its_reach(text: str) -> None:
    with pytest.raises(QueryRefused, match="no table called"):
        compile_lookup(text, dialect="duckdb", tables={"journeys"})


def test_with_names_are_seen_where_they_reach() -> None:
    text = """
        WITH a AS (SELECT x FROM journeys), b AS (SELECT x FROM a)
        SELECT x FROM b WHERE x IN (SELECT x FROM a) UNION SELECT x FROM (SELECT x FROM A) AS c
    """
    assert compile_lookup(text, dialect="duckdb", tables={"Journeys"}).tables == {"journeys"}


GROUPED = DATED.replace("SELECT", "SELECT channel AS context_channel, device,") + " GROUP BY channel, device"
KEYS = ("channel", "device")


def test_real_context_columns_serve_all_shards_in_one_execution() -> None:
    query = compiled(GROUPED, template=True, shard_keys=KEYS)
    assert not query.per_shard
    assert query.columns == ("context_channel", "device", "trials", "successes")


def test_conditional_filters_beside_real_columns_still_serve_all_shards_at_once() -> None:
    text = GROUPED.replace(" GROUP", " {% if channel %} AND channel = '{{channel}}' {% endif %} GROUP")
    query = compiled(text, template=True, shard_keys=KEYS)
    assert not query.per_shard
    assert "ctx_channel" not in query.binds


@pytest.mark.parametrize(
    "text",
    [
        GROUPED.replace("channel AS context_channel", "'{{channel}}' AS context_channel"),
        GROUPED.replace(" GROUP", " AND channel = '{{channel}}' GROUP"),
        DATED + " {% if channel %} AND channel = '{{channel}}' {% endif %} AND device = {{device}}",
    ],
)
def test_bound_context_values_need_an_execution_per_shard(text: str) -> None:
    query = compiled(text, template=True, shard_keys=KEYS)
    assert "channel" in query.bound_keys
    assert "ctx_channel" in query.binds


def test_values_that_all_shards_share_do_not_split_the_execution() -> None:
    text = GROUPED.replace(" GROUP", " {% if country %} AND country = '{{country}}' {% endif %} GROUP")
    query = compiled(text, template=True, shard_keys=KEYS, set_variables={"country"})
    assert not query.per_shard
    assert "ctx_country" in query.binds


def test_a_result_that_cannot_tell_shards_apart_is_refused_with_the_columns_to_add() -> None:
    with pytest.raises(QueryRefused, match="context_channel"):
        compiled(DATED, template=True, shard_keys=("channel",))


def test_a_star_over_a_with_part_shows_its_columns() -> None:
    text = f"WITH counted AS ({DATED}) SELECT * FROM counted"
    assert compiled(text).columns == ("trials", "successes")
    assert compiled(text).splittable


@pytest.mark.parametrize(
    "expression",
    [
        "DATE_TRUNC('day', created_at)",
        "created_at + INTERVAL 1 DAY",
        "properties->>'$.plan.name'",
        "json_extract_string(properties, '$.plan')",
        "CASE WHEN x BETWEEN 1 AND 2 THEN 'a' ELSE lower(channel) END",
        "regexp_matches(channel, '^g.*')",
        "COUNT(DISTINCT user_id) FILTER (WHERE x IS NOT DISTINCT FROM y)",
        "ROW_NUMBER() OVER (PARTITION BY user_id ORDER BY created_at)",
        "x = ANY(SELECT x FROM events)",
        "x IN (SELECT x FROM events) OR list_contains([1, 2], x)",
        "date_diff('day', created_at, arrived_at) // 7 % 2",
        "SUM(LN(x) * LN(x)) / NULLIF(COUNT(*), 0)",
        "EXTRACT(hour FROM created_at AT TIME ZONE 'UTC')",
        "quantile_cont(x, 0.5)",
        "TRY_CAST(channel AS INT)",
    ],
)
def test_what_analysts_write_every_day_is_allowed(expression: str) -> None:
    compile_lookup(f"SELECT {expression} AS x FROM journeys", dialect="duckdb", tables={"journeys", "events"})


def test_only_the_binds_change_between_two_runs_of_a_query() -> None:
    assert compiled(DATED) is compiled(DATED)


def test_deep_nesting_is_refused_not_a_crash() -> None:
    for text in ("SELECT " + "(" * 5000 + "1" + ")" * 5000, f"{DATED} AND " + "NOT " * 5000 + "TRUE"):
        with pytest.raises(QueryRefused, match="nested too deeply"):
            compiled(text)


def test_every_bind_of_the_text_is_listed() -> None:
    query = compiled(f"{DATED} AND arrived_at < :as_of")
    assert set(re.findall(r"\$(\w+)", query.sql)) == query.binds
    assert query.uses_lookback
