"""A worker as its parent sees it: started, given jobs, asked to stop, ended."""

from __future__ import annotations

import os
import pickle
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from pathlib import Path
from typing import IO, Final

from evenfall.runs.fitting.jobs import FitJob, Limits

__all__ = ["Child"]

_ONE_THREAD: Final = dict.fromkeys(
    ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS"), "1"
)
"""Workers are as many as there are cores; libraries that start threads of their own only get in the way."""

_TAIL_BYTES: Final = 2000
"""How much of what a worker printed last is worth telling."""


@dataclass(eq=False)
class Child:
    """A living process and the job it is at.

    Attributes
    ----------
    line
        For jobs and answers.
    lifeline
        Descriptor of a pipe that nobody else can write to: closed, the worker ends whatever it is at.
    output
        What the worker and its models print; a model's ``print`` must not mix with what a command says.
    ready
        Whether it has said that it is up.
    begun
        Whether it has said that the job arrived; before that, its death is not the job's doing.
    """

    process: subprocess.Popen[bytes]
    line: Connection
    lifeline: int
    output: IO[bytes]
    ready: bool = False
    job: FitJob | None = None
    begun: bool = False
    number: int = 0
    started: float = field(default_factory=time.monotonic)

    @classmethod
    def start(cls, limits: Limits, cache_dir: Path | None) -> Child:
        """Start a process and return it with the lines to it.

        It is a new interpreter, not a fork: a fork of a program with threads may hang, and one that imports
        the caller's main module would run it again. Nor does it look for modules in the present folder, where
        a project may hold a ``queue.py``. It leads a group of its own, so that Ctrl-C reaches the parent
        alone and whatever a model starts ends with it.

        Raises
        ------
        OSError
            When there is no such interpreter, or no room for another process.
        """
        ours, theirs = socket.socketpair()
        listen, lifeline = os.pipe()
        output = None
        try:
            output = tempfile.TemporaryFile("a+b", prefix="evenfall-fit-")  # noqa: SIM115 - as long as the process
            command = [sys.executable, "-P", "-X", "faulthandler", "-m", "evenfall.runs.fitting.worker"]
            command += [str(theirs.fileno()), str(listen), str(limits.memory_bytes), str(cache_dir or "")]
            process = subprocess.Popen(  # noqa: S603 - our own interpreter and module
                command,
                pass_fds=(theirs.fileno(), listen),
                env={**os.environ, **_ONE_THREAD},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                process_group=0,
            )
        except BaseException:
            ours.close()
            os.close(lifeline)
            if output is not None:
                output.close()
            raise
        finally:
            theirs.close()
            os.close(listen)
        return cls(process, Connection(ours.detach()), lifeline, output)

    @property
    def seconds(self) -> float:
        """How long it has been at its job, or at starting."""
        return time.monotonic() - self.started

    def give(self, job: FitJob) -> None:
        """Send a job.

        Raises
        ------
        OSError
            When the process is gone.
        Exception
            Whatever pickle says of a job that cannot be sent; the worker has then seen nothing of it.
        """
        content = pickle.dumps((self.number + 1, job), pickle.HIGHEST_PROTOCOL)
        with suppress(OSError):
            self.output.truncate(0)
        self.line.send_bytes(content)
        self.number, self.job, self.begun, self.started = self.number + 1, job, False, time.monotonic()

    def ask_to_stop(self) -> None:
        """Ask the engine to stop soon; one that asks nobody goes on."""
        with suppress(OSError):
            os.write(self.lifeline, struct.pack("!Q", self.number))

    def has_exited(self) -> bool:
        """Return whether the process is over, even if a process it started still holds its line open."""
        return self.process.poll() is not None

    def end(self, patience: float = 0.0) -> str:
        """Hang up, end the process and all that it started; return how it ended and what it printed last.

        Parameters
        ----------
        patience
            How long, in seconds, a process that is ending anyway is left to it.
        """
        if patience:
            with suppress(subprocess.TimeoutExpired):
                self.process.wait(patience)
        on_its_own = self.process.poll()
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self.process.pid, signal.SIGKILL)
        status = self.process.wait()
        self.line.close()
        os.close(self.lifeline)
        said = self._tail()
        self.output.close()
        how = _in_words(status if on_its_own is None else on_its_own)
        return f"{said}\n{how}" if said else how

    def _tail(self) -> str:
        with suppress(OSError, ValueError):
            length = self.output.seek(0, os.SEEK_END)
            self.output.seek(max(0, length - _TAIL_BYTES))
            return self.output.read().decode(errors="replace").strip()
        return ""


def _in_words(status: int) -> str:
    if status >= 0:
        return f"exit status {status}"
    with suppress(ValueError):
        return f"signal {-status}, {signal.Signals(-status).name}"
    return f"signal {-status}"
