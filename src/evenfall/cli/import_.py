"""`evenfall import`: definitions of other programs, with an account of every value in them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from evenfall.cli.options import AsJson, ProjectPath, open_project
from evenfall.cli.output import emit, problem, say

if TYPE_CHECKING:
    from evenfall.runs.imports import ImportReport

__all__ = ["import_definitions"]


def import_definitions(
    program: Annotated[
        Literal["dagnet"], typer.Argument(metavar="PROGRAM", help="The program the files are of: dagnet.")
    ],
    path: Annotated[Path, typer.Argument(metavar="PATH", help="A file, or a folder of files.")],
    *,
    project: ProjectPath = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Report only; write nothing.")] = False,
    strength: Annotated[
        float | None,
        typer.Option(
            "--strength",
            metavar="TRIALS",
            min=1,
            show_default=False,
            help="Trials a mean without a stdev counts for, where it becomes a parameter.",
        ),
    ] = None,
    as_json: AsJson = False,
) -> int:
    """Import graphs, parameters, contexts and experiments; no file of the project is overwritten."""
    from evenfall.runs.imports import import_dagnet  # noqa: PLC0415 - loads pydantic and ruamel

    with open_project(project) as opened:
        report = import_dagnet(path, opened.root, dry_run=dry_run, strength=strength)
    if as_json:
        emit({**report.as_dict(), "problems": [problem(error) for error in report.problems]})
    else:
        _print(report)
    return report.exit_code


def _print(report: ImportReport) -> None:
    """Print what became of the files: changes and losses one by one, what was kept as a count."""
    translation = report.translation
    for fate in ("translated", "dropped"):
        for entry in translation.of(fate):
            say(f"{fate}: {entry}")
    for passed in report.skipped:
        say(f"skipped: {passed.file} — {passed.why}")
    for warning in translation.warnings:
        say(f"warning: {warning}")
    for file in report.conflicts:
        say(f"conflict: {file} is in the project already, with other content")
    for error in report.problems:
        say(f"refused: {error}")
    for file in report.written:
        say(f"{'would write' if report.dry_run else 'wrote'} {file}")
    say(_summary(report))


def _summary(report: ImportReport) -> str:
    translation = report.translation
    counts = ", ".join(f"{len(translation.of(fate))} {fate}" for fate in ("kept", "translated", "dropped"))
    done = "would be written" if report.dry_run else "written"
    if report.problems:
        return "nothing was written: the files above cannot be imported as they are"
    if report.conflicts:
        return "nothing was written: remove or rename the files named above, or import into another project"
    said = f"{len(report.written)} files {done}, {len(report.unchanged)} there already; values: {counts}"
    return said if report.dry_run or not report.written else f"{said}; check with `evenfall validate`"
