"""Mixtures of beliefs of one family."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy import special

from evenfall.beliefs.distributions import Distribution
from evenfall.beliefs.families import Family
from evenfall.beliefs.numerics.arrays import Floats, broadcast_floats, floats

__all__ = ["Mixture", "MixtureBelief"]


@dataclass(frozen=True, slots=True, eq=False)
class Mixture:
    """Weighted mixtures of laws; the last axis of the law's parameters runs over the components.

    Attributes
    ----------
    weights : ndarray, shape (..., component)
        Sum to 1 over the last axis.
    law
        The components.
    """

    weights: Floats
    law: Distribution

    @property
    def discrete(self) -> bool:
        """Whether the components are."""
        return self.law.discrete

    @property
    def mean(self) -> Floats:
        """The expected value."""
        return np.asarray((self.weights * self.law.mean).sum(axis=-1))

    @property
    def stdev(self) -> Floats:
        """The standard deviation: scatter within the components and between their means."""
        between = np.square(self.law.mean - self.mean[..., None])
        return np.asarray(np.sqrt((self.weights * (np.square(self.law.stdev) + between)).sum(axis=-1)))

    def _log_sum(self, log_values: Floats) -> Floats:
        with np.errstate(divide="ignore"):
            return np.asarray(special.logsumexp(log_values + np.log(self.weights), axis=-1))

    def log_density(self, x: ArrayLike) -> Floats:
        """Return the log density, or log mass, at `x`."""
        return self._log_sum(self.law.log_density(floats(x)[..., None]))

    def log_tails(self, x: ArrayLike) -> tuple[Floats, Floats]:
        """Return log P(X <= x) and log P(X > x)."""
        lower, upper = self.law.log_tails(floats(x)[..., None])
        return self._log_sum(lower), self._log_sum(upper)

    def cdf(self, x: ArrayLike) -> Floats:
        """Return P(X <= x)."""
        return np.asarray((self.weights * self.law.cdf(floats(x)[..., None])).sum(axis=-1))

    def quantile(self, q: ArrayLike) -> Floats:
        """Return the smallest x with P(X <= x) >= q, which lies between the components' quantiles."""
        q, _ = broadcast_floats(q, self.mean)
        ends = self.law.quantile(q[..., None])
        low, high = ends.min(axis=-1), ends.max(axis=-1)
        if self.discrete:
            low = low - 1.0
        for _ in range(1100):
            middle = 0.5 * (low + high)
            middle = np.floor(middle) if self.discrete else middle
            closed = (middle <= low) | (middle >= high)
            if closed.all():
                break
            reached = self.cdf(middle) >= q
            low, high = np.where(reached | closed, low, middle), np.where(reached & ~closed, middle, high)
        return high


@dataclass(frozen=True, slots=True, eq=False)
class MixtureBelief:
    """Beliefs that are mixtures within one family.

    Attributes
    ----------
    family
        The family of every component.
    weights : ndarray, shape (..., component)
        Sum to 1 over the last axis.
    theta : ndarray, shape (..., component, key)
    """

    family: Family
    weights: Floats
    theta: Floats

    def update(self, sums: Floats) -> MixtureBelief:
        """Return the posterior: each component updated, its weight times its evidence.

        Parameters
        ----------
        sums : ndarray, shape (..., 3)
        """
        each = sums[..., None, :]
        with np.errstate(divide="ignore"):
            log_weights = np.log(self.weights) + self.family.log_evidence(self.theta, each)
        weights = special.softmax(log_weights, axis=-1)
        return MixtureBelief(self.family, weights, self.family.update(self.theta, each))

    def log_evidence(self, sums: Floats) -> Floats:
        """Return the log density of the observations behind `sums`, averaged over the mixture."""
        with np.errstate(divide="ignore"):
            log_each = np.log(self.weights) + self.family.log_evidence(self.theta, sums[..., None, :])
        return np.asarray(special.logsumexp(log_each, axis=-1))

    def belief(self) -> Mixture:
        """Return the law of the reported quantity."""
        return Mixture(self.weights, self.family.belief(self.theta))

    def predictive(self, size: ArrayLike) -> Mixture:
        """Return the law of the total of `size` further observations."""
        return Mixture(self.weights, self.family.predictive(self.theta, floats(size)[..., None]))
