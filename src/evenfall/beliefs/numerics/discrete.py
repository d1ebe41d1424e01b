"""Quantiles of counts: the smallest whole number whose distribution function reaches a level."""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import ArrayLike

from evenfall.beliefs.numerics.arrays import Floats, broadcast_floats

__all__ = ["discrete_quantile"]


class _Counts(Protocol):
    @property
    def mean(self) -> Floats: ...
    @property
    def stdev(self) -> Floats: ...
    def cdf(self, x: ArrayLike) -> Floats: ...


def discrete_quantile(law: _Counts, low: Floats, high: Floats, q: ArrayLike) -> Floats:
    """Return the smallest whole k in [low, high] with P(K <= k) >= q, by doubling and halving.

    Parameters
    ----------
    low, high : ndarray
        Ends of the support, broadcastable against the law's parameters; `high` may be infinite.
    """
    q, mean, stdev, low, high = broadcast_floats(q, law.mean, law.stdev, low, high)
    below, step = low - 1.0, np.ceil(stdev) + 1.0
    above = np.minimum(np.ceil(mean + step), high)
    while (short := (law.cdf(above) < q) & (above < high)).any():
        below = np.where(short, above, below)
        step = 2.0 * step
        above = np.where(short, np.minimum(above + step, high), above)
    while (open_ := above - below > 1).any():
        middle = np.floor(0.5 * (below + above))
        reached = law.cdf(middle) >= q
        above = np.where(open_ & reached, middle, above)
        below = np.where(open_ & ~reached, middle, below)
    return np.asarray(above)
