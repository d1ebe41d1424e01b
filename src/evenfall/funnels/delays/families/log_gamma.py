"""The standard log-gamma law W with shape Q, and its slope in Q, smooth through its normal limit at Q = 0.

For Q > 0, W = log(Q² G) / Q with G ~ Gamma(1/Q², 1); for Q < 0 it is −W with shape −Q; Q = 0 is the standard
normal (Prentice 1974). log T = μ + σ W is the generalised gamma lag.

Quotients of incomplete gamma functions lose their digits as Q → 0, but at a fixed w everything is analytic in
Q. So slopes come from the polynomial in Q through nine shapes around Q, and near 0 values too, from shapes
that are multiples of 0.03, 0 itself among them: of degree eight, it is good to about ten digits.

References
----------
Prentice, R. L. (1974), A log gamma model and its maximum likelihood estimation, Biometrika 61, eq. 1.
Fornberg, B. (1988), Generation of finite difference formulas on arbitrarily spaced grids, for the weights.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy import special

from evenfall.beliefs.numerics.arrays import Floats
from evenfall.beliefs.numerics.stirling import stirling_tail

__all__ = ["LARGEST", "density", "quantiles", "tail", "tails"]

LARGEST: Final = 8.0
"""Largest |Q|: from here on half of the lags are shorter than 1e-19 of the scale."""

_STEP: Final = 0.03
_OFFSETS: Final = np.arange(-4.0, 5.0)
_CENTRAL: Final = np.array([1 / 280, -4 / 105, 1 / 5, -4 / 5, 0.0, 4 / 5, -1 / 5, 4 / 105, -1 / 280]) / _STEP
_NEAR: Final = _STEP  # below it only 0 itself may be evaluated directly
_LOG_ROOT_2PI: Final = 0.9189385332046727


def _one_side(w: Floats, q: Floats, upper: NDArray[np.bool_] | bool) -> Floats:
    """Return P(W > w) where `upper`, else P(W <= w); q is 0 or not within 0.03 of it."""
    w, q, upper = np.broadcast_arrays(w, q, upper)
    size = np.maximum(np.abs(q), _STEP / 2)
    a = 1.0 / np.square(size)
    # P(W <= w; q) = P(W > −w; −q): the sign of q decides which incomplete gamma function this is.
    x = a * np.exp(np.clip(q * w, -745.0, 700.0))
    complement = upper ^ (q < 0)
    result = np.empty(np.shape(w))
    normal = q == 0
    for mask, function in ((complement, special.gammaincc), (~complement, special.gammainc)):
        at = mask & ~normal
        result[at] = function(a[at], x[at])
    result[normal] = special.ndtr(np.where(upper, -w, w)[normal])
    return result


def density(w: Floats, q: Floats) -> Floats:
    """Return the density of W."""
    size = np.maximum(np.abs(q), 1e-8)
    a = 1.0 / np.square(size)
    # log Γ(a) by its Stirling tail S: what is left of it beside the normal density tends to 0 as q².
    tilt = stirling_tail(a) - 0.5 * np.log(a) - _LOG_ROOT_2PI
    y = np.clip(q * w, -745.0, 700.0)
    with np.errstate(over="ignore", under="ignore", invalid="ignore"):
        small = np.abs(y) < 1e-2
        series = 0.5 + y * (1 / 6 + y * (1 / 24 + y * (1 / 120 + y * (1 / 720 + y / 5040))))
        bend = np.where(small, np.square(w) * series, (np.expm1(y) - y) * a)
        return np.nan_to_num(np.exp(-_LOG_ROOT_2PI - tilt - bend), nan=0.0)


def _shapes(q: Floats) -> tuple[Floats, Floats, Floats]:
    """Return nine shapes around each q with the weights of value and slope, each of shape (9, …)."""
    column = (9,) + (1,) * q.ndim
    near = np.abs(q) < 5.0 * _STEP  # nodes around q itself would come within one step of 0
    middle = np.rint(q / _STEP)
    offsets = _OFFSETS.reshape(column)
    nodes = np.where(near, _STEP * (middle + offsets), q + _STEP * offsets)
    value, slope = _lagrange(np.where(near, q / _STEP - middle, 0.0))
    only_itself = (_OFFSETS == 0).astype(float).reshape(column)
    return (
        nodes,
        np.where(near, value, only_itself),
        np.where(near, slope / _STEP, _CENTRAL.reshape(column)),
    )


def _lagrange(at: Floats) -> tuple[Floats, Floats]:
    """Return the weights of the values at −4 … 4 in the interpolant at `at`, and in its slope."""
    value, slope = np.empty((9, *at.shape)), np.zeros((9, *at.shape))
    for i, node in enumerate(_OFFSETS):
        others = [(at - k) / (node - k) for k in _OFFSETS if k != node]
        value[i] = np.prod(others, axis=0)
        for j, k in enumerate(k for k in _OFFSETS if k != node):
            slope[i] += np.prod(others[:j] + others[j + 1 :], axis=0) / (node - k)
    return value, slope


def tail(w: Floats, q: Floats) -> tuple[Floats, NDArray[np.bool_], Floats]:
    """Return the smaller tail of W at w, whether it is the upper one, and its slope in q at fixed w."""
    nodes, value, slope = _shapes(q)
    upper = w > 0
    with np.errstate(divide="ignore"):
        logs = [np.log(_one_side(w, node, upper)) for node in nodes]
    stacked = np.maximum(np.stack(logs), -745.0)
    probability = np.exp((value * stacked).sum(axis=0))
    return probability, np.broadcast_to(upper, probability.shape), probability * (slope * stacked).sum(axis=0)


def tails(w: Floats, q: Floats) -> tuple[Floats, Floats]:
    """Return P(W <= w) and P(W > w)."""
    w, q = np.broadcast_arrays(w, q)
    upper = w > 0
    small = np.empty(w.shape)
    near = np.abs(q) < _NEAR
    small[~near] = _one_side(w[~near], q[~near], upper[~near])
    if near.any():
        small[near], _, _ = tail(w[near], q[near])
    return np.where(upper, 1.0 - small, small), np.where(upper, small, 1.0 - small)


def quantiles(level: Floats, q: Floats) -> tuple[Floats, Floats]:
    """Return the quantile of W at `level`, and its slope in q."""
    nodes, value, slope = _shapes(q)
    found = np.stack([_quantile(level, node) for node in nodes])
    return (value * found).sum(axis=0), (slope * found).sum(axis=0)


def _quantile(level: Floats, q: Floats) -> Floats:
    """Return the quantile at q, which is 0 or not within 0.03 of it."""
    level, q = np.broadcast_arrays(level, q)
    size = np.maximum(np.abs(q), _STEP / 2)
    a = 1.0 / np.square(size)
    with np.errstate(divide="ignore"):
        x = np.where(q < 0, special.gammainccinv(a, level), special.gammaincinv(a, level))
        w = np.log(x / a) / np.where(q == 0, 1.0, q)
    return np.where(q == 0, special.ndtri(level), w)
