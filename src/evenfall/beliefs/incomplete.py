"""Tail probabilities and quantiles of beta and gamma laws, safe at 1e12 counts and 30 standard deviations out.

The library functions are kept where they are right. They fail in three places: far tails underflow, the
incomplete beta loses digits with both parameters near 1e12, and its inverse does not converge for very unequal
parameters. There the tail is integrated itself: on the logit (beta) or log (gamma) scale both densities are
log-concave, so from a point beyond the mode the integrand falls by `_DROP` nats over one smooth stretch, which
64 Gauss-Legendre nodes integrate to rounding error.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import numpy as np
from numpy.typing import ArrayLike
from scipy import special

from evenfall.beliefs.stirling import Floats, log_binomial_weight, log_poisson_weight

__all__ = [
    "beta_log_tails",
    "beta_mixture_log_tails",
    "beta_quantile",
    "gamma_log_tails",
    "gamma_quantile",
    "gamma_reach",
    "student_log_tails",
    "student_quantile",
]

_DROP: Final = 46.0  # nats; what lies beyond is below 1e-20 of the tail
_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(64)
_NODES, _LOG_WEIGHTS = (_NODES + 1.0) / 2.0, np.log(_WEIGHTS / 2.0)
_LARGE: Final = 1e5
_TINY: Final = 1e-280

type _Fall = Callable[[Floats], tuple[Floats, Floats]]


def _width(fall: _Fall, curvature: Floats) -> Floats:
    """Return u at which a convex `fall`, with fall(0) = 0 and slope >= 0 there, has reached `_DROP`.

    `fall` gives value and slope; `curvature` is its second derivative at 0, which sets the first guess.
    """
    _, slope = fall(np.zeros_like(curvature))
    width = np.minimum(np.sqrt(2.0 * _DROP / curvature), _DROP / np.maximum(slope, 1e-300))
    # Newton on a convex rising function lands to the right of the root at once and then comes down to it.
    for _ in range(12):
        value, slope = fall(width)
        width = np.maximum(width - (value - _DROP) / slope, width * 0.05)
    return width


def _side(fall: _Fall, curvature: Floats) -> tuple[Floats, Floats]:
    """Return nodes u > 0 and log weights that integrate exp(−fall(u)) du over u > 0, shape (..., 64)."""
    width = _width(fall, curvature)
    nodes = width[..., None] * _NODES
    value, _ = fall(nodes)
    return nodes, np.log(width)[..., None] + _LOG_WEIGHTS - value


def _beta_fall(a: Floats, b: Floats, x: Floats, y: Floats) -> _Fall:
    """Return how far the logit density of Beta(a, b) falls from x (y = 1 − x) to the right."""

    def fall(u: Floats) -> tuple[Floats, Floats]:
        lift = (..., None) if u.ndim > a.ndim else (...,)
        aa, bb, xx, yy = a[lift], b[lift], x[lift], y[lift]
        up, down = xx * np.expm1(u), yy * np.expm1(-u)
        value = bb * np.log1p(up) + aa * np.log1p(down)
        odds = xx + up
        return value, bb * odds / (1.0 + up) - aa * (yy + down) / (1.0 + down)

    return fall


def _beta_upper(a: Floats, b: Floats, x: Floats, y: Floats) -> Floats:
    """Return log P(X > x) for x at or beyond the mode of the logit density."""
    height = log_binomial_weight(a, b, x, y) + np.log(a) + np.log(b) - np.log(a + b)
    _, log_weight = _side(_beta_fall(a, b, x, y), (a + b) * x * y)
    return np.asarray(height + special.logsumexp(log_weight, axis=-1))


def _beta_integrated(a: Floats, b: Floats, x: Floats, y: Floats) -> tuple[Floats, Floats]:
    """Return both log tails from the integral of the smaller side, for 0 < x < 1."""
    right = x * b >= y * a
    near = _beta_upper(
        np.where(right, a, b), np.where(right, b, a), np.where(right, x, y), np.where(right, y, x)
    )
    other = np.log1p(-np.exp(near))
    return np.where(right, other, near), np.where(right, near, other)


def beta_log_tails(
    a: ArrayLike, b: ArrayLike, x: ArrayLike, y: ArrayLike | None = None
) -> tuple[Floats, Floats]:
    """Return log P(X <= x) and log P(X > x) of X ~ Beta(a, b); `y` = 1 − x where it is known better.

    Parameters
    ----------
    a, b : array_like of float
        Both positive.
    x : array_like of float
        Broadcast against `a` and `b`; values outside [0, 1] are the ends.
    """
    a, b, x = np.broadcast_arrays(*(np.asarray(v, dtype=np.float64) for v in (a, b, x)))
    x = np.clip(x, 0.0, 1.0)
    y = 1.0 - x if y is None else np.broadcast_to(np.asarray(y, dtype=np.float64), x.shape)
    inside = (x > 0) & (y > 0)
    large = inside & (np.minimum(a, b) > 30) & (np.maximum(a, b) > _LARGE)
    swap = x > 0.5
    with np.errstate(divide="ignore", invalid="ignore"):
        p, q, at = np.where(swap, b, a), np.where(swap, a, b), np.where(swap, y, x)
        at = np.where(large, 0.0, at)
        lower, upper = special.betainc(p, q, at), special.betaincc(p, q, at)
        lower, upper = np.where(swap, upper, lower), np.where(swap, lower, upper)
        log_lower = np.where(lower < 0.5, np.log(lower), np.log1p(-upper))
        log_upper = np.where(upper < 0.5, np.log(upper), np.log1p(-lower))
    log_lower, log_upper = np.asarray(log_lower), np.asarray(log_upper)
    far = np.minimum(a, b) > 0.4
    redo = large | (inside & far & ~(np.minimum(lower, upper) > _TINY))
    if redo.any():
        log_lower[redo], log_upper[redo] = _beta_integrated(a[redo], b[redo], x[redo], y[redo])
    return log_lower, log_upper


def beta_quantile(a: ArrayLike, b: ArrayLike, q: ArrayLike) -> Floats:
    """Return x with P(X <= x) = q for X ~ Beta(a, b)."""
    a, b, q = np.broadcast_arrays(*(np.asarray(v, dtype=np.float64) for v in (a, b, q)))
    x = np.asarray(special.betaincinv(a, b, q))
    hard = (np.maximum(a, b) > _LARGE) & (q > 0) & (q < 1)
    if hard.any():
        x[hard] = _beta_polished(a[hard], b[hard], q[hard], x[hard])
    return x


def _beta_polished(a: Floats, b: Floats, q: Floats, start: Floats) -> Floats:
    """Return the quantile by Newton steps for log odds t on Φ⁻¹(P(t)) = Φ⁻¹(q), which is nearly linear in t."""
    mean, target = a / (a + b), special.ndtri(q)
    sd = np.sqrt(special.polygamma(1, a) + special.polygamma(1, b))
    t = special.psi(a) - special.psi(b) + target * sd
    low, high = np.full_like(t, -745.0), np.full_like(t, 745.0)
    del start, mean
    for _ in range(60):
        x, y = special.expit(t), special.expit(-t)
        below, above = beta_log_tails(a, b, x, y)
        z = np.where(below < above, special.ndtri_exp(below), -special.ndtri_exp(above))
        low, high = np.where(z < target, t, low), np.where(z >= target, t, high)
        log_density = log_binomial_weight(a, b, x, y) + np.log(a) + np.log(b) - np.log(a + b)
        slope = np.exp(log_density + 0.5 * z * z) * np.sqrt(2.0 * np.pi)
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            new = t - (z - target) / slope
        new = np.where((new > low) & (new < high), new, 0.5 * (low + high))
        done = np.abs(new - t) <= 1e-15 * np.maximum(1.0, np.abs(t))
        t = new
        if done.all():
            break
    return special.expit(t)


def _gamma_fall(k: Floats, x: Floats) -> _Fall:
    def fall(u: Floats) -> tuple[Floats, Floats]:
        lift = (..., None) if u.ndim > k.ndim else (...,)
        kk, xx = k[lift], x[lift]
        return xx * np.expm1(u) - kk * u, xx * np.exp(u) - kk

    return fall


def _gamma_lower_fall(k: Floats, x: Floats) -> _Fall:
    def fall(u: Floats) -> tuple[Floats, Floats]:
        lift = (..., None) if u.ndim > k.ndim else (...,)
        kk, xx = k[lift], x[lift]
        return xx * np.expm1(-u) + kk * u, kk - xx * np.exp(-u)

    return fall


def _gamma_integrated(k: Floats, x: Floats) -> tuple[Floats, Floats]:
    """Return both log tails from the integral of the smaller side, for x > 0."""
    height = log_poisson_weight(k, x) + np.log(k)
    right = x >= k
    near = np.empty_like(x)
    near[right] = special.logsumexp(_side(_gamma_fall(k[right], x[right]), x[right])[1], axis=-1)
    near[~right] = special.logsumexp(_side(_gamma_lower_fall(k[~right], x[~right]), x[~right])[1], axis=-1)
    near = near + height
    other = np.log1p(-np.exp(near))
    return np.where(right, other, near), np.where(right, near, other)


def gamma_log_tails(k: ArrayLike, x: ArrayLike) -> tuple[Floats, Floats]:
    """Return log P(X <= x) and log P(X > x) of X ~ Gamma(shape k, rate 1)."""
    k, x = np.broadcast_arrays(*(np.asarray(v, dtype=np.float64) for v in (k, x)))
    x = np.maximum(x, 0.0)
    with np.errstate(divide="ignore", invalid="ignore"):
        lower, upper = special.gammainc(k, x), special.gammaincc(k, x)
        log_lower = np.asarray(np.where(lower < 0.5, np.log(lower), np.log1p(-upper)))
        log_upper = np.asarray(np.where(upper < 0.5, np.log(upper), np.log1p(-lower)))
    redo = (x > 0) & np.isfinite(x) & (k > 0.5) & ((k > _LARGE) | ~(np.minimum(lower, upper) > _TINY))
    if redo.any():
        log_lower[redo], log_upper[redo] = _gamma_integrated(k[redo], x[redo])
    return log_lower, log_upper


def gamma_quantile(k: ArrayLike, q: ArrayLike) -> Floats:
    """Return x with P(X <= x) = q for X ~ Gamma(shape k, rate 1)."""
    return np.asarray(special.gammaincinv(np.asarray(k, dtype=np.float64), np.asarray(q, dtype=np.float64)))


def student_log_tails(dof: ArrayLike, t: ArrayLike) -> tuple[Floats, Floats]:
    """Return log P(T <= t) and log P(T > t) of Student's t, by P(|T| > t) = I_x(ν/2, 1/2), x = ν/(ν + t²)."""
    dof, t = np.broadcast_arrays(np.asarray(dof, dtype=np.float64), np.asarray(t, dtype=np.float64))
    square = t * t
    outside, _ = beta_log_tails(0.5 * dof, 0.5, dof / (dof + square), square / (dof + square))
    near = outside - np.log(2.0)
    other = np.log1p(-np.exp(near))
    return np.where(t < 0, near, other), np.where(t < 0, other, near)


