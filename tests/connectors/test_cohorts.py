"""Cohorts from a query: people once per entry day, conversions at each age, and days that do not hold."""

from __future__ import annotations

from contextlib import closing
from datetime import date, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from evenfall.clock import Night
from evenfall.connectors.answers import Fetched
from evenfall.connectors.observations import Read, fetch_observations
from evenfall.connectors.questions import ObservationQuery
from evenfall.connectors.warehouses import Opening
from evenfall.connectors.warehouses.duckdb import DuckDB
from evenfall.window import DayWindow

UTC = ZoneInfo("UTC")
DAY = timedelta(days=1)
FIRST = date(2026, 3, 1)
QUERY = ObservationQuery(
    "SELECT entered, age, people, won, channel AS context_channel FROM c"
    " WHERE entered >= :start_date AND entered < :end_date",
    "data",
    "probability",
    {"trials": "people", "successes": "won"},
    date_column="entered",
    age_column="age",
    max_age_days=3,
)
SHARDS = ObservationQuery(**{**QUERY.__dict__, "shard_keys": ("channel",)})


def fetch(
    folder: Path, rows: str, query: ObservationQuery = QUERY, days: int = 3, as_of: int = 3
) -> dict[str, Fetched]:
    (folder / "data").mkdir()
    (folder / "data" / "c.csv").write_text(f"entered,age,people,won,channel\n{rows}")
    windows = tuple(DayWindow(FIRST + i * DAY, FIRST + (i + 1) * DAY) for i in range(days))
    shards = {"p": {}} if not query.shard_keys else {"g": {"channel": "google"}, "b": {"channel": "bing"}}
    read = Read(query, shards, windows, Night(FIRST + as_of * DAY, UTC))
    with closing(DuckDB(Opening("data", folder / "data", UTC))) as warehouse:
        return fetch_observations(read, warehouse)


def test_ages_that_have_passed_count_and_today_does_not(tmp_path: Path) -> None:
    rows = "2026-03-01,0,10,4,\n2026-03-01,2,10,1,\n2026-03-02,0,8,2,\n2026-03-02,2,8,5,\n2026-03-03,0,6,1,\n"
    found = fetch(tmp_path, rows)["p"]
    cohorts = found.cohorts
    assert cohorts is not None
    assert cohorts.clock == "calendar"
    assert cohorts.entry.tolist() == [FIRST, FIRST + DAY, FIRST + 2 * DAY]
    assert (cohorts.size.tolist(), cohorts.observed.tolist()) == ([10, 8, 6], [3, 2, 1])
    assert cohorts.conversions.tolist() == [[4, 0, 1], [2, 0, 0], [1, 0, 0]]
    assert found.observations.sums.tolist() == [[10, 5, 0], [8, 2, 0], [6, 1, 0]]


def test_conversions_later_than_anybody_is_followed_do_not_count(tmp_path: Path) -> None:
    found = fetch(tmp_path, "2026-03-01,0,10,4,\n2026-03-01,3,10,2,\n", as_of=30)["p"]
    assert found.cohorts is not None
    assert (found.cohorts.conversions[0].tolist(), found.cohorts.observed[0]) == ([4, 0, 0], 3)


