"""Which totals may be read day by day: the documents' queries, each reason, and the law on random events."""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import datetime, timedelta

import duckdb
import pytest

from evenfall.connectors.sql.compile import CompiledQuery, compile_query

SIMPLE = """
    SELECT COUNT(*) AS trials, COUNT(CASE WHEN converted THEN 1 END) AS successes,
           MAX(prior_alpha) AS alpha_prior, MAX(prior_beta) AS beta_prior
    FROM user_journeys
    WHERE channel = 'google' AND device = 'mobile'
      AND created_at >= :start_date AND created_at < :end_date
      AND edge_slug = 'signup' AND outcome IS NOT NULL
"""
VISITED_ALL = """
    WITH visited_users AS (
        SELECT DISTINCT user_id, session_id FROM events
        WHERE event_type = 'page_view' AND node_slug IN ('homepage', 'pricing')
          AND created_at >= :start_date AND created_at < :end_date
        GROUP BY user_id, session_id HAVING COUNT(DISTINCT node_slug) = 2
    ),
    signup_attempts AS (
        SELECT e.user_id, e.session_id,
               MAX(CASE WHEN e.event_type = 'signup_success' THEN 1 ELSE 0 END) AS converted
        FROM events e INNER JOIN visited_users v ON e.user_id = v.user_id AND e.session_id = v.session_id
        WHERE e.event_type IN ('signup_attempt', 'signup_success')
          AND e.created_at >= :start_date AND e.created_at < :end_date
        GROUP BY e.user_id, e.session_id
    )
    SELECT COUNT(*) AS trials, SUM(converted) AS successes FROM signup_attempts
"""
TEMPLATE = """
    SELECT COUNT(*) AS trials, SUM(CASE WHEN converted THEN 1 END) AS successes,
           '{{channel}}' AS context_channel, '{{device}}' AS context_device
    FROM user_journeys
    WHERE edge_slug = 'signup' AND created_at >= :start_date AND created_at < :end_date
      {% if channel %} AND channel = '{{channel}}' {% endif %}
      {% if device %} AND device = '{{device}}' {% endif %}
      {% if utm_source %} AND utm_source = '{{utm_source}}' {% endif %}
      {% if geo_country %} AND geo_country = '{{geo_country}}' {% endif %}
    GROUP BY channel, device  -- Shard by contexts
"""
VISITED_ANY = VISITED_ALL.replace("GROUP BY user_id, session_id HAVING COUNT(DISTINCT node_slug) = 2", "")
TIME_SERIES = """
    SELECT DATE(created_at) AS observation_date, COUNT(*) AS trials,
           SUM(CASE WHEN converted THEN 1 END) AS successes
    FROM user_journeys
    WHERE edge_slug = 'signup' AND created_at >= :start_date AND created_at < :end_date
    GROUP BY DATE(created_at) ORDER BY observation_date
"""


def compiled(text: str, *, keys: tuple[str, ...] = (), template: bool = False) -> CompiledQuery:
    return compile_query(
        text, dialect="duckdb", template=template, shard_keys=keys, statistics=("trials", "successes")
    )


def test_document_example_1_counts_rows_of_one_day_each() -> None:
    assert compiled(SIMPLE).splittable


@pytest.mark.parametrize("text", [VISITED_ALL, VISITED_ANY])
def test_document_examples_2_and_4_cut_visits_and_outcomes(text: str) -> None:
    query = compiled(text)
    assert not query.splittable
    assert "cut 2 parts" in query.reason
    assert "visited_users" in query.reason
    assert query.lateral_sql is None


def test_document_example_3_groups_by_its_contexts() -> None:
    query = compiled(TEMPLATE, keys=("channel", "device"), template=True)
    assert query.splittable
    assert query.per_shard


def test_document_example_5_groups_by_its_date() -> None:
    assert compiled(TIME_SERIES).splittable


