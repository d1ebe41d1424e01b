"""A night in a process of its own: the verb that cron would call, its steps heard line by line."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import threading
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import IO, Any, Final, Self

__all__ = ["Ended", "NightProcess", "Step"]

type Step = Callable[[int, int, str], None]
"""Called with (parameters done, parameters in all, what was done last)."""

_LAST_LINES: Final = 60
"""Lines kept of what a process said beside its steps: a traceback, mostly."""

_LONGEST_ANSWER: Final = 64 * 1024
"""Bytes of its answer that are looked at: a complaint is shorter, and results are read from the store."""

_LINGER_SECONDS: Final = 2.0
"""How long its line may stay open after its end, held by a worker that has not noticed yet."""


@dataclass(frozen=True, slots=True)
class Ended:
    """How a process ended: its exit status, its complaint where it made one, and its last words."""

    status: int
    complaint: dict[str, Any]
    said: str


@dataclass
class NightProcess:
    """A night under way; `wait` hears it to its end, `stop` ends it from another thread."""

    process: subprocess.Popen[str]
    answer: IO[bytes]
    _said: deque[str] = field(default_factory=lambda: deque(maxlen=_LAST_LINES))

    @classmethod
    def start(cls, arguments: Sequence[str]) -> Self:
        """Start ``evenfall`` with `arguments`; secrets reach it as they reach us, by the environment."""
        answer = tempfile.TemporaryFile()  # noqa: SIM115 - lives as long as the process
        process = subprocess.Popen(  # noqa: S603 - this interpreter, and arguments that were checked
            [sys.executable, "-P", "-m", "evenfall", *arguments],
            env={**os.environ, "OMP_NUM_THREADS": "1"},
            stdin=subprocess.DEVNULL,
            stdout=answer,
            stderr=subprocess.PIPE,
            text=True,
            errors="replace",
            start_new_session=True,
        )
        return cls(process, answer)

    def wait(self, step: Step) -> Ended:
        """Tell `step` what is done until the process ends, and return how it ended."""
        listener = threading.Thread(target=self._listen, args=(step,), daemon=True)
        listener.start()
        status = self.process.wait()
        listener.join(_LINGER_SECONDS)
        try:
            return Ended(status, self._complaint(), "\n".join(self._said))
        finally:
            self.answer.close()

    def stop(self, grace_seconds: float) -> None:
        """Ask the process to end, and end it when it has not after the grace; its workers end with it."""
        self.process.terminate()
        try:
            self.process.wait(grace_seconds)
        except subprocess.TimeoutExpired:
            self.process.kill()

    def _listen(self, step: Step) -> None:
        assert self.process.stderr is not None, "it was started with a line to us"
        with self.process.stderr as lines:
            for line in lines:
                match _read(line):
                    case {"done": int(done), "total": int(total), "label": str(label)}:
                        step(done, total, label)
                    case _:
                        self._said.append(line.rstrip("\n"))

    def _complaint(self) -> dict[str, Any]:
        self.answer.seek(0)
        answer = _read(self.answer.read(_LONGEST_ANSWER).decode(errors="replace"))
        return answer if isinstance(answer, dict) and "error" in answer else {}


def _read(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return None