def student_quantile(dof: ArrayLike, q: ArrayLike) -> Floats:
    """Return t with P(T <= t) = q for Student's t."""
    return np.asarray(special.stdtrit(np.asarray(dof, dtype=np.float64), np.asarray(q, dtype=np.float64)))


def beta_mixture_log_tails(a: Floats, b: Floats, c: Floats, d: Floats) -> tuple[Floats, Floats]:
    """Return log P(X < U) and log P(X > U) of independent X ~ Beta(a, b) and U ~ Beta(c, d).

    The density of the law that is narrower in log odds is integrated against the tail of the wider one.
    """
    swap = special.polygamma(1, a) + special.polygamma(1, b) < special.polygamma(1, c) + special.polygamma(
        1, d
    )
    # (m, n): narrow, (v, w): wide
    m, n, v, w = np.where(swap, a, c), np.where(swap, b, d), np.where(swap, c, a), np.where(swap, d, b)
    t, log_weight = _beta_nodes(m, n)
    lower, upper = beta_log_tails(v[..., None], w[..., None], special.expit(t), special.expit(-t))
    wide_below, wide_above = (
        special.logsumexp(lower + log_weight, -1),
        special.logsumexp(upper + log_weight, -1),
    )
    return np.where(swap, wide_above, wide_below), np.where(swap, wide_below, wide_above)


def _beta_nodes(a: Floats, b: Floats) -> tuple[Floats, Floats]:
    """Return log odds and log weights, shape (..., 128), that integrate against Beta(a, b)."""
    s = a + b
    x, y = a / s, b / s
    height = log_binomial_weight(a, b, x, y) + np.log(a) + np.log(b) - np.log(s)
    right, right_weight = _side(_beta_fall(a, b, x, y), s * x * y)
    left, left_weight = _side(_beta_fall(b, a, y, x), s * x * y)
    t = (np.log(a) - np.log(b))[..., None] + np.concatenate([-left, right], axis=-1)
    return t, height[..., None] + np.concatenate([left_weight, right_weight], axis=-1)


def gamma_reach(k: Floats) -> tuple[Floats, Floats]:
    """Return log x on either side of the mode where the density of log X, X ~ Gamma(k, 1), has fallen by 46 nats."""
    left, right = _width(_gamma_lower_fall(k, k), k), _width(_gamma_fall(k, k), k)
    return np.log(k) - left, np.log(k) + right
