"""The coordinates in which every lag family is written: median, spread, onset, and one more shape."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from evenfall.beliefs.numerics.arrays import Floats, floats

__all__ = ["LagShape"]


@dataclass(frozen=True, slots=True, eq=False)
class LagShape:
    """The lags of many points at once; every field has shape (point,).

    Attributes
    ----------
    log_t50
        Log of the median lag in days, onset included.
    log_ratio
        log(t95 / t50), above zero; t95 too is that of the whole lag.
    onset
        Days before which nobody converts, as a share of t50 in [0, 1).
    q
        Shape Q of the generalised gamma; the other families leave it alone.
    """

    log_t50: Floats
    log_ratio: Floats
    onset: Floats
    q: Floats

    @classmethod
    def of(
        cls, t50_days: ArrayLike, t95_days: ArrayLike, onset_days: ArrayLike = 0.0, q: ArrayLike = 0.0
    ) -> LagShape:
        """Return the shapes with these medians, 95 % points and onsets, all in days."""
        t50, t95, onset, shape = np.broadcast_arrays(*map(floats, (t50_days, t95_days, onset_days, q)))
        return cls(np.log(t50), np.log(t95 / t50), onset / t50, np.array(shape))

    @property
    def t50_days(self) -> Floats:
        """Median lag."""
        return np.asarray(np.exp(self.log_t50))

    @property
    def t95_days(self) -> Floats:
        """Lag within which 95 % of those who convert have done so."""
        return np.asarray(np.exp(self.log_t50 + self.log_ratio))

    @property
    def onset_days(self) -> Floats:
        """Days before which nobody converts."""
        return np.asarray(self.onset * self.t50_days)

    @property
    def rest_log_t50(self) -> Floats:
        """Log of the median of what comes after the onset."""
        return np.asarray(self.log_t50 + np.log1p(-self.onset))

    @property
    def rest_log_ratio(self) -> Floats:
        """log(t95 / t50) of what comes after the onset."""
        # log((e^r − φ)/(1 − φ)) = log(1 + (e^r − 1)/(1 − φ))
        return np.asarray(np.log1p(np.expm1(self.log_ratio) / (1.0 - self.onset)))
