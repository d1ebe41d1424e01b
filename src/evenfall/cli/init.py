"""`evenfall init`: a new project with one graph and two parameters."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from evenfall.cli.options import AsJson
from evenfall.cli.output import emit, say

__all__ = ["init"]


def init(
    path: Annotated[
        Path, typer.Argument(metavar="[PATH]", help="Folder of the project; made when missing.")
    ] = Path(),
    *,
    as_json: AsJson = False,
) -> int:
    """Make a new project: settings, a context, a graph and two parameters; no file is overwritten."""
    from evenfall.registry.files import initialise  # noqa: PLC0415

    written = initialise(path)
    if as_json:
        emit({"path": path, "written": written})
        return 0
    for file in written:
        say(f"wrote {file}")
    where = "" if path == Path() else f" --project {path}"
    say(f"next: edit the files in {path / 'parameters'}, then")
    say(f"  evenfall validate{where}\n  evenfall nightly{where}\n  evenfall status{where}")
    return 0
