"""Mean, stdev and interval of many beliefs at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from evenfall.beliefs.belief import Belief
from evenfall.beliefs.groups import by_family
from evenfall.beliefs.numerics.arrays import Floats

__all__ = ["Summary", "summarise"]


@dataclass(frozen=True, slots=True, eq=False)
class Summary:
    """Figures of the reported quantities.

    Attributes
    ----------
    mean, stdev : ndarray, shape (belief,)
        Of the reported quantity.
    lower, upper : ndarray, shape (belief,)
        Ends of the equal-tailed interval.
    level : float
        Probability inside the interval.
    """

    mean: Floats
    stdev: Floats
    lower: Floats
    upper: Floats
    level: float


def summarise(beliefs: Sequence[Belief], level: float = 0.95) -> Summary:
    """Return mean, stdev and the equal-tailed interval of each belief, in their order."""
    figures = np.empty((4, len(beliefs)))
    tail = 0.5 * (1.0 - level)
    for family, members, theta in by_family(beliefs):
        law = family.belief(theta)
        figures[:, members] = law.mean, law.stdev, law.quantile(tail), law.quantile(1.0 - tail)
    mean, stdev, lower, upper = figures
    return Summary(mean, stdev, lower, upper, level)
