"""The nights this server has started: one at a time per project, each in a process of its own."""

from __future__ import annotations

import logging
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from functools import partial
from typing import Final

from evenfall.errors import EvenfallError
from evenfall.project import Project
from evenfall.runs.night.listing import ListedRun, Trouble
from evenfall.server.child import Ended, NightProcess
from evenfall.server.problems import Refused
from evenfall.server.served import Served

__all__ = ["Job", "Jobs"]

_MOST_WAITING: Final = 10

_MOST_REMEMBERED: Final = 20
"""Runs per project that ended before they reached the store; nobody else knows of them."""

_GRACE_SECONDS: Final = 10.0
"""How long a process that is called off may take to end, before it is killed."""

_log = logging.getLogger(__name__)


@dataclass
class Job:
    """One run that was asked for here.

    Attributes
    ----------
    state
        ``queued``, ``running``, ``completed``, ``failed`` or ``cancelled``.
    before
        Number of the last attempt at its key before it began; a higher one in the store is its own.
    changes
        Counts up with everything that happens to it.
    """

    run_key: str
    as_of: date
    only: str | None
    retry_failed: bool
    state: str = "queued"
    before: int = 0
    done: int = 0
    total: int = 0
    label: str = ""
    started_at: datetime | None = None
    finished_at: datetime | None = None
    error: Trouble | None = None
    called_off: bool = False
    changes: int = 0
    process: NightProcess | None = field(default=None, repr=False)

    @property
    def is_over(self) -> bool:
        """Whether it has ended."""
        return self.state not in ("queued", "running")

    def arguments(self, project: Project) -> list[str]:
        """Return the call that carries it out."""
        call = ["nightly", f"--project={project.root}", f"--as-of={self.as_of}", "--json", "--progress=json"]
        call += [f"--only={self.only}"] if self.only else []
        return call + (["--retry-failed"] if self.retry_failed else [])

    def shown(self, stored: ListedRun | None) -> ListedRun:
        """Return the run as it stands: by the store's account as far as that goes, live while it runs."""
        own = stored if stored is not None and stored.attempt > self.before else None
        if self.is_over and own is not None:
            return replace(own, total=own.total or self.total)  # it may end before it has written that
        run = own or ListedRun(self.run_key, "nightly", self.as_of, self.state)
        return replace(
            run,
            state=self.state,
            ended=self.state if self.is_over else None,
            started_at=self.started_at,
            finished_at=self.finished_at,
            done=max(self.done, run.done),
            total=self.total or run.total,
            label=self.label,
            error=self.error,
        )


@dataclass
class _Line:
    """What waits, runs, and has ended for one tenant, by key, in order of asking."""

    jobs: dict[str, Job] = field(default_factory=dict)
    worker: threading.Thread | None = None

    def next(self) -> Job | None:
        """Return the one whose turn it is."""
        return next((job for job in self.jobs.values() if job.state == "queued"), None)

    def forget(self) -> None:
        """Let go of the runs that ended longest ago."""
        over = [key for key, job in self.jobs.items() if job.is_over]
        for key in over[:-_MOST_REMEMBERED]:
            del self.jobs[key]


