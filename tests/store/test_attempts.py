"""Attempts as their rows and tasks tell them: how far each came, which are lost, the end of a dead one."""

from __future__ import annotations

import pytest
from tests.store.cases import ELSEWHERE, FIRST, HandClock

from evenfall.errors import StoreError
from evenfall.store.database import Store
from evenfall.store.owners import this_process


def test_an_attempt_tells_how_far_it_came_even_when_it_never_ended(store: Store) -> None:
    lease = store.start_run("night", "nightly", FIRST, plan_json='{"tasks": [1, 2]}')
    store.add_tasks(lease, [("first", {"parameters": 500}), ("rest", {"parameters": 20})])
    (begun,) = store.attempts("night")
    assert (begun.done, begun.total, begun.outcomes) == (0, 520, {})
    claimed = store.claim_task(lease)
    assert claimed is not None
    store.finish_task(claimed.lease, result={"outcomes": {"updated": 498, "failed": 2}})
    (attempt,) = store.attempts("night")
    assert (attempt.done, attempt.total) == (500, 520)
    assert attempt.outcomes == {"failed": 2, "updated": 498}
    assert (attempt.status, attempt.lost) == ("running", False)
    assert store.plan_of(attempt.run_id) == {"tasks": [1, 2]}


def test_of_each_key_the_newest_attempt_is_listed_in_pages(store: Store) -> None:
    for key in ("a", "b", "a", "c", "b"):
        store.finish_run(store.start_run(key, "nightly", FIRST), "ok")
    assert store.count_run_keys() == 3
    first = store.newest_attempts(2)
    assert [(each.run_key, each.token) for each in first] == [("b", 2), ("c", 1)]
    assert [each.run_key for each in store.newest_attempts(2, before=first[-1].run_id)] == ["a"]
    assert [each.token for each in store.attempts("a")] == [2, 1]


def test_an_attempt_is_lost_when_its_process_is_gone_or_silent(store: Store, clock: HandClock) -> None:
    host, pid, begun = this_process().split(":")
    store.start_run("gone", "nightly", FIRST, f"{host}:{pid}:before-{begun}")  # the number was used before
    store.start_run("here", "nightly", FIRST, lease_seconds=60)
    store.start_run("elsewhere", "nightly", FIRST, ELSEWHERE[0], lease_seconds=60)
    assert {each.run_key for each in store.newest_attempts(9) if each.lost} == {"gone"}
    clock.pass_seconds(61)
    assert {each.run_key for each in store.newest_attempts(9) if each.lost} == {"gone", "elsewhere"}


def test_the_end_is_written_of_a_process_that_is_gone_and_of_no_other(store: Store) -> None:
    host, pid, begun = this_process().split(":")
    gone = store.start_run("gone", "nightly", FIRST, f"{host}:{pid}:before-{begun}")
    assert store.end_lost_run(gone.run_id, "cancelled", {"error": None}) is True
    assert store.end_lost_run(gone.run_id, "failed", {}) is False, "it has ended already"
    (attempt,) = store.attempts("gone")
    assert (attempt.status, attempt.lost, attempt.summary) == ("cancelled", False, {"error": None})
    assert attempt.finished_at is not None
    for owner in (this_process(), ELSEWHERE[0]):
        held = store.start_run(owner, "nightly", FIRST, owner)
        with pytest.raises(StoreError, match="is being run by"):
            store.end_lost_run(held.run_id, "cancelled", {})
    assert store.end_lost_run(10**6, "failed", {}) is False
