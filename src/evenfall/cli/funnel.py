"""`evenfall funnel`: an ordered funnel over an event table, with its uncertainty, delays and cohorts."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import TYPE_CHECKING, Annotated, Final

import typer

from evenfall.cli import formatting
from evenfall.cli.options import AsJson, AsOf, ProjectPath, open_project, parse_day
from evenfall.cli.output import emit, say
from evenfall.cli.output import show as put

if TYPE_CHECKING:
    from evenfall.funnels.steps import Cohort, Conversion, Delay, FunnelTable

__all__ = ["funnel"]

_AGES: Final = (0, 1, 2, 3, 5, 7, 10, 14, 21, 30, 60, 90, 180, 365)
"""Ages that a cohort table has room for, in days; the JSON has all."""

Many = list[str] | None


def funnel(
    *,
    table: Annotated[str, typer.Option("--table", help="The event table.")],
    steps: Annotated[str, typer.Option("--steps", help="Events in order, as visit,signup,purchase.")],
    window: Annotated[str, typer.Option("--window", help="How long after the entry a step counts, as 7d.")],
    strict_order: Annotated[
        bool, typer.Option("--strict-order", help="No other listed step between two steps.")
    ] = False,
    strict_events: Annotated[
        bool, typer.Option("--strict-events", help="No other event at all between two steps.")
    ] = False,
    re_entry: Annotated[
        bool, typer.Option("--re-entry", help="Count every entry after an ended attempt, not only the first.")
    ] = False,
    exclude: Annotated[
        Many,
        typer.Option("--exclude", metavar="EVENT", help="Ends an attempt between two steps; repeatable."),
    ] = None,
    optional: Annotated[
        Many, typer.Option("--optional", metavar="STEP", help="A step that may be left out; repeatable.")
    ] = None,
    unit: Annotated[str, typer.Option("--unit", help="Whose events: user or session.")] = "user",
    context: Annotated[
        Many, typer.Option("--context", metavar="KEY=VALUE", help="What the entry's row has; repeatable.")
    ] = None,
    first: Annotated[
        date | None, typer.Option("--from", parser=parse_day, metavar="DATE", help="First day of entries.")
    ] = None,
    stop: Annotated[
        date | None,
        typer.Option("--to", parser=parse_day, metavar="DATE", help="First day no longer counted."),
    ] = None,
    column: Annotated[
        Many,
        typer.Option(
            "--column",
            metavar="ROLE=COLUMN",
            help="The column of user, session, event, time, node or of a context key; repeatable.",
        ),
    ] = None,
    connection: Annotated[str, typer.Option("--connection", help="Where the table is.")] = "data",
    cohorts: Annotated[bool, typer.Option("--cohorts", help="Add a line per day of entry.")] = False,
    as_of: AsOf = None,
    project: ProjectPath = None,
    as_json: AsJson = False,
) -> int:
    """Follow units through ordered steps: conversion with its 95 % interval, time to convert, cohorts."""
    if strict_order and strict_events:
        raise typer.BadParameter("--strict-events says more than --strict-order; choose one")
    with open_project(project) as opened:
        answer = opened.funnel(
            table=table,
            steps=steps,
            window=window,
            first=first,
            stop=stop,
            as_of=as_of,
            connection=connection,
            strict_order="events" if strict_events else strict_order,
            re_entry=re_entry,
            exclude=_listed(exclude),
            optional=_listed(optional),
            unit=unit,
            context=_pairs("--context", context),
            columns=_pairs("--column", column),
        )
    if as_json:
        emit(answer.as_dict())
    else:
        _print(answer, window, cohorts=cohorts)
    return 0


def _listed(given: Many) -> list[str]:
    return [name.strip() for text in given or () for name in text.split(",")]


def _pairs(option: str, given: Many) -> dict[str, str]:
    pairs = {}
    for text in given or ():
        key, equals, value = text.partition("=")
        if not (key.strip() and equals):
            raise typer.BadParameter(f"{option} {text!r} is no pair; write {option} key=value")
        pairs[key.strip()] = value.strip()
    return pairs


def _print(answer: FunnelTable, window: str, *, cohorts: bool) -> None:
    unit = answer.question["unit"]
    counted = "every entry" if answer.question["re_entry"] else f"the first entry of each {unit}"
    say(f"{counted}, {window} to convert; data up to {answer.until}")
    _print_steps(answer)
    if answer.open_entries:
        say(f"not counted: {answer.open_entries:,} whose {window} have not passed")
    if cohorts and answer.cohorts:
        say("")
        _print_cohorts(answer.cohorts)


def _print_steps(answer: FunnelTable) -> None:
    from evenfall.cli.tables import plain_table  # noqa: PLC0415

    numbers = ("count", "median", "90 % within")
    table = plain_table(
        "step",
        "count",
        "from the entry [95 %]",
        "from the step before [95 %]",
        "median",
        "90 % within",
        right=numbers,
    )
    for step in answer.steps:
        table.add_row(
            f"{step.name} (optional)" if step.optional else step.name,
            f"{step.count:,}",
            _rate(step.from_entry),
            _rate(step.from_previous),
            *_delay(step.delay_from_entry),
        )
    put(table)


def _print_cohorts(cohorts: Sequence[Cohort]) -> None:
    """Print a line per day; conversions are summed up to each age, as far as the data goes."""
    from evenfall.cli.tables import plain_table  # noqa: PLC0415

    oldest = len(cohorts[0].by_age) - 1
    ages = sorted({age for age in _AGES if age < oldest} | {oldest})[-8:]
    headings = [f"{age} d" for age in ages]
    table = plain_table("entered", "entries", "converted [95 %]", *headings, right=("entries", *headings))
    for cohort in cohorts:
        table.add_row(
            cohort.day.isoformat(),
            f"{cohort.entries:,}",
            _rate(cohort.conversion),
            *(_by(cohort, age) for age in ages),
        )
    put(table)


def _by(cohort: Cohort, age: int) -> str:
    known = [n for n in cohort.by_age[: age + 1] if n is not None]
    return f"{sum(known):,}" if len(known) == age + 1 else formatting.MISSING


def _rate(conversion: Conversion | None) -> str:
    if conversion is None:
        return ""
    return formatting.estimate("probability", conversion.rate, conversion.lower, conversion.upper)


def _delay(delay: Delay | None) -> tuple[str, str]:
    return ("", "") if delay is None else (_time(delay.median), _time(delay.p90))


def _time(seconds: float | None) -> str:
    """Return a length of time in the largest unit it fills.

    Examples
    --------
    >>> _time(42), _time(5400), _time(259200), _time(None)
    ('42 s', '1.5 h', '3.0 d', '–')
    """
    if seconds is None:
        return formatting.MISSING
    for unit, length in (("d", 86_400), ("h", 3_600), ("min", 60)):
        if seconds >= length:
            return f"{seconds / length:,.1f} {unit}"
    return f"{seconds:g} s"