@pytest.mark.parametrize(
    "rows",
    [
        "2026-03-01,0,10,4,\n2026-03-01,1,10,2,\n",
        "2026-03-01,0,10,4,\n2026-03-01,1,,2,\n",
        "2026-03-01,0,10,4,\n2026-03-01,1,0,2,\n",
        "2026-03-01,,10,,\n2026-03-01,0,,4,\n2026-03-01,1,,2,\n",
        "2026-03-01,0,10,4,\n2026-03-01,1,10,2,\n2026-03-01,2,10,,\n",
    ],
    ids=["in every row", "in one row", "zero elsewhere", "in a row of its own", "nobody at an age"],
)
def test_the_people_of_a_day_may_stand_in_each_row_or_in_one(tmp_path: Path, rows: str) -> None:
    found = fetch(tmp_path, rows)["p"]
    assert found.quarantined == ()
    assert found.cohorts is not None
    assert found.cohorts.size.tolist() == [10, 0, 0]
    assert found.cohorts.conversions[0].tolist() == [4, 2, 0]


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        ("2026-03-02,0,8,2,\n2026-03-02,1,9,1,\n", "trials of one entry day differ: 8 and 9"),
        ("2026-03-02,0,8,5,\n2026-03-02,1,8,5,\n", "10 successes over all ages exceed 8 trials"),
        ("2026-03-02,1,8,2,\n2026-03-02,1,8,1,\n", "two rows of one entry day for age 1"),
        ("2026-03-02,-1,8,2,\n", "age_days is negative"),
        ("2026-03-02,0.5,8,2,\n", "age_days is not a whole number"),
        ("2026-03-02,0,8,-2,\n", "successes is negative"),
        ("2026-03-02,0,8.5,2,\n", "trials is not a whole number"),
        ("2026-03-02,0,NaN,2,\n", "trials is not a finite number"),
        ("2026-03-02,0,8,1,\n2026-03-02,,8,1,\n", "successes without an age_days"),
        ("2026-03-02,0,,1,\n", "1 successes over all ages exceed 0 trials"),
    ],
)
def test_a_day_that_does_not_hold_is_set_aside_and_the_others_count(
    tmp_path: Path, bad: str, reason: str
) -> None:
    found = fetch(tmp_path, f"2026-03-01,0,10,4,\n{bad}")["p"]
    (aside,) = found.quarantined
    assert (aside.window.first, aside.reason) == (FIRST + DAY, reason)
    assert found.cohorts is not None
    assert found.cohorts.entry.tolist() == [FIRST, FIRST + 2 * DAY]
    assert found.cohorts.size.tolist() == [10, 0]
    assert len(found.observations) == 2


def test_a_set_aside_day_counts_its_people_once(tmp_path: Path) -> None:
    found = fetch(tmp_path, "2026-03-02,0,8,5,\n2026-03-02,1,8,5,\n")["p"]
    assert [aside.size for aside in found.quarantined] == [8]


def test_every_shard_has_cohorts_of_its_own(tmp_path: Path) -> None:
    rows = "2026-03-01,0,10,4,google\n2026-03-01,0,5,3,bing\n2026-03-01,1,5,9,bing\n2026-03-02,0,2,1,bing\n"
    found = fetch(tmp_path, rows, SHARDS)
    google, bing = found["g"].cohorts, found["b"].cohorts
    assert google is not None
    assert bing is not None
    assert google.size.tolist() == [10, 0, 0]
    assert (bing.size.tolist(), bing.entry.tolist()) == ([2, 0], [FIRST + DAY, FIRST + 2 * DAY])
    assert (found["g"].quarantined, len(found["b"].quarantined)) == ((), 1)


def test_a_result_without_the_age_is_set_aside_with_the_nearest_column(tmp_path: Path) -> None:
    found = fetch(
        tmp_path, "2026-03-01,0,10,4,\n", ObservationQuery(**{**QUERY.__dict__, "age_column": "ages"})
    )
    (aside, *_) = next(iter(found.values())).quarantined
    assert aside.reason == "the result has no column ages; did you mean age?"


def test_the_matrix_is_that_of_the_rows_for_many_random_cohorts(tmp_path: Path) -> None:
    rng = np.random.default_rng(7)
    people = rng.integers(50, 100, 40)
    counts = rng.integers(0, 12, (40, 4))
    rows = [
        f"{FIRST + day * DAY},{age},{people[day]},{counts[day, age]},"
        for day in range(40)
        for age in range(4)
        if counts[day, age]
    ]
    found = fetch(tmp_path, "\n".join(rng.permutation(rows)) + "\n", days=40, as_of=41)["p"]
    cohorts = found.cohorts
    assert cohorts is not None
    for day in range(40):
        seen = min(3, 41 - day)
        assert cohorts.observed[day] == seen
        assert cohorts.conversions[day].tolist() == [*counts[day, :seen], *[0] * (3 - seen)]
