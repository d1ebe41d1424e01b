"""A density drawn from draws."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from evenfall.runs.parameter.likelihood import Curve

__all__ = ["kernel_curve"]

type Floats = NDArray[np.float64]

_MOST: Final = 2000
"""Draws that are looked at; more change no line on a screen."""

_REACH: Final = 3.0
"""Bandwidths that a curve goes on beyond its outermost draws."""


def kernel_curve(draws: Floats, weights: Floats | None, bounds: tuple[float, float]) -> Curve | None:
    """Return the Gaussian kernel density of draws; None when they do not vary.

    Mass that the kernel puts beyond a bound is folded back, so that the density integrates to one.

    Parameters
    ----------
    draws, weights : ndarray, shape (draw,)
        Weights sum to one; None when all draws weigh the same.
    bounds
        Ends of what the quantity can be, infinite where there are none.

    References
    ----------
    Silverman (1986), Density Estimation for Statistics and Data Analysis, eq. 3.31, with the effective number
    of draws in the place of n where they have weights.
    """
    step = -(-len(draws) // _MOST)
    kept = draws[::step]
    shares = np.full(len(kept), 1 / len(kept)) if weights is None else weights[::step] / weights[::step].sum()
    mean = float(shares @ kept)
    stdev = float(np.sqrt(shares @ np.square(kept - mean)))
    order = np.argsort(kept)
    reached = np.cumsum(shares[order]) - shares[order] / 2
    quarters = np.interp((0.25, 0.75), reached, kept[order])
    spread = min(stdev, float(quarters[1] - quarters[0]) / 1.349) or stdev
    if not spread > 0:
        return None
    effective = 1 / float(np.square(shares).sum())
    width = 0.9 * spread * effective**-0.2
    low, high = bounds
    images = [kept, *(2 * end - kept for end in bounds if np.isfinite(end))]

    def log_density(x: ArrayLike) -> Floats:
        at = np.asarray(x, dtype=np.float64)
        heights = sum(np.exp(-0.5 * np.square((at[..., None] - image) / width)) @ shares for image in images)
        inside = (at >= low) & (at <= high)
        with np.errstate(divide="ignore"):
            return np.where(inside, np.log(heights / (width * np.sqrt(2 * np.pi))), -np.inf)

    ends = np.interp((0.001, 0.999), reached, kept[order])
    reach = _REACH * width
    return Curve(log_density, max(float(ends[0]) - reach, low), min(float(ends[1]) + reach, high))
