"""Long answers in pages: a limit, and a cursor that says where the next page begins."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Callable, Sequence
from typing import Annotated

from fastapi import Depends, Query
from pydantic import BaseModel, Field

from evenfall.server.problems import Refused

__all__ = ["Page", "Paging", "Turning", "paged"]


class Page[T](BaseModel):
    """Some of the items, and the cursor of the next page; null on the last."""

    items: list[T]
    next: str | None = Field(None, description="Cursor of the next page.")
    total: int = Field(description="Items on all pages.")


class Turning:
    """Which page is asked for."""

    def __init__(
        self,
        limit: Annotated[int, Query(ge=1, le=1000, description="Most items of a page.")] = 200,
        cursor: Annotated[
            str | None, Query(max_length=1000, description="`next` of the page before.")
        ] = None,
    ) -> None:
        self.limit = limit
        self.cursor = cursor


Paging = Annotated[Turning, Depends()]


def paged[R](rows: Sequence[R], turning: Turning, key: Callable[[R], object]) -> tuple[list[R], str | None]:
    """Return the rows of a page and the cursor of the next.

    Parameters
    ----------
    rows
        All of them, in their order.
    key
        What a row is known by. A page begins after the row its cursor names, even when rows came in before
        it; if that row is gone, at the place where it stood.

    Raises
    ------
    Refused
        422 when the cursor is none of ours.
    """
    start = 0 if turning.cursor is None else _start(rows, turning.cursor, key)
    chosen = list(rows[start : start + turning.limit])
    stop = start + len(chosen)
    if not chosen or stop >= len(rows):
        return chosen, None
    return chosen, _written(str(key(chosen[-1])), stop)


def _written(name: str, stop: int) -> str:
    return base64.urlsafe_b64encode(json.dumps([name, stop]).encode()).decode().rstrip("=")


def _start[R](rows: Sequence[R], cursor: str, key: Callable[[R], object]) -> int:
    name, stop = _read(cursor)
    if 0 < stop <= len(rows) and str(key(rows[stop - 1])) == name:
        return stop
    return next((place + 1 for place, row in enumerate(rows) if str(key(row)) == name), stop)


def _read(cursor: str) -> tuple[str, int]:
    try:
        read = json.loads(base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True))
    except (binascii.Error, ValueError, RecursionError):
        read = None
    match read:
        case [str(name), int(stop)] if stop >= 0 and not isinstance(stop, bool):
            return name, stop
    raise Refused(
        422,
        "the cursor is not one that a page gave",
        field="cursor",
        value=cursor,
        remedy="take `next` of the page before, or leave it out for the first page",
    )
