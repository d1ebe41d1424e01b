"""Which days a night reads: the missing ones, those of a changed query, and the lookback."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import date, timedelta

from evenfall.window import DayWindow

__all__ = ["Span", "days_to_read", "merge_days", "missing_windows", "tumbling_to_read"]

_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Span:
    """The days a source may be asked for.

    Attributes
    ----------
    beginning
        First day that belongs in the ledger.
    lookback
        First day that is read again each night, for events that arrived late.
    end
        First day that is not complete.
    """

    beginning: date
    lookback: date
    end: date


def days_to_read(span: Span, known: Collection[DayWindow]) -> tuple[DayWindow, ...]:
    """Return the one-day windows to read, in order: those not in the ledger, and the lookback."""
    held = {day for window in known for day in window}
    first = min(span.beginning, span.lookback)
    if first >= span.end:
        return ()
    days = (day for day in DayWindow(first, span.end) if day >= span.lookback or day not in held)
    return tuple(DayWindow(day, day + _DAY) for day in days)


def tumbling_to_read(span: Span, known: Collection[DayWindow], length: int) -> tuple[DayWindow, ...]:
    """Return the whole windows of `length` days to read: a total that must not be split by day.

    The windows stand end to end from the first one in the ledger, or from the latest start that leaves room
    for one; a window that is not complete yet is left for a later night.
    """
    anchor = min(known).first if known else min(span.beginning, span.end - length * _DAY)
    held, windows = set(known), []
    first = anchor
    while first + length * _DAY <= span.end:
        windows.append(DayWindow(first, first + length * _DAY))
        first += length * _DAY
    return tuple(window for window in windows if window not in held or window.stop > span.lookback)


def missing_windows(windows: Collection[DayWindow], known: Collection[DayWindow]) -> tuple[DayWindow, ...]:
    """Return those of `windows` of which the ledger lacks a day."""
    held = {day for window in known for day in window}
    return tuple(window for window in windows if any(day not in held for day in window))


def merge_days(days: Iterable[date]) -> tuple[DayWindow, ...]:
    """Return the fewest windows that hold exactly `days`."""
    windows: list[DayWindow] = []
    for day in sorted(set(days)):
        if windows and windows[-1].stop == day:
            windows[-1] = DayWindow(windows[-1].first, day + _DAY)
        else:
            windows.append(DayWindow(day, day + _DAY))
    return tuple(windows)
