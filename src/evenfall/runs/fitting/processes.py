"""Fits in child processes of this machine: limited in time and memory, and killed without harm."""

from __future__ import annotations

import sys
import time
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import replace
from multiprocessing.connection import Connection, wait
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from evenfall.runs.fitting.child import Child
from evenfall.runs.fitting.jobs import Envelope, FitJob, Limits, Progress

__all__ = ["LocalProcesses"]

_LOOK_SECONDS: Final = 0.5
"""How often the time limits are looked at while nothing is heard."""

_START_SECONDS: Final = 120.0
"""How long a process may take to say that it is up, on a machine that does a hundred other things."""

_STARTS: Final = 2
"""How many starts may fail in a row; then processes cannot be had."""

_EXIT_SECONDS: Final = 1.0
"""How long the exit status of a process that hung up may take."""

_GRACE_SECONDS: Final = 5.0
"""How long an engine that is called off may take to stop on its own."""


class LocalProcesses:
    """Runs jobs on long-lived workers; each keeps its compiled models for the next job of the same kind.

    One thread at a time may run jobs; any may cancel them.
    """

    def __init__(self, workers: int = 2, limits: Limits | None = None, cache_dir: Path | None = None) -> None:
        self._size = max(1, workers)
        self._limits = limits or Limits()
        self._cache_dir = cache_dir
        self._workers: list[Child] = []
        self._waiting: deque[FitJob] = deque()
        self._cancelled = False
        self._failed_starts: list[str] = []
        self._given_back: set[str] = set()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def run(self, jobs: Sequence[FitJob], progress: Progress | None = None) -> Iterator[Envelope]:
        """Yield one envelope per job, in the order in which they end."""
        self._cancelled, self._failed_starts = False, []
        self._waiting, self._given_back = deque(jobs), set()
        try:
            while self._waiting or self._busy():
                if self._cancelled:
                    yield from self._call_off(progress)
                    return
                yield from self._staff()
                yield from self._hand_out()
                yield from self._listen(progress)
        finally:
            for worker in self._busy():
                self._drop(worker)  # the caller stopped listening: nobody waits for these
            self._waiting.clear()

    def cancel(self) -> None:
        """End the jobs under way; what has not ended comes back as cancelled."""
        self._cancelled = True

    def close(self) -> None:
        """Let the workers go."""
        for worker in list(self._workers):
            self._drop(worker)

    def _busy(self) -> list[Child]:
        return [worker for worker in self._workers if worker.job is not None]

    def _staff(self) -> Iterator[Envelope]:
        """Start as many workers as there are jobs that nobody is at; when none can be had, say so of each."""
        for worker in [each for each in self._workers if each.job is None and each.ready]:
            if worker.has_exited():  # between two jobs: no job is to blame
                self._drop(worker)
        free = sum(worker.job is None for worker in self._workers)
        while free < len(self._waiting) and len(self._workers) < self._size:
            if len(self._failed_starts) >= _STARTS:
                break
            try:
                self._workers.append(Child.start(self._limits, self._cache_dir))
                free += 1
            except OSError as error:
                self._failed_starts.append(str(error))
        while self._waiting and not self._workers:
            yield _homeless(self._waiting.popleft(), self._failed_starts[-1])

    def _hand_out(self) -> Iterator[Envelope]:
        for worker in list(self._workers):
            if self._waiting and worker.ready and worker.job is None:
                job = self._waiting.popleft()
                try:
                    worker.give(job)
                except OSError:  # it died between two jobs: the job goes to another one
                    self._drop(worker)
                    self._waiting.appendleft(job)
                except Exception as error:  # pickle raises whatever the job's parts raise
                    yield Envelope(
                        job.id,
                        trouble="failed",
                        detail=f"the job cannot be sent to a process: {type(error).__name__}: {error}",
                        remedy="models are named by strings, and their data are arrays of numbers",
                    )

    def _listen(self, progress: Progress | None) -> Iterator[Envelope]:
        """Hear every worker that has something to say, and end those that are late or dead."""
        lines = {each.line: each for each in self._workers if each.job is not None or not each.ready}
        for line in wait(list(lines), timeout=_LOOK_SECONDS) if lines else ():
            assert isinstance(line, Connection), "only lines are waited for"
            yield from self._hear(lines.pop(line), progress)
        for worker in lines.values():
            if worker not in self._workers:
                continue  # the caller closed us between two envelopes
            if worker.has_exited() and not worker.line.poll():
                yield from self._dead(worker)
            else:
                yield from self._late(worker)

    def _hear(self, worker: Child, progress: Progress | None) -> Iterator[Envelope]:
        try:
            word, said = worker.line.recv()
        except (EOFError, OSError):
            yield from self._dead(worker)
            return
        except Exception as error:  # unpickling raises whatever the answer's parts raise
            assert worker.job is not None, "only answers hold more than words"
            job = worker.job
            self._drop(worker)
            detail = f"its answer cannot be read: {type(error).__name__}: {error}"
            yield Envelope(job.id, trouble="failed", detail=detail, remedy="look at the model's quantities")
            return
        match word:
            case "ready":
                worker.ready, self._failed_starts = True, []
            case "begun":
                worker.begun = True
            case "progress":
                if progress is not None and worker.job is not None:
                    progress(worker.job.id, said)
                yield from self._late(worker)
            case _:
                yield self._done(worker, said)

    def _done(self, worker: Child, envelope: Envelope) -> Envelope:
        job, worker.job = worker.job, None
        assert job is not None, "a worker without a job has nothing to answer"
        if envelope.trouble == "out_of_memory":
            self._drop(worker)  # who knows what it could not free
        return replace(envelope, id=job.id)

    def _late(self, worker: Child) -> Iterator[Envelope]:
        job = worker.job
        if job is None and not worker.ready and worker.seconds > _START_SECONDS:
            self._failed_starts.append(self._drop(worker))
        if job is None or worker.seconds <= self._limits.seconds:
            return
        self._drop(worker)
        yield Envelope(
            job.id,
            trouble="time_limit",
            detail=f"the fit was ended after {self._limits.seconds:g} s",
            remedy="raise fit_seconds in evenfall.toml, or use a cheaper engine",
        )

    def _dead(self, worker: Child) -> Iterator[Envelope]:
        job, begun = worker.job, worker.begun
        how = self._drop(worker, _EXIT_SECONDS)
        if job is None:
            self._failed_starts.append(how)
        elif not begun and job.id not in self._given_back:
            self._given_back.add(job.id)
            self._waiting.appendleft(job)
        else:
            *said, status = how.splitlines()
            head = f"the process that fitted it ended without an answer ({status})"
            remedy = "see what it printed last; mend the model, or the library that broke"
            if "SIGKILL" in status:
                remedy = "somebody killed it: look for the kernel's out-of-memory killer; lower fit_workers"
            yield Envelope(job.id, trouble="killed", detail="\n".join([*said, head]), remedy=remedy)

    def _call_off(self, progress: Progress | None) -> Iterator[Envelope]:
        """Answer what is waiting, ask the engines to stop, and end those that do not."""
        while self._waiting:
            yield _called_off(self._waiting.popleft())
        for worker in self._busy():
            worker.ask_to_stop()
        until = time.monotonic() + _GRACE_SECONDS
        while self._busy() and time.monotonic() < until:
            yield from self._listen(progress)
        for worker in self._busy():
            job = worker.job
            self._drop(worker)
            if job is not None:
                yield _called_off(job)
        while self._waiting:  # given back by a worker that died before it began
            yield _called_off(self._waiting.popleft())

    def _drop(self, worker: Child, patience: float = 0.0) -> str:
        self._workers.remove(worker)
        return worker.end(patience)


def _called_off(job: FitJob) -> Envelope:
    return Envelope(job.id, trouble="cancelled", detail="called off before it ended", remedy="run it again")


def _homeless(job: FitJob, why: str) -> Envelope:
    return Envelope(
        job.id,
        trouble="failed",
        detail=f"{why}\nno process to fit it in could be started ({why.splitlines()[-1]})",
        remedy=f"see that {sys.executable or 'the interpreter'} -c 'import evenfall' works here",
    )
