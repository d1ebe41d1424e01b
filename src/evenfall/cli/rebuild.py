"""`evenfall rebuild`: every stored posterior again, from its prior version and the ledger."""

from __future__ import annotations

from typing import Annotated

import typer

from evenfall.cli.options import AsJson, Only, ProjectPath, open_project
from evenfall.cli.output import emit, say

__all__ = ["rebuild"]


def rebuild(
    *,
    verify: Annotated[
        bool, typer.Option("--verify", help="Compare with what is stored; nothing is written either way.")
    ] = False,
    only: Only = None,
    project: ProjectPath = None,
    as_json: AsJson = False,
) -> int:
    """Recompute the stored posteriors from what they are a function of; exit 1 when one differs."""
    with open_project(project) as opened:
        report = opened.rebuild(only=only)
    if as_json:
        emit(report.as_dict())
        return report.exit_code
    say(
        f"{report.checked} posteriors rebuilt, {len(report.differing)} differ; "
        f"largest relative difference {report.max_difference:.2g}"
    )
    for difference in report.differing:
        numbers = f"stored {difference.stored}, rebuilt {difference.rebuilt}"
        say(f"{difference.parameter_id} of {difference.as_of}: {numbers}")
    return report.exit_code
