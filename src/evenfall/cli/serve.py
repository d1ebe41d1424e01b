"""`evenfall serve`: the API, the pages and the scheduler, until it is told to stop."""

from __future__ import annotations

import sys
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from evenfall.cli.options import AsJson, open_project
from evenfall.cli.output import complain, emit, say
from evenfall.errors import UsageError

if TYPE_CHECKING:
    from evenfall.project import Project
    from evenfall.server import ServerSettings

__all__ = ["serve", "serve_pages"]

Host = Annotated[
    str | None,
    typer.Option(
        "--host", metavar="ADDRESS", show_default=False, help="Where to listen; by default 127.0.0.1."
    ),
]
Port = Annotated[
    int | None,
    typer.Option("--port", min=1, max=65535, show_default=False, help="Which port; by default 8000."),
]


def _inherited(context: typer.Context, value: list[Path] | None) -> list[Path]:
    """Return the paths given to the verb, else the one given before it."""
    if value:
        return value
    before = context.parent.params.get("project") if context.parent is not None else None
    return [before] if before is not None else []


def serve(
    *,
    host: Host = None,
    port: Port = None,
    scheduler: Annotated[
        bool, typer.Option("--scheduler/--no-scheduler", help="Run the nights too, or only serve.")
    ] = True,
    project: Annotated[
        list[Path] | None,
        typer.Option(
            "--project",
            metavar="PATH",
            callback=_inherited,
            show_default=False,
            help="A project's folder; may be given again, for projects of other tenants.",
        ),
    ] = None,
    as_json: AsJson = False,
) -> int:
    """Serve the pages and the API, and run the nights at their hour, until Ctrl-C."""
    with ExitStack() as opened:
        named: list[Path | None] = [*project] if project else [None]
        projects = [opened.enter_context(open_project(path)) for path in named]
        serve_pages(projects, host=host, port=port, scheduler=scheduler, as_json=as_json)
    return 0


def serve_pages(
    projects: list[Project],
    *,
    host: str | None = None,
    port: int | None = None,
    scheduler: bool = True,
    page: str = "",
    as_json: bool = False,
) -> None:
    """Serve `projects` until the process is told to stop; the address of `page` is printed first."""
    from evenfall.server import ServerSettings, run  # noqa: PLC0415 - loads the web framework

    settings = ServerSettings.of(projects[0].registry.settings, host=host, port=port, scheduler=scheduler)

    def ready(url: str) -> None:
        if as_json:
            emit({"url": url + page, "keys": settings.keys_required})
            sys.stdout.flush()
        else:
            say(f"serving {', '.join(one.root.name for one in projects)} at {url}{page} (Ctrl-C ends it)")
        _warn(projects, settings)

    run(projects, settings, ready)


def _warn(projects: list[Project], settings: ServerSettings) -> None:
    """Say so when keys are required and nobody has one."""
    if settings.keys_required and not any(project.keys.all() for project in projects):
        complain(
            UsageError(
                "keys are required, and there is none yet",
                remedy="make the first: evenfall key create NAME --role admin",
            )
        )
