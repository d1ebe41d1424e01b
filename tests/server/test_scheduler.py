"""Nights inside a server: at their hour, once however often it strikes, and caught up when missed."""

from __future__ import annotations

import logging
import time as clock
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, time, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from tests.runs.shop import Shop
from tests.server.nights import KEY, make_shop

import evenfall
from evenfall.server.jobs import Jobs
from evenfall.server.scheduler import run_due, start, trigger_of
from evenfall.server.served import Served
from evenfall.server.settings import ServerSettings

BERLIN = ZoneInfo("Europe/Berlin")
SAYS = "evenfall.server.scheduler"


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    with make_shop(tmp_path / "shop") as shop:
        yield shop


@pytest.fixture
def until_the_end() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


def serve(shop: Shop, until_the_end: ExitStack) -> tuple[Served, Jobs]:
    served = Served([evenfall.open(shop.root)])
    until_the_end.callback(served.close)
    jobs = Jobs(served)
    until_the_end.callback(jobs.close)
    return served, jobs


def unpin(shop: Shop, more: str = "") -> None:
    settings = shop.root / "evenfall.toml"
    settings.write_text(more + "\n".join(settings.read_text().splitlines()[1:]))


def strikes(hour: time, first: datetime, count: int) -> list[str]:
    """The instants, in UTC, at which nights of Berlin are due from `first` on."""
    trigger, found, now = trigger_of(hour, BERLIN), [], first
    for _ in range(count):
        now = trigger.get_next_fire_time(None, now)
        found.append(now.astimezone(UTC).strftime("%d %H:%M"))
        now += timedelta(minutes=1)
    return found


def test_nights_are_due_at_the_hour_of_the_zone_in_summer_and_in_winter() -> None:
    # clocks go back on 25 October 2026, from UTC+2 to UTC+1
    assert strikes(time(6), datetime(2026, 10, 24, tzinfo=UTC), 3) == ["24 04:00", "25 05:00", "26 05:00"]


def test_an_hour_that_autumn_repeats_strikes_and_an_hour_that_spring_leaves_out_is_not_lost() -> None:
    # 02:30 comes twice on 25 October 2026, first in summer time, and not at all on 29 March
    assert strikes(time(2, 30), datetime(2026, 10, 24, 12, tzinfo=UTC), 1) == ["25 00:30"]
    assert [strike[:2] for strike in strikes(time(2, 30), datetime(2026, 3, 28, 12, tzinfo=UTC), 2)] == [
        "29",
        "30",
    ]


def test_a_project_whose_clock_stands_still_has_no_nights_of_its_own_and_the_log_says_so(
    shop: Shop, until_the_end: ExitStack, caplog: pytest.LogCaptureFixture
) -> None:
    served, jobs = serve(shop, until_the_end)
    with caplog.at_level(logging.INFO, SAYS):
        start(served, ServerSettings(), jobs)()
    assert "no night of default is scheduled: its clock is pinned to 2026-03-20" in caplog.text
    assert jobs.standing("default") == []


def test_a_server_told_to_schedule_nothing_schedules_nothing(
    shop: Shop, until_the_end: ExitStack, caplog: pytest.LogCaptureFixture
) -> None:
    unpin(shop)
    served, jobs = serve(shop, until_the_end)
    with caplog.at_level(logging.INFO, SAYS):
        start(served, ServerSettings(scheduler=False), jobs)()
    assert "no night is scheduled here" in caplog.text
    assert jobs.standing("default") == []


@pytest.mark.slow
def test_a_missed_night_is_run_at_start_and_once(shop: Shop, until_the_end: ExitStack) -> None:
    unpin(shop)
    served, jobs = serve(shop, until_the_end)
    nights = served.project("default").nights
    due = nights.due()
    key = f"nightly:{due.as_of}"
    until_the_end.callback(start(served, ServerSettings(), jobs))
    assert jobs.wait("default", key, 60)
    run = jobs.find("default", key)
    assert (run.state, run.attempt) == ("completed", 1)
    if nights.due() == due:  # no midnight of nights has passed meanwhile
        assert run_due(served, jobs, "default") is False
        until_the_end.callback(start(served, ServerSettings(), jobs))
        assert jobs.find("default", key).attempt == 1


@pytest.mark.verify
def test_the_hour_strikes_and_the_night_is_run(shop: Shop, until_the_end: ExitStack) -> None:
    # the next whole minute, wherever on earth it is about noon: yesterday's night is kept, tonight's is not
    soon = datetime.now(UTC) + timedelta(seconds=2)
    soon = soon.replace(second=0, microsecond=0) + timedelta(minutes=1)
    offset = 12 - soon.hour
    zone = f"Etc/GMT{-offset:+d}" if offset else "UTC"
    unpin(shop, f'scheduled_hour = "{(soon + timedelta(hours=offset)):%H:%M}"\n')
    text = (shop.root / "evenfall.toml").read_text().replace('zone = "UTC"', f'zone = "{zone}"')
    (shop.root / "evenfall.toml").write_text(text)
    served, jobs = serve(shop, until_the_end)
    world = served.project("default").world
    yesterday, tonight = world.before(world.night()), world.night()
    lease = world.store.start_run(f"nightly:{yesterday.as_of}", "nightly", yesterday.as_of)
    world.store.finish_run(lease, "ok")
    until_the_end.callback(start(served, ServerSettings(), jobs))
    assert jobs.standing("default") == []
    clock.sleep(max(0.0, (soon - datetime.now(UTC)).total_seconds()))
    for _ in range(100):
        if served.project("default").nights.find(f"nightly:{tonight.as_of}") is not None:
            break
        clock.sleep(0.1)
    assert jobs.wait("default", f"nightly:{tonight.as_of}", 60)
    assert jobs.find("default", f"nightly:{tonight.as_of}").state == "completed"


def test_a_night_that_cannot_be_queued_is_logged_and_ends_nothing(
    shop: Shop, until_the_end: ExitStack, caplog: pytest.LogCaptureFixture
) -> None:
    served, jobs = serve(shop, until_the_end)
    jobs.close()
    with caplog.at_level(logging.ERROR, SAYS):
        assert run_due(served, jobs, "default") is False
    assert "the night of default could not be queued" in caplog.text
    assert served.project("default").nights.find(KEY) is None
