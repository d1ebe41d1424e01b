"""Nights as the store tells them, and whether they come when they should."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime

import pytest

from evenfall.errors import StoreError, UnknownName
from evenfall.runs.night.listing import Nights

from ..shop import DAY, TONIGHT, Shop

TONIGHTS = f"nightly:{TONIGHT}"


class HourHand:
    """A clock that a test sets to the minute."""

    def __init__(self, now: datetime) -> None:
        self.instant = now

    def now(self) -> datetime:
        return self.instant


def at(hour: int, minute: int = 0, day: date = TONIGHT) -> datetime:
    return datetime(day.year, day.month, day.day, hour, minute, tzinfo=UTC)


def nights_at(shop: Shop, instant: datetime) -> Nights:
    """The shop's nights, looked at at an instant; the shop itself stays where it is."""
    return Nights(replace(shop.project.world, clock=HourHand(instant)))


@pytest.fixture
def well(shop: Shop) -> Shop:
    """A shop with one parameter that sold something yesterday."""
    shop.define()
    shop.sell(1, 40, 13)
    return shop


# Nights as they were ----------------------------------------------------------------------------------------


def test_an_attempt_tells_what_was_done_and_how_it_ended(well: Shop) -> None:
    well.night()
    (run,), total = well.project.nights.listed(10)
    assert (run.run_key, run.kind, run.as_of, total) == (TONIGHTS, "nightly", TONIGHT, 1)
    assert (run.state, run.ended, run.attempt) == ("completed", "ok", 1)
    assert (run.done, run.total, run.progress, run.failures) == (1, 1, 1.0, 0)
    assert run.counts == {"updated": 1}
    assert run.seconds is not None
    assert 0 <= run.seconds < 60


def test_runs_of_every_kind_are_listed_once_each_the_newest_attempt_first(well: Shop) -> None:
    well.night()
    well.project.backfill(TONIGHT - 4 * DAY, TONIGHT).apply()
    well.project.update("signup")
    well.night()
    runs, total = well.project.nights.listed(10)
    backfill = f"backfill:{TONIGHT}:{TONIGHT - 4 * DAY}:{TONIGHT}"
    assert [run.run_key for run in runs] == [TONIGHTS, f"{TONIGHTS}:signup", backfill]
    assert [run.attempt for run in runs] == [2, 1, 1]
    assert total == 3
    older, _ = well.project.nights.listed(10, before=runs[0].run_id)
    assert [run.run_key for run in older] == [f"{TONIGHTS}:signup", backfill]


def test_a_source_that_is_down_is_a_failure_without_a_traceback(well: Shop) -> None:
    (well.root / "shop.db").rename(well.root / "elsewhere.db")
    well.night()
    (well.root / "elsewhere.db").rename(well.root / "shop.db")
    detail = well.project.nights.detail(TONIGHTS)
    assert (detail.run.state, detail.run.ended, detail.run.failures) == ("failed", "failed", 1)
    (failure,) = detail.failures
    assert (failure.outcome, failure.traceback) == ("source_down", None)
    assert "shop.db" in failure.message


