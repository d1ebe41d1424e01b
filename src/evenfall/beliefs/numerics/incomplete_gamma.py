"""Tail probabilities and quantiles of gamma laws of rate 1.

scipy's incomplete gamma is off by 1e-6 near the mean of shapes above 1e7, its inverse is off as much in their
tails, and far tails underflow; there the tail is integrated instead, since the density of log X is
log-concave.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import ArrayLike
from scipy import special

from evenfall.beliefs.numerics.arrays import Floats, broadcast_floats
from evenfall.beliefs.numerics.log_concave import Fall, fall_nodes, fall_width
from evenfall.beliefs.numerics.stirling import log_poisson_weight

__all__ = ["gamma_log_tails", "gamma_quantile", "gamma_reach"]

_LARGE: Final = 1e5
_UNDERFLOW: Final = 1e-280
_HALF_LOG_2PI: Final = 0.9189385332046727


def _fall(k: Floats, x: Floats, side: Floats) -> Fall:
    """Return how the density of log X falls from log x to the right (side 1) or to the left (side −1)."""

    def fall(u: Floats) -> tuple[Floats, Floats]:
        lift = (..., None) if u.ndim > k.ndim else (...,)
        kk, xx, step = k[lift], x[lift], side[lift] * u
        return xx * np.expm1(step) - kk * step, side[lift] * (xx * np.exp(step) - kk)

    return fall


def _integrated_tails(k: Floats, x: Floats) -> tuple[Floats, Floats]:
    """Return both log tails from the integral of the one beyond the mode, for x > 0."""
    right = x >= k
    _, log_weight = fall_nodes(_fall(k, x, np.where(right, 1.0, -1.0)), x)
    near = log_poisson_weight(k, x) + np.log(k) + special.logsumexp(log_weight, axis=-1)
    other = np.log1p(-np.exp(near))
    return np.where(right, other, near), np.where(right, near, other)


def gamma_log_tails(k: ArrayLike, x: ArrayLike) -> tuple[Floats, Floats]:
    """Return log P(X <= x) and log P(X > x) of X ~ Gamma(shape k, rate 1)."""
    k, x = broadcast_floats(k, x)
    x = np.maximum(x, 0.0)
    lower, upper = special.gammainc(k, x), special.gammaincc(k, x)
    with np.errstate(divide="ignore", invalid="ignore"):
        log_lower = np.array(np.where(lower < 0.5, np.log(lower), np.log1p(-upper)))
        log_upper = np.array(np.where(upper < 0.5, np.log(upper), np.log1p(-lower)))
    doubtful = (k > _LARGE) | ~(np.minimum(lower, upper) > _UNDERFLOW)
    redo = (x > 0) & np.isfinite(x) & (k > 0.4) & doubtful
    if redo.any():
        log_lower[redo], log_upper[redo] = _integrated_tails(k[redo], x[redo])
    return log_lower, log_upper


def gamma_quantile(k: ArrayLike, q: ArrayLike) -> Floats:
    """Return x with P(X <= x) = q for X ~ Gamma(shape k, rate 1)."""
    k, q = broadcast_floats(k, q)
    x = np.array(special.gammaincinv(k, q))
    hard = (k > _LARGE) & (q > 0) & (q < 1)
    if hard.any():
        x[hard] = _solved_quantile(k[hard], q[hard])
    return x


def _solved_quantile(k: Floats, q: Floats) -> Floats:
    """Return the quantile of a large shape by Newton steps on Φ⁻¹(P(t)), nearly linear in t = log x."""
    target, stdev = special.ndtri(q), 1.0 / np.sqrt(k)
    t = np.log(k) + target * stdev
    for _ in range(40):
        x = np.exp(t)
        below, above = gamma_log_tails(k, x)
        z = np.where(below < above, special.ndtri_exp(below), -special.ndtri_exp(above))
        # dz/dt = f(t)/φ(z)
        log_slope = log_poisson_weight(k, x) + np.log(k) + 0.5 * z * z + _HALF_LOG_2PI
        move = (target - z) * np.exp(-log_slope)
        t = t + move
        # A Newton step this short squares to less than rounding.
        if (np.abs(move) <= 1e-9 * stdev).all():
            break
    return np.exp(t)


def gamma_reach(k: Floats) -> tuple[Floats, Floats]:
    """Return the log x on either side of the mode of log X at which its density has fallen by 46 nats."""
    one = np.ones_like(k)
    left, right = fall_width(_fall(k, k, -one), k), fall_width(_fall(k, k, one), k)
    return np.log(k) - left, np.log(k) + right
