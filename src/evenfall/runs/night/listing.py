"""The nights a project has had, as the store tells them: how far each came, what failed in it, and why."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final

from evenfall.clock import Night
from evenfall.errors import EvenfallError, UnknownName
from evenfall.runs.night.health import NightHealth, due_night, is_kept, night_health
from evenfall.runs.night.plan import run_key_of
from evenfall.runs.report import PARTIAL_OUTCOMES, json_ready
from evenfall.runs.world import World
from evenfall.store.attempts import Attempt
from evenfall.store.records import NightResult

__all__ = [
    "Failure",
    "ListedRun",
    "Nights",
    "RunDetail",
    "Trouble",
]

_STATES: Final = {
    "running": "running",
    "ok": "completed",
    "partial": "completed",
    "failed": "failed",
    "cancelled": "cancelled",
    "abandoned": "failed",
}

_RECENT: Final = 50
"""Runs among which the nearest names are looked for when one is unknown."""


@dataclass(frozen=True, slots=True)
class Trouble:
    """Why a run as a whole came to nothing, and what to do; `traceback` is None where the error is ours."""

    message: str
    remedy: str = ""
    traceback: str | None = None


@dataclass(frozen=True, slots=True)
class Failure:
    """What went wrong with one parameter; `traceback` is None where the trouble was expected."""

    parameter_id: str
    outcome: str
    message: str
    remedy: str
    traceback: str | None

    @classmethod
    def of(cls, result: NightResult) -> Failure:
        """Return what a night's result says of a parameter that it could not settle."""
        lines = result.detail.strip().splitlines() or [result.outcome]
        unexpected = result.outcome == "failed" and len(lines) > 1
        message = lines[-1] if unexpected else result.detail or result.outcome
        trace = result.detail if unexpected else None
        return cls(result.parameter_id, result.outcome, message, result.remedy, trace)


@dataclass(frozen=True)
class ListedRun:
    """One run: the newest attempt at a key, or one that waits for its turn.

    Attributes
    ----------
    state
        ``queued``, ``running``, ``completed``, ``failed`` or ``cancelled``.
    ended
        How it ended: ``ok``, ``partial``, ``failed``, ``cancelled`` or ``interrupted``; None before the end.
    attempt
        Its number among the attempts at this key; 0 when none has begun.
    run_id
        Number of the attempt in the store, or None.
    done, total
        Parameters kept so far, and in all; 0 before that is known.
    counts
        How many parameters had which outcome.
    """

    run_key: str
    kind: str
    as_of: date
    state: str
    ended: str | None = None
    attempt: int = 0
    run_id: int | None = None
    started_at: datetime | None = None
    finished_at: datetime | None = None
    done: int = 0
    total: int = 0
    counts: Mapping[str, int] | None = None
    label: str = ""
    error: Trouble | None = None

    @property
    def progress(self) -> float:
        """The share that is done, 0..1; a night of no parameters that is completed is done."""
        if self.total:
            return self.done / self.total
        return float(self.state == "completed")

    @property
    def failures(self) -> int:
        """How many parameters had an outcome that makes a night partial."""
        return sum(count for outcome, count in (self.counts or {}).items() if outcome in PARTIAL_OUTCOMES)

    @property
    def seconds(self) -> float | None:
        """How long it took, in wall time; None before the end."""
        if self.started_at is None or self.finished_at is None:
            return None
        return (self.finished_at - self.started_at).total_seconds()

    def as_dict(self) -> dict[str, Any]:
        """Return it as JSON-ready data."""
        shown: dict[str, Any] = json_ready(self)
        del shown["run_id"]
        figures = {"progress": self.progress, "failures": self.failures, "seconds": self.seconds}
        return {**shown, "counts": dict(self.counts or {}), **figures}