def test_the_error_that_ends_a_whole_night_is_kept_with_its_run(
    well: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EVENFALL_FAULT", "raise:commit.before")
    with pytest.raises(StoreError, match="fault asked for"):
        well.night()
    run = well.project.nights.find(TONIGHTS)
    assert run is not None
    assert (run.state, run.ended, run.done, run.total) == ("failed", "failed", 0, 1)
    assert run.error is not None
    assert "fault asked for at commit.before" in run.error.message


def test_an_attempt_whose_process_is_gone_is_told_apart_from_one_that_works(well: Shop) -> None:
    store = well.project.world.store
    store.start_run("nightly:one", "nightly", TONIGHT, "elsewhere:1:1", lease_seconds=0)
    store.start_run("nightly:two", "nightly", TONIGHT, "elsewhere:1:1", lease_seconds=900)
    store.start_run("nightly:three", "nightly", TONIGHT, lease_seconds=0)
    runs, _ = well.project.nights.listed(10)
    found = {run.run_key: (run.state, run.ended) for run in runs}
    assert found["nightly:one"] == ("failed", "interrupted"), "its lease is over, and nobody can be asked"
    assert found["nightly:two"] == ("running", None), "its lease still lasts"
    assert found["nightly:three"] == ("running", None), "it is this process, which lives"


def test_the_end_of_a_process_that_lives_is_not_written_for_it(well: Shop) -> None:
    store = well.project.world.store
    lease = store.start_run(TONIGHTS, "nightly", TONIGHT)
    with pytest.raises(StoreError, match="is being run by"):
        store.end_lost_run(lease.run_id, "cancelled", {})
    store.finish_run(lease, "ok")
    assert store.end_lost_run(lease.run_id, "cancelled", {}) is False


def test_a_run_that_never_was_is_refused_with_the_nearest_there_is(well: Shop) -> None:
    well.night()
    with pytest.raises(UnknownName, match=f"did you mean {TONIGHTS}"):
        well.project.nights.detail("nightly:2026-03-21")


# Whether they come ------------------------------------------------------------------------------------------


def test_a_night_is_due_from_its_hour_on(well: Shop) -> None:
    assert nights_at(well, at(5, 59)).due().as_of == TONIGHT - DAY
    assert nights_at(well, at(6)).due().as_of == TONIGHT


def test_a_project_that_never_ran_says_so(well: Shop) -> None:
    health = nights_at(well, at(12)).health()
    assert (health.status, health.healthy, health.as_of) == ("never", False, TONIGHT)
    assert health.due_at == at(6)


def test_a_night_is_late_an_hour_after_its_own(well: Shop) -> None:
    well.night(TONIGHT - DAY)
    in_time, late = nights_at(well, at(6, 59)).health(), nights_at(well, at(7)).health()
    assert (in_time.status, in_time.healthy, in_time.as_of) == ("ok", True, TONIGHT - DAY)
    assert (late.status, late.healthy, late.as_of) == ("late", False, TONIGHT)
    well.night()
    assert nights_at(well, at(6, 1)).health().as_of == TONIGHT
    assert nights_at(well, at(7)).health().healthy
    assert not nights_at(well, at(7, day=TONIGHT + DAY)).health().healthy


@pytest.mark.parametrize(
    ("ends", "status"),
    [
        (["ok"], "ok"),
        (["partial"], "partial"),
        (["failed"], "failed"),
        (["cancelled"], "cancelled"),
        (["failed", "ok"], "ok"),
        (["ok", "failed"], "ok"),
        (["ok", None], "ok"),
        (["failed", None], "late"),
        ([None], "late"),
    ],
)
def test_a_night_that_kept_something_once_is_well(well: Shop, ends: list[str | None], status: str) -> None:
    store = well.project.world.store
    for end in ends:
        lease = store.start_run(TONIGHTS, "nightly", TONIGHT)
        if end is not None:
            store.finish_run(lease, end)
    health = nights_at(well, at(12)).health()
    assert (health.status, health.healthy) == (status, status in ("ok", "partial"))
    assert nights_at(well, at(12)).is_kept(nights_at(well, at(12)).due()) == (
        "ok" in ends or "partial" in ends
    )


def test_a_night_of_one_parameter_is_not_the_night(well: Shop) -> None:
    well.project.update("signup")
    assert nights_at(well, at(12)).health().status == "late"


def test_the_hour_is_that_of_the_zone(open_shop: Callable[..., Shop]) -> None:
    shop = open_shop(zone="America/New_York")
    # New York keeps summer time since 8 March 2026: six there is ten in UTC
    assert nights_at(shop, at(9, 59)).due().as_of == TONIGHT - DAY
    assert nights_at(shop, at(10)).due().as_of == TONIGHT
