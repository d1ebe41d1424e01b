"""A plan: decided before anything is done, printed, and the same as what is then done."""

from __future__ import annotations

import json
from datetime import date
from zoneinfo import ZoneInfo

import pytest

from evenfall.clock import Night
from evenfall.errors import UsageError
from evenfall.runs.night.plan import CHUNK, NightPlan, Task
from evenfall.window import DayWindow

from ..shop import DAY, QUERY, TONIGHT, Shop


def windows_of(shop: Shop, name: str = "signup") -> tuple[int, int]:
    """Return the first and the last day that tonight would read, as days ago."""
    (task,) = shop.project.nightly(only=name).plan.tasks
    return (shop.today - task.windows[0].first).days, (shop.today - task.windows[-1].first).days


def test_a_plan_prints_what_will_be_read_and_why(shop: Shop) -> None:
    shop.define()
    shop.define("checkout", query="SELECT 1 AS trials, 1 AS successes")
    shop.write("parameters/price.yaml", "id: price\nvalue: {mean: 0.3, stdev: 0.06}\n")
    refused = shop.project.nightly(only="checkout").plan.tasks[0].skipped
    assert refused is not None
    assert ":start_date" in refused.detail
    assert str(shop.project.nightly()) == (
        "nightly of 2026-03-20 (UTC, logical clock 2026-03-20 06:00Z): 3 parameters, 5 windows to read,"
        " 2 posteriors due\n"
        f"  checkout: config_error: {refused.detail}\n"
        "  price: nothing to read; update\n"
        "  signup: read [2026-03-15, 2026-03-20) (5 missing); update"
    )
    shop.sell(1, 40, 13)
    shop.night()
    shop.today += 2 * DAY
    assert "signup: read [2026-03-17, 2026-03-22) (2 missing, 3 lookback); update" in str(
        shop.project.nightly()
    )


def test_a_plan_is_json(shop: Shop) -> None:
    shop.define()
    shop.define("checkout", query="SELECT 1 AS trials, 1 AS successes")
    plan = shop.project.nightly().as_dict()
    assert json.loads(json.dumps(plan)) == plan
    assert (plan["kind"], plan["run_key"], plan["as_of"]) == ("nightly", "nightly:2026-03-20", "2026-03-20")
    assert plan["logical_clock"] == "2026-03-20T06:00:00+00:00"
    checkout, signup = plan["tasks"]
    assert checkout["skipped"]["reason"] == "config_error"
    assert signup["windows"][0] == ["2026-03-15", "2026-03-16"]
    assert signup["why"] == {"missing": 5}


def test_planning_writes_nothing(shop: Shop) -> None:
    shop.define()
    shop.sell(1, 40, 13)
    shop.night()
    before = shop.kept()
    shop.today += DAY
    str(shop.project.nightly())
    shop.project.gaps()
    shop.project.backfill(TONIGHT - 9 * DAY, TONIGHT)
    shop.project.validate()
    assert shop.kept() == before


# Windows ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("times", "expected"),
    [
        ("{}", (5, 1)),  # the project's lookback
        ("{start_date: NOW() - INTERVAL '3 days'}", (3, 1)),
        # 36 hours before 06:00 is 18:00 two days ago: whole days, rounded down
        ("{start_date: NOW() - INTERVAL '36 hours'}", (2, 1)),
        ("{start_date: NOW() - INTERVAL '7 days', end_date: NOW() - INTERVAL '1 day'}", (7, 2)),
        ("{start_date: \"DATE '2026-03-01'\"}", (19, 1)),
        ("{end_date: NOW() - INTERVAL '2 days'}", (7, 3)),
    ],
)
def test_the_window_a_definition_states_is_what_a_night_reads_again(
    shop: Shop, times: str, expected: tuple[int, int]
) -> None:
    shop.define(source=f"parameters: {times}\n  min_sample_size: 1")
    assert windows_of(shop) == expected


