"""Since when: the day of the change, given that there was one."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from evenfall.beliefs.numerics.arrays import Floats

__all__ = ["LEVEL", "ChangePoint", "change_points"]

LEVEL = 0.8
"""Probability of the interval beside the most likely day."""


@dataclass(frozen=True, slots=True)
class ChangePoint:
    """Positions of days: the most likely one, and the shortest run around it that holds `LEVEL`."""

    mode: int
    first: int
    last: int


def change_points(log_evidence: Floats) -> list[ChangePoint]:
    """Return the day of the change of each parameter, every day equally likely beforehand.

    Parameters
    ----------
    log_evidence : ndarray, shape (parameter, day)
        Log marginal likelihood of the days given a change on that day; −inf where none can have been.

    Examples
    --------
    >>> change_points(np.log([[0.02, 0.03, 0.70, 0.20, 0.05]]))
    [ChangePoint(mode=2, first=2, last=3)]
    """
    return [_change_point(row) for row in log_evidence]


def _change_point(log_evidence: Floats) -> ChangePoint:
    mass = np.exp(log_evidence - log_evidence.max())
    mass /= mass.sum()
    mode = first = last = int(np.argmax(mass))
    held = mass[mode]
    while held < LEVEL and last - first + 1 < len(mass):
        before = mass[first - 1] if first > 0 else -1.0
        after = mass[last + 1] if last + 1 < len(mass) else -1.0
        if before >= after:
            first, held = first - 1, held + before
        else:
            last, held = last + 1, held + after
    return ChangePoint(mode, first, last)
