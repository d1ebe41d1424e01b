"""Distances between any two continuous laws, by quadrature on their quantile functions.

With q = Φ(z) every measure is an integral against the normal density of z, whose tails cut it off at
|z| = 8.2. Where the integrand has a kink the range is split there, so that each piece is smooth.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import numpy as np
from scipy import special

from evenfall.beliefs.distributions import Distribution
from evenfall.beliefs.numerics.arrays import Floats

__all__ = ["kl", "overlap", "w1", "w2"]

type _OfScore = Callable[[Floats], Floats]

_REACH: Final = 8.2  # beyond it Φ(z) rounds to 1
_GRID: Final = np.linspace(-_REACH, _REACH, 42)
_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(12)


def w2(p: Distribution, q: Distribution) -> Floats:
    """Return the root of ∫(P⁻¹ − Q⁻¹)²."""
    return np.sqrt(_panels(_quantile_gap(p, q), np.square, *_edges(p, q)))


def w1(p: Distribution, q: Distribution) -> Floats:
    """Return ∫|P⁻¹ − Q⁻¹|."""
    return _split(_quantile_gap(p, q), np.abs, *_edges(p, q))


def kl(p: Distribution, q: Distribution) -> Floats:
    """Return E_p[log p − log q]."""
    return np.maximum(_panels(_log_ratio(p, q), np.positive, *_edges(p, q)), 0.0)


def overlap(p: Distribution, q: Distribution) -> Floats:
    """Return E_p[min(1, q/p)]."""
    return _split(_log_ratio(p, q), lambda ratio: np.exp(np.minimum(-ratio, 0.0)), *_edges(p, q))


def _quantile_gap(p: Distribution, q: Distribution) -> _OfScore:
    def gap(z: Floats) -> Floats:
        level = special.ndtr(z)
        return p.quantile(level) - q.quantile(level)

    return gap


def _log_ratio(p: Distribution, q: Distribution) -> _OfScore:
    def ratio(z: Floats) -> Floats:
        x = p.quantile(special.ndtr(z))
        return p.log_density(x) - q.log_density(x)

    return ratio


def _edges(p: Distribution, q: Distribution) -> tuple[Floats, Floats]:
    """Return lower and upper ends of the panels, shape (panel, ...) over the laws' own axes."""
    shape = np.broadcast_shapes(np.shape(p.quantile(0.5)), np.shape(q.quantile(0.5)))
    edges = np.broadcast_to(_GRID.reshape(-1, *(1 for _ in shape)), (len(_GRID), *shape))
    return edges[:-1], edges[1:]


def _split(function: _OfScore, of: Callable[[Floats], Floats], low: Floats, high: Floats) -> Floats:
    """Return ∫ of(function(z)) φ(z) dz with every panel in which the function changes sign cut there."""
    at_low, at_high = function(low), function(high)
    changes = np.sign(at_low) * np.sign(at_high) < 0
    cut = changes.any(axis=tuple(range(1, changes.ndim)))
    total = _panels(function, of, low[~cut], high[~cut])
    if cut.any():
        kink = np.where(changes[cut], _root(function, low[cut], high[cut], at_low[cut]), high[cut])
        total = total + _panels(function, of, low[cut], kink) + _panels(function, of, kink, high[cut])
    return total


def _root(function: _OfScore, low: Floats, high: Floats, at_low: Floats) -> Floats:
    """Return a sign change between `low` and `high` of each panel, where there is one."""
    for _ in range(45):
        middle = 0.5 * (low + high)
        same = np.sign(function(middle)) == np.sign(at_low)
        low, high = np.where(same, middle, low), np.where(same, high, middle)
    return np.asarray(0.5 * (low + high))


def _panels(function: _OfScore, of: Callable[[Floats], Floats], low: Floats, high: Floats) -> Floats:
    """Return the sum over panels of the Gauss-Legendre integrals from `low` to `high`."""
    total = np.zeros(low.shape[1:])
    half, middle = 0.5 * (high - low), 0.5 * (high + low)
    for node, weight in zip(_NODES, _WEIGHTS, strict=True):
        z = middle + half * node
        density = np.exp(-0.5 * z * z) / np.sqrt(2.0 * np.pi)
        total = total + weight * (half * of(function(z)) * density).sum(axis=0)
    return total