class Jobs:
    """Runs nights as processes, so that whatever becomes of one, the server and the store stand.

    What a run came to is the store's account; kept here is only what the store cannot know: what waits, how
    far a run is, and why one never reached the store.
    """

    def __init__(self, served: Served, *, grace_seconds: float = _GRACE_SECONDS) -> None:
        self._served = served
        self._grace_seconds = grace_seconds
        self._lines = {tenant: _Line() for tenant in served.tenants}
        self._changed = threading.Condition(threading.RLock())
        self._closing = False

    def submit(
        self, tenant: str, as_of: date | None = None, only: str | None = None, *, retry_failed: bool = False
    ) -> ListedRun:
        """Queue a night and return it; one that waits or runs already is returned as it is.

        Raises
        ------
        Refused
            429 when too many wait, 503 when the server is ending.
        EvenfallError
            When the night has not come yet, or `only` names nothing.
        """
        project = self._served.fresh(tenant)
        run_key, night = project.nights.name(as_of, only)
        stored = project.nights.find(run_key)
        with self._changing():
            line = self._lines[tenant]
            known = line.jobs.get(run_key)
            if known is not None and not known.is_over:
                known.retry_failed |= retry_failed and known.state == "queued"
            elif stored is None or stored.state != "running":
                self._admit(line)
                line.jobs.pop(run_key, None)  # the last in line, not in the place of its last attempt
                line.jobs[run_key] = Job(run_key, night, only, retry_failed, before=_number(stored))
                self._staff(tenant, line)
        return self.find(tenant, run_key)

    def find(self, tenant: str, run_key: str) -> ListedRun:
        """Return a run, live or stored.

        Raises
        ------
        UnknownName
            When there is none.
        """
        nights = self._served.project(tenant).nights
        stored = nights.find(run_key)
        with self._changed:
            job = self._lines[tenant].jobs.get(run_key)
            if job is not None:
                return job.shown(stored)
        return stored if stored is not None else nights.detail(run_key).run

    def standing(self, tenant: str) -> list[ListedRun]:
        """Return what waits, what runs, and what ended without reaching the store, the newest first."""
        nights = self._served.project(tenant).nights
        with self._changed:
            jobs = list(reversed(self._lines[tenant].jobs.values()))
        shown = [(job, job.shown(nights.find(job.run_key))) for job in jobs]
        return [run for job, run in shown if not job.is_over or run.run_id is None]

    def changes(self, tenant: str, run_key: str) -> int:
        """Return a number that changes when anything happens to a run of ours; it is had without waiting."""
        job = self._lines[tenant].jobs.get(run_key)
        return -1 if job is None else job.changes

    def cancel(self, tenant: str, run_key: str) -> ListedRun:
        """Take a run out of the queue, or end its process, and return it as it is afterwards.

        Raises
        ------
        Refused
            409 when it has ended, or is not run by a process of ours.
        """
        with self._changing():
            job = self._lines[tenant].jobs.get(run_key)
            ours = job is not None and not job.is_over
            if job is not None and job.state == "queued":
                _end(job, "cancelled", Trouble("it was cancelled before its turn came"))
            process = job.process if job is not None and job.state == "running" else None
            if job is not None and process is not None:
                job.called_off = True
                job.changes += 1
        if not ours:
            raise _cannot_cancel(self.find(tenant, run_key))
        if process is not None:
            process.stop(self._grace_seconds)
            self.wait(tenant, run_key, self._grace_seconds)
        return self.find(tenant, run_key)

    def wait(self, tenant: str, run_key: str, seconds: float) -> bool:
        """Wait until a run of ours is over, and return whether it is."""
        jobs, until = self._lines[tenant].jobs, time.monotonic() + seconds
        with self._changed:
            return self._changed.wait_for(
                lambda: run_key not in jobs or jobs[run_key].is_over, until - time.monotonic()
            )

    def close(self) -> None:
        """Cancel what waits and what runs; nothing more is taken in."""
        with self._changing():
            self._closing = True
            jobs = [job for line in self._lines.values() for job in line.jobs.values() if not job.is_over]
            workers = [line.worker for line in self._lines.values() if line.worker is not None]
            for job in jobs:
                if job.state == "queued":
                    _end(
                        job, "cancelled", Trouble("the server ended before its turn came", "ask for it again")
                    )
                job.called_off = True
        for job in jobs:
            if job.process is not None:
                job.process.stop(self._grace_seconds)
        for worker in workers:
            worker.join(self._grace_seconds)

    @contextmanager
    def _changing(self) -> Iterator[None]:
        with self._changed:
            yield
            self._changed.notify_all()

    def _admit(self, line: _Line) -> None:
        if self._closing:
            raise Refused(503, "the server is ending", remedy="ask again when it is back")
        if sum(job.state == "queued" for job in line.jobs.values()) >= _MOST_WAITING:
            raise Refused(
                429,
                f"{_MOST_WAITING} runs wait for their turn already",
                remedy="wait for them, or cancel some with DELETE /api/v1/runs/KEY",
                headers={"Retry-After": "60"},
            )

    def _staff(self, tenant: str, line: _Line) -> None:
        if line.worker is None:
            line.worker = threading.Thread(
                target=self._work, args=(tenant, line), name=f"nights of {tenant}", daemon=True
            )
            line.worker.start()

    def _work(self, tenant: str, line: _Line) -> None:
        """Carry out one run after the other until none waits."""
        while (begun := self._begin(tenant, line)) is not None:
            job, process = begun
            ended = process.wait(partial(self._step, job))
            state, error = self._account(tenant, job, ended)
            with self._changing():
                _end(job, state, error)
                line.forget()
            _log.info("%s of %s: %s (exit status %d)", job.run_key, tenant, state, ended.status)

    def _begin(self, tenant: str, line: _Line) -> tuple[Job, NightProcess] | None:
        """Return the run whose turn it is with its process, begun; None, and no worker, when none waits."""
        project = self._served.project(tenant)
        while True:
            with self._changing():
                job = line.next()
                if job is None:
                    line.worker = None
                    return None
                try:
                    job.before = _number(project.nights.find(job.run_key))
                    job.process = NightProcess.start(job.arguments(project))
                except (OSError, EvenfallError) as error:
                    _end(job, "failed", _cannot_begin(error))
                    continue
                job.state, job.started_at = "running", datetime.now(UTC)
                job.changes += 1
                return job, job.process

    def _step(self, job: Job, done: int, total: int, label: str) -> None:
        with self._changing():
            job.done, job.total, job.label = done, total, label
            job.changes += 1

    def _account(self, tenant: str, job: Job, ended: Ended) -> tuple[str, Trouble | None]:
        """Return how a run ended, as the store has it; where its process could not write that, we do."""
        nights = self._served.project(tenant).nights
        error = None if job.called_off else _why(ended)
        state = "cancelled" if job.called_off else "failed"
        try:
            stored = nights.find(job.run_key)
            if _number(stored) > job.before and nights.end_lost(
                job.run_key, state, error or Trouble("it was cancelled while it ran", "run it again")
            ):
                stored = nights.find(job.run_key)
        except EvenfallError as broken:
            return "failed", Trouble(broken.message, broken.remedy)
        if stored is not None and stored.attempt > job.before:
            return stored.state, stored.error
        return state, error


