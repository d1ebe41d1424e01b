"""A worker: a process that fits one model after the other and keeps what it compiled.

Started as ``python -m evenfall.runs.fitting.worker LINE LIFELINE MEMORY CACHE``; it takes jobs and
answers over the socket LINE. When the pipe LIFELINE is closed its parent is gone, and it ends.
"""

from __future__ import annotations

import os
import pickle
import resource
import signal
import struct
import sys
import threading
import time
import traceback
from collections.abc import Callable
from multiprocessing.connection import Connection
from typing import Final

from evenfall.errors import EvenfallError
from evenfall.runs.fitting.jobs import Envelope, FitJob

__all__ = ["main"]

_TELL_SECONDS: Final = 0.1
"""Progress that follows the last word of it sooner is not worth a message."""


def main(arguments: list[str]) -> None:
    """Serve jobs until the other end hangs up."""
    descriptor, lifeline, memory_bytes = (int(word) for word in arguments[:3])
    cache_dir = arguments[3] or None
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent decides what Ctrl-C means
    _limit_memory(memory_bytes)
    parent = _Parent(lifeline)
    with Connection(descriptor) as line:
        line.send(("ready", os.getpid()))
        while True:
            try:
                content = line.recv_bytes()
            except (EOFError, OSError):
                return
            _send(line, _serve(content, cache_dir, line, parent))


def _limit_memory(memory_bytes: int) -> None:
    """Limit the memory that is written to: libraries map gigabytes that they never touch."""
    hard = resource.getrlimit(resource.RLIMIT_DATA)[1]
    limit = memory_bytes if hard == resource.RLIM_INFINITY else min(memory_bytes, hard)
    resource.setrlimit(resource.RLIMIT_DATA, (limit, hard))


class _Parent:
    """The other end of the lifeline, listened to in a thread: fits are long, and parents die."""

    def __init__(self, lifeline: int) -> None:
        self._lifeline = lifeline
        self._called_off = 0
        threading.Thread(target=self._listen, daemon=True).start()

    def has_called_off(self, number: int) -> bool:
        """Return whether the parent no longer wants the job of this number."""
        return self._called_off >= number

    def _listen(self) -> None:
        size = struct.calcsize("!Q")
        while len(word := os.read(self._lifeline, size)) == size:  # so few bytes are written and read as one
            (self._called_off,) = struct.unpack("!Q", word)
        if os.getpgrp() == os.getpid():
            os.killpg(0, signal.SIGKILL)  # with what its models have started
        os._exit(1)


def _serve(content: bytes, cache_dir: str | None, line: Connection, parent: _Parent) -> Envelope:
    """Return what came of a job; whatever its model raises is an answer, and the next job is served."""
    # A model that calls sys.exit() must not end the worker either.
    try:
        number, job = pickle.loads(content)  # noqa: S301 - from our own parent
    except BaseException as error:
        return _trouble("", error)
    line.send(("begun", number))
    try:
        return _carry_out(job, cache_dir, _teller(line), lambda: parent.has_called_off(number))
    except BaseException as error:
        return _trouble(job.id, error)


def _carry_out(
    job: FitJob, cache_dir: str | None, tell: Callable[[float], None], cancelled: Callable[[], bool]
) -> Envelope:
    # Loaded here, so that loading too stays within the memory limit.
    from evenfall.inference.execute import execute  # noqa: PLC0415
    from evenfall.inference.nuts.compiled import use_disk_cache  # noqa: PLC0415

    if cache_dir is not None:
        use_disk_cache(cache_dir)  # before a model to be reweighted compiles anything
    news = None
    if job.base is not None and job.base_model is not None:
        from evenfall.inference.increment import log_ratio  # noqa: PLC0415

        news = log_ratio(job.base, job.base_model, job.model)
    fit = execute(
        job.model,
        job.request,
        base=job.base if news is not None else None,
        log_ratio=news,
        cache_dir=cache_dir,
        progress=tell,
        cancelled=cancelled,
    )
    if cancelled() and not fit.passed:
        return Envelope(
            job.id, trouble="cancelled", detail="called off before it ended", remedy="run it again"
        )
    return Envelope(job.id, fit)


def _teller(line: Connection) -> Callable[[float], None]:
    """Return what passes progress on, now and then."""
    last = -_TELL_SECONDS

    def tell(share: float) -> None:
        nonlocal last
        if time.monotonic() - last >= _TELL_SECONDS:
            last = time.monotonic()
            line.send(("progress", float(share)))

    return tell


def _trouble(identity: str, error: BaseException) -> Envelope:
    """Return an error as an answer."""
    if _ran_out_of_memory(error):
        return Envelope(
            identity,
            trouble="out_of_memory",
            detail="the fit needed more memory than it may use",
            remedy="raise fit_memory in evenfall.toml, or fit fewer cohorts or draws",
        )
    if isinstance(error, EvenfallError):
        remedy = error.remedy or "mend what the definition asks for"
        return Envelope(identity, trouble="refused", detail=str(error), remedy=remedy)
    text = "".join(traceback.format_exception(error))
    return Envelope(identity, trouble="failed", detail=text, remedy="see the traceback; mend the model")


def _ran_out_of_memory(error: BaseException | None) -> bool:
    """Return whether the error, or one that it was made of, says so."""
    while error is not None:
        if isinstance(error, MemoryError):
            return True
        error = error.__cause__ or error.__context__
    return False


def _send(line: Connection, envelope: Envelope) -> None:
    """Send an answer, or why it cannot be sent."""
    try:
        content = pickle.dumps(("done", envelope), pickle.HIGHEST_PROTOCOL)
    except Exception as error:
        content = pickle.dumps(("done", _trouble(envelope.id, error)))
    line.send_bytes(content)


if __name__ == "__main__":
    main(sys.argv[1:])
