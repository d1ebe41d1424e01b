"""A worker: a process that fits one model after the other and keeps what it compiled.

Started as ``python -m evenfall.runs.fitting.worker FD MEMORY CACHE``; it talks over the socket FD.
"""

from __future__ import annotations

import resource
import signal
import sys
import traceback
from multiprocessing.connection import Connection

from evenfall.errors import EvenfallError
from evenfall.runs.fitting.jobs import Envelope, FitJob

__all__ = ["main"]


def main(arguments: list[str]) -> None:
    """Serve jobs until the other end hangs up."""
    descriptor, memory_bytes, cache_dir = int(arguments[0]), int(arguments[1]), arguments[2]
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group; the parent decides
    # The limit is on memory that is written to: libraries map gigabytes that they never touch.
    resource.setrlimit(resource.RLIMIT_DATA, (memory_bytes, memory_bytes))
    with Connection(descriptor) as line:
        while True:
            try:
                job: FitJob = line.recv()
            except EOFError:
                return
            line.send(("done", _carry_out(job, cache_dir, line)))


def _carry_out(job: FitJob, cache_dir: str, line: Connection) -> Envelope:
    """Return what came of a job; whatever its model raises is an answer, and the next job is served."""
    try:
        # Loaded here, so that loading too stays within the memory limit.
        from evenfall.inference.execute import execute  # noqa: PLC0415
        from evenfall.inference.increment import log_ratio  # noqa: PLC0415

        news = None
        if job.base is not None and job.base_model is not None:
            news = log_ratio(job.base, job.base_model, job.model)
        fit = execute(
            job.model,
            job.request,
            base=job.base if news is not None else None,
            log_ratio=news,
            cache_dir=cache_dir or None,
            progress=lambda share: line.send(("progress", share)),
        )
        return Envelope(job.id, fit)
    except MemoryError:
        return Envelope(
            job.id,
            trouble="out_of_memory",
            detail="the fit needed more memory than it may use",
            remedy="raise fit_memory in evenfall.toml, or fit fewer cohorts or draws",
        )
    except EvenfallError as refused:
        return Envelope(job.id, trouble="refused", detail=refused.message, remedy=refused.remedy)
    except Exception as error:
        text = "".join(traceback.format_exception(error))
        return Envelope(job.id, trouble="failed", detail=text, remedy="see the traceback; mend the model")


if __name__ == "__main__":
    main(sys.argv[1:])