DATES = "created_at >= :start_date AND created_at < :end_date"
ROWS = "SELECT COUNT(*) AS trials, SUM(converted) AS successes FROM"
SPLITTABLE = [
    f"{ROWS} t WHERE {DATES}",
    f"{ROWS} t WHERE :start_date <= created_at AND :end_date > created_at",
    f"{ROWS} t WHERE (channel = 'a' OR channel = 'b') AND ({DATES})",
    f"{ROWS} t WHERE created_at::DATE >= :start_date::DATE AND created_at::DATE < :end_date::DATE",
    f"{ROWS} t JOIN u USING (user_id) WHERE {DATES}",
    f"{ROWS} t LEFT JOIN u ON t.user_id = u.user_id WHERE {DATES}",
    f"{ROWS} u JOIN t ON t.user_id = u.user_id AND {DATES}",
    f"{ROWS} (SELECT * FROM t WHERE {DATES}) AS d",
    f"WITH d AS (SELECT * FROM t WHERE {DATES}) {ROWS} d JOIN u USING (user_id)",
    f"WITH v AS (SELECT DISTINCT user_id FROM u) {ROWS} t JOIN v USING (user_id) WHERE {DATES}",
    f"WITH d AS ({ROWS} t WHERE {DATES}) SELECT trials, successes FROM d",
    f"WITH d AS ({ROWS} t WHERE {DATES} GROUP BY created_at::DATE) "
    "SELECT SUM(trials) AS trials, SUM(successes) AS successes FROM d",
    f"SELECT COUNT(*) FILTER (WHERE converted >= 0) AS trials, COALESCE(SUM(converted), 0) AS successes "
    f"FROM t WHERE {DATES}",
    f"SELECT COUNT(*) AS trials, COUNT(*) - COUNT(CASE WHEN converted = 0 THEN 1 END) AS successes "
    f"FROM t WHERE {DATES}",
    f"{ROWS} t WHERE {DATES} AND EXISTS (SELECT 1 FROM u WHERE u.user_id = t.user_id)",
    f"{ROWS} t WHERE {DATES} ORDER BY 1",
]
NOT_SPLITTABLE = [
    (f"SELECT COUNT(DISTINCT user_id) trials, SUM(converted) AS successes FROM t WHERE {DATES}", "DISTINCT"),
    (f"{ROWS} (SELECT DISTINCT user_id, converted FROM t WHERE {DATES}) AS d", "DISTINCT"),
    (f"{ROWS} (SELECT MAX(converted) AS converted FROM t WHERE {DATES} GROUP BY user_id) AS d", "groups by"),
    (f"{ROWS} (SELECT MAX(converted) converted FROM t WHERE {DATES} GROUP BY created_at::DATE) d", "add"),
    (f"{ROWS} t WHERE {DATES} HAVING COUNT(*) > 3", "HAVING"),
    (f"{ROWS} (SELECT * FROM t WHERE {DATES} ORDER BY created_at LIMIT 2) AS d", "LIMIT"),
    (f"{ROWS} (SELECT *, ROW_NUMBER() OVER (PARTITION BY user_id ORDER BY created_at) AS n FROM t "
     f"WHERE {DATES}) AS d WHERE n = 1", "window function"),
    (f"SELECT COUNT(*) AS trials, MAX(converted) AS successes FROM t WHERE {DATES}", "MAX"),
    (f"SELECT COUNT(*) AS trials, AVG(converted) AS successes FROM t WHERE {DATES}", "AVG"),
    (f"{ROWS} u WHERE user_id IN (SELECT user_id FROM t WHERE {DATES})", "condition"),
    (f"{ROWS} u LEFT JOIN (SELECT user_id FROM t WHERE {DATES}) AS d USING (user_id)", "outer join"),
    (f"{ROWS} (SELECT converted FROM t WHERE {DATES} UNION SELECT converted FROM t) AS d", "UNION"),
    (f"WITH d AS (SELECT * FROM t WHERE {DATES}) {ROWS} d AS a JOIN d AS b USING (user_id)", "read 2 times"),
    (f"{ROWS} t WHERE {DATES} AND created_at >= NOW() - INTERVAL '2 days'", "NOW"),
    ("SELECT COUNT(*) AS trials, SUM(converted) AS successes FROM t "
     "WHERE created_at >= :start_date AND arrived_at < :end_date", "one column"),
    (f"{ROWS} t WHERE {DATES} AND arrived_at < :end_date", "more than once"),
    (f"{ROWS} t WHERE created_at >= :start_date OR created_at < :end_date", "one column"),
    (f"{ROWS} t WHERE {DATES} GROUP BY ALL", "ALL"),
]  # fmt: skip


@pytest.mark.parametrize("text", SPLITTABLE)
def test_rows_that_belong_to_one_day_each_may_be_split(text: str) -> None:
    assert compiled(text).reason == ""