def _number(stored: ListedRun | None) -> int:
    return 0 if stored is None else stored.attempt


def _end(job: Job, state: str, error: Trouble | None) -> None:
    job.state, job.error, job.finished_at = state, error, datetime.now(UTC)
    job.changes += 1


def _why(ended: Ended) -> Trouble:
    """Return why a process came to nothing: its complaint, else its last words, else its exit status."""
    if ended.complaint:
        return Trouble(str(ended.complaint["error"]), str(ended.complaint.get("remedy", "")))
    if ended.status == -signal.SIGKILL:
        return Trouble(
            "somebody killed the process of the night",
            "look for the kernel's out-of-memory killer; then run it again: nothing is counted twice",
        )
    last = (ended.said.splitlines() or ["it said nothing"])[-1]
    return Trouble(
        f"the process of the night ended with status {ended.status}: {last}",
        "see what it said last, then run it again: nothing is counted twice",
        ended.said or None,
    )


def _cannot_begin(error: OSError | EvenfallError) -> Trouble:
    if isinstance(error, EvenfallError):
        return Trouble(error.message, error.remedy)
    return Trouble(
        f"no process could be started: {error}", "see that the machine has memory and processes left"
    )


def _cannot_cancel(run: ListedRun) -> Refused:
    if run.state == "running":
        return Refused(
            409,
            f"{run.run_key} is run by a process that this server did not start",
            field="run_key",
            value=run.run_key,
            remedy="end it where it was started",
        )
    return Refused(
        409,
        f"{run.run_key} is over: it is {run.state}",
        field="run_key",
        value=run.run_key,
        remedy="there is nothing to cancel; see it with GET /api/v1/runs/KEY",
    )
