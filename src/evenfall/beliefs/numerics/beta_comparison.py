"""The probability that one beta variable lies below another, which is the tail of a beta-binomial count."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

import numpy as np
from scipy import special

from evenfall.beliefs.numerics.arrays import Booleans, Floats
from evenfall.beliefs.numerics.incomplete_beta import beta_log_tails, log_odds_density, log_odds_fall
from evenfall.beliefs.numerics.log_concave import DROP, fall_nodes, integral_to_nodes, unit_nodes

__all__ = ["beta_below_beta"]

_SMALL: Final = 1e-6  # below it a probability is computed for its relative precision
_LEAST: Final = 1e-300
_ENDS: Final = 700.0  # log odds

type _Pair = tuple[Floats, Floats]


def beta_below_beta(a: Floats, b: Floats, c: Floats, d: Floats) -> tuple[Floats, Floats]:
    """Return log P(X < U) and log P(X > U) of independent X ~ Beta(a, b) and U ~ Beta(c, d).

    The density of the one whose log odds scatter less is integrated against the tails of the other.
    """
    spread_x = special.polygamma(1, a) + special.polygamma(1, b)
    spread_u = special.polygamma(1, c) + special.polygamma(1, d)
    swap = spread_x < spread_u
    narrow = np.where(swap, a, c), np.where(swap, b, d)
    wide = np.where(swap, c, a), np.where(swap, d, b)
    below, above = _near(narrow, wide)
    below, above = np.clip(below, _LEAST, 1.0), np.clip(above, _LEAST, 1.0)
    with np.errstate(divide="ignore"):
        log_below = np.where(below < 0.5, np.log(below), np.log1p(-above))
        log_above = np.where(above < 0.5, np.log(above), np.log1p(-below))
    for side, (logs, values) in enumerate(((log_below, below), (log_above, above))):
        small = ~(values > _SMALL)
        if small.any():
            logs[small] = _far(_rows(narrow, small), _rows(wide, small), side)
    return np.where(swap, log_above, log_below), np.where(swap, log_below, log_above)


def _rows(pair: _Pair, rows: Booleans) -> _Pair:
    return pair[0][rows], pair[1][rows]


def _near(narrow: _Pair, wide: _Pair) -> _Pair:
    """Return P(W < N) and P(W > N) with small absolute errors.

    The tails of W are one exact value at the centre of N plus integrals of its density, smooth between nodes.
    """
    x, y = (one / (narrow[0] + narrow[1]) for one in narrow)
    lower, upper = (np.exp(tail)[..., None] for tail in beta_log_tails(*wide, x, y))
    below, above = np.zeros_like(x), np.zeros_like(x)
    v, w = (one[..., None] for one in wide)
    for sign, nodes, t, log_weight in _sides(narrow, x, y):
        density = np.exp(log_odds_density(v, w, special.expit(t), special.expit(-t)))
        gained, weight = sign * integral_to_nodes(nodes, density), np.exp(log_weight)
        below += (weight * (lower + gained)).sum(axis=-1)
        above += (weight * (upper - gained)).sum(axis=-1)
    return below, above


def _sides(narrow: _Pair, x: Floats, y: Floats) -> Iterator[tuple[float, Floats, Floats, Floats]]:
    """Return sign, nodes, log odds and log weights, right and left of the mode x, that average over N."""
    a, b = narrow
    mode, height = (np.log(a) - np.log(b))[..., None], log_odds_density(a, b, x, y)[..., None]
    for sign, fall in ((1.0, log_odds_fall(a, b, x, y)), (-1.0, log_odds_fall(b, a, y, x))):
        nodes, log_weight = fall_nodes(fall, (a + b) * x * y)
        yield sign, nodes, mode + sign * nodes, height + log_weight


def _far(narrow: _Pair, wide: _Pair, side: int) -> Floats:
    """Return log P(W < N) (side 0) or log P(W > N) (side 1) to full relative precision.

    The product of N's density and W's tail is log-concave in the log odds: its peak is found where its slope
    changes sign, then the stretches over which it falls on either side.
    """

    def height(t: Floats) -> Floats:
        n, m, v, w = (one.reshape(one.shape + (1,) * (t.ndim - one.ndim)) for one in (*narrow, *wide))
        x, y = special.expit(t), special.expit(-t)
        return np.asarray(log_odds_density(n, m, x, y) + beta_log_tails(v, w, x, y)[side])

    def rising(t: Floats) -> Booleans:
        x, y = special.expit(t), special.expit(-t)
        tail = beta_log_tails(*wide, x, y)[side]
        hazard = np.exp(np.minimum(log_odds_density(*wide, x, y) - tail, _ENDS))
        slope = narrow[0] * y - narrow[1] * x + (hazard if side == 0 else -hazard)
        return np.asarray(slope > 0)

    end = np.full_like(narrow[0], _ENDS)
    peak = _switch(rising, -end, end)
    top = height(peak)
    left = _switch(lambda t: height(t) < top - DROP, -end, peak)
    right = _switch(lambda t: height(t) > top - DROP, peak, end)
    unit, log_unit_weight = unit_nodes()
    sides = [
        special.logsumexp(height(peak[..., None] + width[..., None] * unit) + log_unit_weight, axis=-1)
        + np.log(np.maximum(np.abs(width), _LEAST))
        for width in (left - peak, right - peak)
    ]
    return np.asarray(np.logaddexp(*sides))


def _switch(early: Callable[[Floats], Booleans], low: Floats, high: Floats) -> Floats:
    """Return where a condition that holds at `low` and not at `high` stops holding."""
    for _ in range(60):
        middle = 0.5 * (low + high)
        holds = early(middle)
        low, high = np.where(holds, middle, low), np.where(holds, high, middle)
    return np.asarray(0.5 * (low + high))
