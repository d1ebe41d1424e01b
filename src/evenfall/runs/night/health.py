"""Whether the nights come as they should: the last one that must be over by now, and how it ended."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, Final

from evenfall.clock import Night
from evenfall.runs.night.plan import run_key_of
from evenfall.runs.report import json_ready
from evenfall.runs.world import World
from evenfall.store.attempts import Attempt

__all__ = ["GRACE", "NightHealth", "due_night", "is_kept", "night_health"]

GRACE: Final = timedelta(hours=1)
"""How long after its hour a night may still be on its way."""

_KEPT: Final = ("ok", "partial")


@dataclass(frozen=True, slots=True)
class NightHealth:
    """The night that is judged, and how it stands.

    Attributes
    ----------
    status
        ``ok``, ``partial``, ``late``, ``failed``, ``cancelled``, ``interrupted``, or ``never`` when the
        project has never had a run.
    due_at
        The night's logical clock; the other times are wall time.
    """

    status: str
    as_of: date
    due_at: datetime
    started_at: datetime | None = None
    finished_at: datetime | None = None
    counts: Mapping[str, int] | None = None

    @property
    def healthy(self) -> bool:
        """Whether it ended with something kept."""
        return self.status in _KEPT

    def as_dict(self) -> dict[str, Any]:
        """Return it as JSON-ready data."""
        shown: dict[str, Any] = json_ready(self)
        return {**shown, "counts": dict(self.counts or {})}


def due_night(world: World, grace: timedelta = timedelta(0)) -> Night:
    """Return the last night whose hour, and `grace` after it, have passed by the project's clock."""
    tonight = world.night()
    return tonight if world.clock.now() >= tonight.instant + grace else world.before(tonight)


def is_kept(world: World, night: Night) -> bool:
    """Return whether an attempt at a night ended with something kept."""
    return any(one.status in _KEPT for one in world.store.attempts(run_key_of(night)))


def night_health(world: World) -> NightHealth:
    """Return how the last due night stands; one that is still in its grace is judged once it has ended.

    A night that ended well once is well, whatever became of a later attempt: its numbers stand.
    """
    due, must = due_night(world), due_night(world, GRACE)
    attempt = _telling(world, due)
    if due != must and (attempt is None or attempt.finished_at is None):
        due, attempt = must, _telling(world, must)
    if attempt is None:
        return NightHealth("late" if world.store.count_run_keys() else "never", due.as_of, due.instant)
    return NightHealth(
        _status(attempt),
        due.as_of,
        due.instant,
        attempt.started_at,
        attempt.finished_at,
        attempt.outcomes,
    )


def _telling(world: World, night: Night) -> Attempt | None:
    """Return the attempt that says how a night went: the newest that kept something, else the newest."""
    attempts = world.store.attempts(run_key_of(night))
    return next((one for one in attempts if one.status in _KEPT), attempts[0] if attempts else None)


def _status(attempt: Attempt) -> str:
    if attempt.lost or attempt.status == "abandoned":
        return "interrupted"
    return "late" if attempt.status == "running" else attempt.status
