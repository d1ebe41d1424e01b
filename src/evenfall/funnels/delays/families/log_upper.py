"""The log survival of the log-gamma law, also where the survival itself underflows."""

from __future__ import annotations

from typing import Final

import numpy as np
from scipy import special

from evenfall.beliefs.numerics.arrays import Floats
from evenfall.beliefs.numerics.stirling import stirling_tail
from evenfall.funnels.delays.families import log_gamma

__all__ = ["log_upper"]

_FRACTIONS: Final = 60


def log_upper(w: Floats, q: Floats) -> Floats:
    """Return log P(W > w) of the standard log-gamma law with shape q."""
    w, q = np.broadcast_arrays(w, q)
    _, survival = log_gamma.tails(w, q)
    with np.errstate(divide="ignore"):
        result = np.asarray(np.log(survival))
    lost = np.isneginf(result) & np.isfinite(w)
    if lost.any():
        result[lost] = _far(w[lost], q[lost])
    return result


def _far(w: Floats, q: Floats) -> Floats:
    """Return the log survival at w far beyond the bulk, where it is below 1e-300."""
    size = np.maximum(np.abs(q), 1e-4)
    a = 1.0 / np.square(size)
    log_x = np.minimum(np.abs(q) * w, 700.0) + np.log(a)
    x = np.exp(log_x)
    # log[x^a e^−x/Γ(a)], and then Γ(a, x) = x^a e^−x/(x + (1 − a)/(1 + 1/(x + …))) (Abramowitz and Stegun
    # 1964, 6.5.31) in the even form that converges for x > a + 1.
    log_power = a * log_x - x - (stirling_tail(a) + a * np.log(a) - a - np.log(a))
    fraction = np.zeros_like(x)
    for k in range(_FRACTIONS, 0, -1):
        fraction = -k * (k - a) / (x + 2.0 * k + 1.0 - a + fraction)
    above = log_power - np.log(x + 1.0 - a + fraction)
    # Below: q < 0 turns the upper tail into the lower tail of the gamma variable, P(a, y) with y near 0.
    y = a * np.exp(np.maximum(-np.abs(q) * w, -745.0))
    first = a * (np.log(a) - np.abs(q) * w) - y - (stirling_tail(a) + a * np.log(a) - a)
    below = first + np.log(special.hyp1f1(1.0, a + 1.0, y))
    return np.where(q < 0, below, np.where(np.abs(q) < 1e-4, special.log_ndtr(-w), above))
