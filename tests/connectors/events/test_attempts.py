"""What an attempt is, what comes before it and what follows it: decision 0005, case by case."""

from __future__ import annotations

import random
from contextlib import closing
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from evenfall.beliefs.cube import NEVER, Cube, Visited
from evenfall.window import DayWindow

from .tables import DAY, OPENERS, QUESTION, Event, cells_of, cube_of

# ruff: noqa: DTZ001 - wall times of the project's zone are what these tables hold

NOON = datetime(2026, 3, 10, 12)
SPAN = DayWindow(date(2026, 3, 8), date(2026, 3, 14))
HOUR, MICROSECOND = timedelta(hours=1), timedelta(microseconds=1)
HOME = Visited(all=frozenset({"home"}))


@pytest.fixture(params=OPENERS)
def engine(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def attempt(at: datetime = NOON, **more: str | None) -> Event:
    return Event("ann", at, "attempt", **more)


def view(at: datetime, node: str = "home", user: str = "ann") -> Event:
    return Event(user, at, "view", node)


def success(at: datetime, user: str = "ann") -> Event:
    return Event(user, at, "success")


def counted(cube: Cube, visited: Visited | None = None) -> tuple[float, float]:
    trials, successes, _ = cube.lookup(visited).total().tolist()
    return trials, successes


def cube(engine: str, folder: Path, *events: Event, **more: object) -> Cube:
    zone = str(more.get("zone", "UTC"))
    return cube_of(OPENERS[engine](folder, events, zone), SPAN, **more)  # type: ignore[arg-type]


# Before the attempt -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("at", "counts"),
    [
        (NOON - MICROSECOND, True),
        (NOON, False),  # at the same instant: not before it
        (NOON + MICROSECOND, False),
        (NOON - 30 * HOUR, True),  # the lookback of the question is 30 hours, and closed at its far end
        (NOON - 30 * HOUR - MICROSECOND, False),
    ],
)
def test_a_visit_counts_from_the_lookback_up_to_the_attempt(
    engine: str, tmp_path: Path, at: datetime, counts: bool
) -> None:
    assert counted(cube(engine, tmp_path, attempt(), view(at)), HOME) == (float(counts), 0)


def test_a_visit_of_somebody_else_does_not_count(engine: str, tmp_path: Path) -> None:
    assert counted(cube(engine, tmp_path, attempt(), view(NOON - HOUR, user="bob")), HOME) == (0, 0)


def test_the_attempt_s_own_row_and_earlier_attempts_are_visits_of_their_nodes(
    engine: str, tmp_path: Path
) -> None:
    once = attempt(NOON, node="home")
    again = attempt(NOON + DAY, node="home")
    assert counted(cube(engine, tmp_path, once, again)) == (2, 0)
    assert counted(cube(engine, tmp_path, once, again), HOME) == (1, 0)


def test_visits_at_or_after_the_attempt_change_nothing(engine: str, tmp_path: Path) -> None:
    rng = random.Random(20261120)
    events = [Event(f"u{i}", NOON + rng.random() * DAY, "attempt", channel="google") for i in range(150)]
    events += [
        view(e.at - rng.random() * 2 * DAY, rng.choice(["home", "pricing"]), str(e.user)) for e in events
    ]
    tries = events[:150]
    later = [view(e.at + i * rng.random() * HOUR, "pricing", str(e.user)) for e in tries for i in (0, 1, 9)]
    before = cells_of(cube(engine, tmp_path, *events))
    assert len(before) > 3
    assert cells_of(cube(engine, tmp_path, *events, *later)) == before


NAIVE = """
    WITH visited_users AS (
        SELECT DISTINCT user_id FROM events WHERE event = 'view' AND node = 'home'
    ), attempts AS (
        SELECT e.user_id, MAX(CASE WHEN e.event = 'success' THEN 1 ELSE 0 END) AS converted
        FROM events e INNER JOIN visited_users v ON e.user_id = v.user_id
        WHERE e.event IN ('attempt', 'success') GROUP BY e.user_id
    )
    SELECT COUNT(*), SUM(converted) FROM attempts
"""
"""The usual query, shortened: users who visited the node, whenever that was, and their attempts."""


def test_the_usual_query_counts_visits_that_came_after(engine: str, tmp_path: Path) -> None:
    """Who converts is shown the page: the usual query says 4 of 7, of those who had seen it it was 1 of 4."""
    events = [Event(f"u{i}", NOON, "attempt") for i in range(10)]
    events += [view(NOON - HOUR, user=f"u{i}") for i in range(4)]
    events += [success(NOON + HOUR, f"u{i}") for i in (0, 4, 5, 6)]
    events += [view(NOON + 2 * HOUR, user=f"u{i}") for i in (4, 5, 6)]
    with closing(OPENERS[engine](tmp_path, events, "UTC")) as warehouse:
        assert warehouse.query(NAIVE, {}).rows == [(7, 4)]
    found = cube(engine, tmp_path, *events)
    assert counted(found, HOME) == (4, 1)
    assert counted(found, Visited(none=frozenset({"home"}))) == (6, 3)
    assert counted(found) == (10, 4)


