"""`evenfall demo`: the example project built, thirty nights run, and what came of them served."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Final

import typer

from evenfall.cli.options import AsJson, open_project
from evenfall.cli.output import emit, progress, say
from evenfall.cli.status import print_status

__all__ = ["HOST", "PAGE", "demo"]

HOST: Final = "127.0.0.1"
PAGE: Final = "/#/graph/acme"
"""Where the example shows itself first."""


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
    """Build the example project with 30 days of events, run its nights, print the table, serve the pages."""
    from evenfall.cli.serve import serve_pages  # noqa: PLC0415
    from evenfall.runs.demo.story import run_demo  # noqa: PLC0415

    served = serve and not as_json
    if served:
        from evenfall.server import check_port  # noqa: PLC0415 - loads the web framework

        check_port(HOST, port)
    with progress("demo", quiet=as_json) as advance:
        standing = run_demo(path, advance)
    if as_json:
        emit({**standing.as_dict(), "red": standing.red, "path": path})
    else:
        print_status(standing)
        say(f"\nthe project is in {path}: try `evenfall status --project {path}`")
    if served:
        with open_project(path) as opened:
            serve_pages([opened], host=HOST, port=port, page=PAGE)
    return 0
