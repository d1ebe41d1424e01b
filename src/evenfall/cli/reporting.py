"""Plans carried out and reported on, for the verbs that run nights."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from evenfall.cli.output import emit, say, show
from evenfall.cli.watching import ProgressForm, watched

if TYPE_CHECKING:
    from evenfall.project import RunPlan
    from evenfall.runs.report import NightReport
    from evenfall.store.records import NightResult

__all__ = ["carry_out"]

_LISTED = 20
"""Parameters listed below a report; the JSON has them all."""


def carry_out(plan: RunPlan, *, dry: bool, as_json: bool, progress: ProgressForm = ProgressForm.BAR) -> int:
    """Print the plan, or apply it and print what came of it; return the exit code."""
    if dry:
        if as_json:
            emit(plan.as_dict())
        else:
            say(str(plan))
        return 0
    with watched("nightly", progress, quiet=as_json) as advance:
        if advance is not None:
            advance(0, len(plan.plan.tasks), "")
        report = plan.apply(progress=advance)
    if as_json:
        emit(report.as_dict())
    else:
        _print(report)
    return report.exit_code


def _print(report: NightReport) -> None:
    from rich.text import Text  # noqa: PLC0415

    from evenfall.cli import formatting  # noqa: PLC0415
    from evenfall.runs.report import PARTIAL_OUTCOMES  # noqa: PLC0415

    outcomes = ", ".join(f"{count} {outcome}" for outcome, count in report.counts.items())
    say(f"night of {report.as_of}: {outcomes or 'no parameters'}")
    if lights := Counter(result.light for result in report.results):
        show(
            Text("   ").join(
                Text(f"{lights[light]} {formatting.light(light)}", style=formatting.LIGHT_STYLES[light])
                for light in formatting.WORST_FIRST
                if lights[light]
            )
        )
    troubled = [result for result in report.results if result.outcome in PARTIAL_OUTCOMES]
    for result in troubled[:_LISTED]:
        _explain(result, report.failures.get(result.parameter_id, ""))
    if len(troubled) > _LISTED:
        say(f"and {len(troubled) - _LISTED} more; --json lists them all")
    if report.config_problems:
        say(f"{report.config_problems} problems in the project's files: run `evenfall validate`")


def _explain(result: NightResult, traceback: str) -> None:
    said = result.detail or (traceback.strip().splitlines() or [""])[-1]
    say(
        f"{result.parameter_id}: {result.outcome}: {said}"
        if said
        else f"{result.parameter_id}: {result.outcome}"
    )
    if result.remedy and result.remedy not in said:
        say(f"  → {result.remedy}")
