"""Beta laws of a rate, and the beta-binomial laws of the successes they predict."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Final

import numpy as np
from numpy.typing import ArrayLike
from scipy import special

from evenfall.beliefs.numerics.arrays import Floats, broadcast_floats, floats
from evenfall.beliefs.numerics.beta_comparison import beta_below_beta
from evenfall.beliefs.numerics.discrete import discrete_quantile
from evenfall.beliefs.numerics.incomplete_beta import beta_log_tails, beta_quantile
from evenfall.beliefs.numerics.stirling import log_beta_binomial, log_binomial_weight

__all__ = ["BetaBinomial", "BetaDistribution"]

_FEW: Final = 100


@dataclass(frozen=True, slots=True, eq=False)
class BetaDistribution:
    """Beta laws with the given `alpha` and `beta`."""

    discrete: ClassVar[bool] = False
    alpha: Floats
    beta: Floats

    @property
    def mean(self) -> Floats:
        """The expected value, alpha/(alpha + beta)."""
        return np.asarray(self.alpha / (self.alpha + self.beta))

    @property
    def stdev(self) -> Floats:
        """The standard deviation."""
        s = self.alpha + self.beta
        return np.asarray(np.sqrt((self.alpha / s) * (self.beta / s) / (s + 1.0)))

    def log_density(self, x: ArrayLike) -> Floats:
        """Return the log density at `x`; −inf outside [0, 1]."""
        x = floats(x)
        a, b = self.alpha, self.beta
        with np.errstate(divide="ignore", invalid="ignore"):
            safe = np.clip(x, 1e-300, 1.0 - 2.0**-53)
            log_logit = log_binomial_weight(a, b, safe, 1.0 - safe) + np.log(a) + np.log(b) - np.log(a + b)
            inside = log_logit - np.log(safe) - np.log1p(-safe)
            at_zero = np.where(a < 1, np.inf, np.where(a == 1, np.log(b), -np.inf))
            at_one = np.where(b < 1, np.inf, np.where(b == 1, np.log(a), -np.inf))
        inside = np.where(x == 0, at_zero, np.where(x == 1, at_one, inside))
        return np.where((x < 0) | (x > 1), -np.inf, inside)

    def log_tails(self, x: ArrayLike) -> tuple[Floats, Floats]:
        """Return log P(X <= x) and log P(X > x)."""
        return beta_log_tails(self.alpha, self.beta, x)

    def cdf(self, x: ArrayLike) -> Floats:
        """Return P(X <= x)."""
        return np.exp(self.log_tails(x)[0])

    def quantile(self, q: ArrayLike) -> Floats:
        """Return x with P(X <= x) = q."""
        return beta_quantile(self.alpha, self.beta, q)


@dataclass(frozen=True, slots=True, eq=False)
class BetaBinomial:
    """Laws of the successes among `size` trials whose common rate follows Beta(alpha, beta)."""

    discrete: ClassVar[bool] = True
    size: Floats
    alpha: Floats
    beta: Floats

    @property
    def mean(self) -> Floats:
        """The expected number of successes."""
        return np.asarray(self.size * (self.alpha / (self.alpha + self.beta)))

    @property
    def stdev(self) -> Floats:
        """The standard deviation of the number of successes."""
        s = self.alpha + self.beta
        variance = self.size * (self.alpha / s) * (self.beta / s) * ((s + self.size) / (s + 1.0))
        return np.asarray(np.sqrt(variance))

    def log_density(self, x: ArrayLike) -> Floats:
        """Return the log mass at `x` successes; −inf outside 0..size."""
        x, n, a, b = broadcast_floats(x, self.size, self.alpha, self.beta)
        inside = (x >= 0) & (x <= n)
        return np.where(inside, log_beta_binomial(np.clip(x, 0.0, n), n, a, b), -np.inf)

    def log_tails(self, x: ArrayLike) -> tuple[Floats, Floats]:
        """Return log P(K <= x) and log P(K > x).

        With U the (k+1)-th smallest of n uniforms, K <= k is p < U, and U ~ Beta(k+1, n−k): a comparison of
        two independent betas. Few trials are summed one by one.
        """
        x, n, a, b = broadcast_floats(x, self.size, self.alpha, self.beta)
        k = np.floor(x)
        lower, upper = np.where(k < 0, -np.inf, 0.0), np.where(k < 0, 0.0, -np.inf)
        inside = (k >= 0) & (k < n)
        few, many = inside & (n <= _FEW), inside & (n > _FEW)
        if few.any():
            lower[few], upper[few] = _summed_tails(k[few], n[few], a[few], b[few])
        if many.any():
            k, n = k[many], n[many]
            lower[many], upper[many] = beta_below_beta(a[many], b[many], k + 1.0, n - k)
        return lower, upper

    def cdf(self, x: ArrayLike) -> Floats:
        """Return P(K <= x)."""
        return np.exp(self.log_tails(x)[0])

    def quantile(self, q: ArrayLike) -> Floats:
        """Return the smallest k with P(K <= k) >= q."""
        return discrete_quantile(self, np.zeros_like(self.size), self.size, q)


def _summed_tails(k: Floats, n: Floats, a: Floats, b: Floats) -> tuple[Floats, Floats]:
    """Return log P(K <= k) and log P(K > k) from the masses at 0..n."""
    counts = np.arange(_FEW + 1.0)
    n, a, b, k = n[..., None], a[..., None], b[..., None], k[..., None]
    mass = np.where(counts <= n, log_beta_binomial(np.minimum(counts, n), n, a, b), -np.inf)
    return (
        np.asarray(special.logsumexp(np.where(counts <= k, mass, -np.inf), axis=-1)),
        np.asarray(special.logsumexp(np.where(counts > k, mass, -np.inf), axis=-1)),
    )
