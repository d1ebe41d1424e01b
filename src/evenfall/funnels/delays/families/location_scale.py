"""Lags whose log is a location, plus a scale times a fixed law: the median and the spread set both."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from evenfall.beliefs.numerics.arrays import Floats
from evenfall.funnels.delays.families.lag import Standard

__all__ = ["LocationScale"]


@dataclass(frozen=True, slots=True)
class LocationScale:
    """log T = μ + σ W with W of a fixed law: w = w50 + (w95 − w50) x / log_ratio.

    Attributes
    ----------
    w50, w95
        Quantiles of W.
    law
        cdf, survival and density of W.
    log_upper
        Log survival of W.
    inverse
        Quantile of W.
    """

    name: str
    w50: float
    w95: float
    law: Callable[[Floats], tuple[Floats, Floats, Floats]]
    log_upper: Callable[[Floats], Floats]
    inverse: Callable[[Floats], Floats]
    has_q: bool = False

    def _w(self, x: Floats, log_ratio: Floats) -> Floats:
        return np.asarray(self.w50 + x * ((self.w95 - self.w50) / log_ratio))

    def evaluate(self, x: Floats, log_ratio: Floats, q: Floats) -> Standard:
        """Return cdf, survival and slopes at x = log t."""
        rate = (self.w95 - self.w50) / log_ratio
        cdf, survival, density = self.law(self._w(x, log_ratio))
        by_x = density * rate
        by_log_ratio = -np.where(np.isneginf(x), 0.0, x) * by_x / log_ratio
        return Standard(cdf, survival, by_x, by_log_ratio, None)

    def tails(self, x: Floats, log_ratio: Floats, q: Floats) -> tuple[Floats, Floats]:
        """Return cdf and survival at x = log t."""
        cdf, survival, _ = self.law(self._w(x, log_ratio))
        return cdf, survival

    def log_survival(self, x: Floats, log_ratio: Floats, q: Floats) -> Floats:
        """Return the log of the survival."""
        return self.log_upper(self._w(x, log_ratio))

    def quantile(self, level: Floats, log_ratio: Floats, q: Floats) -> Floats:
        """Return x = log t at which the cdf is `level`."""
        return np.asarray((self.inverse(level) - self.w50) * log_ratio / (self.w95 - self.w50))
