"""Runs and tasks: one attempt at a time, and the token that keeps a late worker out."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from tests.store.cases import ELSEWHERE, FIRST, HandClock, contents, full, save

from evenfall.errors import LeaseLost, StoreError, UsageError
from evenfall.store.database import Store
from evenfall.store.owners import this_process


def test_a_run_has_one_attempt_at_a_time(store: Store, clock: HandClock) -> None:
    held = store.start_run("night", "nightly", FIRST, ELSEWHERE[0], "{}", lease_seconds=60)
    with pytest.raises(StoreError, match=r"being run by elsewhere:1:0 since 2026-01-01 00:00:00"):
        store.start_run("night", "nightly", FIRST, ELSEWHERE[1])
    assert store.start_run("another night", "nightly", FIRST, ELSEWHERE[1]).token == 1
    clock.pass_seconds(59)
    assert store.heartbeat(held).expires_at == clock.now() + timedelta(seconds=60)
    clock.pass_seconds(59)
    with pytest.raises(StoreError, match="being run"):
        store.start_run("night", "nightly", FIRST, ELSEWHERE[1])
    store.finish_run(held, "ok", {"written": 3})
    assert store.start_run("night", "nightly", FIRST, ELSEWHERE[1]).token == 2


def test_an_expired_lease_is_taken_over_and_the_old_owner_can_write_nothing(
    store: Store, clock: HandClock
) -> None:
    old = store.start_run("night", "nightly", FIRST, ELSEWHERE[0], '{"tasks": 1}', lease_seconds=60)
    save(store, full(1, parameter_id="a"), lease=old)
    clock.pass_seconds(61)
    new = store.start_run("night", "nightly", FIRST, ELSEWHERE[1])
    assert new.token == old.token + 1
    before = contents(store)
    for attempt in (
        lambda: store.commit([full(1)], old),
        lambda: store.heartbeat(old),
        lambda: store.finish_run(old, "ok"),
        lambda: store.add_tasks(old, [("chunk", {})]),
        lambda: store.claim_task(old),
    ):
        with pytest.raises(LeaseLost):
            attempt()
    assert contents(store) == before
    assert save(store, full(1), lease=new).failed == {}
    store.finish_run(new, "partial", {"failed": 2})
    newest, oldest = store.runs(2)
    assert (oldest.status, oldest.summary, oldest.plan) == (
        "abandoned",
        {"taken_over_by": ELSEWHERE[1]},
        '{"tasks": 1}',
    )
    assert (newest.status, newest.summary, newest.finished_at) == ("partial", {"failed": 2}, clock.now())
    assert [run.status for run in store.runs(1)] == ["partial"]


def test_an_expired_lease_nobody_took_still_writes(store: Store, clock: HandClock) -> None:
    lease = store.start_run("night", "nightly", FIRST, lease_seconds=1)
    clock.pass_seconds(1000)
    assert save(store, full(1), lease=lease).failed == {}
    with pytest.raises(StoreError, match="being run"):  # the commit was a sign of life
        store.start_run("night", "nightly", FIRST, ELSEWHERE[0])


def test_a_run_of_a_dead_process_of_this_host_is_taken_over_at_once(store: Store) -> None:
    host, pid, start = this_process().split(":")
    store.start_run("night", "nightly", FIRST, f"{host}:{pid}:before-{start}")  # the number was used before
    assert store.start_run("night", "nightly", FIRST, ELSEWHERE[0]).token == 2


def test_the_same_owner_begins_again(store: Store) -> None:
    first = store.start_run("night", "nightly", FIRST)
    assert store.start_run("night", "nightly", FIRST).token == 2
    with pytest.raises(LeaseLost):
        store.commit([], first)


def test_a_run_that_ended_takes_nothing_more(store: Store) -> None:
    lease = store.start_run("night", "nightly", FIRST)
    with pytest.raises(UsageError, match="cannot end 'splendid'"):
        store.finish_run(lease, "splendid")
    store.finish_run(lease, "ok")
    with pytest.raises(LeaseLost):
        store.commit([full(1)], lease)
    with pytest.raises(LeaseLost, match="knows no attempt"):
        store.commit([full(1)], replace(lease, run_id=10**9))
    assert store.parameter_ids() == []


def test_tasks_are_claimed_in_order_and_each_by_one(store: Store) -> None:
    lease = store.start_run("night", "nightly", FIRST)
    assert store.add_tasks(lease, [("first", {"ids": ["a"]}), ("second", {})]) == 2
    assert store.add_tasks(lease, [("second", {}), ("third", {})]) == 1
    one, two = store.claim_task(lease, ELSEWHERE[0]), store.claim_task(lease, ELSEWHERE[1])
    assert one is not None
    assert two is not None
    assert (one.name, one.payload, one.attempt, two.name) == ("first", {"ids": ["a"]}, 1, "second")
    assert save(store, full(1), lease=one.lease).failed == {}
    store.finish_task(one.lease, "done", {"written": 1})
    with pytest.raises(LeaseLost):
        store.finish_task(one.lease)
    third = store.claim_task(lease)
    assert third is not None
    assert third.name == "third"
    assert store.claim_task(lease, ELSEWHERE[1]) is None


def test_a_task_whose_worker_is_gone_goes_to_another(store: Store, clock: HandClock) -> None:
    lease = store.start_run("night", "nightly", FIRST)
    store.add_tasks(lease, [("chunk", {})])
    slow = store.claim_task(lease, ELSEWHERE[0], lease_seconds=60)
    assert slow is not None
    clock.pass_seconds(50)
    store.heartbeat(slow.lease)
    clock.pass_seconds(50)
    assert store.claim_task(lease, ELSEWHERE[1]) is None
    clock.pass_seconds(11)
    quick = store.claim_task(lease, ELSEWHERE[1])
    assert quick is not None
    assert (quick.attempt, quick.lease.task_token) == (2, 2)
    with pytest.raises(LeaseLost, match="no longer held by elsewhere:1:0"):
        store.commit([full(1)], slow.lease)
    assert store.parameter_ids() == []
    store.finish_task(quick.lease, "failed")
    with pytest.raises(UsageError, match="not on a task"):
        store.finish_task(lease)
