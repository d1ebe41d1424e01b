"""From a question in words to a funnel table: days, defaults, refusals."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path

import pytest

import evenfall as ef
from evenfall.errors import QueryRefused, SourceDown, UnknownName, UsageError
from evenfall.project import Project
from evenfall.runs.funnel import read_question

from .shop import TONIGHT, Shop

EVENTS = [
    # user, session, event, wall time in Berlin, channel; the night is that of 20 March 2026
    ("1", "s1", "visit", "2026-03-01 09:00:00", "google"),
    ("1", "s1", "signup", "2026-03-01 09:30:00", "google"),
    ("1", "s2", "purchase", "2026-03-04 10:00:00", "direct"),
    ("2", "s3", "visit", "2026-03-01 23:59:59", "direct"),
    ("2", "s3", "signup", "2026-03-02 00:10:00", "direct"),
    ("2", "s4", "visit", "2026-03-10 08:00:00", "google"),
    ("3", "s5", "visit", "2026-03-02 00:00:00", "google"),
    ("4", "s6", "visit", "2026-03-18 12:00:00", "google"),
    ("4", "s6", "signup", "2026-03-18 12:01:00", "google"),
    ("5", "s7", "visit", "2026-03-20 00:00:00", "google"),
]
THREE = {"table": "events", "steps": "visit, signup,purchase", "window": "7d", "connection": "shop"}


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Project]:
    with Shop(tmp_path / "shop", zone="Europe/Berlin") as shop:
        shop.db.execute("CREATE TABLE events (user_id, session_id, event_type, created_at TEXT, channel)")
        shop.db.executemany("INSERT INTO events VALUES (?, ?, ?, ?, ?)", EVENTS)
        with ef.open(shop.root, clock=shop.clock) as opened:
            yield opened


def test_the_first_entry_of_each_user_counts_once_its_window_has_passed(project: Project) -> None:
    table = project.funnel(**THREE)
    assert [step.count for step in table.steps] == [3, 2, 1]
    assert (table.entries, table.open_entries, table.until) == (3, 1, TONIGHT)
    assert [(cohort.day.day, cohort.entries) for cohort in table.cohorts] == [(1, 2), (2, 1), (18, 1)]
    assert table.cohorts[0].by_age == (0, 0, 0, 1, 0, 0, 0, 0)
    assert table.cohorts[2].by_age == (0, 0, *(None,) * 6)
    assert table["purchase"].delay_from_entry is not None
    assert table["purchase"].delay_from_entry.median == 3 * 86_400 + 3600


def test_entries_count_from_the_first_day_up_to_the_last_not_included(project: Project) -> None:
    table = project.funnel(**THREE, first="2026-03-01", stop=date(2026, 3, 2))
    assert [step.count for step in table.steps] == [2, 2, 1]
    assert (table.question["first"], table.question["stop"]) == ("2026-03-01", "2026-03-02")
    assert project.funnel(**THREE, first="2026-03-05", stop="2026-03-20").entries == 1
    assert project.funnel(**THREE, stop="2030-01-01").entries == 3


def test_an_earlier_night_knows_less(project: Project) -> None:
    table = project.funnel(**THREE, as_of="2026-03-04")
    assert (table.entries, table.open_entries) == (0, 3)
    assert table.cohorts[0].by_age == (0, 0, 0, None, None, None, None, None)


def test_re_entry_units_and_contexts_change_who_is_counted(project: Project) -> None:
    assert project.funnel(**THREE, re_entry=True).entries == 4
    by_session = project.funnel(**THREE, unit="session", re_entry=True)
    assert [step.count for step in by_session.steps] == [4, 2, 0]
    google = project.funnel(**THREE, context={"channel": "google"})
    assert [step.count for step in google.steps] == [3, 1, 1]
    renamed = project.funnel(**THREE, context={"source": "google"}, columns={"source": "channel"})
    assert renamed.steps == google.steps
    assert renamed.question["columns"]["source"] == "channel"


def test_a_window_may_be_given_as_a_length(project: Project) -> None:
    two_days = {**THREE, "window": timedelta(days=2)}
    assert [step.count for step in project.funnel(**two_days).steps] == [3, 2, 0]


def test_what_is_wrong_with_a_question_is_told(project: Project) -> None:
    for wrong in ("7x", "", "0d", "9" * 40 + "d"):
        with pytest.raises(UsageError):
            project.funnel(**{**THREE, "window": wrong})
    for days in ({"first": "March"}, {"first": "2026-03-02", "stop": "2026-03-02"}, {"as_of": "2026-03-21"}):
        with pytest.raises(UsageError):
            project.funnel(**THREE, **days)
    with pytest.raises(UnknownName, match="did you mean shop"):
        project.funnel(**{**THREE, "connection": "shp"})
    with pytest.raises(QueryRefused, match="did you mean events"):
        project.funnel(**{**THREE, "table": "evens"})
    with pytest.raises(QueryRefused, match="did you mean user_id"):
        project.funnel(**THREE, columns={"user": "usr_id"})
    (project.root / "shop.db").rename(project.root / "away.db")
    with pytest.raises(SourceDown):
        project.funnel(**THREE)


def test_strictness_is_a_word_or_a_yes() -> None:
    orders = {
        given: read_question("t", "a,b", "1d", strict_order=given).strict_order for given in (False, "events")
    }
    assert orders == {False: "no", "events": "events"}
    assert read_question("t", ["a", "b"], "1d", strict_order=True, optional=()).strict_order == "steps"
    with pytest.raises(UsageError, match="choose no or steps or events"):
        read_question("t", "a,b", "1d", strict_order="maybe")
