"""Intervals that hold a given probability: equal-tailed, and of highest density."""

from __future__ import annotations

import numpy as np

from evenfall.beliefs.distributions import Distribution
from evenfall.beliefs.numerics.arrays import Floats

__all__ = ["equal_tailed", "highest_density"]


def equal_tailed(law: Distribution, level: float = 0.95) -> tuple[Floats, Floats]:
    """Return the interval with (1 − level)/2 below and above it."""
    tail = 0.5 * (1.0 - level)
    return law.quantile(tail), law.quantile(1.0 - tail)


def highest_density(law: Distribution, level: float = 0.95) -> tuple[Floats, Floats]:
    """Return the shortest interval that holds `level`, of continuous laws with one peak.

    As the mass below the interval grows from 0 to 1 − level, the density at its lower end rises against
    that at its upper end; the shortest interval is where they meet, or an end of the range when they never
    do. Of a law with peaks at both ends (a beta with alpha and beta below 1) the shorter interval from one
    of the ends is given.
    """
    mean = np.asarray(law.mean)
    low, high = np.zeros_like(mean), np.full_like(mean, 1.0 - level)
    for _ in range(54):
        below = 0.5 * (low + high)
        rising = law.log_density(law.quantile(below)) < law.log_density(law.quantile(below + level))
        low, high = np.where(rising, below, low), np.where(rising, high, below)
    below = _shorter(law, level, 0.5 * (low + high))
    return law.quantile(below), law.quantile(np.minimum(below + level, 1.0))


def _shorter(law: Distribution, level: float, below: Floats) -> Floats:
    """Return the mass below the shortest of three intervals: the stationary one and those at either end."""
    choices = np.stack([below, np.zeros_like(below), np.full_like(below, 1.0 - level)])
    with np.errstate(invalid="ignore"):
        widths = np.stack([law.quantile(np.minimum(c + level, 1.0)) - law.quantile(c) for c in choices])
    widths = np.where(np.isfinite(widths), widths, np.inf)
    # A tie goes to the stationary interval: widths equal to rounding are not shorter.
    widths[1:] *= 1.0 + 1e-12
    return np.asarray(np.take_along_axis(choices, widths.argmin(axis=0)[None], axis=0)[0])
