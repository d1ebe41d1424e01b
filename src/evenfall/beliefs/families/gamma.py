"""Gamma beliefs about a rate of events, met by exposure and events."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
from numpy.typing import ArrayLike

from evenfall.beliefs.distributions.gamma import GammaDistribution, NegativeBinomial
from evenfall.beliefs.families.feasible import require_finite, require_positive, require_positive_stdev
from evenfall.beliefs.numerics.arrays import Floats, broadcast_floats, floats

__all__ = ["GAMMA", "GammaFamily"]


@dataclass(frozen=True, slots=True)
class GammaFamily:
    """Gamma(shape, rate) with Poisson counts, or exponential waits, as (exposure, events, unused)."""

    name: str = "gamma"
    keys: tuple[str, ...] = ("shape", "rate")
    noise_keys: tuple[str, ...] = ()
    score: Literal["moments", "tail"] = "tail"

    def match(self, mean: ArrayLike, stdev: ArrayLike, **noise: ArrayLike) -> Floats:
        """Return the theta with this mean and stdev: shape = (mean/stdev)², rate = mean/stdev².

        Raises
        ------
        InfeasibleBelief
            When the mean or the stdev is not above zero.
        """
        mean, stdev = broadcast_floats(mean, stdev)
        require_finite(mean=mean, stdev=stdev)
        require_positive_stdev(stdev)
        require_positive(mean=mean)
        theta = np.stack([np.square(mean / stdev), mean / np.square(stdev)], axis=-1)
        self.check(theta)
        return theta

    def check(self, theta: Floats) -> None:
        """Raise `InfeasibleBelief` unless shape and rate are finite and above zero."""
        require_positive(shape=theta[..., 0], rate=theta[..., 1])

    def update(self, theta: Floats, sums: Floats) -> Floats:
        """Return (shape + events, rate + exposure)."""
        return np.stack([theta[..., 0] + sums[..., 1], theta[..., 1] + sums[..., 0]], axis=-1)

    def log_evidence(self, theta: Floats, sums: Floats) -> Floats:
        """Return the log negative binomial mass of the events over the exposure."""
        none = sums[..., 0] == 0
        law = self.predictive(theta, np.where(none, 1.0, sums[..., 0]))
        return np.where(none, np.where(sums[..., 1] == 0, 0.0, -np.inf), law.log_density(sums[..., 1]))

    def belief(self, theta: Floats) -> GammaDistribution:
        """Return the law of the rate."""
        return GammaDistribution(theta[..., 0], theta[..., 1])

    def predictive(self, theta: Floats, size: ArrayLike) -> NegativeBinomial:
        """Return the law of the events over `size` further units of exposure."""
        return NegativeBinomial(floats(size), theta[..., 0], theta[..., 1])

    def contrast(self, theta: Floats, sums: Floats) -> tuple[Floats, Floats]:
        """Return events/exposure minus the mean, and sqrt(events)/exposure."""
        with np.errstate(divide="ignore", invalid="ignore"):
            observed = sums[..., 1] / sums[..., 0]
            error = np.sqrt(sums[..., 1]) / sums[..., 0]
        return observed - self.belief(theta).mean, error


GAMMA: Final = GammaFamily()
