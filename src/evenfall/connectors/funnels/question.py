"""What is asked of an ordered funnel: its steps, its window, and what may happen between two steps."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final, Literal, get_args

from evenfall.errors import UsageError, nearest

__all__ = ["FunnelColumns", "FunnelQuestion", "Strictness", "Unit"]

type Strictness = Literal["no", "steps", "events"]
type Unit = Literal["user", "session"]

MOST_STEPS: Final = 32
_LONGEST: Final = timedelta(days=3660)


@dataclass(frozen=True, slots=True)
class FunnelColumns:
    """Which column of the event table is what.

    Attributes
    ----------
    user
        May be empty where sessions are the unit and no two users share the id of one.
    node
        A second column in which the name of a step may stand; empty for none.
    contexts
        Column of each context key; a key that is not here is ``context_<key>`` or ``<key>``.
    """

    user: str = "user_id"
    session: str = "session_id"
    event: str = "event_type"
    time: str = "created_at"
    node: str = ""
    contexts: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class FunnelQuestion:
    """An ordered funnel over one event table.

    Attributes
    ----------
    steps
        Names of events in order; the first opens an attempt, the last finishes it.
    window
        A step counts at times in [entry, entry + window).
    strict_order
        ``no``: anything may happen between two steps. ``steps``: another listed step ends the attempt.
        ``events``: any other event does. A repetition of the step just reached never does.
    re_entry
        Whether every entry after a finished, broken or expired attempt opens a new one; else only the unit's
        first entry counts.
    exclude
        Events that end an attempt when they happen between two of its steps.
    optional
        Steps that may be left out.
    unit
        Whose events make an attempt: those of a user, or those of one session of a user.
    context
        Values that the row of the entry has.

    Raises
    ------
    UsageError
        When the question contradicts itself.
    """

    table: str
    steps: tuple[str, ...]
    window: timedelta
    connection: str = "data"
    strict_order: Strictness = "no"
    re_entry: bool = False
    exclude: tuple[str, ...] = ()
    optional: tuple[str, ...] = ()
    unit: Unit = "user"
    context: Mapping[str, str] = field(default_factory=dict)
    columns: FunnelColumns = field(default_factory=FunnelColumns)

    def __post_init__(self) -> None:
        self._check_steps()
        if not timedelta(0) < self.window <= _LONGEST:
            raise UsageError(
                f"no window of {self.window}", remedy=f"write 1s to {_LONGEST.days}d, such as 7d"
            )
        for name, value, kind in (("strict_order", self.strict_order, Strictness), ("unit", self.unit, Unit)):
            allowed = get_args(kind.__value__)
            if value not in allowed:
                raise UsageError(f"{name} is not {value!r}", remedy=f"choose {' or '.join(allowed)}")

    def _check_steps(self) -> None:
        if not self.steps or not all(name.strip() for name in (*self.steps, *self.exclude)):
            raise UsageError("a step without a name", remedy="name the steps in order, such as visit,signup")
        if len(self.steps) > MOST_STEPS:
            raise UsageError(f"{len(self.steps)} steps", remedy=f"ask for at most {MOST_STEPS}")
        for name in self.exclude:
            if name in self.steps:
                raise UsageError(f"{name!r} is a step and excluded", remedy="make it one of them")
        for name in self.optional:
            if name not in self.steps:
                close = nearest(name, self.steps)
                hint = f"did you mean {' or '.join(close)}?" if close else f"steps: {', '.join(self.steps)}"
                raise UsageError(f"the optional {name!r} is no step", remedy=hint)
            if name in (self.steps[0], self.steps[-1]):
                raise UsageError(
                    f"{name!r} is the first or the last step and cannot be optional",
                    remedy="leave it out of the steps, or of the optional ones",
                )

    @property
    def required(self) -> tuple[int, ...]:
        """Positions of the steps that cannot be left out, the entry first."""
        return tuple(i for i, name in enumerate(self.steps) if name not in self.optional)

    @property
    def names(self) -> tuple[str, ...]:
        """Every name the question knows, once: the steps in order, then what is excluded."""
        return tuple(dict.fromkeys((*self.steps, *self.exclude)))

    def between(self, segment: int) -> tuple[int, ...]:
        """Return the positions of the optional steps before the required step number `segment`."""
        return tuple(range(self.required[segment - 1] + 1, self.required[segment]))
