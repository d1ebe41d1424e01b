"""Options and arguments that several verbs share, and how a verb finds its project."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from evenfall.errors import UsageError

if TYPE_CHECKING:
    from evenfall.project import Project

__all__ = ["PROJECT_FILE", "AsJson", "AsOf", "Identifier", "Only", "ProjectPath", "open_project", "parse_day"]

PROJECT_FILE = "evenfall.toml"


def _inherited(context: typer.Context, value: Path | None) -> Path | None:
    """Return the path given to the verb, else the one given before it."""
    parent = context.parent
    return value if value is not None or parent is None else parent.params.get("project")


def parse_day(text: str) -> date:
    """Return the day that ``2025-11-03`` names."""
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise typer.BadParameter(f"{text!r} is not a date; write it as 2025-11-03") from None


ProjectPath = Annotated[
    Path | None,
    typer.Option(
        "--project",
        metavar="PATH",
        callback=_inherited,
        show_default=False,
        help="The project's folder; by default the nearest one upward with an evenfall.toml.",
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document and nothing else.")]
AsOf = Annotated[
    date | None,
    typer.Option(
        "--as-of",
        parser=parse_day,
        metavar="DATE",
        show_default=False,
        help="The night to stand in, as 2025-11-03; by default tonight.",
    ),
]
Only = Annotated[
    str | None,
    typer.Option("--only", metavar="REF", show_default=False, help="One parameter, template or reference."),
]
Identifier = Annotated[
    str, typer.Argument(metavar="ID", help="A parameter's id, with its shard where it has one.")
]


def open_project(named: Path | None) -> Project:
    """Return the project of a verb, opened: the named folder, or the nearest one upward from here.

    Raises
    ------
    UsageError
        When there is no ``evenfall.toml`` there.
    """
    import evenfall  # noqa: PLC0415 - a verb pays for what it loads, `--help` does not

    if named is not None and not (named / PROJECT_FILE).is_file():
        raise UsageError(
            f"{named} is no Evenfall project: it has no {PROJECT_FILE}",
            remedy=f"run `evenfall init {named}`, or name another folder",
        )
    return evenfall.open(named or Path())
