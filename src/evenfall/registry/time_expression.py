"""Relative times such as ``NOW() - INTERVAL '7 days'``, resolved on a logical clock in the project's zone."""

from __future__ import annotations

import calendar
import re
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from typing import Final, Literal
from zoneinfo import ZoneInfo

from evenfall.errors import ConfigError
from evenfall.window import local_day

__all__ = ["TimeExpression", "check_time", "parse_time", "resolve_time"]

_REMEDY: Final = (
    "write NOW(), CURRENT_DATE or a date such as '2025-10-21', then + or - INTERVAL '7 days' (second to year)"
)
_UNITS: Final = "second|minute|hour|day|week|month|quarter|year"
_ANCHOR: Final = re.compile(
    r"(?P<now>NOW\s*\(\s*\)|CURRENT_TIMESTAMP(\s*\(\s*\))?)|(?P<today>CURRENT_DATE(\s*\(\s*\))?)"
    r"|((DATE|TIMESTAMP|TIMESTAMPTZ)\s*)?(?P<quote>['\"]?)(?P<literal>\d{4}-\d{2}-\d{2}"
    r"([T ]\d{2}:\d{2}(:\d{2}(\.\d{1,6})?)?\s*(Z|[+-]\d{2}:?\d{2})?)?)(?P=quote)",
    re.IGNORECASE | re.ASCII,
)
_STEP: Final = re.compile(
    r"\s*(?P<sign>[+-])\s*INTERVAL\s*"
    rf"('\s*(?P<inside>\d{{1,6}})\s+(?P<unit>{_UNITS})s?\s*'"
    rf"|(?P<quote>'?)(?P<outside>\d{{1,6}})(?P=quote)\s*(?P<later_unit>{_UNITS})s?)",
    re.IGNORECASE | re.ASCII,
)
_EXACT: Final = {"second": 1, "minute": 60, "hour": 3600}
_DAYS: Final = {"day": 1, "week": 7}
_MONTHS: Final = {"month": 1, "quarter": 3, "year": 12}


@dataclass(frozen=True, slots=True)
class TimeExpression:
    """A parsed time: where it starts and the steps from there.

    Attributes
    ----------
    anchor
        The logical instant, the local day it falls on, or a literal.
    literal
        The date or timestamp when the anchor is one; naive ones are wall time in the project's zone.
    steps
        Signed counts with their unit in the singular, applied from left to right.
    """

    anchor: Literal["now", "today", "literal"]
    literal: datetime | None = None
    steps: tuple[tuple[int, str], ...] = ()

    def resolve(self, instant: datetime, zone: ZoneInfo) -> datetime:
        """Return the instant (aware, UTC) this is when the logical clock in `zone` shows `instant`."""
        moment = self._start(instant, zone)
        for count, unit in self.steps:
            moment = _step(moment, count, unit, zone)
        return moment

    def _start(self, instant: datetime, zone: ZoneInfo) -> datetime:
        if self.anchor == "today":
            wall = datetime.combine(local_day(instant, zone), time(), tzinfo=zone)
        elif self.literal is not None:
            wall = self.literal if self.literal.tzinfo else self.literal.replace(tzinfo=zone)
        else:
            wall = instant
        return wall.astimezone(UTC)


def parse_time(text: str) -> TimeExpression:
    """Return the time that `text` names.

    Raises
    ------
    ConfigError
        When the text is outside the grammar; the remedy shows what is inside it.

    Examples
    --------
    >>> parse_time("NOW() - INTERVAL '7 days'").steps
    ((-7, 'day'),)
    """
    stripped = text.strip()
    anchor = _ANCHOR.match(stripped)
    if anchor is None:
        raise ConfigError("not a time", value=text, remedy=_REMEDY)
    steps = []
    position = anchor.end()
    while position < len(stripped):
        step = _STEP.match(stripped, position)
        if step is None:
            raise ConfigError("not a time", value=text, remedy=_REMEDY)
        count = int(step["inside"] or step["outside"])
        unit = (step["unit"] or step["later_unit"]).lower()
        steps.append((-count if step["sign"] == "-" else count, unit))
        position = step.end()
    kind: Literal["now", "today", "literal"] = (
        "now" if anchor["now"] else "today" if anchor["today"] else "literal"
    )
    return TimeExpression(kind, _literal(anchor["literal"], text), tuple(steps))


def check_time(text: str) -> None:
    """Refuse a text that no time can be read from.

    Raises
    ------
    ConfigError
        As `parse_time` does.
    """
    parse_time(text)


def resolve_time(text: str, instant: datetime, zone: ZoneInfo) -> datetime:
    """Return the instant (aware, UTC) that `text` names when the logical clock shows `instant`.

    Days, weeks, months and years move the wall clock of `zone`, so seven days before 06:00 is 06:00 even when
    the clocks changed in between; hours and less move the instant itself.

    Raises
    ------
    ConfigError
        When the text is outside the grammar, or the time outside the years 1 to 9999.

    Examples
    --------
    >>> berlin = ZoneInfo("Europe/Berlin")
    >>> night = datetime(2025, 10, 27, 5, tzinfo=UTC)
    >>> print(resolve_time("NOW() - INTERVAL '1 day'", night, berlin))
    2025-10-26 05:00:00+00:00
    >>> print(resolve_time("CURRENT_DATE - INTERVAL '1 day'", night, berlin))
    2025-10-25 22:00:00+00:00
    """
    try:
        return parse_time(text).resolve(instant, zone)
    except (OverflowError, ValueError) as error:
        raise ConfigError("a time outside the calendar", value=text, remedy=_REMEDY) from error


def _literal(text: str | None, whole: str) -> datetime | None:
    if text is None:
        return None
    try:
        return datetime.fromisoformat(text.upper().replace(" +", "+").replace(" Z", "Z"))
    except ValueError:
        raise ConfigError("no such date", value=whole, remedy=_REMEDY) from None


def _step(moment: datetime, count: int, unit: str, zone: ZoneInfo) -> datetime:
    """Return the instant `count` units away; a wall time the clocks skip is read with the earlier offset."""
    if unit in _EXACT:
        return moment + timedelta(seconds=count * _EXACT[unit])
    wall = moment.astimezone(zone).replace(tzinfo=None)
    if unit in _DAYS:
        wall += timedelta(days=count * _DAYS[unit])
    else:
        wall = _add_months(wall, count * _MONTHS[unit])
    return wall.replace(tzinfo=zone).astimezone(UTC)


def _add_months(wall: datetime, count: int) -> datetime:
    """Return the same day of another month, or that month's last day when it is shorter."""
    year, month = divmod(wall.year * 12 + wall.month - 1 + count, 12)
    last = calendar.monthrange(year, month + 1)[1]
    return wall.replace(year=year, month=month + 1, day=min(wall.day, last))
