"""`evenfall key create`, `list` and `revoke`: who may ask the server, and as what."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated

import typer

from evenfall.cli.options import AsJson, ProjectPath, open_project
from evenfall.cli.output import emit, say, show

if TYPE_CHECKING:
    from evenfall.store.api_keys import ApiKey

__all__ = ["key"]

key = typer.Typer(
    help="Make, list and revoke the keys that the server asks for.",
    context_settings={"help_option_names": ["-h", "--help"]},
)


@key.command("create")
def create(
    member: Annotated[str, typer.Argument(metavar="MEMBER", help="Whose key it is: a person or a program.")],
    *,
    role: Annotated[
        str | None,
        typer.Option(
            "--role",
            metavar="ROLE",
            show_default=False,
            help="viewer, analyst, editor or admin; by default the member's own, viewer for a new one.",
        ),
    ] = None,
    days: Annotated[
        int | None,
        typer.Option("--days", min=1, show_default=False, help="How long it holds; by default for good."),
    ] = None,
    project: ProjectPath = None,
    as_json: AsJson = False,
) -> int:
    """Make a key and print it; this is the only time it is shown."""
    with open_project(project) as opened:
        new = opened.keys.create(member, role, None if days is None else timedelta(days=days))
    if as_json:
        emit({**_facts(new.key), "key": new.text})
    else:
        say(new.text)
        say(f"\nthis is the key of {new.key.member}, who is {new.key.role}; keep it, it is not shown again")
    return 0


@key.command("list")
def list_(*, project: ProjectPath = None, as_json: AsJson = False) -> int:
    """List every key ever made, without its secret."""
    with open_project(project) as opened:
        keys = opened.keys.all()
    if as_json:
        emit({"keys": [_facts(one) for one in keys]})
        return 0
    if not keys:
        say("there is no key yet; `evenfall key create MEMBER` makes one")
        return 0
    from evenfall.cli.tables import plain_table  # noqa: PLC0415

    table = plain_table("prefix", "member", "role", "made", "state")
    for one in keys:
        table.add_row(one.prefix, one.member, one.role, f"{one.created_at:%Y-%m-%d}", _state(one))
    show(table)
    return 0


@key.command("revoke")
def revoke(
    prefix: Annotated[str, typer.Argument(metavar="PREFIX", help="What stands between the underscores.")],
    *,
    project: ProjectPath = None,
    as_json: AsJson = False,
) -> int:
    """Make a key open nothing from now on; a running server knows within seconds."""
    with open_project(project) as opened:
        revoked = opened.keys.revoke(prefix)
    if as_json:
        emit(_facts(revoked))
    else:
        say(f"{revoked.prefix} of {revoked.member} is revoked")
    return 0


def _facts(one: ApiKey) -> dict[str, object]:
    return {
        "prefix": one.prefix,
        "member": one.member,
        "role": one.role,
        "created_at": one.created_at,
        "expires_at": one.expires_at,
        "revoked_at": one.revoked_at,
    }


def _state(one: ApiKey) -> str:
    if one.revoked_at is not None:
        return f"revoked {one.revoked_at:%Y-%m-%d}"
    if one.expires_at is None:
        return "holds"
    ended = not one.holds(datetime.now(UTC))
    return f"{'expired' if ended else 'holds until'} {one.expires_at:%Y-%m-%d}"
