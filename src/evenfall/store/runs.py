"""Runs: one attempt at a time per run key, held by a lease, fenced by a token that only grows."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, Final

from sqlalchemy import bindparam, func, select, update

from evenfall.errors import LeaseLost, StoreError, UsageError
from evenfall.store.cells import from_json, instant, instant_or_none, instant_text, to_json
from evenfall.store.owners import is_alive
from evenfall.store.records import Lease, RunAttempt
from evenfall.store.schema import runs
from evenfall.store.scope import Scope

__all__ = ["Beginning", "check_run", "extend_run", "finish_run", "newest_runs", "start_run"]

_ENDS: Final = ("ok", "partial", "failed", "cancelled")

_AT_WORK: Final = (
    select(runs.c.id, runs.c.owner, runs.c.lease_until, runs.c.started_at)
    .where(
        runs.c.tenant == bindparam("tenant"),
        runs.c.run_key == bindparam("run_key"),
        runs.c.status == "running",
    )
    .with_for_update()
)

_LAST_TOKEN: Final = select(func.coalesce(func.max(runs.c.token), 0)).where(
    runs.c.tenant == bindparam("tenant"), runs.c.run_key == bindparam("run_key")
)

_LAST_ID: Final = select(func.coalesce(func.max(runs.c.id), 0))

_STATE: Final = (
    select(runs.c.status, runs.c.token, runs.c.lease_seconds)
    .where(runs.c.tenant == bindparam("tenant"), runs.c.id == bindparam("run_id"))
    .with_for_update()
)

_NEWEST: Final = (
    select(
        runs.c.id,
        runs.c.run_key,
        runs.c.kind,
        runs.c.as_of,
        runs.c.status,
        runs.c.owner,
        runs.c.token,
        runs.c.started_at,
        runs.c.heartbeat_at,
        runs.c.finished_at,
        runs.c.plan,
        runs.c.summary,
    )
    .where(runs.c.tenant == bindparam("tenant"))
    .order_by(runs.c.id.desc())
    .limit(bindparam("most"))
)


@dataclass(frozen=True, slots=True)
class Beginning:
    """What an attempt begins with; `now` is wall time."""

    run_key: str
    kind: str
    as_of: date
    owner: str
    plan: str
    lease_seconds: float
    now: datetime


def start_run(scope: Scope, begun: Beginning) -> Lease:
    """Begin an attempt at a run and return the lease to write under.

    Raises
    ------
    StoreError
        When another owner, not known to be dead, holds a lease that has not expired.
    """
    for run_id, holder, lease_until, started_at in scope.fetch(_AT_WORK, run_key=begun.run_key):
        until = instant(lease_until)
        if holder != begun.owner and begun.now < until and is_alive(holder) is not False:
            raise StoreError(
                f"{begun.run_key} is being run by {holder} since {instant(started_at):%Y-%m-%d %H:%M:%S} UTC",
                remedy=f"wait for it; unless it renews its lease, that ends at {until:%Y-%m-%d %H:%M:%S} UTC",
            )
        _close(scope, run_id, "abandoned", {"taken_over_by": begun.owner}, begun.now)
    token = scope.fetch(_LAST_TOKEN, run_key=begun.run_key)[0][0] + 1
    run_id = scope.connection.execute(_LAST_ID).scalar_one() + 1
    expires_at = begun.now + timedelta(seconds=begun.lease_seconds)
    row = {
        "id": run_id,
        "tenant": scope.tenant,
        "run_key": begun.run_key,
        "kind": begun.kind,
        "as_of": begun.as_of.isoformat(),
        "status": "running",
        "owner": begun.owner,
        "token": token,
        "lease_seconds": begun.lease_seconds,
        "lease_until": instant_text(expires_at),
        "heartbeat_at": instant_text(begun.now),
        "started_at": instant_text(begun.now),
        "plan": begun.plan,
        "summary": "{}",
    }
    scope.insert(runs, [row])
    return Lease(run_id, begun.run_key, token, begun.owner, expires_at)


def check_run(scope: Scope, lease: Lease) -> float:
    """Return the lease's length in seconds if it still stands; the row stays locked until the commit.

    An expired lease that nobody took over still stands: only a higher token ends it.

    Raises
    ------
    LeaseLost
        When the attempt was taken over or has ended.
    """
    for status, token, lease_seconds in scope.fetch(_STATE, run_id=lease.run_id):
        if status == "running" and token == lease.token:
            return float(lease_seconds)
        raise LeaseLost(
            f"{lease.run_key}: this attempt (number {lease.token}) is {status}",
            remedy="another worker has the run; see `evenfall status`",
        )
    raise LeaseLost(f"{lease.run_key}: the store knows no attempt number {lease.token}")


def extend_run(scope: Scope, lease: Lease, now: datetime) -> datetime:
    """Prove that the owner lives and return until when the lease now lasts."""
    expires_at = now + timedelta(seconds=check_run(scope, lease))
    values = {"lease_until": instant_text(expires_at), "heartbeat_at": instant_text(now)}
    scope.connection.execute(update(runs).where(runs.c.id == lease.run_id).values(values))
    return expires_at


def finish_run(scope: Scope, lease: Lease, status: str, summary: dict[str, Any], now: datetime) -> None:
    """End an attempt.

    Raises
    ------
    UsageError
        When the status is not one a run can end with.
    LeaseLost
        When the attempt was taken over or has ended.
    """
    if status not in _ENDS:
        raise UsageError(f"a run cannot end {status!r}", remedy=f"use one of {', '.join(_ENDS)}")
    check_run(scope, lease)
    _close(scope, lease.run_id, status, summary, now)


def newest_runs(scope: Scope, limit: int) -> list[RunAttempt]:
    """Return the last attempts, the newest first."""
    return [_attempt_of(row) for row in scope.fetch(_NEWEST, most=limit)]


def _close(scope: Scope, run_id: int, status: str, summary: dict[str, Any], now: datetime) -> None:
    values = {"status": status, "summary": to_json(summary), "finished_at": instant_text(now)}
    scope.connection.execute(update(runs).where(runs.c.id == run_id).values(values))


def _attempt_of(row: tuple[Any, ...]) -> RunAttempt:
    (
        run_id,
        run_key,
        kind,
        as_of,
        status,
        owner,
        token,
        started_at,
        heartbeat_at,
        finished_at,
        plan,
        summary,
    ) = row
    return RunAttempt(
        run_id,
        run_key,
        kind,
        date.fromisoformat(as_of),
        status,
        owner,
        token,
        instant(started_at),
        instant(heartbeat_at),
        instant_or_none(finished_at),
        plan,
        from_json(summary),
    )
