"""Runs as processes: one at a time, followed, cancelled, and killed without harm."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from datetime import date, timedelta
from pathlib import Path

import pytest
from tests.runs.shop import Shop
from tests.server.nights import KEY, TONIGHT, make_shop, slow_down, speed_up

import evenfall
from evenfall.errors import UnknownName, UsageError
from evenfall.server.child import NightProcess
from evenfall.server.jobs import Jobs
from evenfall.server.problems import Refused
from evenfall.server.served import Served

TENANT = "default"


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    with make_shop(tmp_path / "shop") as shop:
        yield shop


@pytest.fixture
def jobs(shop: Shop) -> Iterator[Jobs]:
    served = Served([evenfall.open(shop.root)])
    jobs = Jobs(served)
    yield jobs
    jobs.close()
    served.close()


def until(holds: Callable[[], object], seconds: float = 30) -> None:
    """Wait until something holds; a machine that is busy may take its time."""
    give_up = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < give_up, "it did not come to be in time"
        time.sleep(0.02)


def is_reading(jobs: Jobs) -> bool:
    """Whether the night has begun in the store and is at its slow query."""
    run = jobs.find(TENANT, KEY)
    return run.state == "running" and run.attempt > 0 and run.total > 0


def processes_of(root: Path) -> list[int]:
    """The processes whose call names a folder."""
    found = []
    for folder in Path("/proc").iterdir():
        if folder.name.isdecimal():
            try:
                called = (folder / "cmdline").read_bytes()
            except OSError:
                continue
            if os.fsencode(root) in called:
                found.append(int(folder.name))
    return found


@pytest.mark.slow
def test_a_night_runs_elsewhere_and_its_numbers_are_there_at_once(shop: Shop, jobs: Jobs) -> None:
    first = jobs.submit(TENANT)
    again = jobs.submit(TENANT, TONIGHT)
    assert (first.run_key, again.run_key) == (KEY, KEY)
    assert jobs.wait(TENANT, KEY, 60)
    run = jobs.find(TENANT, KEY)
    assert (run.state, run.ended, run.attempt, run.done, run.total) == ("completed", "ok", 1, 1, 1)
    assert run.counts == {"updated": 1}
    served = jobs._served.project(TENANT)
    # Beta(8, 17) and 13 of 40: Beta(21, 44), whose mean is 21/65
    assert served.show("signup").row.posterior_mean == pytest.approx(21 / 65)
    assert jobs.submit(TENANT).state in ("queued", "running")
    assert jobs.wait(TENANT, KEY, 60)
    assert jobs.find(TENANT, KEY).attempt == 2
    with pytest.raises(Refused, match="is over: it is completed") as refused:
        jobs.cancel(TENANT, KEY)
    assert refused.value.status == 409


@pytest.mark.slow
def test_a_cancelled_night_ends_its_process_and_leaves_nothing_half_stored(shop: Shop, jobs: Jobs) -> None:
    slow_down(shop)
    jobs.submit(TENANT)
    until(lambda: is_reading(jobs))
    again = jobs.submit(TENANT)
    assert (again.state, again.attempt) == ("running", 1), "asked for again, it is the same"
    assert len(processes_of(shop.root)) == 1
    run = jobs.cancel(TENANT, KEY)
    assert (run.state, run.ended, run.done, run.total) == ("cancelled", "cancelled", 0, 1)
    assert processes_of(shop.root) == []
    for table in ("evidence_streams", "prior_versions", "posteriors", "night_results", "incidents"):
        assert shop.rows(table) == [], table
    assert [row["status"] for row in shop.rows("runs")] == ["cancelled"]
    speed_up(shop)
    jobs.submit(TENANT)
    assert jobs.wait(TENANT, KEY, 60)
    assert shop.posterior() == (21, 44)


@pytest.mark.slow
def test_a_night_that_is_killed_says_so_here_and_in_the_store(
    shop: Shop, jobs: Jobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EVENFALL_FAULT", "commit.before")
    jobs.submit(TENANT)
    assert jobs.wait(TENANT, KEY, 60)
    monkeypatch.delenv("EVENFALL_FAULT")
    run = jobs.find(TENANT, KEY)
    assert (run.state, run.ended) == ("failed", "failed")
    assert run.error is not None
    assert "killed" in run.error.message
    assert "nothing is counted twice" in run.error.remedy
    assert shop.rows("posteriors") == []
    jobs.submit(TENANT)
    assert jobs.wait(TENANT, KEY, 60)
    assert (jobs.find(TENANT, KEY).ended, shop.posterior()) == ("ok", (21, 44))


@pytest.mark.slow
def test_ten_wait_for_their_turn_and_no_more(shop: Shop, jobs: Jobs) -> None:
    slow_down(shop)
    nights = [TONIGHT - timedelta(days=ago) for ago in range(12)]
    jobs.submit(TENANT, nights[0])
    until(lambda: jobs.find(TENANT, KEY).state == "running")
    for night in nights[1:11]:
        assert jobs.submit(TENANT, night).state == "queued"
    with pytest.raises(Refused, match="wait for their turn") as refused:
        jobs.submit(TENANT, nights[11])
    assert refused.value.status == 429
    assert jobs.submit(TENANT, nights[10]).state == "queued", "it waits already"
    last = f"nightly:{nights[10]}"
    assert jobs.cancel(TENANT, last).state == "cancelled"
    assert jobs.submit(TENANT, nights[11]).state == "queued"
    standing = jobs.standing(TENANT)
    assert [run.run_key for run in standing][:2] == [f"nightly:{nights[11]}", last]
    assert sum(run.state == "running" for run in standing) == 1
    jobs.close()
    assert {run.state for run in jobs.standing(TENANT)} == {"cancelled"}
    assert jobs.find(TENANT, KEY).ended == "cancelled"
    assert processes_of(shop.root) == []
    with pytest.raises(Refused, match="the server is ending"):
        jobs.submit(TENANT)


def test_a_night_that_never_reaches_the_store_says_why(
    shop: Shop, jobs: Jobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONHOME", str(shop.root))  # an interpreter that finds no library of its own
    jobs.submit(TENANT)
    assert jobs.wait(TENANT, KEY, 60)
    run = jobs.find(TENANT, KEY)
    assert (run.state, run.ended, run.run_id) == ("failed", "failed", None)
    assert run.error is not None
    assert "ended with status 1" in run.error.message
    assert "encodings" in str(run.error.traceback)
    assert [each.run_key for each in jobs.standing(TENANT)] == [KEY]


def test_a_process_that_complains_is_heard(tmp_path: Path) -> None:
    steps: list[tuple[int, int, str]] = []
    process = NightProcess.start(["nightly", f"--project={tmp_path}", "--json", "--progress=json"])
    ended = process.wait(lambda *step: steps.append(step))
    assert (ended.status, steps) == (64, [])
    assert "is no Evenfall project" in ended.complaint["error"]
    assert "evenfall init" in ended.complaint["remedy"]


def test_a_night_another_process_runs_is_answered_as_it_is_and_not_cancelled_here(
    shop: Shop, jobs: Jobs
) -> None:
    lease = shop.project.world.store.start_run(KEY, "nightly", TONIGHT, lease_seconds=900)
    run = jobs.submit(TENANT)
    assert (run.state, run.attempt) == ("running", 1)
    with pytest.raises(Refused, match="did not start") as refused:
        jobs.cancel(TENANT, KEY)
    assert refused.value.status == 409
    shop.project.world.store.finish_run(lease, "ok")
    assert jobs.find(TENANT, KEY).state == "completed"


def test_a_run_nobody_ever_made_and_nights_that_cannot_be_are_refused(jobs: Jobs) -> None:
    with pytest.raises(UnknownName, match="no run is called"):
        jobs.find(TENANT, "nightly:1999-01-01")
    with pytest.raises(UnknownName, match="no run is called"):
        jobs.cancel(TENANT, "nightly:1999-01-01")
    with pytest.raises(UsageError, match="has not come yet"):
        jobs.submit(TENANT, date(2030, 1, 1))
    with pytest.raises(UnknownName, match="signup"):
        jobs.submit(TENANT, only="sign-up")
    assert jobs.standing(TENANT) == []
