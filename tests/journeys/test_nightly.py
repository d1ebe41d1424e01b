"""Nights on real tables: repeated, restated, late and out of order, they count every event once."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest

import evenfall as ef
from evenfall.errors import StoreError
from evenfall.runs.demo.data import DemoData
from evenfall.runs.demo.story import build_demo
from evenfall.runs.demo.world import NIGHTS

from ..runs.shop import DAY, TONIGHT, Shop


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    with Shop(tmp_path / "shop") as shop:
        yield shop


def beta(*days: tuple[int, int], alpha: float = 8, beta: float = 17) -> tuple[float, float]:
    """Return alpha and beta after the days' (trials, successes): the sums by hand."""
    trials, successes = (sum(column) for column in zip(*days, strict=True))
    return alpha + successes, beta + trials - successes


# The worked example -----------------------------------------------------------------------------------------


def test_the_worked_example_comes_out_of_a_night_over_a_sqlite_table(shop: Shop) -> None:
    # Beta(8, 17) and 52 of 150: the design's figures; the interval is scipy.special.betaincinv(60, 115, ·)
    shop.define(rest="")
    for ago, successes in ((1, 20), (2, 15), (3, 17)):
        shop.sell(ago, 50, successes)
    assert shop.night().counts == {"updated": 1}
    row = shop.row()
    assert shop.posterior() == (60.0, 115.0)
    assert row.posterior_mean == pytest.approx(60 / 175, abs=1e-15)
    assert (round(row.lower or 0, 4), round(row.upper or 0, 4)) == (0.2745, 0.4146)
    assert (row.size, row.total) == (150, 52)
    assert row.prior_mean == pytest.approx(0.32)


# Once is enough ---------------------------------------------------------------------------------------------


def test_a_night_run_twice_writes_nothing_at_all(shop: Shop) -> None:
    shop.define()
    shop.sell(1, 40, 13)
    shop.night()
    before = shop.kept()
    again = shop.night()
    assert again.written == {}
    assert shop.kept() == before
    assert before["evidence"]


def test_a_night_of_the_example_run_twice_writes_nothing_at_all(tmp_path: Path) -> None:
    build_demo(tmp_path)
    with ef.open(tmp_path) as project:
        data = DemoData.of(project.registry.parameters)
        for as_of in NIGHTS[:3]:
            data.lay(tmp_path, as_of)
            first = project.nightly(as_of).apply()
            assert first.written["evidence"] > 0
            before = everything_in(tmp_path / ".evenfall" / "store.db")
            assert project.nightly(as_of).apply().written == {}
            assert everything_in(tmp_path / ".evenfall" / "store.db") == before


