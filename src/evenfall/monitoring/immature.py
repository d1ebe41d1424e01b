"""The distance of a window whose outcomes are still arriving from the rate it will end at."""

from __future__ import annotations

import numpy as np

from evenfall.beliefs.belief import Belief
from evenfall.beliefs.distributions.beta import BetaBinomial
from evenfall.beliefs.divergence import log_mid_tails
from evenfall.beliefs.numerics.arrays import Floats
from evenfall.beliefs.observations import Observations

__all__ = ["immature_moments", "immature_z"]

_LEAST_RHO = 1e-12


def immature_moments(
    alpha: float, beta: float, trials: Floats, arrived: Floats, kappa: float | None
) -> tuple[float, float]:
    """Return the predictive mean and variance of the successes seen so far.

    With p ~ Beta(alpha, beta) and f_i the share arrived of day i, k_i | p_i ~ Binomial(n_i, f_i p_i), and the
    day's own rate p_i has mean p and variance ρp(1 − p), ρ = 1/(κ + 1). By total variance

        Σ n_i f_i (m − f_i E[p²]) + ρ E[p(1 − p)] Σ n_i (n_i − 1) f_i² + V (Σ n_i f_i)².

    Parameters
    ----------
    trials, arrived : ndarray, shape (row,)
    """
    s = alpha + beta
    mean = alpha / s
    spread = mean * (beta / s)
    outer = spread / (s + 1.0)
    rho = 0.0 if kappa is None else 1.0 / (kappa + 1.0)
    exposed = trials * arrived
    inside = np.sum(exposed * (mean - arrived * (outer + mean * mean)))
    between = rho * (spread - outer) * np.sum(np.maximum(trials - 1.0, 0.0) * trials * np.square(arrived))
    variance = float(inside + between + outer * np.square(exposed.sum()))
    return float(mean * exposed.sum()), variance


def immature_z(
    belief: Belief, window: Observations, arrived: Floats, kappa: float | None
) -> tuple[float, float]:
    """Return the distance z of the successes seen so far, and their mid-p from below.

    z uses the exact mean and variance; mid-p is that of the beta-binomial of all trials with these two, or of
    the nearest binomial where shares that differ leave less variance than any beta-binomial has. Both are not
    a number when nothing can have arrived.
    """
    alpha, beta = belief.numbers["alpha"], belief.numbers["beta"]
    size, total, _ = window.total()
    mean, variance = immature_moments(alpha, beta, window.sums[:, 0], arrived, kappa)
    if not mean > 0.0:
        return float("nan"), float("nan")
    share = mean / size
    rho = (variance / (mean * (1.0 - share)) - 1.0) / max(size - 1.0, 1.0)
    strength = 1.0 / max(rho, _LEAST_RHO) - 1.0
    one = np.ones(1)
    law = BetaBinomial(size * one, share * strength * one, (1.0 - share) * strength * one)
    below, _ = log_mid_tails(law, total * one)
    return (float(total) - mean) / variance**0.5, float(np.exp(below[0]))
