"""How runs went, as their own rows and those of their tasks tell it: by key the newest attempt, in pages."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final

from sqlalchemy import bindparam, func, select, update

from evenfall.errors import StoreError
from evenfall.store.cells import from_json, instant, instant_or_none, instant_text, to_json
from evenfall.store.owners import is_alive
from evenfall.store.schema import runs, tasks
from evenfall.store.scope import Scope

__all__ = ["Attempt", "attempts_of", "count_keys", "end_lost_run", "newest_by_key", "plan_of"]

_COLUMNS: Final = (
    runs.c.id,
    runs.c.run_key,
    runs.c.kind,
    runs.c.as_of,
    runs.c.status,
    runs.c.owner,
    runs.c.token,
    runs.c.lease_until,
    runs.c.started_at,
    runs.c.finished_at,
    runs.c.summary,
)

_later = runs.alias("later")

_NEWEST: Final = (
    select(*_COLUMNS)
    .where(
        runs.c.tenant == bindparam("tenant"),
        runs.c.id < bindparam("before"),
        ~select(_later.c.id)
        .where(
            _later.c.tenant == runs.c.tenant,
            _later.c.run_key == runs.c.run_key,
            _later.c.token > runs.c.token,
        )
        .exists(),
    )
    .order_by(runs.c.id.desc())
    .limit(bindparam("most"))
)

_OF_KEY: Final = (
    select(*_COLUMNS)
    .where(runs.c.tenant == bindparam("tenant"), runs.c.run_key == bindparam("run_key"))
    .order_by(runs.c.token.desc())
)

_KEYS: Final = select(func.count(func.distinct(runs.c.run_key))).where(runs.c.tenant == bindparam("tenant"))

_PLAN: Final = select(runs.c.plan).where(
    runs.c.tenant == bindparam("tenant"), runs.c.id == bindparam("run_id")
)

_TASKS: Final = (
    select(tasks.c.run_id, tasks.c.status, tasks.c.payload, tasks.c.result)
    .where(tasks.c.tenant == bindparam("tenant"), tasks.c.run_id.in_(bindparam("ids", expanding=True)))
    .order_by(tasks.c.run_id, tasks.c.position)
)

_STATE: Final = (
    select(runs.c.status, runs.c.owner, runs.c.run_key)
    .where(runs.c.tenant == bindparam("tenant"), runs.c.id == bindparam("run_id"))
    .with_for_update()
)

_NO_END: Final = 2**62
"""Above every number of a run."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """One attempt at a run, with how far it came.

    Attributes
    ----------
    status
        running, ok, partial, failed, cancelled or abandoned.
    done, total
        Parameters kept so far, and in all; both 0 before the work is cut into tasks.
    outcomes
        How many parameters had which outcome, over the tasks that are done.
    lost
        Whether it stopped without an end: its process is gone, or silent for longer than was agreed.
    """

    run_id: int
    run_key: str
    kind: str
    as_of: date
    status: str
    owner: str
    token: int
    started_at: datetime
    finished_at: datetime | None
    summary: Mapping[str, Any]
    done: int
    total: int
    outcomes: Mapping[str, int]
    lost: bool


def newest_by_key(scope: Scope, most: int, before: int | None, now: datetime) -> list[Attempt]:
    """Return the newest attempt of each run key, the newest first, below the run number `before`."""
    rows = scope.fetch(_NEWEST, most=most, before=_NO_END if before is None else before)
    return _attempts(scope, rows, now)


def attempts_of(scope: Scope, run_key: str, now: datetime) -> list[Attempt]:
    """Return every attempt at a run, the newest first."""
    return _attempts(scope, scope.fetch(_OF_KEY, run_key=run_key), now)


def count_keys(scope: Scope) -> int:
    """Return how many different runs there were."""
    return int(scope.fetch(_KEYS)[0][0])


def plan_of(scope: Scope, run_id: int) -> dict[str, Any]:
    """Return the plan an attempt began with."""
    return from_json(scope.fetch(_PLAN, run_id=run_id)[0][0])


def end_lost_run(
    scope: Scope, run_id: int, status: str, summary: Mapping[str, object], now: datetime
) -> bool:
    """End an attempt whose process is gone and return whether there was one to end.

    Raises
    ------
    StoreError
        When its process still runs, or that cannot be told from here.
    """
    for was, owner, run_key in scope.fetch(_STATE, run_id=run_id):
        if was != "running":
            return False
        if is_alive(owner) is not False:
            raise StoreError(
                f"{run_key} is being run by {owner}", remedy="end that process; it may be on another machine"
            )
        values = {"status": status, "summary": to_json(summary), "finished_at": instant_text(now)}
        scope.connection.execute(update(runs).where(runs.c.id == run_id).values(values))
        return True
    return False


def _attempts(scope: Scope, rows: Sequence[tuple[Any, ...]], now: datetime) -> list[Attempt]:
    worked: dict[int, list[tuple[Any, ...]]] = {row[0]: [] for row in rows}
    for task in scope.fetch_by_ids(_TASKS, list(worked)):
        worked[task[0]].append(task)
    return [_attempt(row, worked[row[0]], now) for row in rows]


def _attempt(row: tuple[Any, ...], work: Sequence[tuple[Any, ...]], now: datetime) -> Attempt:
    sizes = [(status, int(from_json(payload).get("parameters", 0))) for _, status, payload, _ in work]
    outcomes: Counter[str] = Counter()
    for *_, result in work:
        outcomes.update(from_json(result).get("outcomes", {}))
    run_id, run_key, kind, as_of, status, owner, token, lease_until, started_at, finished_at, summary = row
    return Attempt(
        run_id,
        run_key,
        kind,
        date.fromisoformat(as_of),
        status,
        owner,
        token,
        instant(started_at),
        instant_or_none(finished_at),
        from_json(summary),
        done=sum(size for status, size in sizes if status == "done"),
        total=sum(size for _, size in sizes),
        outcomes=dict(sorted(outcomes.items())),
        lost=status == "running" and _is_gone(owner, instant(lease_until), now),
    )


def _is_gone(owner: str, lease_until: datetime, now: datetime) -> bool:
    alive = is_alive(owner)
    return alive is False or (alive is None and now > lease_until)
