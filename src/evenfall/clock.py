"""What time it is: the wall clock, a pinned one, and the logical instant of a night."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from typing import Protocol
from zoneinfo import ZoneInfo

from evenfall.window import day_start, local_day

__all__ = ["Clock", "Night", "PinnedClock", "SystemClock"]


class Clock(Protocol):
    """Anything that can say what time it is."""

    def now(self) -> datetime:
        """Return the current instant, aware, in UTC."""
        ...


class SystemClock:
    """The machine's own clock."""

    def now(self) -> datetime:
        """Return the current instant, aware, in UTC."""
        return datetime.now(UTC)


@dataclass(frozen=True)
class PinnedClock:
    """A clock that stands still, for examples and tests."""

    instant: datetime

    def now(self) -> datetime:
        """Return the pinned instant."""
        return self.instant


@dataclass(frozen=True, slots=True)
class Night:
    """One logical night: the date it belongs to, in a zone, at the scheduled hour.

    A night is known by its date alone, so running it at 06:00, at noon, or twice in the hour the autumn clock
    repeats is the same night.
    """

    as_of: date
    zone: ZoneInfo
    hour: time = time(6)

    @classmethod
    def of(cls, clock: Clock, zone: ZoneInfo, hour: time = time(6)) -> Night:
        """Return tonight: the night of the local date that `clock` shows."""
        return cls(local_day(clock.now(), zone), zone, hour)

    @property
    def instant(self) -> datetime:
        """The logical clock of the night (aware, UTC); what is seen tonight is seen at this instant."""
        return datetime.combine(self.as_of, self.hour, tzinfo=self.zone).astimezone(UTC)

    @property
    def data_end(self) -> datetime:
        """The instant (aware, UTC) at which the last complete day ended."""
        return day_start(self.as_of, self.zone)
