"""What is seen of a long verb's steps: a bar on a terminal, or lines of JSON for another program."""

from __future__ import annotations

import contextlib
import json
import sys
from collections.abc import Iterator
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from evenfall.cli.output import progress

if TYPE_CHECKING:
    from evenfall.cli.output import Advance

__all__ = ["ProgressForm", "ProgressOption", "watched"]


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
