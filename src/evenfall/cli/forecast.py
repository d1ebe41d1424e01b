"""`evenfall forecast`: what people already on their way will still convert, day by day."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from evenfall.cli.options import AsJson, AsOf, ProjectPath, open_project
from evenfall.cli.output import emit, say, show
from evenfall.cli.tables import plain_table

if TYPE_CHECKING:
    from evenfall.runs.graph.forecast import ForecastAnswer, ForecastDay

__all__ = ["forecast"]


def forecast(
    reference: Annotated[
        str, typer.Argument(metavar="REF", help="An edge whose conversions take days, such as e.come-back.")
    ],
    *,
    days: Annotated[int, typer.Option("--days", metavar="N", help="How many days to look ahead.")] = 14,
    to: Annotated[
        str | None, typer.Option("--to", metavar="NODE", help="Count arrivals at a node further on.")
    ] = None,
    as_of: AsOf = None,
    project: ProjectPath = None,
    as_json: AsJson = False,
) -> int:
    """Show what people who have already entered will still convert, day by day."""
    with open_project(project) as opened:
        found = opened.forecast(reference, days=days, to=to, as_of=as_of)
    if as_json:
        emit(found.as_dict())
    else:
        _print(found)
    return 0


def _print(found: ForecastAnswer) -> None:
    people = sum(cohort.people for cohort in found.cohorts)
    what = f"arrivals at {found.to}" if found.to else "conversions"
    say(f"{found.reference}: {what} to come of {people:,} people who entered before {found.as_of}")
    numbers = ("expected", "rate 95 %", "day 95 %")
    table = plain_table("day", *numbers, "", right=numbers)
    for day in found.days:
        table.add_row(day.day.isoformat(), *_cells(day), "extrapolated" if day.extrapolated else "")
    table.add_row("together", *_cells(found.total), "")
    show(table)
    for note in found.notes:
        say(note)


def _cells(day: ForecastDay) -> tuple[str, str, str]:
    return (
        f"{day.expected:,.1f}",
        f"{day.rate_lower:,.1f} – {day.rate_upper:,.1f}",
        f"{day.lower:,.0f} – {day.upper:,.0f}",
    )
