"""Pareto-smoothed importance weights: what draws of one law are worth for another."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy import special

__all__ = [
    "K_HAT_CEILING",
    "LEAST_ESS",
    "fit_generalised_pareto",
    "importance_ess",
    "k_hat_limit",
    "smooth",
    "tail_length",
]

type Floats = NDArray[np.float64]

K_HAT_CEILING: Final = 0.7
"""Above it the variance of the weighted mean falls so slowly that no affordable number of draws helps."""

LEAST_ESS: Final = 400.0
"""Draws a posterior must be worth before it is shown: its mean is then known to a twentieth of a stdev."""

_SHORTEST_TAIL: Final = 5
_PRIOR_K: Final = (10.0, 0.5)  # draws' worth and centre of the weak prior of k (Vehtari et al. 2024)
_PRIOR_SCALE: Final = 3.0  # of Zhang and Stephens (2009)
_SAME: Final = 1e-12  # log ratios closer than this differ by rounding
_BLOCK: Final = 1 << 21  # values held at once


def smooth(log_ratios: Floats, r_eff: float = 1.0) -> tuple[Floats, Floats]:
    """Return log weights that sum to one on the last axis, their largest ones smoothed, and k_hat.

    A generalised Pareto law is fitted to the largest ratios, which are then replaced by its quantiles, in
    order. Its shape k_hat tells how many moments the ratios have: 1/k_hat of them.

    Parameters
    ----------
    log_ratios : ndarray, shape (..., draw)
        Log of target over proposal, each up to a constant; -inf where the target is zero.
    r_eff
        Effective share of the draws: below 1 when they come from a Markov chain.

    Returns
    -------
    log_weights : ndarray, shape (..., draw)
        NaN throughout a row that holds a NaN or +inf, or nothing above -inf.
    k_hat : ndarray, shape (...)
        NaN for such a row; 0 where the largest ratios are all the same, so that weights are bounded; inf
        where the tail is too short, or too uneven, to be fitted.

    References
    ----------
    Vehtari, A., Simpson, D., Gelman, A., Yao, Y., Gabry, J. (2024), Pareto smoothed importance sampling,
    JMLR 25.

    Examples
    --------
    >>> log_weights, k_hat = smooth(np.zeros(1000))
    >>> float(np.exp(log_weights).sum().round(12)), float(k_hat)
    (1.0, 0.0)
    """
    ratios = np.asarray(log_ratios, dtype=np.float64)
    rows = ratios.reshape(-1, ratios.shape[-1])
    weights, k_hat = np.empty_like(rows), np.empty(len(rows))
    tail = tail_length(rows.shape[-1], r_eff)
    step = max(1, _BLOCK // max(rows.shape[-1], (30 + int(tail**0.5)) * tail))
    for start in range(0, len(rows), step):
        block = slice(start, start + step)
        weights[block], k_hat[block] = _smooth_rows(rows[block], tail)
    return weights.reshape(ratios.shape), k_hat.reshape(ratios.shape[:-1])


def k_hat_limit(draws: int) -> float:
    """Return the k_hat below which this many draws suffice: min(1 − 1/log₁₀ S, 0.7)."""
    return min(1.0 - 1.0 / float(np.log10(draws)), K_HAT_CEILING) if draws > 1 else -np.inf


def importance_ess(log_weights: Floats) -> Floats:
    """Return how many draws weights on the last axis are worth: 1/Σw² (Kong 1992); NaN stays NaN."""
    return np.asarray(np.exp(-special.logsumexp(2.0 * np.asarray(log_weights), axis=-1)))


def tail_length(draws: int, r_eff: float = 1.0) -> int:
    """Return how many of the largest ratios make the tail: 3√(S/r_eff), a fifth of the draws at most."""
    return int(min(draws / 5.0, 3.0 * np.sqrt(draws / r_eff)))


def fit_generalised_pareto(exceedances: Floats) -> tuple[Floats, Floats]:
    """Return shape k and scale sigma of generalised Pareto laws, by the empirical Bayes estimate.

    Parameters
    ----------
    exceedances : ndarray, shape (row, value)
        Of each law, ascending and not negative.

    Returns
    -------
    k, sigma : ndarray, shape (row,)
        Infinite and NaN where a quarter of the values equal the least one.

    References
    ----------
    Zhang, J., Stephens, M. (2009), A new and efficient estimation method for the generalized Pareto
    distribution, Technometrics 51(3), with the weak prior of k of Vehtari et al. (2024).
    """
    count = exceedances.shape[-1]
    quartile = exceedances[:, int(count / 4 + 0.5) - 1]
    usable = quartile > exceedances[:, 0]
    x = np.where(usable[:, None], exceedances, np.linspace(0.0, 1.0, count))
    quartile = np.where(usable, quartile, 1.0)
    grid = 30 + int(count**0.5)
    spread = 1.0 - np.sqrt(grid / (np.arange(1, grid + 1) - 0.5))
    b = spread / (_PRIOR_SCALE * quartile[:, None]) + 1.0 / x[:, -1:]
    k = np.mean(np.log1p(-b[:, :, None] * x[:, None, :]), axis=-1)
    with np.errstate(invalid="ignore"):  # where b happens to be zero, so is k; the row ends as not fitted
        weight = special.softmax(count * (np.log(-b / k) - k - 1.0), axis=-1)
    weight[weight < 10 * np.finfo(np.float64).eps] = 0.0
    b = np.sum(b * weight, axis=-1) / np.sum(weight, axis=-1)
    k = np.mean(np.log1p(-b[:, None] * x), axis=-1)
    sigma = -k / b
    worth, centre = _PRIOR_K
    k = (count * k + worth * centre) / (count + worth)
    known = usable & np.isfinite(k) & (sigma > 0)
    return np.where(known, k, np.inf), np.where(known, sigma, np.nan)


def _smooth_rows(rows: Floats, tail: int) -> tuple[Floats, Floats]:
    """Return log weights and k_hat of rows of log ratios."""
    highest = rows.max(axis=-1, keepdims=True)
    broken = ~np.isfinite(highest[:, 0])  # NaN and +inf come through the maximum, as does a row of -inf
    log_weights = np.where(broken[:, None], 0.0, rows) - np.where(broken[:, None], 0.0, highest)
    k_hat = np.full(len(rows), np.inf)
    if tail >= _SHORTEST_TAIL:
        k_hat = _smooth_tails(log_weights, tail)
    log_weights -= special.logsumexp(log_weights, axis=-1, keepdims=True)
    log_weights[broken], k_hat[broken] = np.nan, np.nan
    return log_weights, k_hat


def _smooth_tails(log_weights: Floats, tail: int) -> Floats:
    """Return k_hat, the `tail` largest of each row's log weights replaced in place; the largest must be 0."""
    draws = log_weights.shape[-1]
    top = np.argpartition(log_weights, draws - tail - 1, axis=-1)[:, draws - tail - 1 :]
    order = np.argsort(np.take_along_axis(log_weights, top, axis=-1), axis=-1, kind="stable")
    top = np.take_along_axis(top, order, axis=-1)
    largest = np.exp(np.take_along_axis(log_weights, top, axis=-1))
    cutoff, above = largest[:, :1], largest[:, 1:]
    level = above[:, -1] - above[:, 0] < _SAME
    k, sigma = fit_generalised_pareto(above - cutoff)
    fitted = np.isfinite(k) & ~level
    p = (np.arange(tail) + 0.5) / tail
    shape, scale = k[fitted, None], sigma[fitted, None]
    # shape is 0 with probability zero: the prior pulls it to 0.5, and a level tail is left out
    with np.errstate(over="ignore", divide="ignore"):  # no smoothed weight exceeds the largest raw one
        quantiles = cutoff[fitted] + scale * np.expm1(-shape * np.log1p(-p)) / shape
        smoothed = np.log(np.minimum(quantiles, 1.0))
    rows = log_weights[fitted]
    np.put_along_axis(rows, top[fitted, 1:], smoothed, axis=-1)
    log_weights[fitted] = rows
    return np.where(level, 0.0, k)
