"""Figures of an ordered funnel against scipy, closed forms and counts by hand."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from scipy import special

from evenfall.funnels.steps import (
    Conversion,
    Delay,
    FunnelTable,
    Reached,
    cohorts_of,
    conversion_of,
    delay_of,
    local_days,
    steps_of,
)

SECOND = 1_000_000
DAY = 86_400 * SECOND
BERLIN = ZoneInfo("Europe/Berlin")
UTC_ZONE = ZoneInfo("UTC")


def micros(*texts: str) -> np.typing.NDArray[np.int64]:
    """Return instants given as UTC texts."""
    return np.array(
        [int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()) * SECOND for text in texts],
        np.int64,
    )


def reached(
    after: list[list[int]], *, optional: tuple[bool, ...] = (), passed: list[bool] | None = None
) -> Reached:
    """Return attempts that entered on 1 June 2025; seconds to each step, −1 for none."""
    table = np.array(after, dtype=np.int64).reshape(len(after), -1)
    return Reached(
        steps=tuple("abcd"[: table.shape[1]]),
        optional=optional or (False,) * table.shape[1],
        entry=np.repeat(micros("2025-06-01 12:00"), len(after)),
        after=np.where(table < 0, -1, table * SECOND),
        passed=np.ones(len(after), bool) if passed is None else np.array(passed),
    )


@pytest.mark.parametrize(("n", "s"), [(1, 0), (1, 1), (20, 7), (1000, 1), (10**6, 31_000), (10**12, 10**11)])
def test_the_interval_is_that_of_jeffreys_prior(n: int, s: int) -> None:
    """Against scipy's inverse of the incomplete beta function, ends set as Brown, Cai and DasGupta do."""
    (found,) = conversion_of([n], [s])
    ends = [special.betaincinv(s + 0.5, n - s + 0.5, q) for q in (0.025, 0.975)]
    assert found.rate == s / n
    assert found.mean == pytest.approx((s + 0.5) / (n + 1), rel=1e-12)
    assert found.lower == pytest.approx(ends[0] if s else 0.0, rel=1e-9)
    assert found.upper == pytest.approx(ends[1] if s < n else 1.0, rel=1e-9)


def test_of_nobody_no_rate_is_known() -> None:
    assert conversion_of([], []) == []
    assert conversion_of([0], [0]) == [Conversion(0, 0, None, None, None, None)]
    assert [c.trials for c in conversion_of([4, 0, 5], [1, 0, 5])] == [4, 0, 5]


@pytest.mark.parametrize(
    ("n", "median", "p90"), [(1, 1, 1), (2, 1, 2), (9, 5, 9), (10, 5, 9), (11, 6, 10), (70, 35, 63)]
)
def test_median_and_p90_are_the_least_times_by_which_so_many_were_there(
    n: int, median: int, p90: int
) -> None:
    shuffled = np.random.default_rng(7).permutation(np.arange(1, n + 1)) * SECOND
    assert delay_of(shuffled) == Delay(n, median, p90)
    assert sum(shuffled <= p90 * SECOND) * 10 >= 9 * n > sum(shuffled < p90 * SECOND) * 10


def test_each_step_counts_from_the_entry_and_from_the_step_before() -> None:
    entry, b, c = steps_of(reached([[0, 5, 9], [0, 7, -1], [0, -1, -1], [0, 6, 10]]))
    assert (entry.count, b.count, c.count) == (4, 3, 2)
    assert entry.from_entry is entry.from_previous is entry.delay_from_entry is None
    assert c.from_previous is not None
    assert c.from_entry is not None
    assert (c.previous, c.from_previous.trials, c.from_previous.successes) == ("b", 3, 2)
    assert (c.from_entry.trials, c.from_entry.rate) == (4, 0.5)
    assert c.delay_from_entry == Delay(2, 9.0, 10.0)
    assert c.delay_from_previous == Delay(2, 4.0, 4.0)


