"""`evenfall backfill`: days of the past read again, or for the first time."""

from __future__ import annotations

from datetime import date
from typing import Annotated

import typer

from evenfall.cli.options import AsJson, Only, ProjectPath, open_project, parse_day
from evenfall.cli.reporting import carry_out
from evenfall.cli.watching import ProgressForm, ProgressOption
from evenfall.errors import UsageError

__all__ = ["backfill"]


def backfill(
    *,
    first: Annotated[
        date, typer.Option("--from", parser=parse_day, metavar="DATE", help="First day to read.")
    ],
    stop: Annotated[
        date, typer.Option("--to", parser=parse_day, metavar="DATE", help="First day no longer read.")
    ],
    only: Only = None,
    plan: Annotated[bool, typer.Option("--plan", help="Print what would be read, and do nothing.")] = False,
    progress: ProgressOption = ProgressForm.BAR,
    project: ProjectPath = None,
    as_json: AsJson = False,
) -> int:
    """Read the days from --from up to, not including, --to whatever the ledger holds of them."""
    if stop <= first:
        raise UsageError(
            f"no day lies from {first} up to {stop}", remedy="--to is the first day that is no longer read"
        )
    with open_project(project) as opened:
        intended = opened.backfill(first, stop, only=only)
        return carry_out(intended, dry=plan, as_json=as_json, progress=progress)