def test_days_the_ledger_lacks_are_read_however_old_they_are(shop: Shop) -> None:
    shop.define()
    shop.night()
    shop.today += 20 * DAY
    assert windows_of(shop) == (20, 1)
    (gap,) = shop.project.gaps()
    assert (gap.reason, len(gap.windows)) == ("missing", 20)
    shop.night()
    shop.today += DAY
    assert windows_of(shop) == (5, 1)
    assert [len(gap.windows) for gap in shop.project.gaps()] == [1]


def test_a_parameter_that_cannot_be_read_is_a_gap_with_its_reason(shop: Shop) -> None:
    shop.define(query="DELETE FROM counts")
    (gap,) = shop.project.gaps()
    assert gap.reason.startswith("config_error: DELETE is not a SELECT")


# Backfills --------------------------------------------------------------------------------------------------


def test_a_backfill_reads_exactly_its_days_and_none_that_is_not_complete(shop: Shop) -> None:
    shop.define()
    plan = shop.project.backfill("2026-02-01", "2026-02-04").plan
    assert (plan.kind, plan.run_key) == ("backfill", "backfill:2026-03-20:2026-02-01:2026-02-04")
    assert plan.tasks[0].windows == tuple(
        DayWindow(date(2026, 2, d), date(2026, 2, d + 1)) for d in (1, 2, 3)
    )
    assert plan.tasks[0].why == {"backfill": 3}
    late = shop.project.backfill(TONIGHT - DAY, TONIGHT + 9 * DAY).plan
    assert late.tasks[0].windows == (DayWindow(TONIGHT - DAY, TONIGHT),)
    assert shop.project.backfill(TONIGHT, TONIGHT + DAY).plan.tasks[0].windows == ()


def test_days_before_a_backfill_become_gaps_no_further_back_than_it_reached(shop: Shop) -> None:
    shop.define()
    shop.sell(12, 10, 4)
    shop.sell(10, 20, 4)
    shop.night()
    shop.project.backfill(shop.day(12), shop.day(11)).apply()
    assert shop.posterior() == (12, 23)
    assert [len(gap.windows) for gap in shop.project.gaps()] == [6]  # 11 to 6 days ago
    shop.night()
    assert shop.posterior() == (16, 39)


@pytest.mark.parametrize(
    "days", [("2026-02-04", "2026-02-01"), ("2026-02-01", "2026-02-01"), ("soon", "later")]
)
def test_a_backfill_of_no_days_is_refused(shop: Shop, days: tuple[str, str]) -> None:
    shop.define()
    with pytest.raises(UsageError):
        shop.project.backfill(*days)


# Chunks -----------------------------------------------------------------------------------------------------


def plan_of(*ids: str) -> NightPlan:
    return NightPlan("nightly", "k", Night(TONIGHT, ZoneInfo("UTC")), tuple(Task(name) for name in ids))


def test_a_long_night_is_kept_in_chunks_without_losing_a_task() -> None:
    plan = plan_of(*(f"p{n:04}" for n in range(2 * CHUNK + 1)))
    assert [len(chunk) for chunk in plan.chunks] == [CHUNK, CHUNK, 1]
    assert tuple(task for chunk in plan.chunks for task in chunk) == plan.tasks
    assert plan_of().chunks == ()


def test_the_shards_of_a_template_stay_together() -> None:
    shards = [f"big[channel={n}]" for n in range(CHUNK + 7)]
    plan = plan_of("a", *shards, "z")
    assert [len(chunk) for chunk in plan.chunks] == [CHUNK + 8, 1]


def test_one_query_says_what_it_reads_by_its_hash(shop: Shop) -> None:
    shop.define("one", query=QUERY.format(edge="signup"))
    shop.define("two", query=QUERY.format(edge="signup"))
    shop.define("three", query=QUERY.format(edge="other"))
    one, three, two = (task["query_hash"] for task in shop.project.nightly().as_dict()["tasks"])
    assert one == two != three
