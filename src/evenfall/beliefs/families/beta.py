"""Beta beliefs about a rate, met by trials and successes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
from numpy.typing import ArrayLike

from evenfall.beliefs.distributions.beta import BetaBinomial, BetaDistribution
from evenfall.beliefs.families.feasible import require_finite, require_least, require_positive_stdev
from evenfall.beliefs.numerics.arrays import Floats, broadcast_floats, floats
from evenfall.beliefs.numerics.stirling import log_beta_binomial
from evenfall.errors import InfeasibleBelief

__all__ = ["BETA", "SMALLEST", "BetaFamily"]

SMALLEST: Final = 0.01
"""Least alpha and beta a belief may have: below it nearly all mass lies within rounding of 0 and 1."""


@dataclass(frozen=True, slots=True)
class BetaFamily:
    """Beta(alpha, beta) with binomial observations (trials, successes, unused)."""

    name: str = "beta"
    keys: tuple[str, ...] = ("alpha", "beta")
    noise_keys: tuple[str, ...] = ()
    score: Literal["moments", "tail"] = "moments"

    def match(self, mean: ArrayLike, stdev: ArrayLike, **noise: ArrayLike) -> Floats:
        """Return the theta with this mean and stdev: alpha + beta = mean(1 − mean)/stdev² − 1.

        Raises
        ------
        InfeasibleBelief
            When no beta with alpha and beta at least 0.01 has them; the largest feasible stdev is named.
        """
        mean, stdev = broadcast_floats(mean, stdev)
        require_finite(mean=mean, stdev=stdev)
        require_positive_stdev(stdev)
        outside = (mean <= 0) | (mean >= 1)
        if outside.any():
            raise InfeasibleBelief(
                f"a rate with mean {float(mean[outside][0]):g} is certain, or none at all",
                remedy="give a mean strictly between 0 and 1",
            )
        strength = mean * (1.0 - mean) / np.square(stdev) - 1.0
        theta = np.stack([mean * strength, (1.0 - mean) * strength], axis=-1)
        thin = ~(theta.min(axis=-1) >= SMALLEST)
        if thin.any():
            m, s = float(mean[thin][0]), float(stdev[thin][0])
            raise InfeasibleBelief(
                f"no rate with mean {m:g} has stdev {s:g}",
                remedy=f"the largest feasible stdev at this mean is {largest_stdev(m):.6g}",
            )
        return theta

    def check(self, theta: Floats) -> None:
        """Raise `InfeasibleBelief` unless alpha and beta are finite and at least 0.01."""
        require_least(self.keys, theta, SMALLEST)

    def update(self, theta: Floats, sums: Floats) -> Floats:
        """Return (alpha + successes, beta + failures)."""
        successes = sums[..., 1]
        return np.stack([theta[..., 0] + successes, theta[..., 1] + (sums[..., 0] - successes)], axis=-1)

    def log_evidence(self, theta: Floats, sums: Floats) -> Floats:
        """Return the log beta-binomial mass of the successes among the trials."""
        return log_beta_binomial(sums[..., 1], sums[..., 0], theta[..., 0], theta[..., 1])

    def belief(self, theta: Floats) -> BetaDistribution:
        """Return the law of the rate."""
        return BetaDistribution(theta[..., 0], theta[..., 1])

    def predictive(self, theta: Floats, size: ArrayLike) -> BetaBinomial:
        """Return the law of the successes among `size` further trials."""
        return BetaBinomial(floats(size), theta[..., 0], theta[..., 1])

    def contrast(self, theta: Floats, sums: Floats) -> tuple[Floats, Floats]:
        """Return p̂ − m and sqrt(p̂(1 − p̂)/n), the documents' arithmetic."""
        with np.errstate(divide="ignore", invalid="ignore"):
            observed = sums[..., 1] / sums[..., 0]
            error = np.sqrt(observed * (1.0 - observed) / sums[..., 0])
        return observed - self.belief(theta).mean, error


def largest_stdev(mean: float) -> float:
    """Return the largest stdev a beta belief with this mean can have, its alpha and beta at least 0.01."""
    strength = SMALLEST / min(mean, 1.0 - mean)
    return float(np.sqrt(mean * (1.0 - mean) / (strength + 1.0)))


BETA: Final = BetaFamily()
