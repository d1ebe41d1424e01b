"""Tail probabilities and quantiles of beta laws.

scipy's functions are kept where they are right. They fail in three places: far tails underflow; the
incomplete beta is off by 1e-6 where both parameters near 1e12; and its inverse does not converge for very
unequal large parameters. There the tail is integrated instead: the density of the log odds is log-concave, so
from a point beyond its mode it falls over one smooth stretch.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import ArrayLike
from scipy import special

from evenfall.beliefs.numerics.arrays import Floats, broadcast_floats, floats
from evenfall.beliefs.numerics.log_concave import Fall, fall_nodes
from evenfall.beliefs.numerics.stirling import log_binomial_weight

__all__ = ["beta_log_tails", "beta_quantile", "log_odds_density", "log_odds_fall"]

_LARGE: Final = 1e5
_UNDERFLOW: Final = 1e-280
_HALF_LOG_2PI: Final = 0.9189385332046727


def log_odds_density(a: Floats, b: Floats, x: Floats, y: Floats) -> Floats:
    """Return the log density of the log odds of Beta(a, b) where the rate is x, with y = 1 − x."""
    return np.asarray(log_binomial_weight(a, b, x, y) + np.log(a) + np.log(b) - np.log(a + b))


def log_odds_fall(a: Floats, b: Floats, x: Floats, y: Floats) -> Fall:
    """Return how the density of the log odds falls from the rate x to the right, with y = 1 − x."""

    def fall(u: Floats) -> tuple[Floats, Floats]:
        lift = (..., None) if u.ndim > a.ndim else (...,)
        aa, bb, xx, yy = a[lift], b[lift], x[lift], y[lift]
        up, down = xx * np.expm1(u), yy * np.expm1(-u)
        value = bb * np.log1p(up) + aa * np.log1p(down)
        return value, bb * (xx + up) / (1.0 + up) - aa * (yy + down) / (1.0 + down)

    return fall


def _integrated_tails(a: Floats, b: Floats, x: Floats, y: Floats) -> tuple[Floats, Floats]:
    """Return both log tails from the integral of the one beyond the mode, for 0 < x < 1."""
    right = x * b >= y * a
    a, b, x, y = (np.where(right, one, other) for one, other in ((a, b), (b, a), (x, y), (y, x)))
    _, log_weight = fall_nodes(log_odds_fall(a, b, x, y), (a + b) * x * y)
    near = np.asarray(log_odds_density(a, b, x, y) + special.logsumexp(log_weight, axis=-1))
    other = np.log1p(-np.exp(near))
    return np.where(right, other, near), np.where(right, near, other)


def beta_log_tails(
    a: ArrayLike, b: ArrayLike, x: ArrayLike, y: ArrayLike | None = None
) -> tuple[Floats, Floats]:
    """Return log P(X <= x) and log P(X > x) of X ~ Beta(a, b).

    Parameters
    ----------
    a, b : array_like of float
        Both positive.
    x : array_like of float
        Values outside [0, 1] count as its ends.
    y : array_like of float, optional
        1 − x, where it is known with more digits than x leaves.
    """
    a, b, x = broadcast_floats(a, b, x)
    x = np.clip(x, 0.0, 1.0)
    y = 1.0 - x if y is None else np.broadcast_to(floats(y), x.shape)
    inside, least = (x > 0) & (y > 0), np.minimum(a, b)
    large = inside & (least > 30) & (np.maximum(a, b) > _LARGE)
    # The end nearer to x keeps the digits; the slow large cases are left to the integral.
    swap = x > 0.5
    p, q, at = np.where(swap, b, a), np.where(swap, a, b), np.where(large, 0.0, np.where(swap, y, x))
    lower, upper = special.betainc(p, q, at), special.betaincc(p, q, at)
    lower, upper = np.where(swap, upper, lower), np.where(swap, lower, upper)
    log_lower, log_upper = _logs(lower, upper)
    # Below a parameter of 0.4 a tail never underflows before x does.
    redo = large | (inside & (least > 0.4) & ~(np.minimum(lower, upper) > _UNDERFLOW))
    if redo.any():
        log_lower[redo], log_upper[redo] = _integrated_tails(a[redo], b[redo], x[redo], y[redo])
    return log_lower, log_upper


def _logs(lower: Floats, upper: Floats) -> tuple[Floats, Floats]:
    """Return the logs of two complementary tails, each from the smaller one."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return (
            np.array(np.where(lower < 0.5, np.log(lower), np.log1p(-upper))),
            np.array(np.where(upper < 0.5, np.log(upper), np.log1p(-lower))),
        )


def beta_quantile(a: ArrayLike, b: ArrayLike, q: ArrayLike) -> Floats:
    """Return x with P(X <= x) = q for X ~ Beta(a, b)."""
    a, b, q = broadcast_floats(a, b, q)
    hard = (np.maximum(a, b) > _LARGE) & (q > 0) & (q < 1)
    easy = np.where(hard, 1.0, a), np.where(hard, 1.0, b)
    x = np.array(special.betaincinv(*easy, q))
    if hard.any():
        x[hard] = _solved_quantile(a[hard], b[hard], q[hard])
    return x


def _solved_quantile(a: Floats, b: Floats, q: Floats) -> Floats:
    """Return the quantile by bracketed Newton steps on Φ⁻¹(P(t)), nearly linear in the log odds t."""
    target = special.ndtri(q)
    stdev = np.sqrt(special.polygamma(1, a) + special.polygamma(1, b))
    t = np.clip(special.psi(a) - special.psi(b) + target * stdev, -700.0, 700.0)
    low, high = np.full_like(t, -745.0), np.full_like(t, 745.0)
    for _ in range(80):
        x, y = special.expit(t), special.expit(-t)
        below, above = beta_log_tails(a, b, x, y)
        z = np.where(below < above, special.ndtri_exp(below), -special.ndtri_exp(above))
        low, high = np.where(z < target, t, low), np.where(z < target, high, t)
        with np.errstate(over="ignore", invalid="ignore"):
            # dz/dt = f(t)/φ(z)
            move = (target - z) * np.exp(-0.5 * z * z - _HALF_LOG_2PI - log_odds_density(a, b, x, y))
        # A Newton step this short squares to less than rounding; the bracket would only catch noise.
        near = np.abs(move) <= 1e-9 * stdev
        inside = (t + move > low) & (t + move < high)
        t = np.where(near | inside, t + move, 0.5 * (low + high))
        if near.all():
            break
    return np.asarray(special.expit(t))
