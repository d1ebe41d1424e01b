"""Half-open windows of whole local days, and the zones they are local to."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

from evenfall.errors import ConfigError, nearest

__all__ = ["DURATION_PATTERN", "DayWindow", "day_start", "local_day", "parse_duration", "parse_zone"]

DURATION_PATTERN = r"^\d+[smhd]$"
_UNIT_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


@dataclass(frozen=True, order=True, slots=True)
class DayWindow:
    """The local days from `first` up to, but not including, `stop`."""

    first: date
    stop: date

    def __post_init__(self) -> None:
        if self.stop <= self.first:
            raise ValueError(f"a window must hold a day: [{self.first}, {self.stop})")

    def __len__(self) -> int:
        return (self.stop - self.first).days

    def __iter__(self) -> Iterator[date]:
        return (self.first + timedelta(days=i) for i in range(len(self)))

    def __contains__(self, day: date) -> bool:
        return self.first <= day < self.stop

    def __str__(self) -> str:
        return f"[{self.first}, {self.stop})"

    def overlaps(self, other: DayWindow) -> bool:
        """Return whether the two windows share a day."""
        return self.first < other.stop and other.first < self.stop

    def bounds(self, zone: ZoneInfo) -> tuple[datetime, datetime]:
        """Return the instants (aware, UTC) at which the window opens and closes in `zone`."""
        return day_start(self.first, zone), day_start(self.stop, zone)


def day_start(day: date, zone: ZoneInfo) -> datetime:
    """Return the instant (aware, UTC) at which `day` begins in `zone`.

    Where the clock change skips midnight the wall time 00:00 does not exist; ``fold=0`` reads it with the
    offset before the change, which is exactly the instant the new day begins.
    """
    return datetime.combine(day, time(), tzinfo=zone).astimezone(UTC)


def local_day(instant: datetime, zone: ZoneInfo) -> date:
    """Return the day it is in `zone` at `instant`."""
    return instant.astimezone(zone).date()


def parse_duration(text: str) -> timedelta:
    """Return the length that a text such as ``1h`` or ``7d`` names.

    Raises
    ------
    ConfigError
        When the text is not digits followed by one of s, m, h, d.
    """
    if not re.fullmatch(DURATION_PATTERN, text):
        raise ConfigError(
            "not a duration", value=text, remedy="write digits and one of s, m, h, d, such as 1h or 7d"
        )
    return timedelta(seconds=int(text[:-1]) * _UNIT_SECONDS[text[-1]])


def parse_zone(name: str) -> ZoneInfo:
    """Return the IANA time zone called `name`.

    Raises
    ------
    ConfigError
        When no such zone is known; the nearest names are listed.
    """
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        close = nearest(name, available_timezones())
        remedy = f"did you mean {' or '.join(close)}?" if close else "use an IANA name such as Europe/Berlin"
        raise ConfigError("no such time zone", value=name, remedy=remedy) from None