def everything_in(file: Path) -> dict[str, list[tuple[object, ...]]]:
    """Return the rows of every table but those of attempts and their tasks, wall times and all."""
    with sqlite3.connect(file) as connection:
        tables = [n for (n,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        kept = {
            n: connection.execute(f"SELECT * FROM {n}").fetchall()
            for n in tables
            if n not in ("runs", "tasks")
        }
    connection.close()
    return kept


def test_overlapping_nightly_windows_count_each_event_once(shop: Shop) -> None:
    shop.define()
    for ago in range(1, 6):
        shop.sell(ago, 10, 4)
    for _ in range(4):  # each of these nights reads five days, most of them for the second time and more
        shop.night()
        shop.today += DAY
    assert shop.posterior() == beta(*[(10, 4)] * 5)


# Days change their mind -------------------------------------------------------------------------------------


def test_a_restated_day_replaces_what_it_said_before(shop: Shop) -> None:
    shop.define()
    shop.sell(TONIGHT - DAY, 10, 4)
    shop.sell(TONIGHT - 2 * DAY, 30, 3)
    shop.night()
    shop.sell(TONIGHT - 2 * DAY, 20, 11)
    shop.tomorrow()
    assert shop.posterior() == beta((10, 4), (20, 11))


def test_a_restated_night_run_again_replaces_its_own_rows(shop: Shop) -> None:
    shop.define()
    shop.sell(1, 30, 3)
    shop.night()
    shop.sell(1, 31, 9)
    assert shop.night().written["evidence"] == 1
    assert shop.posterior() == beta((31, 9))


def test_a_day_that_vanishes_from_the_source_is_taken_back(shop: Shop) -> None:
    shop.define()
    shop.sell(1, 30, 3)
    shop.sell(2, 10, 1)
    shop.night()
    shop.sell(1, 0, 0)
    shop.tomorrow()
    assert shop.posterior() == beta((10, 1))


def test_late_events_of_the_lookback_are_counted_and_older_ones_wait_for_a_backfill(shop: Shop) -> None:
    shop.define()
    shop.sell(1, 10, 4)
    shop.night()
    shop.sell(TONIGHT - DAY, 12, 5)
    shop.tomorrow(4)  # the lookback is five days: it reaches this day for the last time
    assert shop.posterior() == beta((12, 5))
    shop.sell(TONIGHT - DAY, 100, 50)
    shop.tomorrow()
    assert shop.posterior() == beta((12, 5))
    shop.project.backfill(TONIGHT - DAY, TONIGHT).apply()
    assert shop.posterior() == beta((100, 50))


def test_a_missed_week_is_caught_up_by_one_night_and_that_night_run_twice_writes_nothing(shop: Shop) -> None:
    shop.define()
    shop.sell(1, 10, 4)
    shop.night()
    days = [TONIGHT + n * DAY for n in range(9)]
    for day in days:
        shop.sell(day, 7, 2)
    shop.tomorrow(9)
    assert shop.posterior() == beta((10, 4), *[(7, 2)] * 9)
    assert (shop.night().written, shop.project.gaps()) == ({}, ())


def test_nights_in_any_order_leave_the_same_posterior_behind(tmp_path: Path) -> None:
    nights = [TONIGHT + n * DAY for n in range(4)]
    orders = [nights, [*reversed(nights)], [nights[i] for i in (2, 0, 3, 1)]]
    for number, order in enumerate(orders):
        with Shop(tmp_path / f"order{number}") as shop:
            shop.define()
            shop.today = nights[-1]
            for ago in range(1, 9):
                shop.sell(ago, 10 + ago, ago)
            for night in [*order, nights[-1]]:  # the last night has the last word on what all have read
                shop.night(night)
            assert shop.posterior() == beta(*[(10 + ago, ago) for ago in range(1, 9)])


def test_a_night_run_late_does_not_overrule_what_a_later_night_read(shop: Shop) -> None:
    shop.define()
    shop.sell(TONIGHT - DAY, 10, 1)
    shop.night()
    shop.sell(TONIGHT - DAY, 20, 2)
    shop.sell(TONIGHT, 5, 5)
    shop.tomorrow(2)
    shop.sell(TONIGHT - DAY, 40, 4)
    shop.night(
        TONIGHT + DAY
    )  # a night between the two, run last: it reads 40, but two days later 20 was read
    assert shop.posterior() == beta((20, 2), (5, 5))
    middle = shop.row(as_of=TONIGHT + DAY)
    assert (middle.size, middle.total) == (45, 9)


# Local days -------------------------------------------------------------------------------------------------

CLOCK_CHANGES = {
    # by hand: Berlin is UTC+1 in winter and UTC+2 in summer, so these days last 23 and 25 hours
    "spring": (
        date(2026, 3, 29),
        ["2026-03-28T22:59:59Z"],
        ["2026-03-28T23:00:00Z", "2026-03-29T00:59:59Z", "2026-03-29T01:00:00Z", "2026-03-29T21:59:59Z"],
        ["2026-03-29T22:00:00Z"],
    ),
    "autumn": (
        date(2026, 10, 25),
        ["2026-10-24T21:59:59Z"],
        ["2026-10-24T22:00:00Z", "2026-10-25T00:30:00Z", "2026-10-25T01:30:00Z", "2026-10-25T22:59:59Z"],
        ["2026-10-25T23:00:00Z"],
    ),
}
"""The day, and instants of the day before, of the day itself (both its ends, both hours 2), and after."""


@pytest.mark.parametrize("season", CLOCK_CHANGES)
def test_on_the_day_the_clock_changes_each_event_belongs_to_one_local_day(
    tmp_path: Path, season: str
) -> None:
    day, before, during, after = CLOCK_CHANGES[season]
    with Shop(tmp_path / "shop", zone="Europe/Berlin") as shop:
        visits = [*((at, 1) for at in during), *((at, 0) for at in before + after)]
        (shop.root / "data" / "visits.csv").write_text(
            "".join(["at,bought\n", *(f"{a},{b}\n" for a, b in visits)])
        )
        counting = "SELECT COUNT(*) AS trials, SUM(bought) AS successes FROM visits"
        shop.define(query=f"{counting} WHERE at >= :start_date AND at < :end_date", connection="data")
        shop.today = day + 2 * DAY
        shop.night()
        kept = {row["first"]: (row["size"], row["total"]) for row in shop.rows("evidence") if row["size"]}
        assert kept == {str(day - DAY): (1, 0), str(day): (4, 4), str(day + DAY): (1, 0)}
        assert shop.posterior() == beta((1, 0), (4, 4), (1, 0))
        assert shop.night().written == {}


# One night at a time ----------------------------------------------------------------------------------------
HOLD_THE_NIGHT = """
import sys
import evenfall as ef
with ef.open(sys.argv[1]) as project:
    plan = project.nightly(sys.argv[2])
    project.world.store.start_run(plan.plan.run_key, "nightly", plan.plan.night.as_of, lease_seconds=900)
    print("holding", flush=True)
    sys.stdin.read()
"""


def test_a_second_process_is_refused_the_night_while_the_first_one_lives(shop: Shop) -> None:
    shop.define()
    shop.sell(1, 40, 13)
    shop.write(
        "evenfall.toml",
        (shop.root / "evenfall.toml").read_text().replace("\n", f'\nclock = "{TONIGHT}"\n', 1),
    )
    first = subprocess.Popen(
        [sys.executable, "-c", HOLD_THE_NIGHT, str(shop.root), str(TONIGHT)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    try:
        assert first.stdout is not None
        assert first.stdout.readline() == b"holding\n"
        with pytest.raises(StoreError, match="is being run by"):
            shop.night()
        assert shop.rows("evidence") == []
        first.kill()
        first.wait()
        assert shop.night().written["posteriors"] == 1
    finally:
        first.kill()
        first.communicate()
    assert shop.posterior() == beta((40, 13))


# The proof --------------------------------------------------------------------------------------------------


def test_every_posterior_can_be_rebuilt_from_its_prior_and_the_ledger(shop: Shop) -> None:
    shop.define()
    for n in range(4):
        shop.sell(1, 10 + n, n)
        shop.sell(3, 20 + n, n)
        shop.night()
        shop.project.accept("signup")
        shop.today += DAY
    report = shop.project.rebuild()
    assert (report.checked, report.differing, report.exit_code) == (4, (), 0)
    assert report.max_difference <= 1e-12


TAMPERED = {
    "a number of the posterior": "UPDATE posteriors SET numbers = replace(numbers, '60.0', '60.000001')",
    "its mean": "UPDATE posteriors SET mean = 0.34",
    "its interval": "UPDATE posteriors SET upper = 0.41",
    "what it counted": "UPDATE posteriors SET total = 53",
    "the ledger": "UPDATE evidence SET total = 53 WHERE total = 52",
    "its prior": "UPDATE prior_versions SET numbers = replace(numbers, '8.0', '9.0')",
}


@pytest.mark.parametrize("what", TAMPERED)
def test_a_number_changed_by_hand_is_found_by_the_rebuild(shop: Shop, what: str) -> None:
    shop.define()
    shop.sell(1, 150, 52)
    shop.night()
    assert shop.project.rebuild().exit_code == 0
    with sqlite3.connect(shop.store_file) as file:
        for (trigger,) in file.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
            file.execute(f'DROP TRIGGER "{trigger}"')
        assert file.execute(TAMPERED[what]).rowcount == 1
    file.close()
    report = shop.project.rebuild()
    assert (report.exit_code, [each.parameter_id for each in report.differing]) == (1, ["signup"])
