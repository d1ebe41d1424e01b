"""What the statement makes of units, names, times and pieces, by hand on both engines."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import duckdb
import pytest

from evenfall.connectors.funnels.question import FunnelColumns, FunnelQuestion
from evenfall.connectors.funnels.read import FunnelRead, fetch_attempts
from evenfall.connectors.warehouses import WAREHOUSES, Limits, Opening
from evenfall.errors import QueryRefused, SourceRejected, UsageError

from .tables import ENGINES, SECOND, START, as_listed, ask, laid, opened, wall

BERLIN = ZoneInfo("Europe/Berlin")
HOUR = timedelta(hours=1)
TWO = FunnelQuestion("events", ("a", "b"), timedelta(seconds=10))


@pytest.fixture(params=ENGINES)
def engine(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def found(engine: str, folder: Path, text: str, question: FunnelQuestion, **how: Any) -> list[Any]:
    """Return the attempts of one user whose events are written as ``a0 b5 c7``."""
    events = [("1", int(word[1:]), word[0], "google") for word in text.split()]
    with opened(engine, folder, laid(events)) as warehouse:
        return as_listed(ask(warehouse, question, **how))


def test_a_table_without_a_row_has_no_attempt(engine: str, tmp_path: Path) -> None:
    with opened(engine, tmp_path, []) as warehouse:
        attempts = ask(warehouse, TWO)
    assert attempts.entry.shape == (0,)
    assert attempts.after.shape == (0, 2)


def test_one_event_is_one_attempt_that_came_nowhere(engine: str, tmp_path: Path) -> None:
    assert found(engine, tmp_path, "a3", TWO) == [(3, (0, -1))]
    assert found(engine, tmp_path, "b3", TWO) == []


def test_the_window_is_half_open(engine: str, tmp_path: Path) -> None:
    assert found(engine, tmp_path, "a0 b9", TWO) == [(0, (0, 9))]
    assert found(engine, tmp_path, "a0 b10", TWO) == [(0, (0, -1))]


def test_a_step_before_its_turn_is_passed_over(engine: str, tmp_path: Path) -> None:
    question = replace(TWO, steps=("a", "b", "c"))
    assert found(engine, tmp_path, "a0 a1 c2 b3 c4", question) == [(0, (0, 3, 4))]
    assert found(engine, tmp_path, "a0 c1 b2", question) == [(0, (0, 2, -1))]


def test_events_at_the_same_time_do_not_follow_each_other(engine: str, tmp_path: Path) -> None:
    assert found(engine, tmp_path, "a0 b0", TWO) == [(0, (0, -1))]
    assert found(engine, tmp_path, "a0 b0 b4", TWO) == [(0, (0, 4))]


def test_what_happens_at_the_time_of_a_step_is_not_between_two(engine: str, tmp_path: Path) -> None:
    question = replace(TWO, exclude=("x",))
    assert found(engine, tmp_path, "a0 x0 b5 x5", question) == [(0, (0, 5))]
    assert found(engine, tmp_path, "a0 x4 b5", question) == [(0, (0, -1))]


def test_a_broken_attempt_lets_the_next_entry_open_one(engine: str, tmp_path: Path) -> None:
    question = replace(TWO, exclude=("x",), re_entry=True)
    assert found(engine, tmp_path, "a0 a1 x2 a3 b4", question) == [(0, (0, -1)), (3, (0, 1))]
    assert found(engine, tmp_path, "a0 a10 b11", question) == [(0, (0, -1)), (10, (0, 1))]
    assert found(engine, tmp_path, "a0 a9 b11", question) == [(0, (0, -1))]
    assert found(engine, tmp_path, "a0 x2 a3 b4", replace(question, re_entry=False)) == [(0, (0, -1))]


def test_the_entry_that_breaks_an_attempt_opens_the_next(engine: str, tmp_path: Path) -> None:
    question = replace(TWO, steps=("a", "b", "c"), strict_order="steps", re_entry=True)
    assert found(engine, tmp_path, "a0 b1 a2 b3 c4", question) == [(0, (0, 1, -1)), (2, (0, 1, 2))]


def test_the_event_that_finishes_an_attempt_does_not_open_the_next(engine: str, tmp_path: Path) -> None:
    question = replace(TWO, steps=("a", "a"), re_entry=True)
    assert found(engine, tmp_path, "a0 a1 a2 a3", question) == [(0, (0, 1)), (2, (0, 1))]


def test_an_optional_step_is_counted_and_not_asked_for(engine: str, tmp_path: Path) -> None:
    question = replace(TWO, steps=("a", "o", "b", "c"), optional=("o",))
    assert found(engine, tmp_path, "a0 b2 c3", question) == [(0, (0, -1, 2, 3))]
    assert found(engine, tmp_path, "a0 o1 b2 c3", question) == [(0, (0, 1, 2, 3))]
    assert found(engine, tmp_path, "a0 b2 o3 c4", question) == [(0, (0, -1, 2, 4))]
    assert found(engine, tmp_path, "a0 o1", question) == [(0, (0, 1, -1, -1))]
    strict = replace(question, strict_order="steps")
    assert found(engine, tmp_path, "a0 o1 b2 c3", strict) == [(0, (0, 1, 2, 3))]
    assert found(engine, tmp_path, "a0 b2 o3 c4", strict) == [(0, (0, -1, 2, -1))]


def test_sessions_of_a_user_are_apart_and_so_are_equal_sessions_of_two_users(
    engine: str, tmp_path: Path
) -> None:
    rows = [
        ("1", "s", "a", None, wall(0), None),
        ("1", "t", "b", None, wall(1), None),
        ("2", "s", "b", None, wall(2), None),
        ("2", "t", "a", None, wall(3), None),
        ("2", "t", "b", None, wall(5), None),
    ]
    with opened(engine, tmp_path, rows) as warehouse:
        assert as_listed(ask(warehouse, TWO)) == [(0, (0, 1)), (3, (0, 2))]
        by_session = replace(TWO, unit="session")
        assert as_listed(ask(warehouse, by_session)) == [(0, (0, -1)), (3, (0, 2))]
        anyone = replace(by_session, columns=FunnelColumns(user=""))
        assert as_listed(ask(warehouse, anyone)) == [(0, (0, 2)), (3, (0, 2))]


def test_rows_without_a_unit_or_a_time_are_nobodys(engine: str, tmp_path: Path) -> None:
    rows = [
        (None, "s", "a", None, wall(0), None),
        (None, "s", "b", None, wall(1), None),
        ("1", "s", "a", None, None, None),
        ("1", "s", "b", None, wall(2), None),
    ]
    with opened(engine, tmp_path, rows) as warehouse:
        assert as_listed(ask(warehouse, TWO)) == []


def test_times_that_stand_for_none_do_not_hurt(engine: str, tmp_path: Path) -> None:
    rows = [("9", "s", "a", None, time, None) for time in ("0001-01-01 00:00:00", "9999-12-31 23:59:59")]
    with opened(engine, tmp_path, [*rows, *laid([("1", 0, "a", ""), ("1", 1, "b", "")])]) as warehouse:
        assert as_listed(ask(warehouse, TWO)) == [(0, (0, 1))]
        ages_ago = datetime(1, 1, 1, tzinfo=UTC)
        read = FunnelRead(TWO, ages_ago, datetime.max.replace(tzinfo=UTC), START + HOUR, BERLIN)
        assert len(fetch_attempts(read, warehouse).entry) == 1


def test_a_step_may_be_a_node_as_well_as_an_event(engine: str, tmp_path: Path) -> None:
    rows = [
        ("1", "s", "view", "a", wall(0), None),
        ("1", "s", "view", "other", wall(1), None),
        ("1", "s", "b", "a", wall(2), None),
    ]
    question = replace(TWO, columns=FunnelColumns(node="page"))
    with opened(engine, tmp_path, rows) as warehouse:
        assert as_listed(ask(warehouse, question)) == [(0, (0, 2))]
        assert as_listed(ask(warehouse, replace(question, strict_order="events"))) == [(0, (0, -1))]
        assert as_listed(ask(warehouse, TWO)) == []


def test_the_context_is_that_of_the_entry(engine: str, tmp_path: Path) -> None:
    rows = laid(
        [("1", 0, "a", "google"), ("1", 2, "b", "direct"), ("2", 0, "a", "direct"), ("2", 1, "b", "google")]
    )
    for columns in (FunnelColumns(), FunnelColumns(contexts={"source": "channel"})):
        key = "source" if columns.contexts else "channel"
        question = replace(TWO, context={key: "google"}, columns=columns)
        with opened(engine, tmp_path, rows) as warehouse:
            assert as_listed(ask(warehouse, question)) == [(0, (0, 2))]


@pytest.mark.parametrize("attack", ["a' OR '1'='1", "a'; DROP TABLE events; --", ":name_1", "$name_1", 'a"b'])
def test_names_and_values_are_bound(engine: str, tmp_path: Path, attack: str) -> None:
    assert found(engine, tmp_path, "a0 b1", replace(TWO, steps=(attack, "b"))) == []
    assert found(engine, tmp_path, "a0 b1", replace(TWO, context={"channel": attack})) == []
    assert found(engine, tmp_path, "a0 b1", replace(TWO, steps=("a", attack), exclude=("x",))) == [
        (0, (0, -1))
    ]


@pytest.mark.parametrize("role", ["user", "event", "time", "node"])
def test_a_column_that_is_not_there_is_named_with_the_nearest(engine: str, tmp_path: Path, role: str) -> None:
    for name in ("creatd_at", 'created_at" FROM events; --'):
        columns = FunnelColumns(**{role: name})  # type: ignore[arg-type]
        with (
            opened(engine, tmp_path, laid([("1", 0, "a", "")])) as warehouse,
            pytest.raises(QueryRefused) as refused,
        ):
            ask(warehouse, replace(TWO, columns=columns))
        assert name in refused.value.message
        assert f"say which column is the {role}" in refused.value.remedy
        assert "created_at" in refused.value.remedy


def test_a_table_that_is_not_there_is_named_with_the_nearest(engine: str, tmp_path: Path) -> None:
    with opened(engine, tmp_path, []) as warehouse, pytest.raises(QueryRefused) as refused:
        ask(warehouse, replace(TWO, table="event"))
    assert "events" in refused.value.remedy


def test_pieces_of_any_size_give_the_same_attempts(engine: str, tmp_path: Path) -> None:
    """An event each 40 minutes for two users: attempts reach over the hours at which pieces are cut."""
    events = [(str(i % 2), 2400 * i, "aababcb"[i % 7], "google" if i % 3 else "direct") for i in range(60)]
    for re_entry in (False, True):
        question = replace(TWO, window=timedelta(hours=5), re_entry=re_entry)
        with opened(engine, tmp_path, laid(events)) as warehouse:
            whole = as_listed(ask(warehouse, question))
            assert len(whole) > re_entry
            for rows in (1, 2, 7):
                assert as_listed(ask(warehouse, question, rows=rows)) == whole


def test_an_answer_that_is_too_long_is_asked_in_halves(engine: str, tmp_path: Path) -> None:
    events = [(str(i), 600 * i, "a", "") for i in range(48)]
    with opened(engine, tmp_path, laid(events)) as warehouse:
        path = warehouse._opening.path  # type: ignore[attr-defined]
    strict = WAREHOUSES.resolve(engine)(Opening("data", path, ZoneInfo("UTC"), Limits(max_rows=10)))
    assert len(as_listed(ask(strict, TWO))) == 48
    strict.close()
    strict = WAREHOUSES.resolve(engine)(Opening("data", path, ZoneInfo("UTC"), Limits(max_rows=3)))
    with pytest.raises(SourceRejected, match="more than 3 rows"):
        ask(strict, TWO)
    strict.close()


@pytest.mark.parametrize(
    ("entry", "step", "hours"),
    [
        # Berlin skips 02:00 on 30 March 2025 and repeats it on 26 October; elapsed hours by hand
        ("2025-03-30 01:30:00", "2025-03-30 03:30:00", 1),
        ("2025-03-29 12:00:00", "2025-03-30 12:00:00", 23),
        ("2025-10-26 01:30:00", "2025-10-26 03:30:00", 3),
        ("2025-10-25 12:00:00", "2025-10-26 12:00:00", 25),
        ("2025-10-26 01:30:00", "2025-10-26 02:30:00", 1),  # of the two 02:30 the first is taken
    ],
)
def test_time_to_convert_is_time_that_passed_on_days_the_clock_changes(
    engine: str, tmp_path: Path, entry: str, step: str, hours: int
) -> None:
    rows = [("1", "s", "a", None, entry, None), ("1", "s", "b", None, step, None)]
    until = datetime(2026, 1, 1, tzinfo=UTC)
    for window, after in ((timedelta(days=2), hours * 3600 * SECOND), (hours * HOUR, -1)):
        read = FunnelRead(replace(TWO, window=window), None, until, until, BERLIN)
        with opened(engine, tmp_path, rows, BERLIN) as warehouse:
            attempts = fetch_attempts(read, warehouse)
        assert attempts.after.tolist() == [[0, after]]


def test_entries_of_local_days_are_those_between_its_midnights(engine: str, tmp_path: Path) -> None:
    times = ["2025-10-25 23:59:59", "2025-10-26 00:00:00", "2025-10-26 23:59:59", "2025-10-27 00:00:00"]
    rows = [(str(i), "s", "a", None, at, None) for i, at in enumerate(times)]
    first, stop = datetime(2025, 10, 25, 22, tzinfo=UTC), datetime(2025, 10, 26, 23, tzinfo=UTC)
    with opened(engine, tmp_path, rows, BERLIN) as warehouse:
        attempts = fetch_attempts(FunnelRead(TWO, first, stop, stop + 10 * HOUR, BERLIN), warehouse)
    assert [int(us) // SECOND for us in attempts.entry] == [
        int(first.timestamp()),
        int(stop.timestamp()) - 1,
    ]


def test_a_column_with_a_zone_holds_instants(tmp_path: Path) -> None:
    (tmp_path / "data" / "events").mkdir(parents=True)
    with duckdb.connect(":memory:") as connection:
        connection.execute(
            "COPY (SELECT 1 AS user_id, name AS event_type, moment::TIMESTAMPTZ AS created_at FROM (VALUES "
            "('a', '2025-10-26 00:30:00+00'), ('b', '2025-10-26 01:30:00+00')) AS v(name, moment)) "
            f"TO '{tmp_path / 'data' / 'events' / 'part.parquet'}' (FORMAT parquet)"
        )
    until = datetime(2026, 1, 1, tzinfo=UTC)
    warehouse = WAREHOUSES.resolve("duckdb")(Opening("data", tmp_path / "data", BERLIN))
    read = FunnelRead(replace(TWO, window=timedelta(days=1)), None, until, until, BERLIN)
    attempts = fetch_attempts(read, warehouse)  # both are 02:30 in Berlin
    warehouse.close()
    assert attempts.after.tolist() == [[0, 3600 * SECOND]]


def test_fractions_of_seconds_order_events(engine: str, tmp_path: Path) -> None:
    rows = [
        ("1", "s", name, None, f"{wall(0)}.{part}", None) for name, part in (("b", "000001"), ("a", "000002"))
    ]
    rows.append(("1", "s", "b", None, f"{wall(0)}.000003", None))
    with opened(engine, tmp_path, rows) as warehouse:
        assert ask(warehouse, TWO).after.tolist() == [[0, 1]]


def test_data_after_the_end_is_not_read(engine: str, tmp_path: Path) -> None:
    assert found(engine, tmp_path, "a0 b5", TWO, until=5) == [(0, (0, -1))]
    assert found(engine, tmp_path, "a0 b5", TWO, until=6) == [(0, (0, 5))]
    assert found(engine, tmp_path, "a0 b5", TWO, until=0) == []
    assert START.tzinfo is UTC


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"steps": ()}, "a step without a name"),
        ({"steps": ("a", " ")}, "a step without a name"),
        ({"steps": ("a",) * 33}, "at most 32"),
        ({"window": timedelta(0)}, "no window"),
        ({"window": timedelta(days=4000)}, "no window"),
        ({"exclude": ("b",)}, "a step and excluded"),
        ({"optional": ("o",)}, "is no step"),
        ({"optional": ("b",)}, "cannot be optional"),
        ({"strict_order": "very"}, "choose no or steps or events"),
        ({"unit": "device"}, "choose user or session"),
    ],
)
def test_a_question_that_contradicts_itself_is_refused(change: dict[str, Any], told: str) -> None:
    with pytest.raises(UsageError, match=told):
        replace(TWO, **change)
