"""`evenfall incidents`: what is wrong, since when, and who has seen it."""

from __future__ import annotations

import getpass
from typing import TYPE_CHECKING, Annotated

import typer

from evenfall.cli import formatting
from evenfall.cli.options import AsJson, AsOf, ProjectPath, open_project
from evenfall.cli.output import emit, say, show
from evenfall.errors import UsageError

if TYPE_CHECKING:
    from evenfall.runs.incidents import Incidents

__all__ = ["incidents"]


def incidents(
    *,
    every: Annotated[bool, typer.Option("--all", help="Those that are resolved too.")] = False,
    as_of: AsOf = None,
    ack: Annotated[
        int | None,
        typer.Option("--ack", metavar="NUMBER", show_default=False, help="Say that you have seen this one."),
    ] = None,
    note: Annotated[str, typer.Option("--note", metavar="TEXT", help="What is known, for --ack.")] = "",
    by: Annotated[
        str | None,
        typer.Option("--by", metavar="NAME", show_default=False, help="Who has seen it; by default you."),
    ] = None,
    project: ProjectPath = None,
    as_json: AsJson = False,
) -> int:
    """List incidents with since, age and message, and the night's digest; exit 1 when one is open."""
    if ack is None and (note or by is not None):
        raise UsageError("--note and --by belong to --ack", remedy="name the incident: --ack 3")
    if ack is not None and as_of is not None:
        raise UsageError("an incident is acknowledged now", remedy="leave out --as-of, or --ack")
    with open_project(project) as opened:
        if ack is not None:
            opened.acknowledge(ack, note=note, who=by if by is not None else getpass.getuser())
        found = opened.incidents(as_of, resolved=every)
    if as_json:
        emit(found.as_dict())
    else:
        _print(found)
    return 1 if found.open else 0


def _print(found: Incidents) -> None:
    if found.lines:
        _print_lines(found)
    else:
        say(f"nothing is open as of {found.as_of}")
    _print_digest(found)


def _print_lines(found: Incidents) -> None:
    from rich.text import Text  # noqa: PLC0415

    from evenfall.cli.tables import plain_table  # noqa: PLC0415

    table = plain_table("no", "state", "light", "parameter", "kind", "since", "age", right=("no", "age"))
    for line in found.lines:
        one = line.incident
        table.add_row(
            str(one.id),
            one.state,
            Text(formatting.light(line.light), style=formatting.LIGHT_STYLES[line.light]),
            one.parameter_id,
            one.kind,
            str(one.since or one.opened_on),
            formatting.age(line.age_days) if line.age_days else "tonight",
        )
    show(table)
    for line in found.lines:
        one = line.incident
        say(f"\n{one.id}  {one.message}")
        if one.acked_by:
            noted = f": {one.note}" if one.note else ""
            say(f"   seen by {one.acked_by} on {one.acked_at:%Y-%m-%d %H:%M}Z{noted}")
        if one.resolved_on is not None:
            say(f"   resolved on {one.resolved_on}")


def _print_digest(found: Incidents) -> None:
    from evenfall.cli.tables import plain_table  # noqa: PLC0415

    if found.digest_of is None:
        return
    share = f"at most {found.level:.0%} of them false on average".replace("%", " %")
    say(f"\ndigest of {found.digest_of}: {len(found.digest)} of {found.watched} watched changed ({share})")
    if not found.digest:
        return
    table = plain_table("parameter", "light", "log e-value", "what is seen", right=("log e-value",))
    table.columns[3].no_wrap, table.columns[3].overflow = False, "fold"
    for line in found.digest:
        table.add_row(line.parameter_id, formatting.light(line.light), f"{line.log_e_value:.1f}", line.detail)
    show(table)
