"""How far observations lie from a belief, in standard deviations."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike
from scipy import special

from evenfall.beliefs.belief import Belief
from evenfall.beliefs.distributions import Distribution
from evenfall.beliefs.distributions.beta import BetaBinomial
from evenfall.beliefs.groups import by_family
from evenfall.beliefs.numerics.arrays import Floats
from evenfall.beliefs.observations import Observations

__all__ = ["log_mid_tails", "observed_sigma", "overdispersed_variance", "predictive_z", "tail_score"]


def predictive_z(
    beliefs: Sequence[Belief], observations: Sequence[Observations], kappas: Sequence[float | None]
) -> tuple[Floats, Floats]:
    """Return the predictive distance z of each parameter's observations, and their mid-p from below.

    For a rate, z = (k − n·m)/sd of the beta-binomial prediction, with overdispersion the sd of the sum of its
    days. For other families z = Φ⁻¹(mid-p). Both count the doubt of the belief and the chance of the sample.

    Parameters
    ----------
    beliefs, observations, kappas
        One of each per parameter; `kappas` matter to rates only.

    Returns
    -------
    z : ndarray, shape (parameter,)
        Positive where more was seen than believed; not a number without observations.
    mid_p : ndarray, shape (parameter,)
        P(K < k) + P(K = k)/2. With overdispersion that of the beta-binomial of equal mean and variance.
    """
    z, mid_p = np.full(len(beliefs), np.nan), np.full(len(beliefs), np.nan)
    totals = np.array([seen.total() for seen in observations]).reshape(-1, 3)
    for family, members, theta in by_family(beliefs):
        seen = totals[members, 0] > 0
        at = members[seen]
        if not len(at):
            continue
        law = family.predictive(theta[seen], totals[at, 0])
        if isinstance(law, BetaBinomial):
            law = _overdispersed(law, [observations[i] for i in at], [kappas[i] for i in at])
        below, above = log_mid_tails(law, totals[at, 1])
        mid_p[at] = np.exp(below)
        by_moments = family.score == "moments"
        z[at] = (totals[at, 1] - law.mean) / law.stdev if by_moments else tail_score(below, above)
    return z, mid_p


def observed_sigma(beliefs: Sequence[Belief], sums: Floats) -> Floats:
    """Return |observed − expected| over the standard error of the observed, the doubt of the belief left out.

    Parameters
    ----------
    sums : ndarray, shape (parameter, 3)
        Size, total and squares of each parameter's observations.
    """
    sigma = np.full(len(beliefs), np.nan)
    for family, members, theta in by_family(beliefs):
        difference, error = family.contrast(theta, sums[members])
        with np.errstate(divide="ignore", invalid="ignore"):
            sigma[members] = np.abs(difference) / error
    return sigma


def overdispersed_variance(alpha: float, beta: float, days: Floats, kappa: float) -> float:
    """Return the predictive variance of the successes over days of n_d trials.

    Σ_d n_d·E·(1 + (n_d − 1)ρ) + n²V, with E = E[p(1 − p)], V = Var(p), ρ = 1/(κ + 1).
    """
    s = alpha + beta
    spread, rho = (alpha / s) * (beta / s), 1.0 / (kappa + 1.0)
    inner, outer = spread * s / (s + 1.0), spread / (s + 1.0)
    return float(np.sum(days * inner * (1.0 + (days - 1.0) * rho)) + np.square(days.sum()) * outer)


def _overdispersed(
    law: BetaBinomial, observations: Sequence[Observations], kappas: Sequence[float | None]
) -> BetaBinomial:
    """Return the laws with the same means and, where there is a κ, the variance of its overdispersed days."""
    strength = law.alpha + law.beta
    mean = law.alpha / strength
    for j, (seen, kappa) in enumerate(zip(observations, kappas, strict=True)):
        if kappa is not None and law.size[j] > 1:
            variance = overdispersed_variance(law.alpha[j], law.beta[j], seen.sums[:, 0], kappa)
            # Variance = n m (1 − m)(1 + (n − 1) r) with r = 1/(strength + 1).
            size = law.size[j]
            r = (variance / (size * mean[j] * (1.0 - mean[j])) - 1.0) / (size - 1.0)
            strength[j] = 1.0 / r - 1.0
    return BetaBinomial(law.size, mean * strength, (1.0 - mean) * strength)


def log_mid_tails(law: Distribution, x: ArrayLike) -> tuple[Floats, Floats]:
    """Return the logs of P(X < x) + P(X = x)/2 and of P(X > x) + P(X = x)/2."""
    if not law.discrete:
        return law.log_tails(x)
    x = np.asarray(x, dtype=np.float64)
    half = law.log_density(x) - np.log(2.0)
    return np.logaddexp(law.log_tails(x - 1.0)[0], half), np.logaddexp(law.log_tails(x)[1], half)


def tail_score(log_below: Floats, log_above: Floats) -> Floats:
    """Return Φ⁻¹ of the probability below, taken from the smaller tail so that it never becomes infinite."""
    from_above = -special.ndtri_exp(np.minimum(log_above, 0.0))
    return np.where(log_below < log_above, special.ndtri_exp(np.minimum(log_below, 0.0)), from_above)
