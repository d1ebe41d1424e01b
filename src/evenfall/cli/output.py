"""Where output goes: one JSON document or text on stdout, problems and progress on stderr."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import math
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from datetime import date, timedelta
from pathlib import PurePath
from typing import TYPE_CHECKING, Any

from evenfall.errors import ConfigError, EvenfallError, SourceError

if TYPE_CHECKING:
    from rich.console import Console, RenderableType

__all__ = ["Advance", "complain", "emit", "plain", "problem", "progress", "say", "show", "stdout"]

type Advance = Callable[[int, int, str], None]

PIPED_WIDTH = 120
"""Columns of a table that nobody looks at in a terminal, unless COLUMNS says otherwise."""


def plain(value: object) -> Any:
    """Return `value` as JSON has it; numbers that JSON does not have are None.

    Examples
    --------
    >>> plain({"day": date(2025, 11, 3), "z": math.inf, "n": (1, 2)})
    {'day': '2025-11-03', 'z': None, 'n': [1, 2]}
    """
    match value:
        case None | bool() | int():
            return value
        case str():
            return str(value)
        case float():
            return value if math.isfinite(value) else None
        case date():
            return value.isoformat()
        case timedelta():
            return value.total_seconds()
        case Mapping():
            return {str(key): plain(item) for key, item in value.items()}
        case list() | tuple() | set() | frozenset():
            return [plain(item) for item in value]
        case PurePath():
            return str(value)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: plain(getattr(value, field.name)) for field in dataclasses.fields(value)}
    return str(value)


def emit(value: object) -> None:
    """Print `value` as the one JSON document of this call."""
    sys.stdout.write(json.dumps(plain(value), indent=2, ensure_ascii=False, allow_nan=False) + "\n")


def problem(error: EvenfallError) -> dict[str, Any]:
    """Return an error as JSON-ready data: what, where, which value, and what to do."""
    facts: dict[str, Any] = {"error": error.message, "kind": type(error).__name__}
    if isinstance(error, ConfigError):
        facts |= {"file": error.file, "line": error.line, "column": error.column, "field": error.path}
        facts["value"] = None if error.value is None else plain(error.value)
    if isinstance(error, SourceError):
        facts["connection"] = error.connection
    facts["remedy"] = error.remedy
    return {key: fact for key, fact in facts.items() if fact or key in {"error", "remedy"}}


def stdout() -> Console:
    """Return the console on stdout: the terminal's width, or one wide enough for a table in a file."""
    from rich.console import Console  # noqa: PLC0415

    console = Console(highlight=False, markup=False)
    if not console.is_terminal and "COLUMNS" not in os.environ:
        console.width = PIPED_WIDTH
    return console


def show(renderable: RenderableType) -> None:
    """Print a table or a styled text on stdout."""
    stdout().print(renderable)


def say(text: str) -> None:
    """Print a line on stdout as it is; the terminal breaks it, a file does not."""
    stdout().print(text, soft_wrap=True)


def complain(error: EvenfallError) -> None:
    """Print what went wrong and what to do about it on stderr."""
    from rich.console import Console  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    lines = Text("error: ", style="bold red")
    message = str(error) if isinstance(error, ConfigError) and error.file else error.message
    lines.append(message, style="default not bold")
    if error.remedy and error.remedy not in message:
        lines.append(f"\n       {error.remedy}", style="dim not bold")
    Console(stderr=True, highlight=False, markup=False).print(lines, soft_wrap=True)


@contextlib.contextmanager
def progress(title: str, *, quiet: bool) -> Iterator[Advance | None]:
    """Yield what a long verb reports its steps to: a bar on stderr, or None when nobody watches."""
    if quiet or not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console  # noqa: PLC0415
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn  # noqa: PLC0415

    bar = Progress(
        TextColumn("{task.fields[title]}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.description}", markup=False, style="dim"),
        console=Console(stderr=True),
        transient=True,
    )
    with bar:
        task = bar.add_task("", title=title, total=None)

        def advance(done: int, total: int, label: str) -> None:
            bar.update(task, completed=done, total=total, description=label)

        yield advance
