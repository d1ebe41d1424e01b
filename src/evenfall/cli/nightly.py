"""`evenfall nightly`: tonight's plan, applied."""

from __future__ import annotations

from typing import Annotated

import typer

from evenfall.cli.options import AsJson, AsOf, Only, ProjectPath, open_project
from evenfall.cli.reporting import carry_out
from evenfall.cli.watching import ProgressForm, ProgressOption
from evenfall.errors import UsageError

__all__ = ["nightly"]


def nightly(
    *,
    as_of: AsOf = None,
    plan: Annotated[
        bool, typer.Option("--plan", help="Print what the night would do, and do nothing.")
    ] = False,
    apply: Annotated[bool, typer.Option("--apply", help="Do it; this is what happens by default.")] = False,
    only: Only = None,
    retry_failed: Annotated[
        bool, typer.Option("--retry-failed", help="Also try parameters that wait out their back-off.")
    ] = False,
    progress: ProgressOption = ProgressForm.BAR,
    project: ProjectPath = None,
    as_json: AsJson = False,
) -> int:
    """Read what is due, update, check, and keep it all; exit 2 when part of it failed, 1 when all did."""
    if plan and apply:
        raise UsageError("--plan and --apply exclude each other", remedy="leave both out to apply")
    with open_project(project) as opened:
        intended = opened.nightly(as_of, only=only, retry_failed=retry_failed)
        return carry_out(intended, dry=plan, as_json=as_json, progress=progress)