# After it ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("wait", "age"),
    [
        (timedelta(0), 0),  # at the instant of the attempt
        (-MICROSECOND, NEVER),
        (DAY - MICROSECOND, 0),
        (DAY, 1),
        (2 * DAY - MICROSECOND, 1),
        (2 * DAY, NEVER),  # the horizon is open at its end
    ],
)
def test_a_success_counts_from_the_attempt_up_to_the_horizon(
    engine: str, tmp_path: Path, wait: timedelta, age: int
) -> None:
    question = replace(QUESTION, horizon=2 * DAY)
    found = cube(engine, tmp_path, attempt(), success(NOON + wait), question=question)
    assert found.age_days.tolist() == [age]


def test_only_the_first_success_counts(engine: str, tmp_path: Path) -> None:
    question = replace(QUESTION, horizon=4 * DAY)
    found = cube(engine, tmp_path, attempt(), success(NOON + 3 * DAY), success(NOON + DAY), question=question)
    assert (found.age_days.tolist(), counted(found)) == ([1], (1, 1))


# Again ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("hours", "trials"),
    [
        ([0], 1),
        ([0, 20], 2),  # 20 hours are the horizon
        ([0, 19], 1),
        ([0, 15, 30], 1),  # each within the horizon of the one before it: one long attempt
        ([0, 15, 30, 50], 2),
        ([0, 0], 1),  # twice at one instant
        ([0, 0, 20, 20], 2),
    ],
)
def test_an_attempt_counts_when_its_unit_made_none_for_a_horizon(
    engine: str, tmp_path: Path, hours: list[int], trials: int
) -> None:
    assert counted(cube(engine, tmp_path, *(attempt(NOON + n * HOUR) for n in hours))) == (trials, 0)


def test_an_attempt_before_the_days_that_are_read_is_seen(engine: str, tmp_path: Path) -> None:
    midnight = datetime(2026, 3, 8)
    found = cube(engine, tmp_path, attempt(midnight - HOUR), attempt(midnight + HOUR), attempt(NOON))
    assert found.lookup().sums[:, 0].tolist() == [0, 0, 1, 0, 0, 0]


def test_a_success_belongs_to_one_attempt_at_most(engine: str, tmp_path: Path) -> None:
    rng = random.Random(7)
    events = [
        Event("ann", NOON + rng.random() * 3 * DAY, rng.choice(["attempt", "success"])) for _ in range(60)
    ]
    trials, successes = counted(cube(engine, tmp_path, *events))
    assert successes <= trials <= 4  # at most one per 20 hours


def test_reading_day_by_day_gives_the_counts_of_reading_all_days(engine: str, tmp_path: Path) -> None:
    rng = random.Random(11)
    kinds = ["attempt", "attempt", "success", "view"]
    events = [
        Event(
            f"u{rng.randrange(60)}", datetime(2026, 3, 7) + rng.random() * 7 * DAY, rng.choice(kinds), "home"
        )
        for _ in range(300)
    ]
    whole = cells_of(cube_of(OPENERS[engine](tmp_path, events, "UTC"), SPAN))
    parts = [
        cells_of(cube_of(OPENERS[engine](tmp_path, events, "UTC"), DayWindow(day, day + DAY))) for day in SPAN
    ]
    assert sum(parts[1:], start=parts[0]) == whole
    assert len(whole) > 10


# Units and contexts -----------------------------------------------------------------------------------------


def test_a_session_is_a_unit_of_its_own(engine: str, tmp_path: Path) -> None:
    events = [
        attempt(NOON, session="1"),
        attempt(NOON + HOUR, session="2"),
        replace(attempt(NOON + 2 * HOUR, session="1"), user="bob"),
    ]
    per_session = replace(QUESTION, unit="session", session="session")
    assert counted(cube(engine, tmp_path, *events)) == (2, 0)
    assert counted(cube(engine, tmp_path, *events, question=per_session)) == (3, 0)
    alone = replace(per_session, user="")
    assert counted(cube(engine, tmp_path, *events, question=alone)) == (2, 0)


def test_rows_without_a_unit_are_nobody_s(engine: str, tmp_path: Path) -> None:
    nobody = Event(None, NOON, "attempt")
    assert counted(cube(engine, tmp_path, nobody, attempt(), Event(None, NOON, "success"))) == (1, 0)


