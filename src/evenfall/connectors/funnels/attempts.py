"""The attempts of a funnel: how far each came, when it ended, and which entries open one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from evenfall.connectors.events.clocks import microseconds
from evenfall.connectors.funnels.question import FunnelQuestion
from evenfall.connectors.funnels.statement import NEVER

__all__ = ["UNREACHED", "Attempts", "Candidates", "OpenUnits"]

type Integers = NDArray[np.int64]
type Unit = tuple[object, ...]

UNREACHED: Final = -1
"""Microseconds after the entry of a step that was not reached."""


@dataclass(frozen=True, slots=True, eq=False)
class Attempts:
    """The attempts that count, by the time of their entry.

    Attributes
    ----------
    entry : ndarray, shape (attempt,)
        Microseconds since 1970.
    after : ndarray, shape (attempt, step)
        Microseconds from the entry to each step, `UNREACHED` where the attempt did not come that far.
    """

    entry: Integers
    after: Integers

    @classmethod
    def together(cls, parts: Sequence[Attempts], steps: int) -> Attempts:
        """Return the attempts of all parts, in their order."""
        if not parts:
            return cls(np.zeros(0, np.int64), np.zeros((0, steps), np.int64))
        return cls(np.concatenate([part.entry for part in parts]), np.vstack([part.after for part in parts]))


@dataclass(frozen=True, slots=True, eq=False)
class Candidates:
    """Entries that may open an attempt, by time, with what follows each.

    Attributes
    ----------
    entry : ndarray, shape (entry,)
        Microseconds since 1970.
    steps, breaks : ndarray, shape (entry, segment)
        First time of each further required step after the one before it, and of what breaks in between.
    optional : ndarray, shape (entry, optional step)
        First time of each optional step after the required step before it.
    """

    units: Sequence[Unit]
    entry: Integers
    steps: Integers
    breaks: Integers
    optional: Integers

    @classmethod
    def of(cls, rows: Sequence[tuple[object, ...]], widths: tuple[int, int, int, int]) -> Candidates:
        """Return the rows of `FunnelStatements.attempts`, whose widths are given."""
        units, segments, breaks, optional = widths
        numbers = np.array([row[units:] for row in rows], dtype=np.int64)
        numbers = numbers.reshape(len(rows), 1 + segments + breaks + optional)
        entry, steps, broken, left_out = np.split(numbers, [1, 1 + segments, 1 + segments + breaks], axis=1)
        if not breaks:
            broken = np.full_like(steps, NEVER)
        return cls([row[:units] for row in rows], entry[:, 0], steps, broken, left_out)

    def follow(self, question: FunnelQuestion) -> tuple[Integers, Integers]:
        """Return how far each entry comes, as in `Attempts.after`, and the time from which another may open.

        A step is reached when the one before it is, inside the window, and when nothing that breaks lies
        strictly between the two. An attempt ends just after its last step, at what breaks it, or with its
        window.
        """
        expiry = self.entry + microseconds(question.window)
        after = np.full((len(self.entry), len(question.steps)), UNREACHED, dtype=np.int64)
        after[:, 0] = 0
        end, alive = self.entry + 1, np.ones(len(self.entry), dtype=np.bool_)
        optional = [i for i in range(len(question.steps)) if i not in question.required]
        for segment in range(1, len(question.required)):
            at, broken = self.steps[:, segment - 1], self.breaks[:, segment - 1]
            for position in question.between(segment):
                seen = self.optional[:, optional.index(position)]
                taken = alive & (seen < expiry) & (seen < at) & (seen <= broken)
                after[taken, position] = (seen - self.entry)[taken]
            reached = alive & (at < expiry) & (at <= broken)
            after[reached, question.required[segment]] = (at - self.entry)[reached]
            end = np.where(reached, at + 1, np.where(alive, np.minimum(broken, expiry), end))
            alive = reached
        return after, end


class OpenUnits:
    """Which units are in the middle of an attempt, while entries are gone through in the order of time."""

    def __init__(self, *, re_entry: bool) -> None:
        self._re_entry = re_entry
        self._busy_until: dict[Unit, int] = {}

    def opening(self, candidates: Candidates, end: Integers) -> NDArray[np.bool_]:
        """Return which entries open an attempt: those of units that are not in one."""
        busy = self._busy_until
        opens = np.zeros(len(end), dtype=np.bool_)
        for i, (unit, at, until) in enumerate(
            zip(candidates.units, candidates.entry.tolist(), end.tolist(), strict=True)
        ):
            if at >= busy.get(unit, at):
                opens[i] = True
                busy[unit] = until if self._re_entry else NEVER
        return opens
