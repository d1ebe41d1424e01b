"""`evenfall validate`: every problem of the project's files at once."""

from __future__ import annotations

from evenfall.cli.options import AsJson, ProjectPath, open_project
from evenfall.cli.output import emit, problem, say

__all__ = ["validate"]


def validate(*, project: ProjectPath = None, as_json: AsJson = False) -> int:
    """Report every problem of the project's files at once; exit 1 when there is one."""
    with open_project(project) as opened:
        problems = opened.validate()
        warnings = [str(warning) for warning in opened.registry.warnings]
    if as_json:
        emit(
            {"valid": not problems, "problems": [problem(error) for error in problems], "warnings": warnings}
        )
        return 1 if problems else 0
    for error in problems:
        say(str(error))
    for warning in warnings:
        say(f"warning: {warning}")
    said = f"{len(problems)} problem{'' if len(problems) == 1 else 's'}" if problems else "no problems"
    say(f"{said}, {len(warnings)} warning{'' if len(warnings) == 1 else 's'}" if warnings else said)
    return 1 if problems else 0