def test_contexts_are_those_of_the_attempt_s_row(engine: str, tmp_path: Path) -> None:
    events = [
        replace(view(NOON - HOUR), channel="bing"),
        attempt(NOON, channel="google", device="mobile"),
        replace(success(NOON + HOUR), channel="bing"),
        Event("bob", NOON, "attempt"),
    ]
    found = cube(engine, tmp_path, *events)
    assert found.lookup(HOME, {"channel": "google", "device": "mobile"}).total().tolist() == [1, 1, 0]
    assert found.lookup(None, {"channel": "bing"}).size == 0
    assert found.lookup(None, {"channel": None}).size == 1


def test_what_others_ask_for_changes_no_answer(engine: str, tmp_path: Path) -> None:
    """Two attempts at one instant differ in every context: what counts must not depend on the keys read."""
    events = [attempt(channel="google", device="desktop"), attempt(channel="bing", device="mobile")]
    one = cube(engine, tmp_path, *events, keys=("device",), nodes=())
    both = cube(engine, tmp_path, *events)
    for device in ("desktop", "mobile"):
        context = {"device": device}
        assert one.lookup(None, context).size == both.lookup(None, context).size
    assert one.lookup(None, {"device": "desktop"}).size == 1


# Clocks -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("at", "until", "hours", "succeeds"),
    [
        # Berlin repeats 02:00 to 03:00 on 25 October: from 01:30 to 04:00 it is three and a half hours
        (datetime(2026, 10, 25, 1, 30), datetime(2026, 10, 25, 4), 3, False),
        (datetime(2026, 10, 25, 1, 30), datetime(2026, 10, 25, 4), 4, True),
        # and it skips that hour on 29 March: from 01:30 to 04:00 it is one and a half
        (datetime(2026, 3, 29, 1, 30), datetime(2026, 3, 29, 4), 1, False),
        (datetime(2026, 3, 29, 1, 30), datetime(2026, 3, 29, 4), 2, True),
        # a repeated wall time is its first pass: 02:30 in summer time, four hours before 05:30 in winter time
        (datetime(2026, 10, 25, 2, 30), datetime(2026, 10, 25, 5, 30), 4, False),
        (datetime(2026, 10, 25, 2, 30), datetime(2026, 10, 25, 5, 30), 5, True),
        # a skipped one is read with the offset before the change: 02:30 is what the clock called 03:30
        (datetime(2026, 3, 29, 2, 30), datetime(2026, 3, 29, 4), 1, True),
    ],
)
def test_a_horizon_is_elapsed_time_across_a_clock_change(  # noqa: PLR0917 - a row of the table above
    engine: str, tmp_path: Path, at: datetime, until: datetime, hours: int, succeeds: bool
) -> None:
    span = DayWindow(at.date(), at.date() + DAY)
    question = replace(QUESTION, horizon=hours * HOUR)
    warehouse = OPENERS[engine](tmp_path, [attempt(at), success(until)], "Europe/Berlin")
    found = cube_of(warehouse, span, question=question, zone="Europe/Berlin")
    assert counted(found) == (1, float(succeeds))


def test_instants_tell_the_repeated_hour_apart(engine: str, tmp_path: Path) -> None:
    first, second = (datetime(2026, 10, 25, hour, 30, tzinfo=UTC) for hour in (0, 1))  # both 02:30 in Berlin
    span = DayWindow(date(2026, 10, 25), date(2026, 10, 26))
    for seen, tried, visits in ((first, second, 1), (second, first, 0)):
        warehouse = OPENERS[engine](tmp_path, [attempt(tried), view(seen)], "Europe/Berlin")
        assert counted(cube_of(warehouse, span, zone="Europe/Berlin"), HOME) == (visits, 0)


def test_an_instant_belongs_to_the_day_of_the_project_s_zone(engine: str, tmp_path: Path) -> None:
    late = datetime(2026, 3, 9, 23, 30, tzinfo=UTC)  # 00:30 on the 10th in Berlin
    warehouse = OPENERS[engine](tmp_path, [attempt(late)], "Europe/Berlin")
    assert cube_of(warehouse, SPAN, zone="Europe/Berlin").day.tolist() == [date(2026, 3, 10)]


def test_the_day_the_clock_changes_is_one_day(engine: str, tmp_path: Path) -> None:
    edges = [datetime(2026, 10, 25), datetime(2026, 10, 25, 23, 59, 59, 999_999)]
    events = [Event(f"u{i}", at, "attempt") for i, at in enumerate([*edges, datetime(2026, 10, 26)])]
    span = DayWindow(date(2026, 10, 24), date(2026, 10, 27))
    found = cube_of(OPENERS[engine](tmp_path, events, "Europe/Berlin"), span, zone="Europe/Berlin")
    assert found.lookup().sums[:, 0].tolist() == [0, 2, 1]