@dataclass(frozen=True)
class RunDetail:
    """One run with its plan, its results, and the failures among them; before it begins there are none."""

    run: ListedRun
    failures: tuple[Failure, ...] = ()
    plan: tuple[Mapping[str, Any], ...] | None = None
    results: tuple[NightResult, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """Return it as JSON-ready data; `failures` are listed here and counted as `failed`."""
        listed = {"failures": json_ready(self.failures), "failed": self.run.failures}
        plan = None if self.plan is None else json_ready(self.plan)
        return {**self.run.as_dict(), **listed, "plan": plan, "results": json_ready(self.results)}


@dataclass(frozen=True, slots=True)
class Nights:
    """The runs of a project: listed, found, named, judged."""

    world: World

    def listed(self, most: int, before: int | None = None) -> tuple[list[ListedRun], int]:
        """Return the newest attempt of each run, the newest first, and how many runs there are in all.

        Parameters
        ----------
        before
            `run_id` of the last one of the page before.
        """
        store = self.world.store
        return [_listed(each) for each in store.newest_attempts(most, before)], store.count_run_keys()

    def find(self, run_key: str) -> ListedRun | None:
        """Return the newest attempt at a run, or None when none was ever made."""
        attempts = self.world.store.attempts(run_key)
        return _listed(attempts[0]) if attempts else None

    def detail(self, run_key: str) -> RunDetail:
        """Return the newest attempt at a run with its plan, results and failures.

        Raises
        ------
        UnknownName
            When there never was such a run.
        """
        store, run = self.world.store, self.find(run_key)
        if run is None or run.run_id is None:
            known = (attempt.run_key for attempt in store.newest_attempts(_RECENT))
            raise UnknownName("run", run_key, known)
        plan = tuple(store.plan_of(run.run_id).get("tasks", ()))
        found = store.night_results([task["parameter_id"] for task in plan], run.as_of)
        results = tuple(found[name] for name in sorted(found) if found[name].as_of == run.as_of)
        failures = tuple(Failure.of(one) for one in results if one.outcome in PARTIAL_OUTCOMES)
        return RunDetail(run, failures, plan, results)

    def name(self, as_of: date | str | None = None, only: str | None = None) -> tuple[str, date]:
        """Return the key and the date of a night, without planning it.

        Raises
        ------
        EvenfallError
            When the night has not come yet, or `only` names nothing.
        """
        night = self.world.night(as_of)
        self.world.selected(only)
        return run_key_of(night, only), night.as_of

    def end_lost(self, run_key: str, status: str, error: Trouble) -> bool:
        """Write the end of a run whose process is gone, and return whether there was one to write."""
        for attempt in self.world.store.attempts(run_key)[:1]:
            if attempt.status == "running":
                try:
                    return self.world.store.end_lost_run(attempt.run_id, status, {"error": json_ready(error)})
                except EvenfallError:
                    return False  # another process has it, and that one writes its end
        return False

    def due(self) -> Night:
        """Return the last night whose hour has come by the project's clock."""
        return due_night(self.world)

    def is_kept(self, night: Night) -> bool:
        """Return whether an attempt at a night ended with something kept."""
        return is_kept(self.world, night)

    def health(self) -> NightHealth:
        """Return whether the last night that must be over is, and how it ended."""
        return night_health(self.world)


def _listed(attempt: Attempt) -> ListedRun:
    lost = attempt.lost or attempt.status == "abandoned"
    said = attempt.summary.get("error")
    return ListedRun(
        run_key=attempt.run_key,
        kind=attempt.kind,
        as_of=attempt.as_of,
        state="failed" if lost else _STATES[attempt.status],
        ended="interrupted" if lost else None if attempt.status == "running" else attempt.status,
        attempt=attempt.token,
        run_id=attempt.run_id,
        started_at=attempt.started_at,
        finished_at=attempt.finished_at,
        done=attempt.done,
        total=attempt.total,
        counts=attempt.outcomes,
        error=Trouble(**said) if said else _interrupted(attempt) if lost else None,
    )


def _interrupted(attempt: Attempt) -> Trouble:
    return Trouble(
        f"the process that ran it ({attempt.owner}) ended before the night did",
        "run it again: what was kept stays, and nothing is counted twice",
    )
