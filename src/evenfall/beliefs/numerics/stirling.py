"""Factorials, binomial weights and gamma ratios that keep their digits at 1e12 counts.

A difference of two log gammas near 1e12 loses all digits after the third; here the large parts are cancelled
on paper. With S(x) = log Γ(x+1) − x log x + x (the Stirling tail, small and smooth) and the deviance
D(x, m) = x log(x/m) + m − x (never negative, zero at x = m), every ratio below is a sum of small terms.

References
----------
Loader, C. (2000), Fast and accurate computation of binomial probabilities, eqs. 3 and 5.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import ArrayLike
from scipy import special

from evenfall.beliefs.numerics.arrays import Floats, broadcast_floats, floats

__all__ = [
    "deviance",
    "digamma_tail",
    "log_beta_binomial",
    "log_binomial_weight",
    "log_gamma_half_step",
    "log_poisson_weight",
    "stirling_tail",
]

_HALF_LOG_2PI: Final = 0.9189385332046727
_SERIES_FROM: Final = 16.0
# B_2j / (2j (2j − 1)), j = 1..7, of the asymptotic series of log Γ (Abramowitz and Stegun 1964, 6.1.41); at
# x = 16 the first term left out is below 1e-18.
_STIRLING: Final = (1 / 12, -1 / 360, 1 / 1260, -1 / 1680, 1 / 1188, -691 / 360360, 1 / 156)


def stirling_tail(x: ArrayLike) -> Floats:
    """Return S(x) = log Γ(x+1) − x log x + x, for x >= 0; S(0) = 0.

    Parameters
    ----------
    x : array_like of float
        Counts or pseudo-counts, at least zero.

    Examples
    --------
    >>> bool(abs(stirling_tail(1.0) - 1.0) < 1e-15)  # log 1! − 0 + 1
    True
    """
    x = floats(x)
    large = np.maximum(x, _SERIES_FROM)
    inverse = 1.0 / large
    square = inverse * inverse
    tail = np.full_like(square, _STIRLING[-1])
    for coefficient in _STIRLING[-2::-1]:
        tail *= square
        tail += coefficient
    result = np.asarray(tail * inverse + 0.5 * np.log(large) + _HALF_LOG_2PI)
    small = x < _SERIES_FROM
    if small.any():
        few = x[small]
        result[small] = special.gammaln(few + 1.0) - special.xlogy(few, few) + few
    return result


def deviance(x: ArrayLike, m: ArrayLike) -> Floats:
    """Return D(x, m) = x log(x/m) + m − x, for x, m >= 0: how unlikely the count x is at mean m, in nats."""
    x, m = broadcast_floats(x, m)
    # Near: with u = (m − x)/x and r = u/(2 + u), D = x (u − log(1 + u)) and log(1 + u) = 2 artanh(r); the
    # linear parts cancel on paper because u − 2r = u r.
    r = (m - x) / np.where(m + x > 0, m + x, 1.0)
    near = np.abs(r) < 0.16
    square = np.where(near, r * r, 0.0)
    series = np.full_like(square, 1 / 21)
    for k in range(19, 1, -2):
        series *= square
        series += 1.0 / k
    result = np.asarray((m - x) * r - 2.0 * x * r * square * series)
    far = ~near
    if far.any():
        # Far: the terms do not cancel, and 1 + u would lose the digits of a small m.
        with np.errstate(divide="ignore", over="ignore"):  # a mean that underflows to 0 is infinitely far
            result[far] = special.xlogy(x[far], x[far] / m[far]) + (m[far] - x[far])
    return result


def log_binomial_weight(x: ArrayLike, y: ArrayLike, p: ArrayLike, q: ArrayLike) -> Floats:
    """Return log[Γ(x+y+1) / (Γ(x+1) Γ(y+1)) p^x q^y] for real x, y >= 0 and q = 1 − p.

    Both p and q are asked for, so that neither loses its digits near 0.
    """
    x, y, p, q = floats(x), floats(y), floats(p), floats(q)
    s = x + y
    return np.asarray(
        stirling_tail(s) - stirling_tail(x) - stirling_tail(y) - deviance(x, s * p) - deviance(y, s * q)
    )


def log_poisson_weight(x: ArrayLike, m: ArrayLike) -> Floats:
    """Return log[m^x e^−m / Γ(x+1)] for real x >= 0 and m > 0."""
    return np.asarray(-stirling_tail(x) - deviance(x, m))


def log_beta_binomial(k: ArrayLike, n: ArrayLike, a: ArrayLike, b: ArrayLike) -> Floats:
    """Return log[C(n, k) B(a + k, b + n − k) / B(a, b)]: k successes among n trials whose rate is Beta(a, b).

    The powers of p cancel between the three binomial weights for any p; at p = (a + k)/(a + b + n) the one
    with the largest counts has deviance zero.
    """
    k, n, a, b = floats(k), floats(n), floats(a), floats(b)
    failures = n - k
    after_a, after_b = a + k, b + failures
    s, after = a + b, after_a + after_b
    p, q = after_a / after, after_b / after
    weights = (
        log_binomial_weight(k, failures, p, q)
        + log_binomial_weight(a, b, p, q)
        - (stirling_tail(after) - stirling_tail(after_a) - stirling_tail(after_b))
    )
    return np.asarray(weights - np.log1p(k / a) - np.log1p(failures / b) + np.log1p(n / s))


def log_gamma_half_step(x: ArrayLike) -> Floats:
    """Return log[Γ(x + 1/2) / (Γ(x) sqrt(x))], which tends to 0 as −1/(8x)."""
    x = floats(x)
    direct = special.gammaln(x + 0.5) - special.gammaln(x) - 0.5 * np.log(x)
    large = np.maximum(x, 30.0)
    # Γ(x + 1/2)/Γ(x) = Γ(h + 1)/Γ(x), by the Stirling tails at h = x − 1/2 and at x.
    h = large - 0.5
    tails = stirling_tail(h) - stirling_tail(large)
    main = h * np.log1p(-0.5 / large) + 0.5
    return np.where(x > 30.0, tails + main, direct)


def digamma_tail(x: ArrayLike) -> Floats:
    """Return ψ(x) − log x, about −1/(2x), to full relative precision for large x."""
    x = floats(x)
    large = np.maximum(x, _SERIES_FROM)
    square = 1.0 / (large * large)
    # Term by term the derivative of the series of log Γ.
    tail = np.zeros_like(large)
    for j in range(len(_STIRLING) - 1, -1, -1):
        tail = tail * square - (2 * j + 1) * _STIRLING[j]
    series = tail * square - 0.5 / large
    return np.where(x < _SERIES_FROM, special.psi(x) - np.log(x), series)
