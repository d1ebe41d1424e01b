"""Distances between normal and between lognormal laws, in closed form."""

from __future__ import annotations

import numpy as np
from scipy import special

from evenfall.beliefs.distributions.lognormal import LogNormalDistribution
from evenfall.beliefs.distributions.normal import NormalDistribution
from evenfall.beliefs.numerics.arrays import Floats, broadcast_floats
from evenfall.beliefs.numerics.stirling import deviance

__all__ = [
    "lognormal_kl",
    "lognormal_overlap",
    "lognormal_w1",
    "lognormal_w2",
    "normal_kl",
    "normal_overlap",
    "normal_w1",
    "normal_w2",
]


def normal_kl(p: NormalDistribution, q: NormalDistribution) -> Floats:
    """Return ½(r − 1 − log r) + d²/2 with r the ratio of variances and d the shift in stdevs of q."""
    shift = (p.mean - q.mean) / q.stdev
    return np.asarray(0.5 * (deviance(1.0, np.square(p.stdev / q.stdev)) + np.square(shift)))


def normal_w1(p: NormalDistribution, q: NormalDistribution) -> Floats:
    """Return E|d + sZ|, with the quantile functions apart by d + s·Φ⁻¹."""
    shift, scale = broadcast_floats(p.mean - q.mean, np.abs(p.stdev - q.stdev))
    safe = np.where(scale > 0, scale, 1.0)
    ratio = np.where(scale > 0, shift / safe, 0.0)
    folded = scale * np.sqrt(2.0 / np.pi) * np.exp(-0.5 * np.square(ratio)) + shift * special.erf(
        ratio / np.sqrt(2.0)
    )
    return np.where(scale > 0, folded, np.abs(shift))


def normal_w2(p: NormalDistribution, q: NormalDistribution) -> Floats:
    """Return the hypotenuse of the shift of the means and of the stdevs."""
    return np.asarray(np.hypot(p.mean - q.mean, p.stdev - q.stdev))


def normal_overlap(p: NormalDistribution, q: NormalDistribution) -> Floats:
    """Return 1 minus the mass between the points where the densities cross, by which the laws differ."""
    swap = p.stdev < q.stdev
    # In units of the wider law, centred there: the narrower is N(d, s²) with s <= 1.
    wide, narrow = np.where(swap, q.stdev, p.stdev), np.where(swap, p.stdev, q.stdev)
    s, d = narrow / wide, np.abs(p.mean - q.mean) / wide
    gap = (1.0 - s) * (1.0 + s)
    # The densities meet where (x − d)²/s² − x² + 2 log s = 0.
    root = np.sqrt(np.square(d * s) - 2.0 * gap * np.square(s) * np.log(s))
    with np.errstate(divide="ignore", invalid="ignore"):
        right = (d + root) / gap
        left = (np.square(d) + 2.0 * np.square(s) * np.log(s)) / (d + root)
        inside = (special.ndtr((right - d) / s) - special.ndtr((left - d) / s)) - (
            special.ndtr(right) - special.ndtr(left)
        )
    return np.where((s == 1.0) & (d == 0.0), 1.0, 1.0 - inside)


def _logs(p: LogNormalDistribution) -> NormalDistribution:
    return NormalDistribution(p.mu, p.sigma)


def lognormal_kl(p: LogNormalDistribution, q: LogNormalDistribution) -> Floats:
    """Return the KL of the logarithms: it does not change with the scale it is measured on."""
    return normal_kl(_logs(p), _logs(q))


def lognormal_overlap(p: LogNormalDistribution, q: LogNormalDistribution) -> Floats:
    """Return the overlap of the logarithms: it does not change with the scale it is measured on."""
    return normal_overlap(_logs(p), _logs(q))


def lognormal_w1(p: LogNormalDistribution, q: LogNormalDistribution) -> Floats:
    """Return E|exp(μ₁ + σ₁Z) − exp(μ₂ + σ₂Z)|, split at the one z where the quantiles cross."""
    steeper = p.sigma - q.sigma
    with np.errstate(divide="ignore", invalid="ignore"):
        z = (q.mu - p.mu) / steeper

    def above_less_below(law: LogNormalDistribution) -> Floats:
        return np.asarray(law.mean * special.erf((law.sigma - z) / np.sqrt(2.0)))

    split = np.abs(above_less_below(p) - above_less_below(q))
    return np.where(steeper == 0, np.abs(p.mean - q.mean), split)


def lognormal_w2(p: LogNormalDistribution, q: LogNormalDistribution) -> Floats:
    """Return the root of E(exp(μ₁ + σ₁Z) − exp(μ₂ + σ₂Z))², arranged as a sum of squares."""
    roots = [law.mu + np.square(law.sigma) for law in (p, q)]  # log of the root mean square
    between = np.square(np.exp(roots[0]) - np.exp(roots[1]))
    within = 2.0 * p.mean * q.mean * np.exp(p.sigma * q.sigma) * np.expm1(0.5 * np.square(p.sigma - q.sigma))
    return np.asarray(np.sqrt(between + within))
