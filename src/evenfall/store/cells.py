"""How values stand in the database: the same everywhere, and instants as text that sorts and reads.

An instant is UTC text of fixed width, ``2025-01-05T05:00:00.000000Z``, so byte order is order in time and a
person at the database's prompt can read it. Integers would be 19 bytes smaller and no faster to load: a night
has one instant, and the text is parsed once per distinct value.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from datetime import UTC, date, datetime
from functools import lru_cache
from typing import Any

from evenfall.window import DayWindow

__all__ = ["finite", "from_json", "instant", "instant_or_none", "instant_text", "to_json", "window"]


def instant_text(moment: datetime) -> str:
    """Return the text of an aware instant, in UTC.

    Raises
    ------
    ValueError
        When the instant has no time zone.
    """
    # Only UTC is memoised: elsewhere the two passes of a repeated hour compare equal.
    return _utc_text(moment) if moment.tzinfo is UTC else _text(moment)


def _text(moment: datetime) -> str:
    if moment.tzinfo is None:
        raise ValueError(f"an instant without a time zone cannot be stored: {moment}")
    return moment.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"


_utc_text = lru_cache(maxsize=4096)(_text)


@lru_cache(maxsize=65536)
def instant(text: str) -> datetime:
    """Return the instant (aware, UTC) that `text` stands for."""
    return datetime.fromisoformat(text)


def instant_or_none(text: str | None) -> datetime | None:
    """Return the instant, or None where the column is empty."""
    return None if text is None else instant(text)


@lru_cache(maxsize=65536)
def window(first: str, stop: str) -> DayWindow:
    """Return the window of two days written as ``YYYY-MM-DD``."""
    return DayWindow(date.fromisoformat(first), date.fromisoformat(stop))


def finite(number: float) -> float:
    """Return a number as a float; databases differ in what they make of NaN and infinity, so neither passes.

    Raises
    ------
    ValueError
        When it is not finite.
    """
    if not math.isfinite(number):
        raise ValueError(f"a number that is not finite cannot be stored: {number}")
    return float(number)


def to_json(value: Mapping[str, Any]) -> str:
    """Return `value` as JSON text, keys in their own order.

    Raises
    ------
    ValueError
        When a number is not finite, for which JSON has no word.
    TypeError
        When something in it has no JSON form.
    """
    return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))


def from_json(text: str) -> dict[str, Any]:
    """Return the object that the text holds."""
    value: dict[str, Any] = json.loads(text)
    return value
