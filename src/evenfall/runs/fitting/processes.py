"""Fits in child processes of this machine: limited in time and memory, and killed without harm."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, wait
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from evenfall.runs.fitting.jobs import Envelope, FitJob, Limits, Progress

__all__ = ["LocalProcesses"]

_LOOK_SECONDS: Final = 0.5
"""How often the time limits are looked at while nothing is heard."""

_ONE_THREAD: Final = dict.fromkeys(
    ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS"), "1"
)
"""Workers are as many as there are cores; libraries that start threads of their own only get in the way."""


@dataclass(eq=False)
class _Worker:
    """A living process and the job it is at."""

    process: subprocess.Popen[bytes]
    line: Connection
    job: FitJob | None = None
    started: float = field(default_factory=time.monotonic)

    @classmethod
    def start(cls, limits: Limits, cache_dir: Path | None) -> _Worker:
        """Start a process and return it with the line to it.

        It is a new interpreter, not a fork: a fork of a program with threads may hang, and one that imports
        the caller's main module would run it again.
        """
        ours, theirs = socket.socketpair()
        with theirs:
            command = [sys.executable, "-m", "evenfall.runs.fitting.worker"]
            command += [str(theirs.fileno()), str(limits.memory_bytes), str(cache_dir or "")]
            process = subprocess.Popen(  # noqa: S603 - our own interpreter and module
                command,
                pass_fds=(theirs.fileno(),),
                env={**os.environ, **_ONE_THREAD},
                stdin=subprocess.DEVNULL,
            )
        return cls(process, Connection(ours.detach()))

    def give(self, job: FitJob) -> None:
        """Send a job; one that died while idle answers at the next look."""
        self.job, self.started = job, time.monotonic()
        self.line.send(job)

    def end(self) -> int:
        """Hang up, kill the process if it lives on, and return its exit status."""
        self.line.close()
        if self.job is None or self.process.poll() is None:
            self.process.kill()
        return self.process.wait()


class LocalProcesses:
    """Runs jobs on long-lived workers; each keeps its compiled models for the next job of the same kind."""

    def __init__(self, workers: int = 2, limits: Limits | None = None, cache_dir: Path | None = None) -> None:
        self._size = max(1, workers)
        self._limits = limits or Limits()
        self._cache_dir = cache_dir
        self._workers: list[_Worker] = []
        self._cancelled = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def run(self, jobs: Sequence[FitJob], progress: Progress | None = None) -> Iterator[Envelope]:
        """Yield one envelope per job, in the order in which they end."""
        self._cancelled = False
        waiting = deque(jobs)
        try:
            while waiting or any(worker.job for worker in self._workers):
                if self._cancelled:
                    yield from self._call_off(waiting)
                    return
                self._hand_out(waiting)
                yield from self._listen(progress)
        finally:
            for worker in [each for each in self._workers if each.job is not None]:
                self._drop(worker)  # the caller stopped listening: nobody waits for these

    def cancel(self) -> None:
        """End the jobs under way; what has not ended comes back as cancelled."""
        self._cancelled = True

    def close(self) -> None:
        """Let the workers go."""
        for worker in list(self._workers):
            self._drop(worker)

    def _hand_out(self, waiting: deque[FitJob]) -> None:
        while waiting:
            idle = next((worker for worker in self._workers if worker.job is None), None)
            if idle is None:
                if len(self._workers) >= self._size:
                    return
                idle = _Worker.start(self._limits, self._cache_dir)
                self._workers.append(idle)
            try:
                idle.give(waiting[0])
            except OSError:  # it died between two jobs: the job is not to blame and goes to another one
                self._drop(idle)
                continue
            waiting.popleft()

    def _listen(self, progress: Progress | None) -> Iterator[Envelope]:
        busy = {worker.line: worker for worker in self._workers if worker.job is not None}
        for line in wait(list(busy), timeout=_LOOK_SECONDS):
            assert isinstance(line, Connection), "only lines are waited for"
            yield from self._hear(busy.pop(line), progress)
        for worker in busy.values():
            if time.monotonic() - worker.started > self._limits.seconds:
                yield self._overdue(worker)

    def _hear(self, worker: _Worker, progress: Progress | None) -> Iterator[Envelope]:
        job = worker.job
        assert job is not None, "a worker without a job says nothing"
        try:
            word, said = worker.line.recv()
        except (EOFError, OSError):
            yield self._dead(worker, job)
            return
        if word == "progress":
            if progress is not None:
                progress(job.id, said)
            if time.monotonic() - worker.started > self._limits.seconds:
                yield self._overdue(worker)
            return
        worker.job = None
        yield said

    def _overdue(self, worker: _Worker) -> Envelope:
        assert worker.job is not None, "only a worker with a job can be late"
        job = worker.job
        self._drop(worker)
        return Envelope(
            job.id,
            trouble="time_limit",
            detail=f"the fit was ended after {self._limits.seconds:g} s",
            remedy="raise fit_seconds in evenfall.toml, or use a cheaper engine",
        )

    def _dead(self, worker: _Worker, job: FitJob) -> Envelope:
        with suppress(subprocess.TimeoutExpired):  # it hung up; its exit status may take a moment
            worker.process.wait(1)
        status = self._drop(worker)
        how = f"signal {-status}" if status < 0 else f"exit status {status}"
        return Envelope(
            job.id,
            trouble="killed",
            detail=f"the process that fitted it ended without an answer ({how})",
            remedy="look for the kernel's out-of-memory killer; run again with --retry-failed",
        )

    def _call_off(self, waiting: deque[FitJob]) -> Iterator[Envelope]:
        for worker in [each for each in self._workers if each.job is not None]:
            assert worker.job is not None, "chosen for having one"
            waiting.appendleft(worker.job)
            self._drop(worker)
        while waiting:
            yield Envelope(waiting.popleft().id, trouble="cancelled", detail="called off before it ended")

    def _drop(self, worker: _Worker) -> int:
        self._workers.remove(worker)
        return worker.end()
