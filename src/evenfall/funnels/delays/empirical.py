"""What cohorts show of their lag and scatter without any family: product limits from the oldest age back.

Cohorts of different age are cut at different ages. Of the conversions up to age j, in cohorts seen beyond j,
the share that came at j estimates ΔF_j/F_j, whichever cohorts they are from (Lagakos, Barraj and De Gruttola
1988, for data cut from the right); the product of (1 − share) over later ages is F_j over F at the oldest.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from evenfall.beliefs.numerics.arrays import Floats, floats

__all__ = ["EmpiricalLag", "empirical_lag", "spread_excess"]


@dataclass(frozen=True, slots=True, eq=False)
class EmpiricalLag:
    """The lag as far as cohorts show it.

    Attributes
    ----------
    cdf : ndarray, shape (age,)
        At the end of each age cell, as a share of the conversions at all the ages seen.
    """

    cdf: Floats

    def quantile(self, level: float) -> float:
        """Return the days by which `level` of them have converted, linear within a day."""
        ends = np.concatenate([[0.0], self.cdf])
        above = int(np.searchsorted(ends, level))
        if above >= len(ends):
            return float(len(self.cdf))
        low, high = ends[above - 1], ends[above]
        return above - 1 + float((level - low) / (high - low)) if above else 0.0


def empirical_lag(conversions: NDArray[np.integer], observed: NDArray[np.integer]) -> EmpiricalLag | None:
    """Return the lag that cohorts show, or None when nobody has converted."""
    at, up_to, _ = _at_risk(conversions, observed)
    if not up_to.any():
        return None
    reverse = at.sum(axis=0) / np.maximum(up_to.sum(axis=0), 1.0)
    later = np.cumprod(np.where(up_to.sum(axis=0) > 0, 1.0 - reverse, 1.0)[::-1])[::-1]
    return EmpiricalLag(np.concatenate([later[1:], [1.0]]))


def spread_excess(conversions: NDArray[np.integer], observed: NDArray[np.integer]) -> float:
    """Return by how many standard errors cohorts differ in their ages beyond chance, whatever the lag.

    Pearson's statistic of the conversions at age j among those up to j, over all cohorts seen beyond j, which
    are independent binomials when cohorts share one lag; above 3, chance alone is no longer an explanation.
    """
    at, up_to, _ = _at_risk(conversions, observed)
    totals = up_to.sum(axis=0)
    share = at.sum(axis=0) / np.maximum(totals, 1.0)
    expected = up_to * share * (1.0 - share)
    used = expected > 0
    if not used.any():
        return 0.0
    safe = np.where(used, expected, 1.0)
    statistic = float(np.where(used, np.square(at - up_to * share) / safe, 0.0).sum())
    per_age = used.sum(axis=0)
    freedom = float(np.maximum(per_age - 1, 0).sum())
    # The variance of one squared binomial residual: 2 + (1 − 6 v)/(n v), v = share(1 − share).
    kurtosis = float(np.where(used, 1.0 / safe - 6.0 / np.maximum(up_to, 1.0), 0.0).sum())
    variance = 2.0 * freedom + max(kurtosis, 0.0)
    return (statistic - freedom) / np.sqrt(variance) if variance > 0 else 0.0


def _at_risk(
    conversions: NDArray[np.integer], observed: NDArray[np.integer]
) -> tuple[Floats, Floats, NDArray[np.bool_]]:
    """Return conversions at and up to each age, zero where the age was not seen."""
    counts = floats(conversions)
    seen = np.arange(counts.shape[1]) < np.asarray(observed)[:, None]
    counts = np.where(seen, counts, 0.0)
    return counts, np.where(seen, np.cumsum(counts, axis=1), 0.0), seen
