"""Many windows in one short text, such as ``2025-01-01/2025-01-15/1``: first, stop, days each."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import date, timedelta

__all__ = ["pack", "unpack"]

type Days = tuple[str, str]


def pack(windows: Iterable[Days]) -> str:
    """Return the text of windows (first, stop); neighbours of equal length share one entry."""
    entries: list[tuple[str, str, int]] = []
    for first, stop in sorted(windows):
        days = (date.fromisoformat(stop) - date.fromisoformat(first)).days
        if entries and entries[-1][1:] == (first, days):
            entries[-1] = (entries[-1][0], stop, days)
        else:
            entries.append((first, stop, days))
    return " ".join(f"{first}/{stop}/{days}" for first, stop, days in entries)


def unpack(text: str) -> Iterator[Days]:
    """Yield the windows (first, stop) that the text holds."""
    for entry in text.split():
        first, stop, length = entry.split("/")
        at, step = date.fromisoformat(first), timedelta(days=int(length))
        while at.isoformat() < stop:
            yield at.isoformat(), (at + step).isoformat()
            at += step
