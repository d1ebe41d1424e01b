"""What another program sees of a long verb: its steps as lines of JSON; and how it may end it."""

from __future__ import annotations

import contextlib
import json
import signal
import sys
import threading
from collections.abc import Iterator
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from evenfall.cli.output import progress

if TYPE_CHECKING:
    from evenfall.cli.output import Advance

__all__ = ["ProgressForm", "ProgressOption", "endable", "watched"]


class ProgressForm(StrEnum):
    """How a verb shows its steps on stderr."""

    BAR = "bar"
    JSON = "json"


ProgressOption = Annotated[
    ProgressForm,
    typer.Option(
        "--progress",
        help="A bar on a terminal, or a line of JSON per step: what is done, of how many, and what was last.",
    ),
]


@contextlib.contextmanager
def watched(title: str, form: ProgressForm, *, quiet: bool) -> Iterator[Advance | None]:
    """Yield what a long verb reports its steps to."""
    if form is ProgressForm.JSON:
        yield _tell
        return
    with progress(title, quiet=quiet) as advance:
        yield advance


def _tell(done: int, total: int, label: str) -> None:
    """Write one step; that whoever listened is gone is no reason to stop."""
    with contextlib.suppress(BrokenPipeError):
        sys.stderr.write(json.dumps({"done": done, "total": total, "label": label}) + "\n")
        sys.stderr.flush()


@contextlib.contextmanager
def endable() -> Iterator[None]:
    """Take being asked to terminate as Ctrl-C: what is under way is rolled back, its run is cancelled."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, _interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _interrupt(number: int, _frame: object) -> None:
    signal.signal(number, signal.SIG_IGN)  # asked twice is asked once: the end itself is not to be cut short
    raise KeyboardInterrupt
