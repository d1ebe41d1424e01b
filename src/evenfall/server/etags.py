"""Versions of what can be changed: `ETag` goes out, `If-Match` must come back."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends, Header

from evenfall.server.problems import Refused

__all__ = ["IfMatch", "quoted", "require_match"]


def quoted(etag: str) -> str:
    """Return the value of an `ETag` header."""
    return f'"{etag}"'


def _if_match(
    if_match: Annotated[
        str | None, Header(max_length=200, description="`ETag` of the version you saw.")
    ] = None,
) -> str:
    if if_match is None:
        raise Refused(
            428,
            "a change must say which version it is made to",
            field="If-Match",
            remedy="GET it first, and send its ETag as `If-Match`",
        )
    return if_match.strip().removeprefix("W/").strip('"')


IfMatch = Annotated[str, Depends(_if_match)]
"""The version a change is made to, without quotes; 428 when the header is missing."""


def require_match(expected: str, found: str) -> None:
    """Refuse a change to a version that is no longer the current one.

    Raises
    ------
    Refused
        412 when `expected` is neither `found` nor ``*``.
    """
    if expected not in (found, "*"):
        raise Refused(
            412,
            "it was changed since you read it",
            field="If-Match",
            value=expected,
            remedy="read it again, and make the change to that version",
        )
