"""Rates whose log odds are normal beforehand, met by successes among trials: many at once, by quadrature."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special

__all__ = ["LogitNormalRate", "logit_normal_rate"]

type Floats = NDArray[np.float64]

_STEPS: Final = 50
_CLOSE: Final = 1e-10
_LONGEST: Final = 3.0  # step in log odds


@dataclass(frozen=True, eq=False)
class LogitNormalRate:
    """Posterior mean and standard deviation of rates, and the log evidence of what was seen."""

    mean: Floats
    stdev: Floats
    log_evidence: Floats


def logit_normal_rate(
    mu: ArrayLike, sigma: ArrayLike, trials: ArrayLike, successes: ArrayLike, nodes: int = 21
) -> LogitNormalRate:
    """Return the posterior of rates p with logit p ~ N(mu, sigma²) and successes ~ Binomial(trials, p).

    Gauss-Hermite quadrature around each mode, then again around the mean and spread this found.

    Parameters
    ----------
    mu, sigma, trials, successes : arrays, broadcast against each other
    nodes
        More of them where a handful of trials meets a sigma of 2 or more.

    References
    ----------
    Naylor, J. C., Smith, A. F. M. (1982), Applications of a method for the efficient computation of posterior
    distributions, Applied Statistics 31.

    Examples
    --------
    >>> rate = logit_normal_rate(0.0, 1.0, 40, 20)
    >>> round(float(rate.mean), 6), round(float(rate.stdev), 4)
    (0.5, 0.0745)
    """
    m, s, n, k = np.broadcast_arrays(
        *(np.asarray(a, dtype=np.float64) for a in (mu, sigma, trials, successes))
    )
    mode = _mode(m, s, n, k)
    p = special.expit(mode)
    centre, spread = mode, 1.0 / np.sqrt(n * p * (1.0 - p) + 1.0 / np.square(s))
    for _ in range(2):
        x, log_weights = _nodes(nodes)
        eta = centre[..., None] + spread[..., None] * x
        heights = _log_density(eta, m[..., None], s[..., None], n[..., None], k[..., None]) + log_weights
        top = heights.max(axis=-1, keepdims=True)
        weights = np.exp(heights - top)
        mass = weights.sum(axis=-1)
        weights /= mass[..., None]
        log_mass = np.log(mass) + top[..., 0] + np.log(spread)
        rates = special.expit(eta)
        mean = np.sum(weights * rates, axis=-1)
        stdev = np.sqrt(np.sum(weights * np.square(rates - mean[..., None]), axis=-1))
        centre = np.sum(weights * eta, axis=-1)
        spread = np.sqrt(np.sum(weights * np.square(eta - centre[..., None]), axis=-1))
    ways = -np.log1p(n) - special.betaln(k + 1.0, n - k + 1.0)
    return LogitNormalRate(mean, stdev, log_mass + ways - np.log(s) - 0.5 * np.log(2.0 * np.pi))


@cache
def _nodes(count: int) -> tuple[Floats, Floats]:
    """Return nodes in standard deviations, and the logs of what to multiply a density there by."""
    x, weights = np.polynomial.hermite.hermgauss(count)
    return np.sqrt(2.0) * x, np.log(weights) + x * x + 0.5 * np.log(2.0)


def _log_density(eta: Floats, mu: Floats, sigma: Floats, n: Floats, k: Floats) -> Floats:
    """Return the log posterior density of log odds, up to the constants of binomial and normal."""
    return k * eta - n * np.logaddexp(0.0, eta) - 0.5 * np.square((eta - mu) / sigma)


def _mode(mu: Floats, sigma: Floats, n: Floats, k: Floats) -> Floats:
    """Return the modes by Newton's method: the log density is concave everywhere."""
    eta = np.where(n > 0, special.logit((k + 0.5) / (n + 1.0)), mu)
    for _ in range(_STEPS):
        p = special.expit(eta)
        step = (k - n * p - (eta - mu) / np.square(sigma)) / (n * p * (1.0 - p) + 1.0 / np.square(sigma))
        eta = eta + np.clip(step, -_LONGEST, _LONGEST)
        if (np.abs(step) < _CLOSE).all():
            break
    return eta