@pytest.mark.parametrize(("text", "word"), NOT_SPLITTABLE)
def test_whatever_looks_beyond_a_day_may_not_and_says_why(text: str, word: str) -> None:
    query = compiled(text)
    assert not query.splittable
    assert word in query.reason


LOOKBACK = f"""
    WITH visited AS (
        SELECT user_id FROM u WHERE seen_at >= :lookback_start AND seen_at < :as_of
        GROUP BY user_id HAVING COUNT(DISTINCT node) = 2
    ),
    attempts AS (
        SELECT user_id, MAX(converted) AS converted FROM t WHERE {DATES} GROUP BY user_id
    )
    {ROWS} attempts JOIN visited USING (user_id)
"""


def test_lookback_binds_beside_one_dated_part_say_the_query_is_meant_per_day() -> None:
    assert compiled(LOOKBACK).splittable
    assert not compiled(
        LOOKBACK.replace(":lookback_start", ":start_date").replace(":as_of", ":end_date")
    ).splittable


def _events(seed: int) -> duckdb.DuckDBPyConnection:
    rng = random.Random(seed)
    connection = duckdb.connect(":memory:")
    connection.execute(
        "CREATE TABLE t (created_at DATETIME, arrived_at DATETIME, user_id INT, channel TEXT, converted INT)"
    )
    connection.execute("CREATE TABLE u (user_id INT, converted INT)")
    start = datetime(2025, 10, 1)  # noqa: DTZ001
    rows = []
    for _ in range(120):
        at = start + timedelta(seconds=rng.choice([0, 86_399, rng.randrange(86_400)]), days=rng.randrange(5))
        rows.append((at, at, rng.randrange(12), rng.choice("abc"), rng.randrange(2)))
    connection.executemany("INSERT INTO t VALUES (?, ?, ?, ?, ?)", rows)
    connection.executemany("INSERT INTO u VALUES (?, ?)", [(user, user % 2) for user in range(0, 12, 2)])
    return connection


def _total(connection: duckdb.DuckDBPyConnection, query: CompiledQuery, first: int, stop: int) -> list[int]:
    start = datetime(2025, 10, 1)  # noqa: DTZ001
    values = {
        "start_date": start + timedelta(days=first),
        "end_date": start + timedelta(days=stop),
        "logical_now": start + timedelta(days=5),
    }
    binds = {name: values[name] for name in query.binds}
    rows = connection.execute(query.sql, binds).fetchall()
    assert query.columns is not None
    places = [query.columns.index(name) for name in ("trials", "successes")]
    return [sum(int(row[place] or 0) for row in rows) for place in places]


@pytest.fixture(scope="module")
def worlds() -> Iterator[list[duckdb.DuckDBPyConnection]]:
    """Five small random histories of attempts over five days."""
    connections = [_events(seed) for seed in range(5)]
    yield connections
    for connection in connections:
        connection.close()


@pytest.mark.parametrize("text", SPLITTABLE)
def test_days_of_a_splittable_query_add_up_to_the_window(
    worlds: list[duckdb.DuckDBPyConnection], text: str
) -> None:
    query = compiled(_unambiguous(text))
    for connection in worlds:
        days = [_total(connection, query, day, day + 1) for day in range(5)]
        assert [sum(column) for column in zip(*days, strict=True)] == _total(connection, query, 0, 5)


@pytest.mark.parametrize(
    "text", [text for text, word in NOT_SPLITTABLE if word in {"DISTINCT", "groups by", "MAX", "condition"}]
)
def test_days_of_the_refused_ones_really_do_not_add_up(
    worlds: list[duckdb.DuckDBPyConnection], text: str
) -> None:
    query = compiled(text)
    differs = False
    for connection in worlds:
        days = [_total(connection, query, day, day + 1) for day in range(5)]
        differs |= [sum(column) for column in zip(*days, strict=True)] != _total(connection, query, 0, 5)
    assert differs


def _unambiguous(text: str) -> str:
    """Return the query with `converted` taken from the dated table where another one has it too."""
    return (
        text
        if " u " not in f"{text} "
        else text.replace(
            "SUM(converted)", "SUM(" + ("d" if "AS d" in text or "WITH d" in text else "t") + ".converted)"
        )
    )
