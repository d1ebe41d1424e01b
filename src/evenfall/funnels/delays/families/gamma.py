"""Gamma lags: a sum of waits; the generalised gamma whose Q equals its scale, 1/sqrt(shape)."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Final

import numpy as np

from evenfall.beliefs.numerics.arrays import Floats, broadcast_floats, floats
from evenfall.funnels.delays.families import log_gamma
from evenfall.funnels.delays.families.lag import LagFamily, Standard
from evenfall.funnels.delays.families.log_upper import log_upper

__all__ = ["GAMMA"]

_SMALLEST: Final = 1e-4
_STEPS: Final = 4


@dataclass(frozen=True, slots=True)
class Gamma:
    """T = G/θ with G ~ Gamma(Q⁻², 1): Q solves Q (w95(Q) − w50(Q)) = log(t95/t50)."""

    name: str = "gamma"
    has_q: bool = False

    def evaluate(self, x: Floats, log_ratio: Floats, q: Floats) -> Standard:
        """Return cdf, survival and slopes at x = log t; Q moves with the spread as the implicit function."""
        solved, slope = _solve(floats(log_ratio))
        w50, slope50 = log_gamma.quantiles(floats(0.5), solved)
        share = np.maximum(x, -1e300) / solved
        small, upper, by_shape = log_gamma.tail(w50 + share, solved)
        density = log_gamma.density(w50 + share, solved)
        moved = density * (slope50 - np.clip(share, -1e9, 1e9) / solved)
        by_log_ratio = (np.where(upper, -by_shape, by_shape) + moved) / slope
        return Standard(
            np.where(upper, 1.0 - small, small),
            np.where(upper, small, 1.0 - small),
            density / solved,
            by_log_ratio,
            None,
        )

    def tails(self, x: Floats, log_ratio: Floats, q: Floats) -> tuple[Floats, Floats]:
        """Return cdf and survival at x = log t."""
        w, solved = _w(x, log_ratio)
        return log_gamma.tails(w, solved)

    def log_survival(self, x: Floats, log_ratio: Floats, q: Floats) -> Floats:
        """Return the log of the survival."""
        return log_upper(*_w(x, log_ratio))

    def quantile(self, level: Floats, log_ratio: Floats, q: Floats) -> Floats:
        """Return x = log t at which the cdf is `level`."""
        solved, _ = _solve(floats(log_ratio))
        level, shape = broadcast_floats(level, solved)
        w, _ = log_gamma.quantiles(level, shape)
        w50, _ = log_gamma.quantiles(floats(0.5), solved)
        return np.asarray((w - w50) * solved)


def _w(x: Floats, log_ratio: Floats) -> tuple[Floats, Floats]:
    solved, _ = _solve(floats(log_ratio))
    w50, _ = log_gamma.quantiles(floats(0.5), solved)
    return w50 + np.maximum(x, -1e300) / solved, solved


def _spread(q: Floats) -> tuple[Floats, Floats]:
    """Return log(t95/t50) of the gamma with this Q, and its slope in Q."""
    w50, slope50 = log_gamma.quantiles(floats(0.5), q)
    w95, slope95 = log_gamma.quantiles(floats(0.95), q)
    return q * (w95 - w50), (w95 - w50) + q * (slope95 - slope50)


@cache
def _table() -> tuple[Floats, Floats]:
    """Return log spreads and the log Q they belong to: where Newton's method starts."""
    log_q = np.linspace(np.log(_SMALLEST), np.log(log_gamma.LARGEST), 400)
    return np.log(_spread(np.exp(log_q))[0]), log_q


def _solve(log_ratio: Floats) -> tuple[Floats, Floats]:
    """Return Q with this spread, and the slope of the spread in Q there.

    Spread and Q are almost proportional, so Newton's method on their logs, from a table, needs few steps.
    """
    log_spread, log_q = _table()
    target = np.log(log_ratio)
    found = np.interp(target, log_spread, log_q)
    for _ in range(_STEPS):
        q = np.exp(found)
        spread, slope = _spread(q)
        step = (target - np.log(spread)) * spread / (slope * q)
        found = np.clip(found + step, log_q[0], log_q[-1])
        if np.all(np.abs(step) < 1e-15):
            break
    q = np.exp(found)
    return q, _spread(q)[1]


GAMMA: Final = LagFamily(Gamma())
