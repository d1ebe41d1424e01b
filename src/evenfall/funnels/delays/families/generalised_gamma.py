"""Generalised gamma lags with shape Q: 0 is the lognormal, 1 the Weibull, −1 the inverse Weibull."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from evenfall.beliefs.numerics.arrays import Floats, broadcast_floats, floats
from evenfall.funnels.delays.families import log_gamma
from evenfall.funnels.delays.families.lag import LagFamily, Standard
from evenfall.funnels.delays.families.log_upper import log_upper

__all__ = ["GENERALISED_GAMMA"]


@dataclass(frozen=True, slots=True)
class GeneralisedGamma:
    """log T = μ + σ W with W log-gamma of shape Q (Prentice 1974): closed in t50 and t95 once Q is given."""

    name: str = "generalised_gamma"
    has_q: bool = True

    def evaluate(self, x: Floats, log_ratio: Floats, q: Floats) -> Standard:
        """Return cdf, survival and slopes at x = log t."""
        q, log_ratio = _bounded(q), floats(log_ratio)
        w50, slope50 = log_gamma.quantiles(floats(0.5), q)
        w95, slope95 = log_gamma.quantiles(floats(0.95), q)
        share = np.maximum(x, -1e300) / log_ratio
        w = w50 + share * (w95 - w50)
        small, upper, by_shape = log_gamma.tail(w, q)
        density = log_gamma.density(w, q)
        by_x = density * (w95 - w50) / log_ratio
        moved = np.where(density > 0, density, 0.0) * (
            slope50 + np.clip(share, -1e9, 1e9) * (slope95 - slope50)
        )
        by_q = np.where(upper, -by_shape, by_shape) + moved
        return Standard(
            np.where(upper, 1.0 - small, small),
            np.where(upper, small, 1.0 - small),
            by_x,
            -np.clip(share, -1e9, 1e9) * by_x,
            by_q,
        )

    def tails(self, x: Floats, log_ratio: Floats, q: Floats) -> tuple[Floats, Floats]:
        """Return cdf and survival at x = log t."""
        return log_gamma.tails(_w(x, log_ratio, q), _bounded(q))

    def log_survival(self, x: Floats, log_ratio: Floats, q: Floats) -> Floats:
        """Return the log of the survival."""
        return log_upper(_w(x, log_ratio, q), _bounded(q))

    def quantile(self, level: Floats, log_ratio: Floats, q: Floats) -> Floats:
        """Return x = log t at which the cdf is `level`."""
        q = _bounded(q)
        level, shape = broadcast_floats(level, q)
        w, _ = log_gamma.quantiles(level, shape)
        w50, _ = log_gamma.quantiles(floats(0.5), q)
        w95, _ = log_gamma.quantiles(floats(0.95), q)
        return np.asarray((w - w50) / (w95 - w50) * log_ratio)


def _bounded(q: Floats) -> Floats:
    return np.clip(q, -log_gamma.LARGEST, log_gamma.LARGEST)


def _w(x: Floats, log_ratio: Floats, q: Floats) -> Floats:
    q = _bounded(q)
    w50, _ = log_gamma.quantiles(floats(0.5), q)
    w95, _ = log_gamma.quantiles(floats(0.95), q)
    return np.asarray(w50 + np.maximum(x, -1e300) / log_ratio * (w95 - w50))


GENERALISED_GAMMA: Final = LagFamily(GeneralisedGamma())
