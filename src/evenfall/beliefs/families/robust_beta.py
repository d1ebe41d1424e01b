"""A beta belief that gives way: mixed with a vague one, which takes over where the data contradict it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
from numpy.typing import ArrayLike
from scipy import special

from evenfall.beliefs.families.beta import BETA
from evenfall.beliefs.families.feasible import require_finite
from evenfall.beliefs.families.mixture import Mixture
from evenfall.beliefs.numerics.arrays import Floats, floats
from evenfall.errors import InfeasibleBelief

__all__ = ["ROBUST_BETA", "RobustBetaFamily"]


@dataclass(frozen=True, slots=True)
class RobustBetaFamily:
    """w·Beta(alpha, beta) + (1 − w)·Beta(vague_alpha, vague_beta), w = expit(log_odds); reported: the rate.

    The weight is kept as log odds: after clear data it differs from one by less than a float can say.

    References
    ----------
    Schmidli et al. (2014), Robust meta-analytic-predictive priors, Biometrics 70, eq. 2: weights after the
    data are proportional to weight times evidence.
    """

    name: str = "robust-beta"
    keys: tuple[str, ...] = ("alpha", "beta", "vague_alpha", "vague_beta", "log_odds")
    noise_keys: tuple[str, ...] = ("log_odds",)
    score: Literal["moments", "tail"] = "tail"

    def match(self, mean: ArrayLike, stdev: ArrayLike, **noise: ArrayLike) -> Floats:
        """Return the theta whose first part has this mean and stdev, and whose second is uniform."""
        return self.around(BETA.match(mean, stdev), special.expit(floats(noise["log_odds"])))

    def around(self, informed: Floats, weight: ArrayLike) -> Floats:
        """Return the theta that holds ``Beta(alpha, beta)`` with a weight, and the uniform law with the rest.

        Raises
        ------
        InfeasibleBelief
            When the weight does not lie strictly between 0 and 1.
        """
        weight = np.broadcast_to(np.asarray(weight, dtype=np.float64), informed.shape[:-1])
        if not ((weight > 0) & (weight < 1)).all():
            raise InfeasibleBelief(
                "the weight of a robust prior must leave both parts a chance",
                remedy="write a number strictly between 0 and 1",
            )
        ones = np.ones_like(informed)
        return np.concatenate([informed, ones, special.logit(weight)[..., None]], axis=-1)

    def check(self, theta: Floats) -> None:
        """Raise `InfeasibleBelief` unless both parts can be held and the log odds are finite."""
        require_finite(log_odds=theta[..., 4])
        BETA.check(theta[..., :2])
        BETA.check(theta[..., 2:4])

    def update(self, theta: Floats, sums: Floats) -> Floats:
        """Return both parts updated, and the odds times the ratio of their evidence."""
        parts = (theta[..., :2], theta[..., 2:4])
        informed, vague = (BETA.log_evidence(part, sums) for part in parts)
        log_odds = theta[..., 4] + informed - vague
        return np.concatenate([*(BETA.update(part, sums) for part in parts), log_odds[..., None]], axis=-1)

    def log_evidence(self, theta: Floats, sums: Floats) -> Floats:
        """Return the log mass of the successes given the trials, averaged over the mixture."""
        odds = theta[..., 4]
        return np.logaddexp(
            special.log_expit(odds) + BETA.log_evidence(theta[..., :2], sums),
            special.log_expit(-odds) + BETA.log_evidence(theta[..., 2:4], sums),
        )

    def belief(self, theta: Floats) -> Mixture:
        """Return the law of the rate."""
        return Mixture(_weights(theta), BETA.belief(_parts(theta)))

    def predictive(self, theta: Floats, size: ArrayLike) -> Mixture:
        """Return the law of the successes of `size` further trials."""
        return Mixture(_weights(theta), BETA.predictive(_parts(theta), floats(size)[..., None]))

    def contrast(self, theta: Floats, sums: Floats) -> tuple[Floats, Floats]:
        """Return observed minus expected rate, and its standard error."""
        part = theta[..., :2]
        difference, error = BETA.contrast(part, sums)
        return difference + BETA.belief(part).mean - self.belief(theta).mean, error


def _weights(theta: Floats) -> Floats:
    return np.stack([special.expit(theta[..., 4]), special.expit(-theta[..., 4])], axis=-1)


def _parts(theta: Floats) -> Floats:
    return theta[..., :4].reshape(*theta.shape[:-1], 2, 2)


ROBUST_BETA: Final = RobustBetaFamily()
