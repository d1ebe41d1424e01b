"""Lognormal beliefs about the mean of a skewed quantity, met by n, Σlog x and Σ(log x)²."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
from numpy.typing import ArrayLike

from evenfall.beliefs.distributions.lognormal import CENTRAL, LogNormalDistribution, LogNormalMean
from evenfall.beliefs.distributions.normal import NormalDistribution, StudentT
from evenfall.beliefs.families.feasible import require_finite, require_positive, require_positive_stdev
from evenfall.beliefs.families.normal import NORMAL, NORMAL_INVERSE_GAMMA
from evenfall.beliefs.numerics.arrays import Floats, broadcast_floats
from evenfall.errors import InfeasibleBelief

__all__ = ["LOGNORMAL", "LOGNORMAL_INVERSE_GAMMA", "LogNormalFamily", "LogNormalInverseGammaFamily"]


@dataclass(frozen=True, slots=True)
class LogNormalFamily:
    """Mean m of log x ~ N(mu, sigma²) and log x ~ N(m, noise_sigma²); reported is exp(m + noise_sigma²/2)."""

    name: str = "lognormal"
    keys: tuple[str, ...] = ("mu", "sigma", "noise_sigma")
    noise_keys: tuple[str, ...] = ("noise_sigma",)
    score: Literal["moments", "tail"] = "tail"

    def match(self, mean: ArrayLike, stdev: ArrayLike, **noise: ArrayLike) -> Floats:
        """Return the theta whose reported mean has these two moments: sigma² = log(1 + (stdev/mean)²)."""
        mean, stdev, noise_sigma = broadcast_floats(mean, stdev, noise["noise_sigma"])
        require_finite(mean=mean, stdev=stdev)
        require_positive_stdev(stdev)
        require_positive(mean=mean, noise_sigma=noise_sigma)
        variance = np.log1p(np.square(stdev / mean))
        mu = np.log(mean) - 0.5 * (variance + np.square(noise_sigma))
        return np.stack([mu, np.sqrt(variance), noise_sigma], axis=-1)

    def check(self, theta: Floats) -> None:
        """Raise `InfeasibleBelief` unless mu is finite and both sigmas are above zero."""
        NORMAL.check(theta)

    def update(self, theta: Floats, sums: Floats) -> Floats:
        """Return the posterior of the mean of log x."""
        return NORMAL.update(theta, sums)

    def log_evidence(self, theta: Floats, sums: Floats) -> Floats:
        """Return the log density of the n logarithms."""
        return NORMAL.log_evidence(theta, sums)

    def belief(self, theta: Floats) -> LogNormalDistribution:
        """Return the law of exp(mean of log x + noise_sigma²/2)."""
        return LogNormalDistribution(theta[..., 0] + 0.5 * np.square(theta[..., 2]), theta[..., 1])

    def predictive(self, theta: Floats, size: ArrayLike) -> NormalDistribution:
        """Return the law of Σlog x over `size` further observations."""
        return NORMAL.predictive(theta, size)

    def contrast(self, theta: Floats, sums: Floats) -> tuple[Floats, Floats]:
        """Return the difference of the means of log x, and its standard error."""
        return NORMAL.contrast(theta, sums)


@dataclass(frozen=True, slots=True)
class LogNormalInverseGammaFamily:
    """The normal-inverse-gamma belief on log x; reported is M = exp(mean of log x + noise²/2).

    M has no moments, so its reported `mean` is the posterior median and its `stdev` half the width of the
    central 68.27 % interval; (mean, stdev) given for it are taken as the same two numbers.
    """

    name: str = "lognormal-inverse-gamma"
    keys: tuple[str, ...] = ("mu", "sigma", "noise_shape", "noise_scale")
    noise_keys: tuple[str, ...] = ("noise_shape", "noise_scale")
    score: Literal["moments", "tail"] = "tail"

    def match(self, mean: ArrayLike, stdev: ArrayLike, **noise: ArrayLike) -> Floats:
        """Return the theta whose M has this median and this half width of its central 68.27 % interval.

        Raises
        ------
        InfeasibleBelief
            When the noise alone makes M less certain than that; the smallest feasible stdev is named.
        """
        mean, stdev, shape, scale = broadcast_floats(mean, stdev, noise["noise_shape"], noise["noise_scale"])
        require_finite(mean=mean, stdev=stdev)
        require_positive_stdev(stdev)
        require_positive(mean=mean, noise_shape=shape, noise_scale=scale)
        strength = _solve_strength(stdev / mean, mean, shape, scale)
        centre = LogNormalMean(np.zeros_like(mean), strength, shape, scale).log_quantile(0.5)
        return np.stack([np.log(mean) - centre, np.sqrt(scale / (shape * strength)), shape, scale], axis=-1)

    def check(self, theta: Floats) -> None:
        """Raise `InfeasibleBelief` unless mu is finite and the other three are above zero."""
        NORMAL_INVERSE_GAMMA.check(theta)

    def update(self, theta: Floats, sums: Floats) -> Floats:
        """Return the posterior of mean and noise of log x."""
        return NORMAL_INVERSE_GAMMA.update(theta, sums)

    def log_evidence(self, theta: Floats, sums: Floats) -> Floats:
        """Return the log density of the n logarithms."""
        return NORMAL_INVERSE_GAMMA.log_evidence(theta, sums)

    def belief(self, theta: Floats) -> LogNormalMean:
        """Return the law of M."""
        strength = NORMAL_INVERSE_GAMMA.strength(theta)
        return LogNormalMean(theta[..., 0], strength, theta[..., 2], theta[..., 3])

    def predictive(self, theta: Floats, size: ArrayLike) -> StudentT:
        """Return the law of Σlog x over `size` further observations."""
        return NORMAL_INVERSE_GAMMA.predictive(theta, size)

    def contrast(self, theta: Floats, sums: Floats) -> tuple[Floats, Floats]:
        """Return the difference of the means of log x, and its standard error."""
        return NORMAL_INVERSE_GAMMA.contrast(theta, sums)


def _log_spread(log_strength: Floats, shape: Floats, scale: Floats) -> Floats:
    """Return the log of stdev/mean of M as reported; it falls as the strength grows."""
    law = LogNormalMean(np.zeros_like(shape), np.exp(log_strength), shape, scale)
    low, middle, high = (law.log_quantile(q) for q in ((1.0 - CENTRAL) / 2.0, 0.5, (1.0 + CENTRAL) / 2.0))
    return np.asarray(high - middle + np.log(-np.expm1(low - high)) - np.log(2.0))


def _solve_strength(ratio: Floats, mean: Floats, shape: Floats, scale: Floats) -> Floats:
    """Return the strength at which stdev/mean of M is `ratio`, by false position on their logs (Illinois)."""

    def excess(log_strength: Floats) -> Floats:
        return _log_spread(log_strength, shape, scale) - np.log(ratio)

    noise = scale / shape
    # Were M lognormal, the variance of its log would be arcsinh(ratio)², part of it the noise's own doubt.
    from_mean = np.square(np.arcsinh(ratio)) - np.square(noise) / (4.0 * shape)
    centre = np.log(noise) - np.log(np.maximum(from_mean, 0.01 * np.square(np.arcsinh(ratio))))
    low, high = _widened(excess, centre, -0.5, 1.0), _widened(excess, centre, 0.5, -1.0)
    at_low, at_high = excess(low), excess(high)
    short = ~(at_high <= 0)
    if short.any():
        least = float((ratio * mean * np.exp(at_high))[short][0])
        raise InfeasibleBelief(
            f"the noise alone leaves more doubt than stdev {float((ratio * mean)[short][0]):g}",
            remedy=f"the smallest feasible stdev with this noise is about {least:.4g}",
        )
    for _ in range(80):
        gap = np.where(at_low == at_high, 1.0, at_low - at_high)
        middle = high + at_high * (high - low) / gap
        value = excess(middle)
        same = (value < 0) == (at_high < 0)
        # Illinois: an end kept twice has its value halved, so that both ends close in.
        low, at_low = np.where(same, low, high), np.where(same, 0.5 * at_low, at_high)
        high, at_high = middle, value
        if ((np.abs(value) < 2e-14) | (np.abs(high - low) < 1e-14 * (1.0 + np.abs(high)))).all():
            break
    return np.exp(high)


def _widened(excess: Callable[[Floats], Floats], start: Floats, step: float, sign: float) -> Floats:
    """Return a point from `start` on, in doubling steps, where sign·excess exceeds zero, or the last."""
    point = start + step
    for doubling in range(1, 8):
        wrong = ~(sign * excess(point) > 0)
        if not wrong.any():
            break
        point = np.where(wrong, start + step * 2.0**doubling, point)
    return point


LOGNORMAL: Final = LogNormalFamily()
LOGNORMAL_INVERSE_GAMMA: Final = LogNormalInverseGammaFamily()
