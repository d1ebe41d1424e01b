"""Conversions by age, and slices of one condition, from the same cube as everything else."""

from __future__ import annotations

import random
from contextlib import closing
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from evenfall.clock import Night
from evenfall.connectors.answers import Fetched
from evenfall.connectors.events.questions import EventCondition
from evenfall.connectors.events.read import EventRead, fetch_events
from evenfall.connectors.events.slices import Slice, Slicing, parse_slice
from evenfall.window import DayWindow

from .tables import DAY, OPENERS, QUESTION, Event

# ruff: noqa: DTZ001 - wall times of the project's zone are what these tables hold

FIRST = date(2026, 3, 25)
FOLLOWED = 4
WEEK = replace(QUESTION, horizon=timedelta(days=FOLLOWED))
HOUR = timedelta(hours=1)


@pytest.fixture(params=OPENERS)
def engine(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def read_of(days: int, as_of: date, zone: str = "UTC", slicing: Slicing | None = None) -> EventRead:
    windows = tuple(DayWindow(FIRST + i * DAY, FIRST + (i + 1) * DAY) for i in range(days))
    return EventRead(
        WEEK,
        {"p": EventCondition()},
        {"p": windows},
        Night(as_of, ZoneInfo(zone)),
        followed={"p": FOLLOWED},
        slicings={"p": slicing} if slicing else {},
    )


def fetch(engine: str, folder: Path, events: list[Event], read: EventRead) -> Fetched:
    with closing(OPENERS[engine](folder, events, str(read.night.zone))) as warehouse:
        return fetch_events(read, warehouse)["p"]


def journey(user: str, at: datetime, wait: timedelta | None, **more: str | None) -> list[Event]:
    won = [] if wait is None else [Event(user, at + wait, "success")]
    return [Event(user, at, "attempt", **more), *won]


def test_ages_are_days_of_24_hours_and_only_those_seen_in_full_by_everybody_count(
    engine: str, tmp_path: Path
) -> None:
    noon = datetime(2026, 3, 25, 12)
    events = [
        *journey("a", noon, 2 * HOUR),
        *journey("b", noon, timedelta(days=1)),
        *journey("c", noon, timedelta(days=2, hours=1)),
        *journey("d", noon, timedelta(days=4)),  # at the horizon: too late
        *journey("e", noon + timedelta(days=1), 3 * HOUR),
        *journey("f", noon + timedelta(days=2), 3 * HOUR),
    ]
    found = fetch(engine, tmp_path, events, read_of(3, FIRST + 3 * DAY))
    cohorts = found.cohorts
    assert cohorts is not None
    assert (cohorts.clock, cohorts.size.tolist()) == ("elapsed", [4, 1, 1])
    assert cohorts.observed.tolist() == [2, 1, 0]
    assert cohorts.conversions.tolist() == [[1, 1, 0, 0], [1, 0, 0, 0], [0, 0, 0, 0]]
    assert found.observations.sums.tolist() == [[4, 2, 0], [1, 1, 0], [1, 0, 0]]
    later = fetch(engine, tmp_path, events, read_of(3, FIRST + 30 * DAY)).cohorts
    assert later is not None
    assert later.observed.tolist() == [4, 4, 4]
    assert later.conversions[0].tolist() == [1, 1, 1, 0]


def test_a_day_of_23_hours_delays_what_was_seen_in_full(engine: str, tmp_path: Path) -> None:
    zone, noon = "Europe/Berlin", datetime(2026, 3, 27, 12)
    events = journey("a", noon, 2 * HOUR)
    cohorts = fetch(engine, tmp_path, events, read_of(3, date(2026, 3, 30), zone)).cohorts
    assert cohorts is not None
    # The 29th has 23 hours: who came late on the 27th is 47 hours old when the 30th begins.
    assert cohorts.observed.tolist() == [3, 2, 1]


def population(seed: int) -> list[Event]:
    rng = random.Random(seed)
    events: list[Event] = []
    for i in range(300):
        at = datetime(2026, 3, 25) + timedelta(seconds=rng.randrange(6 * 86_400))
        user = f"u{i}"
        for node in ("home", "pricing"):
            if rng.random() < 0.5:
                events.append(Event(user, at - HOUR, "view", node))
        wait = timedelta(seconds=rng.randrange(5 * 86_400)) if rng.random() < 0.6 else None
        events += journey(user, at, wait, channel=rng.choice(["google", "bing", "a,b=c", None]))
    return events


def test_cohorts_are_those_counted_one_by_one(engine: str, tmp_path: Path) -> None:
    events, as_of = population(3), date(2026, 3, 31)
    cohorts = fetch(engine, tmp_path, events, read_of(6, as_of)).cohorts
    assert cohorts is not None
    won = {event.user: event.at for event in events if event.event == "success"}
    expected = np.zeros((6, FOLLOWED), dtype=int)
    size = np.zeros(6, dtype=int)
    for event in events:
        if event.event == "attempt":
            day = (event.at.date() - FIRST).days
            size[day] += 1
            age = (won[event.user] - event.at).days if event.user in won else FOLLOWED
            if age < min(FOLLOWED, (as_of - event.at.date()).days - 1):
                expected[day, age] += 1
    assert cohorts.size.tolist() == size.tolist()
    assert cohorts.conversions.tolist() == expected.tolist()


SLICING = Slicing(("channel",), ("home", "pricing"), {"channel": ("google",)}, {"channel": "other"})


def test_slices_together_are_the_whole(engine: str, tmp_path: Path) -> None:
    read = read_of(6, date(2026, 4, 20), slicing=SLICING)
    found = fetch(engine, tmp_path, population(4), read)
    assert len(found.slices) == 8
    assert found.slices.keys() == found.sliced_cohorts.keys()
    assert "channel=google,visited=home+pricing" in found.slices
    assert "channel=other,visited=" in found.slices
    total = sum(part.sums for part in found.slices.values())
    assert np.array_equal(total, found.observations.sums)
    assert found.cohorts is not None
    aged = sum(part.conversions for part in found.sliced_cohorts.values())
    assert np.array_equal(aged, found.cohorts.conversions)


def test_a_slice_counts_the_attempts_a_parameter_of_its_condition_would(engine: str, tmp_path: Path) -> None:
    read = replace(read_of(6, date(2026, 4, 20), slicing=Slicing(("channel",))), followed={})
    google = EventCondition(context={"channel": "google"})
    both = replace(
        read,
        conditions={**read.conditions, "q": google},
        windows={**read.windows, "q": read.windows["p"]},
    )
    with closing(OPENERS[engine](tmp_path, population(5), "UTC")) as warehouse:
        found = fetch_events(both, warehouse)
    assert found["p"].cohorts is None
    assert found["p"].sliced_cohorts == {}
    slices = found["p"].slices
    assert sorted(slices) == ["channel=", "channel=a%2Cb%3Dc", "channel=bing", "channel=google"]
    assert np.array_equal(slices["channel=google"].sums, found["q"].observations.sums)


@pytest.mark.parametrize(
    ("part", "name"),
    [
        (Slice({"channel": "google"}), "channel=google"),
        (Slice({"channel": "google"}, frozenset({"reviews"})), "channel=google,visited=reviews"),
        (Slice({"b": "", "a": "x,y=z+%"}, frozenset()), "a=x%2Cy%3Dz%2B%25,b=,visited="),
        (Slice({}, frozenset({"b", "a"})), "visited=a+b"),
        (Slice(), ""),
    ],
)
def test_the_name_of_a_slice_is_read_back(part: Slice, name: str) -> None:
    assert str(part) == name
    assert parse_slice(name, visits=part.visited is not None) == part


def test_the_same_night_says_the_same_whatever_happened_since(engine: str, tmp_path: Path) -> None:
    read = read_of(6, date(2026, 3, 31))
    events = population(6)
    known = [event for event in events if event.at < datetime(2026, 3, 31)]
    for name in ("then", "now"):
        (tmp_path / name).mkdir()
    then = fetch(engine, tmp_path / "then", known, read)
    now = fetch(engine, tmp_path / "now", events, read)
    assert then.cohorts is not None
    assert now.cohorts is not None
    assert np.array_equal(then.cohorts.conversions, now.cohorts.conversions)
    assert np.array_equal(then.observations.sums, now.observations.sums)
    assert read.night.data_end == datetime(2026, 3, 31, tzinfo=UTC)
