"""`evenfall status`: every parameter with its prior, evidence, posterior and light."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from evenfall.cli.options import AsJson, AsOf, Only, ProjectPath, open_project
from evenfall.cli.output import emit, say, show, stdout

if TYPE_CHECKING:
    from collections.abc import Sequence

    from evenfall.runs.report import Gap, Status

__all__ = ["print_status", "status"]


def status(
    *,
    gaps: Annotated[
        bool, typer.Option("--gaps", help="List the days the next night will read for the first time.")
    ] = False,
    as_of: AsOf = None,
    only: Only = None,
    project: ProjectPath = None,
    as_json: AsJson = False,
) -> int:
    """Show every parameter with its prior, evidence, posterior and light; exit 1 when one is red."""
    with open_project(project) as opened:
        if gaps:
            _report_gaps(opened.gaps(as_of), as_json=as_json)
            return 0
        standing = opened.status(as_of, only=only)
    if as_json:
        emit({**standing.as_dict(), "red": standing.red})
    else:
        print_status(standing)
    return 1 if standing.red else 0


def print_status(standing: Status) -> None:
    """Print the status table, the count of lights, and what is to be said about those that are not green."""
    from evenfall.cli.tables import remarks, status_table, summary  # noqa: PLC0415

    console = stdout()
    if standing.rows:
        console.print(status_table(standing.rows, console.width))
        console.print()
    console.print(summary(standing.rows).append(f"   as of {standing.as_of}", style="dim"))
    for remark in remarks(standing.rows):
        console.print(remark, soft_wrap=True)


def _report_gaps(missing: Sequence[Gap], *, as_json: bool) -> None:
    from evenfall.cli.tables import plain_table  # noqa: PLC0415

    if as_json:
        emit({"gaps": missing})
        return
    if not missing:
        say("no gaps")
        return
    table = plain_table("parameter", "days", "from", "to", "reason", right=("days",))
    table.columns[0].no_wrap, table.columns[0].overflow = False, "fold"
    table.columns[4].no_wrap, table.columns[4].overflow = False, "fold"
    for gap in missing:
        days = sum(len(window) for window in gap.windows)
        first = str(min(window.first for window in gap.windows)) if gap.windows else "–"
        stop = str(max(window.stop for window in gap.windows)) if gap.windows else "–"
        table.add_row(gap.parameter_id, str(days), first, stop, gap.reason)
    show(table)
