"""Conversions so far of a cohort whose own rate scatters, the rate integrated out.

A cohort of N people has the eventual rate u ~ Beta(pκ, (1 − p)κ), and each who converts has done so by now
with probability G: D ~ Binomial(N, u G). At G = 1 this is the beta-binomial; else it has no closed form that
is stable at 1e7 people, so it is integrated over t = logit u from a closed-form mode, both ways as far as the
integrand falls by 34 nats. The slopes are expectations under the same nodes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from evenfall.beliefs.numerics.arrays import Floats
from evenfall.beliefs.numerics.stirling import digamma_tail, log_binomial_weight

__all__ = ["MixedRate", "Seen", "mixed_rate"]

_DROP: Final = 34.0
_NEAR: Final = 0.3
_NEWTON: Final = 7
_BLOCK: Final = 1 << 17  # values held at once: what stays in the cache


@dataclass(frozen=True, slots=True, eq=False)
class MixedRate:
    """Log likelihood of each cohort and its slopes, shape (point, cohort)."""

    value: Floats
    by_p: Floats
    by_log_kappa: Floats
    by_share: Floats


@dataclass(frozen=True, slots=True, eq=False)
class _Integrand:
    """log of u^A (1 − u)^b (1 − uG)^M du/dt beside its value at the centre, as a function of δ = t − t0."""

    rising: Floats  # A = pκ + D
    total: Floats  # A + b + M
    failures: Floats  # M = N − D
    u: Floats
    late: Floats  # u(1 − G)/(1 − uG): of those not seen to convert, those who still will

    def __call__(self, delta: Floats) -> tuple[Floats, Floats, Floats]:
        """Return the log, and the logs of (1 − u0)/(1 − u) and of the same for `late`."""
        grown = np.expm1(delta)
        first = np.log1p(self.u[..., None] * grown)
        second = np.log1p(self.late[..., None] * grown)
        log = self.rising[..., None] * delta - self.total[..., None] * first
        return log + self.failures[..., None] * second, first, second

    def slope(self, delta: Floats) -> tuple[Floats, Floats]:
        """Return the log and its derivative at one δ per cohort."""
        grown = np.expm1(delta)
        odds, late = 1.0 + self.u * grown, 1.0 + self.late * grown
        log = self.rising * delta - self.total * np.log(odds) + self.failures * np.log(late)
        e = grown + 1.0
        return log, self.rising - self.total * self.u * e / odds + self.failures * self.late * e / late

    def width(self, side: float) -> Floats:
        """Return how far to go from the centre until the log has fallen by about 34."""
        curvature = self.total * self.u * (1.0 - self.u) - self.failures * self.late * (1.0 - self.late)
        width = np.sqrt(2.0 * _DROP / np.maximum(curvature, 1e-12))
        for _ in range(_NEWTON):
            # e^600 is finite; to the right of it u is 1 within rounding, whatever the width.
            value, slope = self.slope(side * np.minimum(width, 600.0 if side > 0 else np.inf))
            step = (-value - _DROP) / np.maximum(-side * slope, 1e-12)
            width = np.clip(width - step, width / 3.0, 3.0 * width)
        return np.minimum(width, 600.0) if side > 0 else width


def _nodes(width: Floats, side: float) -> tuple[Floats, Floats]:
    """Return δ on one side of the centre and its weights, in three panels.

    The first is at most 8 wide: within it u, as a logistic function of t, comes to its limit, and from there
    on a tail is exponential however slow it is.
    """
    first = np.minimum(_NEAR * width, 8.0)
    second = first + _NEAR * (width - first)
    edges = np.stack([np.zeros_like(width), first, second, width], axis=-1)
    length = np.diff(edges, axis=-1)[..., None]
    delta = side * (edges[..., :-1, None] + length * _UNIT)
    flat = (*width.shape, 3 * len(_UNIT))
    return delta.reshape(flat), (length * _WEIGHTS).reshape(flat)


_UNIT, _WEIGHTS = np.polynomial.legendre.leggauss(12)
_UNIT, _WEIGHTS = (_UNIT + 1.0) / 2.0, _WEIGHTS / 2.0


@dataclass(frozen=True, slots=True, eq=False)
class Seen:
    """What there is of each cohort so far.

    Attributes
    ----------
    size, converted : ndarray, shape (cohort,)
        N and D.
    share, survival : ndarray, shape (point, cohort)
        G and 1 − G.
    """

    size: Floats
    converted: Floats
    share: Floats
    survival: Floats


def mixed_rate(so_far: Seen, p: Floats, kappa: Floats) -> MixedRate:
    """Return log ∫ Beta(u; pκ, (1 − p)κ) Binomial(D | N, u G) du of each cohort, with slopes.

    Parameters
    ----------
    p, kappa : ndarray, shape (point,)
        Eventual rate and concentration.
    """
    step = max(1, _BLOCK // (6 * len(_UNIT) * max(len(so_far.size), 1)))
    parts = []
    for i in range(0, max(len(p), 1), step):
        at = slice(i, i + step)
        some = Seen(so_far.size, so_far.converted, so_far.share[at], so_far.survival[at])
        parts.append(_mixed(some, p[at], kappa[at]))
    return MixedRate(*(np.concatenate(part) for part in zip(*parts, strict=True)))


def _mixed(so_far: Seen, p: Floats, kappa: Floats) -> tuple[Floats, Floats, Floats, Floats]:
    size, converted, share, survival = so_far.size, so_far.converted, so_far.share, so_far.survival
    p, kappa = p[:, None], kappa[:, None]
    a, b = p * kappa, (1.0 - p) * kappa
    failures = size - converted
    u = _mode(a + converted, b, failures, share)
    unseen = (1.0 - u) + u * survival  # 1 − uG
    integrand = _Integrand(
        a + converted, a + b + size, np.broadcast_to(failures, u.shape), u, u * survival / unseen
    )
    sides = [_nodes(integrand.width(side), side) for side in (-1.0, 1.0)]
    delta, weight = (np.concatenate(part, axis=-1) for part in zip(*sides, strict=True))
    log, first, second = integrand(delta)
    mass = np.exp(log) * weight
    total = mass.sum(axis=-1)
    mass /= total[..., None]
    centre = np.log(a) + np.log(b) - np.log(a + b) + log_binomial_weight(a, b, u, 1.0 - u)
    seen = log_binomial_weight(converted, failures, u * share, unseen)
    value = centre + seen + np.log(total)
    mean_first = (mass * first).sum(axis=-1)
    log_u = np.log(u) + (mass * delta).sum(axis=-1) - mean_first
    log_v = np.log1p(-u) - mean_first
    # ψ(a) − ψ(a + b) = log p + small terms.
    tail = digamma_tail(a + b)
    by_a = log_u - np.log(p) - digamma_tail(a) + tail
    by_b = log_v - np.log1p(-p) - digamma_tail(b) + tail
    odds = u / unseen * (mass * np.exp(delta - second)).sum(axis=-1)
    by_share = np.where(converted > 0, converted / np.where(share > 0, share, 1.0), 0.0) - failures * odds
    return value, kappa * (by_a - by_b), kappa * (p * by_a + (1.0 - p) * by_b), by_share


def _mode(rising: Floats, b: Floats, failures: Floats, share: Floats) -> Floats:
    """Return u at the peak: the one root in (0, 1) of (A(1 − u) − bu)(1 − uG) = M G u(1 − u)."""
    square = share * (rising + b + failures)
    linear = rising + b + share * (rising + failures)
    root = np.sqrt(np.maximum(np.square(linear) - 4.0 * square * rising, 0.0))
    return np.clip(2.0 * rising / (linear + root), 1e-290, 1.0 - 1e-14)
