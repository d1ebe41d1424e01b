"""Gamma laws of a rate, and the negative binomial laws of the events they predict."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import ArrayLike

from evenfall.beliefs.numerics.arrays import Floats, broadcast_floats, floats
from evenfall.beliefs.numerics.discrete import discrete_quantile
from evenfall.beliefs.numerics.incomplete_beta import beta_log_tails
from evenfall.beliefs.numerics.incomplete_gamma import gamma_log_tails, gamma_quantile
from evenfall.beliefs.numerics.stirling import log_binomial_weight, log_poisson_weight

__all__ = ["GammaDistribution", "NegativeBinomial"]


@dataclass(frozen=True, slots=True, eq=False)
class GammaDistribution:
    """Gamma laws with the given `shape` and `rate`."""

    discrete: ClassVar[bool] = False
    shape: Floats
    rate: Floats

    @property
    def mean(self) -> Floats:
        """The expected value, shape/rate."""
        return np.asarray(self.shape / self.rate)

    @property
    def stdev(self) -> Floats:
        """The standard deviation."""
        return np.asarray(np.sqrt(self.shape) / self.rate)

    def log_density(self, x: ArrayLike) -> Floats:
        """Return the log density at `x`; −inf below 0."""
        x = floats(x)
        k, r = self.shape, self.rate
        safe = np.maximum(x, 1e-300)
        inside = log_poisson_weight(k, r * safe) + np.log(k) - np.log(safe)
        at_zero = np.where(k < 1, np.inf, np.where(k == 1, np.log(r), -np.inf))
        return np.where(x < 0, -np.inf, np.where(x == 0, at_zero, inside))

    def log_tails(self, x: ArrayLike) -> tuple[Floats, Floats]:
        """Return log P(X <= x) and log P(X > x)."""
        return gamma_log_tails(self.shape, self.rate * floats(x))

    def cdf(self, x: ArrayLike) -> Floats:
        """Return P(X <= x)."""
        return np.exp(self.log_tails(x)[0])

    def quantile(self, q: ArrayLike) -> Floats:
        """Return x with P(X <= x) = q."""
        return np.asarray(gamma_quantile(self.shape, q) / self.rate)


@dataclass(frozen=True, slots=True, eq=False)
class NegativeBinomial:
    """Laws of the Poisson events over `exposure` when their rate follows Gamma(shape, rate)."""

    discrete: ClassVar[bool] = True
    exposure: Floats
    shape: Floats
    rate: Floats

    @property
    def mean(self) -> Floats:
        """The expected number of events."""
        return np.asarray(self.exposure * (self.shape / self.rate))

    @property
    def stdev(self) -> Floats:
        """The standard deviation of the number of events."""
        return np.asarray(np.sqrt(self.mean * (1.0 + self.exposure / self.rate)))

    def log_density(self, x: ArrayLike) -> Floats:
        """Return the log mass at `x` events; −inf below 0."""
        x, t, k, r = broadcast_floats(x, self.exposure, self.shape, self.rate)
        events, s = np.maximum(x, 0.0), t + r
        # NB(x) = C(x + k − 1, x) p^k q^x = k/(x + k) × the binomial weight of (k, x)
        inside = log_binomial_weight(k, events, r / s, t / s) - np.log1p(events / k)
        return np.where(x >= 0, inside, -np.inf)

    def log_tails(self, x: ArrayLike) -> tuple[Floats, Floats]:
        """Return log P(K <= x) and log P(K > x): P(K <= k) = I_p(shape, k+1), p = rate/(rate + exposure)."""
        x, t, k, r = broadcast_floats(x, self.exposure, self.shape, self.rate)
        events = np.floor(x)
        lower, upper = beta_log_tails(k, np.maximum(events, 0.0) + 1.0, r / (r + t), t / (r + t))
        return np.where(events < 0, -np.inf, lower), np.where(events < 0, 0.0, upper)

    def cdf(self, x: ArrayLike) -> Floats:
        """Return P(K <= x)."""
        return np.exp(self.log_tails(x)[0])

    def quantile(self, q: ArrayLike) -> Floats:
        """Return the smallest k with P(K <= k) >= q."""
        return discrete_quantile(self, np.zeros_like(self.exposure), np.full_like(self.exposure, np.inf), q)
