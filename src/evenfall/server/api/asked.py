"""What the endpoints about parameters are asked with: an id, a night, a piece of a long table."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import date
from typing import TYPE_CHECKING, Annotated, Final

from fastapi import Path, Query

from evenfall.errors import UnknownName, UsageError
from evenfall.project import Project
from evenfall.server.paging import Turning
from evenfall.server.problems import Refused

if TYPE_CHECKING:
    from evenfall.runs.parameter.look import Look

__all__ = ["AsOf", "ParameterId", "looked", "missing", "named", "turned"]

_CURSOR: Final = re.compile(r"(\d{1,15})\.(\d{1,15})", re.ASCII)
"""Rows before the page, and how many there were in all; numbers that every database can count to."""

ParameterId = Annotated[
    str,
    Path(
        max_length=600,
        description="Its id, percent-encoded: `signup[channel=google]` is `signup%5Bchannel%3Dgoogle%5D`.",
        examples=["checkout"],
    ),
]
AsOf = Annotated[
    date | None,
    Query(
        description="The night at whose end things are looked at; tonight by default.",
        examples=["2026-10-01"],
    ),
]


@contextmanager
def named() -> Iterator[None]:
    """Say of a parameter nobody declared which part of the address names it."""
    try:
        yield
    except UnknownName as unknown:
        unknown.path = unknown.path or "parameter_id"
        raise


def looked(project: Project, parameter_id: str, as_of: date | None = None) -> Look:
    """Return the parameter a path names, as of a night."""
    with named():
        return project.look(parameter_id, as_of)


@contextmanager
def missing() -> Iterator[None]:
    """Answer 404 for what a parameter does not have: a fit, its draws, a window."""
    try:
        yield
    except UnknownName as unknown:
        unknown.path = unknown.path or "quantity"
        raise
    except UsageError as absent:
        raise Refused(404, absent.message, remedy=absent.remedy) from absent


def turned[R](
    turning: Turning, fetch: Callable[[int, int], tuple[Sequence[R], int]]
) -> tuple[list[R], str | None, int]:
    """Return the rows of a page, the cursor of the next, and how many rows there are.

    Parameters
    ----------
    fetch
        Takes how many rows are wanted and how many to pass over; returns them, and how many there are.

    Raises
    ------
    Refused
        422 when the cursor is none of ours.
    """
    start, before = (0, None) if turning.cursor is None else _read(turning.cursor)
    rows, total = fetch(turning.limit, start)
    if before is not None and total > before:  # the newest come first: what came in meanwhile stands above
        start += total - before
        rows, total = fetch(turning.limit, start)
    stop = start + len(rows)
    return list(rows), _written(stop, total) if rows and stop < total else None, total


def _written(place: int, total: int) -> str:
    return base64.urlsafe_b64encode(f"{place}.{total}".encode()).decode().rstrip("=")


def _read(cursor: str) -> tuple[int, int]:
    try:
        padded = cursor + "=" * (-len(cursor) % 4)
        text = base64.b64decode(padded, altchars=b"-_", validate=True).decode("ascii")
    except (binascii.Error, ValueError):
        text = ""
    found = _CURSOR.fullmatch(text)
    if found is None:
        raise Refused(
            422,
            "the cursor is not one that a page gave",
            field="cursor",
            value=cursor,
            remedy="take `next` of the page before, or leave it out for the first page",
        )
    return int(found[1]), int(found[2])
