"""`evenfall demo`: the example project built, thirty nights run, and what came of them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from evenfall.cli.options import AsJson
from evenfall.cli.output import emit, progress, say
from evenfall.cli.status import print_status

__all__ = ["demo"]


def demo(
    *,
    path: Annotated[
        Path, typer.Option("--path", metavar="DIR", help="Where the example project is built.")
    ] = Path("acme-funnel"),
    serve: Annotated[
        bool, typer.Option("--serve/--no-serve", help="Serve the pages afterwards, or stop after the table.")
    ] = True,
    port: Annotated[int, typer.Option("--port", min=1, max=65535, help="Port of the pages.")] = 8000,
    as_json: AsJson = False,
) -> int:
    """Build the example project with 30 days of events, run its nights, and print the status table."""
    from evenfall.runs.demo.story import run_demo  # noqa: PLC0415

    with progress("demo", quiet=as_json) as advance:
        standing = run_demo(path, advance)
    if as_json:
        emit({**standing.as_dict(), "red": standing.red, "path": path})
        return 0
    print_status(standing)
    say(f"\nthe project is in {path}: try `evenfall status --project {path}`")
    if serve:
        say(f"the pages on port {port} come with the release of the server; nothing is served yet")
    return 0