def test_the_step_before_is_the_nearest_that_cannot_be_left_out() -> None:
    steps = steps_of(reached([[0, 3, 5], [0, -1, 8], [0, 4, -1]], optional=(False, True, False)))
    assert [step.previous for step in steps] == [None, "a", "a"]
    assert [step.count for step in steps] == [3, 2, 2]
    assert steps[2].delay_from_previous == Delay(2, 5.0, 8.0)


def test_attempts_whose_window_has_not_passed_are_in_the_cohorts_only() -> None:
    attempts = reached([[0, 5], [0, 5], [0, -1]], passed=[True, False, False])
    assert [step.count for step in steps_of(attempts)] == [1, 1]
    (cohort,) = cohorts_of(attempts, timedelta(days=2), date(2025, 6, 3), UTC_ZONE)
    assert (cohort.entries, cohort.by_age, cohort.conversion) == (3, (2, 0, None), None)


def test_cohorts_count_conversions_by_local_days_since_the_entry() -> None:
    entry = micros("2025-06-01 21:30", "2025-06-01 22:30", "2025-06-01 12:00")  # in Berlin 1, 2 and 1 June
    attempts = Reached(
        ("a", "b"),
        (False, False),
        entry,
        np.array([[0, 3600 * SECOND], [0, 3600 * SECOND], [0, -1]]),
        np.ones(3, bool),
    )
    first, second = cohorts_of(attempts, timedelta(days=1), date(2025, 6, 9), BERLIN)
    assert (first.day, first.entries, first.by_age) == (date(2025, 6, 1), 2, (0, 1))
    assert (second.day, second.entries, second.by_age) == (date(2025, 6, 2), 1, (1, 0))
    assert first.conversion == conversion_of([2], [1])[0]


def test_a_short_day_leaves_room_for_one_more_age() -> None:
    """In Berlin 30 March 2025 has 23 hours: 24 hours after the last second of the 29th is the 31st."""
    attempts = Reached(
        ("a", "b"),
        (False, False),
        micros("2025-03-29 22:59:59"),
        np.array([[0, DAY - SECOND]]),
        np.ones(1, bool),
    )
    (cohort,) = cohorts_of(attempts, timedelta(days=1), date(2025, 5, 1), BERLIN)
    assert (cohort.day, cohort.by_age) == (date(2025, 3, 29), (0, 0, 1))


@pytest.mark.parametrize(
    "zone", ["UTC", "Europe/Berlin", "America/Sao_Paulo", "Pacific/Apia", "Asia/Kathmandu"]
)
def test_local_days_are_those_of_the_zone_database(zone: str) -> None:
    """Against datetime's own arithmetic; Apia skipped 30 December 2011, Sao Paulo midnights until 2018."""
    rng = np.random.default_rng(3)
    instants = rng.integers(*micros("2011-12-20", "2012-12-01"), size=500)
    expected = [datetime.fromtimestamp(us / SECOND, ZoneInfo(zone)).date() for us in instants.tolist()]
    assert local_days(instants, ZoneInfo(zone)).tolist() == expected


def test_an_empty_table_is_told_and_is_json_ready() -> None:
    none = np.zeros((0, 2), np.int64)
    attempts = Reached(("a", "b"), (False, False), none[:, 0], none, np.zeros(0, bool))
    cohorts = cohorts_of(attempts, timedelta(days=1), date(2025, 6, 3), BERLIN)
    table = FunnelTable({}, 0, 0, steps_of(attempts), cohorts, date(2025, 6, 3))
    assert str(table) == "a 0 → b 0  (no entries)"
    assert json.loads(json.dumps(table.as_dict(), allow_nan=False))["cohorts"] == []


def test_a_table_answers_by_step_and_prints_its_conversion() -> None:
    attempts = reached([[0, 5]] * 3 + [[0, -1]])
    table = FunnelTable({}, 4, 0, steps_of(attempts), (), date(2025, 6, 3))
    assert table["b"].count == 3
    assert table.conversion.successes == 3
    lower, upper = (special.betaincinv(3.5, 1.5, q) for q in (0.025, 0.975))
    assert str(table) == f"a 4 → b 3  conversion 0.750 [{lower:.3f}, {upper:.3f}]"
    with pytest.raises(KeyError):
        table["c"]
