"""Rates that differ from day to day more than chance allows: the posterior with κ known, and κ itself.

The successes of day d follow BetaBinomial(n_d, p·κ, (1 − p)·κ): the day's own rate scatters around p with
intraclass correlation ρ = 1/(κ + 1). κ = ∞ is the plain binomial day.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

import numpy as np
from scipy import special

from evenfall.beliefs.numerics.arrays import Floats
from evenfall.beliefs.numerics.stirling import log_beta_binomial
from evenfall.beliefs.observations import Observations

__all__ = ["LOG_RHO_MEAN", "LOG_RHO_STDEV", "learn_kappa", "learn_kappas", "overdispersed_update"]

LOG_RHO_MEAN: Final = float(np.log(0.01))
LOG_RHO_STDEV: Final = 2.0
"""The weak prior of `learn_kappa`: log ρ ~ N(log 0.01, 2²), so κ between 2 and 5,000 with probability .95."""

_FEWEST_DAYS: Final = 7
_REACH: Final = 8.0  # half width of the first grid, in approximate standard deviations
_NODES: Final = 33
_MOST_NODES: Final = 1 << 15
_ENDS: Final = 34.0  # nats below the peak at which the grid may end: 1e-15 of the mass
_TOLERANCE: Final = 1e-11
_BLOCK: Final = 1 << 19  # values held at once


def overdispersed_update(
    theta: Floats,
    observations: Sequence[Observations],
    kappa: Floats,
    weights: Sequence[Floats] | None = None,
) -> Floats:
    """Return the beta with the mean and stdev of Beta(a, b) × Π_d BetaBinomial(k_d; n_d, p·κ, (1 − p)·κ).

    The product is integrated over the log odds of p by the trapezoidal rule, whose error falls faster than any
    power of the step for so smooth a peak. The product has one peak: every factor is log-concave in p. The grid
    grows, moves and halves its step until its every-other-node half gives the same moments.

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
        rows, days = rows[filled], days[filled]
        if len(rows):
            result[rows] = _integrate(result[rows], days, kappa[rows])
    return result


def _blocks(
    observations: Sequence[Observations], weights: Sequence[Floats] | None, nodes: int
) -> Iterator[tuple[np.ndarray, Floats]]:
    """Return positions and days (trials, successes, weight), shape (parameter, day, 3), in blocks that fit the cache.

    Parameters with about as many days share a block; missing days have no trials.
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
    """Return alpha and beta plus the effective successes and failures, each day divided by its design effect."""
    trials, successes, weight = np.moveaxis(days, -1, 0)
    effect = 1.0 + np.maximum(trials - 1.0, 0.0) / (kappa[:, None] + 1.0)
    share = weight / effect
    return (
        theta[:, 0] + (share * successes).sum(axis=-1),
        theta[:, 1] + (share * (trials - successes)).sum(axis=-1),
    )


def _integrate(theta: Floats, days: Floats, kappa: Floats) -> Floats:
    """Return the moment-matched theta of each row, its grid refined until the moments stand still."""
    result = np.empty_like(theta)
    a, b = _pseudo_counts(theta, days, kappa)
    centre = np.log(a) - np.log(b)
    reach = _REACH * np.sqrt(1.0 / a + 1.0 / b)
    low, high = centre - reach, centre + reach
    open_ = np.arange(len(theta))
    nodes = _NODES
    while len(open_):
        t = np.linspace(low[open_], high[open_], nodes, axis=-1)
        log_mass = _log_mass(t, theta[open_], days[open_], kappa[open_])
        log_mass -= log_mass.max(axis=-1, keepdims=True)
        fine, coarse = _moments(t, log_mass), _moments(t[:, ::2], log_mass[:, ::2])
        short_low, short_high = log_mass[:, 0] > -_ENDS, log_mass[:, -1] > -_ENDS
        steady = np.all(np.abs(fine - coarse) <= _TOLERANCE * fine, axis=-1) & ~short_low & ~short_high
        done = steady | (nodes >= _MOST_NODES)
        result[open_[done]] = _match(fine[done])
        width = high[open_] - low[open_]
        low[open_], high[open_] = (
            np.where(short_low, low[open_] - width, low[open_]),
            np.where(short_high, high[open_] + width, high[open_]),
        )
        grown = (short_low | short_high)[~done]
        open_ = open_[~done]
        if len(open_):
            nodes = 2 * nodes - 1
            del grown
    return result


def _log_mass(t: Floats, theta: Floats, days: Floats, kappa: Floats) -> Floats:
    """Return the log of the product at log odds `t`, shape (parameter, node), up to a constant per parameter."""
    p, q = special.expit(t), special.expit(-t)
    prior = theta[:, :1] * special.log_expit(t) + theta[:, 1:] * special.log_expit(-t)
    x, y = (kappa[:, None] * p)[..., None], (kappa[:, None] * q)[..., None]
    trials, successes, weight = (days[:, None, :, i] for i in range(3))
    likelihood = log_beta_binomial(successes, trials, np.maximum(x, 1e-300), np.maximum(y, 1e-300))
    return np.asarray(prior + (weight * likelihood).sum(axis=-1))


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
    mean, other, variance = np.moveaxis(moments, -1, 0)
    strength = mean * other / variance - 1.0
    return np.stack([mean * strength, other * strength], axis=-1)


def learn_kappa(observations: Observations) -> float | None:
    """Return κ as the days of one rate show it, or None with fewer than 7 days of two trials or more."""
    return learn_kappas([observations])[0]


def learn_kappas(observations: Sequence[Observations]) -> list[float | None]:
    """Return κ of each rate: 1/ρ − 1 at the posterior mean of log ρ.

    The rate itself is uniform before the data and integrated out; log ρ has the weak prior N(log 0.01, 2²). The
    same observations always give the same κ.
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
        reach = np.maximum(6.0 * stdev, (grid[:, 1] - grid[:, 0]) * 1.5)
        low, high = np.maximum(mean - reach, -20.0), np.minimum(mean + reach, -0.02)
    return mean


def _log_marginal(days: Floats, log_rho: Floats) -> Floats:
    """Return the log likelihood of ρ with the rate integrated out under Beta(1, 1), shape (parameter,)."""
    kappa = np.expm1(-log_rho)
    uniform = np.ones((len(days), 2))
    a, b = _pseudo_counts(uniform, days, kappa)
    step = np.sqrt(1.0 / a + 1.0 / b)
    t = (np.log(a) - np.log(b))[:, None] + step[:, None] * np.arange(-6.0, 7.0)
    return np.asarray(special.logsumexp(_log_mass(t, uniform, days, kappa), axis=-1) + np.log(step))
