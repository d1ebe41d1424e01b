"""Rates that differ from day to day more than chance allows: the posterior with κ known, and κ itself.

The successes of day d follow BetaBinomial(n_d, p·κ, (1 − p)·κ): the day's own rate scatters around p with
intraclass correlation ρ = 1/(κ + 1). κ = ∞ is the plain binomial day.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy import special

from evenfall.beliefs.numerics.arrays import Floats
from evenfall.beliefs.numerics.stirling import log_beta_binomial
from evenfall.beliefs.observations import Observations

__all__ = ["LOG_RHO_MEAN", "LOG_RHO_STDEV", "learn_kappa", "learn_kappas", "overdispersed_update"]

LOG_RHO_MEAN: Final = float(np.log(0.01))
LOG_RHO_STDEV: Final = 2.0
"""The weak prior of `learn_kappa`, log ρ ~ N(log 0.01, 2²): κ between 1 and 5,000 with probability .95."""

_FEWEST_DAYS: Final = 7
_REACH: Final = 9.0  # half width of the first grid, in approximate standard deviations
_NODES: Final = 37
_MOST_NODES: Final = 1 << 16
_ENDS: Final = 36.0  # nats below the peak at which the grid may end: 1e-15 of the mass lies beyond
_STEADY: Final = 1e-7
_BLOCK: Final = 1 << 19  # values held at once
_PLAIN: Final = 1e5  # largest trials + κ for which a difference of log gammas keeps ten digits


def overdispersed_update(
    theta: Floats,
    observations: Sequence[Observations],
    kappa: Floats,
    weights: Sequence[Floats] | None = None,
) -> Floats:
    """Return the beta with the mean and stdev of Beta(a, b) × Π_d BetaBinomial(k_d; n_d, p·κ, (1 − p)·κ).

    The product is integrated over the log odds of p by the trapezoidal rule. It has one peak, since every
    factor is log-concave in p, and on so smooth a peak halving the step at least squares the error: the grid
    grows and halves its step until every other node gives the same moments to 1e-7.

    Parameters
    ----------
    theta : ndarray, shape (parameter, 2)
        Prior alpha and beta.
    observations
        One per parameter; each interval is one day.
    kappa : ndarray, shape (parameter,)
        Positive.
    weights
        Per parameter the weight of each interval's log likelihood; default 1.
    """
    result = np.array(theta, dtype=np.float64)
    for rows, days in _blocks(observations, weights, _NODES):
        filled = (days[..., 0] > 0).any(axis=-1)
        at = rows[filled]
        if len(at):
            result[at] = _integrate(result[at], days[filled], kappa[at])
    return result


def _blocks(
    observations: Sequence[Observations], weights: Sequence[Floats] | None, nodes: int
) -> Iterator[tuple[NDArray[np.intp], Floats]]:
    """Return positions and days (trials, successes, weight), shape (parameter, day, 3), in small blocks.

    Parameters with about as many days share a block; a missing day has no trials.
    """
    order = np.argsort([len(one) for one in observations], kind="stable")
    longest = max((len(one) for one in observations), default=0)
    count = max(1, _BLOCK // (nodes * max(longest, 1)))
    for start in range(0, len(order), count):
        rows = order[start : start + count]
        days = np.zeros((len(rows), max(len(observations[i]) for i in rows), 3))
        for j, i in enumerate(rows):
            one = observations[i]
            days[j, : len(one), :2] = one.sums[:, :2]
            days[j, : len(one), 2] = 1.0 if weights is None else weights[i]
        yield rows, days


def _pseudo_counts(theta: Floats, days: Floats, kappa: Floats) -> tuple[Floats, Floats]:
    """Return alpha and beta plus the effective successes and failures: each day over its design effect."""
    trials, successes, weight = np.moveaxis(days, -1, 0)
    share = weight / (1.0 + np.maximum(trials - 1.0, 0.0) / (kappa[:, None] + 1.0))
    return (
        theta[:, 0] + _over_days(share * successes),
        theta[:, 1] + _over_days(share * (trials - successes)),
    )


def _over_days(values: Floats) -> Floats:
    """Return the sums over the last axis, one day after the other.

    `numpy.sum` adds in an order that depends on how many days there are, so that the days without trials that
    fill a block up would change the last digits, and these cancel in the moments.
    """
    return np.asarray(np.add.accumulate(values, axis=-1)[..., -1])


def _integrate(theta: Floats, days: Floats, kappa: Floats) -> Floats:
    """Return the moment-matched theta of each row, its grid refined until the moments stand still."""
    result = np.empty_like(theta)
    a, b = _pseudo_counts(theta, days, kappa)
    centre, reach = np.log(a) - np.log(b), _REACH * np.sqrt(1.0 / a + 1.0 / b)
    low, high = centre - reach, centre + reach
    unfinished, nodes = np.arange(len(theta)), _NODES
    while len(unfinished):
        at = unfinished
        t = np.linspace(low[at], high[at], nodes, axis=-1)
        log_mass = _log_mass(t, theta[at], days[at], kappa[at])
        log_mass -= log_mass.max(axis=-1, keepdims=True)
        fine, coarse = _moments(t, log_mass), _moments(t[:, ::2], log_mass[:, ::2])
        short_low, short_high = log_mass[:, 0] > -_ENDS, log_mass[:, -1] > -_ENDS
        steady = (np.abs(fine - coarse) <= _STEADY * fine).all(axis=-1) & ~short_low & ~short_high
        done = steady | (nodes >= _MOST_NODES)
        result[at[done]] = _match(fine[done])
        width = high[at] - low[at]
        low[at] -= np.where(short_low, width, 0.0)
        high[at] += np.where(short_high, width, 0.0)
        unfinished, nodes = at[~done], 2 * nodes - 1
    return result


def _log_mass(t: Floats, theta: Floats, days: Floats, kappa: Floats) -> Floats:
    """Return the log of the unnormalised product at log odds `t`, shape (parameter, node)."""
    prior = theta[:, :1] * special.log_expit(t) + theta[:, 1:] * special.log_expit(-t)
    x = np.maximum(kappa[:, None] * special.expit(t), 1e-300)
    y = np.maximum(kappa[:, None] * special.expit(-t), 1e-300)
    likelihood = _log_likelihood if days[..., 0].max() + kappa.max() <= _PLAIN else _log_likelihood_large
    return np.asarray(prior + likelihood(x, y, kappa, days))


def _log_likelihood(x: Floats, y: Floats, kappa: Floats, days: Floats) -> Floats:
    """Return Σ_d w_d log BetaBinomial(k_d; n_d, x, y), x + y = κ; a day costs two log gammas per node."""
    trials, successes, weight = (days[:, None, :, i] for i in range(3))
    present = weight * (trials > 0)
    ways = (
        special.gammaln(trials + 1.0)
        - special.gammaln(successes + 1.0)
        - special.gammaln(trials - successes + 1.0)
    )
    k = kappa[:, None, None]
    constant = present * (ways + special.gammaln(k) - special.gammaln(k + trials))
    after = special.gammaln(x[..., None] + successes) + special.gammaln(y[..., None] + (trials - successes))
    before = _over_days(present) * (special.gammaln(x) + special.gammaln(y))
    return np.asarray(_over_days(present * after) - before + _over_days(constant))


def _log_likelihood_large(x: Floats, y: Floats, _kappa: Floats, days: Floats) -> Floats:
    """Return the same by terms that cancel no large logs, at ten times the cost."""
    trials, successes, weight = (days[:, None, :, i] for i in range(3))
    filled = np.maximum(trials, 1.0)  # a day without trials says nothing, and the terms have no value there
    each = log_beta_binomial(successes, filled, x[..., None], y[..., None])
    return np.asarray(_over_days(np.where(trials > 0, weight * each, 0.0)))


def _moments(t: Floats, log_mass: Floats) -> Floats:
    """Return E[p], E[1 − p] and Var(p), shape (parameter, 3)."""
    mass = np.exp(log_mass)
    mass /= mass.sum(axis=-1, keepdims=True)
    p, q = special.expit(t), special.expit(-t)
    mean, other = (mass * p).sum(axis=-1), (mass * q).sum(axis=-1)
    # The deviation from the nearer end keeps its digits at rates near 0 and near 1.
    deviation = np.where(mean[:, None] < 0.5, p - mean[:, None], other[:, None] - q)
    return np.stack([mean, other, (mass * np.square(deviation)).sum(axis=-1)], axis=-1)


def _match(moments: Floats) -> Floats:
    """Return alpha and beta with these E[p], E[1 − p] and Var(p)."""
    mean, other, variance = np.moveaxis(moments, -1, 0)
    strength = mean * other / variance - 1.0
    return np.stack([mean * strength, other * strength], axis=-1)


def learn_kappa(observations: Observations) -> float | None:
    """Return κ as the days of one rate show it, or None with fewer than 7 days of two trials or more."""
    return learn_kappas([observations])[0]


def learn_kappas(observations: Sequence[Observations]) -> list[float | None]:
    """Return κ of each rate: 1/ρ − 1 at the posterior mean of log ρ.

    The rate itself is uniform before the data and integrated out; log ρ has the weak prior
    N(log 0.01, 2²). The same observations always give the same κ.
    """
    result: list[float | None] = [None] * len(observations)
    able = [i for i, one in enumerate(observations) if (one.sums[:, 0] >= 2).sum() >= _FEWEST_DAYS]
    for rows, days in _blocks([observations[i] for i in able], None, 13):
        for j, log_rho in zip(rows, _mean_log_rho(days), strict=True):
            result[able[j]] = float(np.expm1(-log_rho))
    return result


def _mean_log_rho(days: Floats) -> Floats:
    """Return the posterior mean of log ρ per parameter, on a grid that closes in on the peak three times."""
    low, high = np.full(len(days), -16.0), np.full(len(days), -0.02)
    mean = low
    for _ in range(3):
        grid = np.linspace(low, high, 17, axis=-1)
        log_mass = np.stack([_log_marginal(days, column) for column in grid.T], axis=-1)
        log_mass -= 0.5 * np.square((grid - LOG_RHO_MEAN) / LOG_RHO_STDEV)
        mass = np.exp(log_mass - log_mass.max(axis=-1, keepdims=True))
        mass /= mass.sum(axis=-1, keepdims=True)
        mean = (mass * grid).sum(axis=-1)
        stdev = np.sqrt((mass * np.square(grid - mean[:, None])).sum(axis=-1))
        reach = np.maximum(6.0 * stdev, 1.5 * (grid[:, 1] - grid[:, 0]))
        low, high = np.maximum(mean - reach, -20.0), np.minimum(mean + reach, -0.02)
    return mean


def _log_marginal(days: Floats, log_rho: Floats) -> Floats:
    """Return the log likelihood of ρ with the rate integrated out under Beta(1, 1), shape (parameter,).

    Thirteen trapezoidal nodes one standard deviation apart, around the rate weighted by effective trials.
    """
    kappa = np.expm1(-log_rho)
    uniform = np.ones((len(days), 2))
    a, b = _pseudo_counts(uniform, days, kappa)
    step = np.sqrt(1.0 / a + 1.0 / b)
    t = (np.log(a) - np.log(b))[:, None] + step[:, None] * np.arange(-6.0, 7.0)
    log_mass = _log_mass(t, uniform, days, kappa)
    return np.asarray(special.logsumexp(log_mass, axis=-1) + np.log(step))
