"""The pieces of a run, claimed one by one; each claim has a lease and a token of its own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import bindparam, select, update

from evenfall.errors import LeaseLost, UsageError
from evenfall.store.cells import from_json, instant, instant_text, to_json
from evenfall.store.owners import is_alive
from evenfall.store.records import Lease, Task
from evenfall.store.runs import check_run
from evenfall.store.schema import tasks
from evenfall.store.scope import Scope

__all__ = ["add_tasks", "check_task", "claim_task", "extend_task", "finish_task"]

_NAMES: Final = select(tasks.c.name).where(
    tasks.c.tenant == bindparam("tenant"), tasks.c.run_id == bindparam("run_id")
)

# With the writer's lock a claim is alone anyway; the row lock lets a finisher and a claimer pass one another.
_OPEN: Final = (
    select(tasks.c.name, tasks.c.payload, tasks.c.status, tasks.c.attempts, tasks.c.token)
    .add_columns(tasks.c.owner, tasks.c.lease_until)
    .where(
        tasks.c.tenant == bindparam("tenant"),
        tasks.c.run_id == bindparam("run_id"),
        tasks.c.status.in_(("queued", "running")),
    )
    .order_by(tasks.c.status, tasks.c.position)
    .with_for_update(skip_locked=True)
)

_STATE: Final = (
    select(tasks.c.status, tasks.c.token, tasks.c.lease_seconds)
    .where(
        tasks.c.tenant == bindparam("tenant"),
        tasks.c.run_id == bindparam("run_id"),
        tasks.c.name == bindparam("name"),
    )
    .with_for_update()
)


def add_tasks(scope: Scope, lease: Lease, new: Sequence[tuple[str, Mapping[str, object]]]) -> int:
    """Queue the tasks (name, payload) whose names the run does not know yet and return how many those are."""
    check_run(scope, lease)
    known = {row[0] for row in scope.fetch(_NAMES, run_id=lease.run_id)}
    rows = [
        {
            "tenant": scope.tenant,
            "run_id": lease.run_id,
            "name": name,
            "position": position,
            "payload": to_json(payload),
            "status": "queued",
            "attempts": 0,
            "token": 0,
            "lease_seconds": 0,
            "result": "{}",
        }
        for position, (name, payload) in enumerate(new, len(known))
        if name not in known
    ]
    return scope.insert(tasks, rows)


def claim_task(scope: Scope, lease: Lease, owner: str, lease_seconds: float, now: datetime) -> Task | None:
    """Return the next task that waits, or whose worker is gone; None when there is none to be had."""
    check_run(scope, lease)
    for name, payload, status, attempts, token, holder, lease_until in scope.fetch(
        _OPEN, run_id=lease.run_id
    ):
        if status == "running" and now < instant(lease_until) and is_alive(holder) is not False:
            continue
        expires_at = now + timedelta(seconds=lease_seconds)
        values = {
            "status": "running",
            "attempts": attempts + 1,
            "owner": owner,
            "token": token + 1,
            "lease_seconds": lease_seconds,
            "lease_until": instant_text(expires_at),
            "heartbeat_at": instant_text(now),
        }
        _change(scope, lease.run_id, name, values)
        claimed = replace(lease, owner=owner, expires_at=expires_at, task=name, task_token=token + 1)
        return Task(name, from_json(payload), attempts + 1, claimed)
    return None


def check_task(scope: Scope, lease: Lease) -> float:
    """Return the length in seconds of a lease on a task if it still stands.

    Raises
    ------
    LeaseLost
        When another worker has taken the task over, or it has ended.
    """
    for status, token, lease_seconds in scope.fetch(_STATE, run_id=lease.run_id, name=lease.task):
        if status == "running" and token == lease.task_token:
            return float(lease_seconds)
    raise LeaseLost(
        f"{lease.run_key}: task {lease.task} is no longer held by {lease.owner}",
        remedy="another worker has it; nothing needs to be done",
    )


def extend_task(scope: Scope, lease: Lease, now: datetime) -> datetime:
    """Prove that the task's worker lives and return until when its lease now lasts."""
    expires_at = now + timedelta(seconds=check_task(scope, lease))
    values = {"lease_until": instant_text(expires_at), "heartbeat_at": instant_text(now)}
    _change(scope, lease.run_id, str(lease.task), values)
    return expires_at


def finish_task(scope: Scope, lease: Lease, status: str, result: Mapping[str, object], now: datetime) -> None:
    """End a task as done or failed.

    Raises
    ------
    UsageError
        When the status is neither, or the lease is not on a task.
    LeaseLost
        When another worker has taken the task over.
    """
    if status not in ("done", "failed"):
        raise UsageError(f"a task cannot end {status!r}", remedy="use done or failed")
    if lease.task is None:
        raise UsageError(
            f"{lease.run_key}: this lease is not on a task", remedy="use the lease that came with it"
        )
    check_run(scope, lease)
    check_task(scope, lease)
    values = {"status": status, "result": to_json(result), "finished_at": instant_text(now)}
    _change(scope, lease.run_id, lease.task, values)


def _change(scope: Scope, run_id: int, name: str, values: dict[str, Any]) -> None:
    scope.connection.execute(
        update(tasks).where(tasks.c.run_id == run_id, tasks.c.name == name).values(values)
    )
