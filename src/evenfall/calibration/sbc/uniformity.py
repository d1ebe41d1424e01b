"""Whether ranks are uniform: simultaneous bands around their cumulative counts, and exact p-values.

With N simulations and ranks among L draws, let C_i be the number of ranks below i. Under uniform ranks
C_i ~ Binomial(N, z_i), z_i = i/(L + 1), for i = 1 … L, and the C_i form a Markov chain. The statistic is the
smallest two-sided tail of them all,

    γ = min_i 2 min(F_i(C_i), 1 − F_i(C_i − 1)),

and its law is found by walking along the chain between the limits that γ sets: nothing is approximated and
nothing simulated, so that many looks at one curve count as one test.

References
----------
Säilynoja, T., Bürkner, P.-C., Vehtari, A. (2022), Graphical test for discrete uniformity and its applications
in goodness-of-fit evaluation and multiple sample comparison, Statistics and Computing 32.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy import special

__all__ = ["Bands", "bands", "holm", "rejection_share", "uniformity_p"]

type Floats = NDArray[np.float64]
type Integers = NDArray[np.int64]

_HALVINGS: Final = 50
_SLACK: Final = 1e-9  # relative; tails that are equal but for rounding count as equal


@dataclass(frozen=True, eq=False)
class Bands:
    """Limits that the cumulative counts of uniform ranks all keep with a stated probability.

    Attributes
    ----------
    share : ndarray, shape (draw,)
        z_i, the share of the ranks expected below i.
    lower, upper : ndarray of int, shape (draw,)
        The counts allowed, both ends included.
    """

    share: Floats
    lower: Integers
    upper: Integers


def uniformity_p(ranks: Integers, draws: int) -> float:
    """Return the p-value of ranks in 0..draws against uniform ones.

    Parameters
    ----------
    ranks : ndarray of int, shape (simulation,)
    draws
        L, so that a rank has L + 1 values.

    Examples
    --------
    >>> round(uniformity_p(np.arange(100), 99), 6), uniformity_p(np.full(100, 7), 99) < 1e-9
    (1.0, True)
    """
    found = np.asarray(ranks, dtype=np.int64)
    if not len(found):
        return 1.0
    below = np.cumsum(np.bincount(found, minlength=draws + 1))[:draws]
    tails = _tails(len(found), draws)
    gamma = float(tails[np.arange(draws), below].min())
    lower, upper = _limits(len(found), draws, gamma)
    return float(np.clip(1.0 - _inside(len(found), lower, upper, _even(draws)), 0.0, 1.0))


def bands(simulations: int, draws: int, level: float = 0.05) -> Bands:
    """Return bands that the counts of uniform ranks leave anywhere with probability `level` at most."""
    lower, upper = _limits(simulations, draws, _critical(simulations, draws, level))
    return Bands(np.arange(1, draws + 1) / (draws + 1), lower, upper)


def rejection_share(cells: Floats, simulations: int, level: float = 0.05) -> float:
    """Return the probability that the test at `level` rejects ranks with these probabilities.

    Parameters
    ----------
    cells : ndarray, shape (draws + 1,)
        Probability of each rank.
    """
    limits = bands(simulations, len(cells) - 1, level)
    return float(np.clip(1.0 - _inside(simulations, limits.lower, limits.upper, cells), 0.0, 1.0))


def holm(p_values: Floats) -> Floats:
    """Return p-values made larger so that the smallest of many still means what it says.

    Rejecting where they are at most α has a probability of at most α to reject any true hypothesis, however
    the tests hang together (Holm 1979, A simple sequentially rejective multiple test procedure).

    Examples
    --------
    >>> holm(np.array([0.01, 0.5, 0.03])).tolist()
    [0.03, 0.5, 0.06]
    """
    p = np.asarray(p_values, dtype=np.float64)
    order = np.argsort(p, kind="stable")
    raised = np.maximum.accumulate(p[order] * np.arange(len(p), 0, -1))
    result = np.empty_like(p)
    result[order] = np.minimum(raised, 1.0)
    return result


@cache
def _tails(simulations: int, draws: int) -> Floats:
    """Return the two-sided tail of each count at each rank, shape (draw, simulations + 1)."""
    share = np.arange(1, draws + 1)[:, None] / (draws + 1)
    count = np.arange(simulations + 1)
    below = special.bdtr(count, simulations, share)
    above = np.where(count > 0, special.bdtrc(np.maximum(count - 1, 0), simulations, share), 1.0)
    return np.asarray(2.0 * np.minimum(below, above))


def _limits(simulations: int, draws: int, gamma: float) -> tuple[Integers, Integers]:
    """Return the counts whose tails are larger than `gamma`, shape (draw,) each; lower > upper for none."""
    kept = _tails(simulations, draws) > gamma * (1.0 + _SLACK)
    none = ~kept.any(axis=1)
    lower = np.where(none, 1, np.argmax(kept, axis=1))
    upper = np.where(none, 0, simulations - np.argmax(kept[:, ::-1], axis=1))
    return lower.astype(np.int64), upper.astype(np.int64)


@cache
def _critical(simulations: int, draws: int, level: float) -> float:
    """Return the largest γ that uniform ranks reach or fall below with probability `level` at most."""
    low, high = 0.0, 1.0
    for _ in range(_HALVINGS):
        middle = np.sqrt(max(low, 1e-3 * level / draws) * high)
        outside = 1.0 - _inside(simulations, *_limits(simulations, draws, middle), _even(draws))
        low, high = (middle, high) if outside <= level else (low, middle)
    return float(low)


def _inside(simulations: int, lower: Integers, upper: Integers, cells: Floats) -> float:
    """Return the probability that all cumulative counts keep their limits.

    Counts of ranks are Poisson, given that they sum to N: so each step is a convolution, and the condition is
    one division at the end.
    """
    if (lower > upper).any():
        return 0.0
    count = np.arange(simulations + 1)
    log_factorial = special.gammaln(count + 1.0)
    mass, first = np.ones(1), 0
    for i, (low, high) in enumerate(zip(lower.tolist(), upper.tolist(), strict=True)):
        begin = max(low, first)  # counts never fall
        step = _poisson(simulations * cells[i], high - first, log_factorial)
        mass = np.convolve(mass, step)[begin - first : high - first + 1]
        first = begin
    last = _poisson(simulations * cells[-1], simulations - first, log_factorial)
    total = float(mass @ last[::-1][: len(mass)])
    return total / float(_poisson(float(simulations), simulations, log_factorial)[-1])


def _poisson(mean: float, most: int, log_factorial: Floats) -> Floats:
    """Return the Poisson probabilities of 0..most."""
    return np.exp(special.xlogy(np.arange(most + 1), mean) - mean - log_factorial[: most + 1])


def _even(draws: int) -> Floats:
    return np.full(draws + 1, 1.0 / (draws + 1))
