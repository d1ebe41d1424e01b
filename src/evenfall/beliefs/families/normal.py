"""Normal beliefs about a mean, met by n, Σx and Σx²; the noise of one observation known or learned too."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
from numpy.typing import ArrayLike
from scipy import special

from evenfall.beliefs.distributions.normal import NormalDistribution, StudentT
from evenfall.beliefs.families.feasible import require_finite, require_positive, require_positive_stdev
from evenfall.beliefs.numerics.arrays import Floats, broadcast_floats, floats
from evenfall.errors import InfeasibleBelief

__all__ = ["NORMAL", "NORMAL_INVERSE_GAMMA", "NormalFamily", "NormalInverseGammaFamily"]

_LOG_2PI: Final = 1.8378770664093453


def _centred_squares(centre: Floats, sums: Floats) -> tuple[Floats, Floats]:
    """Return Σ(x − centre) and Σ(x − centre)², the latter at least what Σ(x − centre) implies."""
    n, total, squares = sums[..., 0], sums[..., 1], sums[..., 2]
    deviation = total - n * centre
    centred = squares - 2.0 * centre * total + n * centre * centre
    with np.errstate(divide="ignore", invalid="ignore"):
        least = np.where(n > 0, deviation * deviation / n, 0.0)  # Cauchy-Schwarz; rounding may fall below it
    return deviation, np.maximum(centred, least)


@dataclass(frozen=True, slots=True)
class NormalFamily:
    """Mean ~ N(mu, sigma²), observations ~ N(mean, noise_sigma²) with known noise."""

    name: str = "normal"
    keys: tuple[str, ...] = ("mu", "sigma", "noise_sigma")
    noise_keys: tuple[str, ...] = ("noise_sigma",)
    score: Literal["moments", "tail"] = "tail"

    def match(self, mean: ArrayLike, stdev: ArrayLike, **noise: ArrayLike) -> Floats:
        """Return (mean, stdev, noise_sigma)."""
        mean, stdev, noise_sigma = broadcast_floats(mean, stdev, noise["noise_sigma"])
        require_finite(mean=mean, stdev=stdev)
        require_positive_stdev(stdev)
        theta = np.stack([mean, stdev, noise_sigma], axis=-1)
        self.check(theta)
        return theta

    def check(self, theta: Floats) -> None:
        """Raise `InfeasibleBelief` unless mu is finite and both sigmas are above zero."""
        require_finite(mu=theta[..., 0])
        require_positive(sigma=theta[..., 1], noise_sigma=theta[..., 2])

    def update(self, theta: Floats, sums: Floats) -> Floats:
        """Return the posterior: precisions add, means are weighted by them."""
        mu, sigma, noise = theta[..., 0], theta[..., 1], theta[..., 2]
        deviation = sums[..., 1] - sums[..., 0] * mu
        ratio = np.square(sigma / noise)
        shrink = 1.0 + sums[..., 0] * ratio
        return np.stack([mu + ratio * deviation / shrink, sigma / np.sqrt(shrink), noise], axis=-1)

    def log_evidence(self, theta: Floats, sums: Floats) -> Floats:
        """Return the log density of the n observations."""
        mu, sigma, noise = theta[..., 0], theta[..., 1], theta[..., 2]
        n = sums[..., 0]
        deviation, centred = _centred_squares(mu, sums)
        ratio = np.square(sigma / noise)
        shrink = 1.0 + n * ratio
        misfit = (centred - ratio * np.square(deviation) / shrink) / np.square(noise)
        return np.asarray(-0.5 * (n * (_LOG_2PI + 2.0 * np.log(noise)) + np.log(shrink) + misfit))

    def belief(self, theta: Floats) -> NormalDistribution:
        """Return the law of the mean."""
        return NormalDistribution(theta[..., 0], theta[..., 1])

    def predictive(self, theta: Floats, size: ArrayLike) -> NormalDistribution:
        """Return the law of the sum of `size` further observations."""
        mu, sigma, noise = theta[..., 0], theta[..., 1], theta[..., 2]
        size = floats(size)
        return NormalDistribution(size * mu, np.hypot(np.sqrt(size) * noise, size * sigma))

    def contrast(self, theta: Floats, sums: Floats) -> tuple[Floats, Floats]:
        """Return x̄ − mu and noise_sigma/√n."""
        with np.errstate(divide="ignore", invalid="ignore"):
            observed = sums[..., 1] / sums[..., 0]
            error = theta[..., 2] / np.sqrt(sums[..., 0])
        return observed - theta[..., 0], error


@dataclass(frozen=True, slots=True)
class NormalInverseGammaFamily:
    """Noise² ~ InvGamma(noise_shape, noise_scale) and mean given noise ~ N(mu, noise²/κ).

    `sigma` is the scale of the marginal Student t of the mean (2·noise_shape degrees of freedom), so the
    strength κ = noise_scale/(noise_shape·sigma²) counts the observations the belief about the mean is worth.

    References
    ----------
    Murphy, K. (2007), Conjugate Bayesian analysis of the Gaussian distribution, eqs. 85-89, 95, 110.
    """

    name: str = "normal-inverse-gamma"
    keys: tuple[str, ...] = ("mu", "sigma", "noise_shape", "noise_scale")
    noise_keys: tuple[str, ...] = ("noise_shape", "noise_scale")
    score: Literal["moments", "tail"] = "tail"

    def match(self, mean: ArrayLike, stdev: ArrayLike, **noise: ArrayLike) -> Floats:
        """Return the theta whose Student t of the mean has this mean and stdev.

        Raises
        ------
        InfeasibleBelief
            When noise_shape is 1 or less, where that Student t has no stdev.
        """
        mean, stdev, shape, scale = broadcast_floats(mean, stdev, noise["noise_shape"], noise["noise_scale"])
        require_finite(mean=mean, stdev=stdev)
        require_positive_stdev(stdev)
        require_positive(noise_shape=shape, noise_scale=scale)
        heavy = shape <= 1
        if heavy.any():
            raise InfeasibleBelief(
                f"with noise_shape {float(shape[heavy][0]):g} the belief about the mean has no stdev",
                remedy="give noise_shape above 1, or give mu and sigma instead of mean and stdev",
            )
        return np.stack([mean, stdev * np.sqrt((shape - 1.0) / shape), shape, scale], axis=-1)

    def check(self, theta: Floats) -> None:
        """Raise `InfeasibleBelief` unless mu is finite and the other three are above zero."""
        require_finite(mu=theta[..., 0])
        require_positive(sigma=theta[..., 1], noise_shape=theta[..., 2], noise_scale=theta[..., 3])

    def update(self, theta: Floats, sums: Floats) -> Floats:
        """Return the posterior: strength + n, noise_shape + n/2, and the scale with both kinds of misfit."""
        mu, _, shape, scale = np.moveaxis(theta, -1, 0)
        n = sums[..., 0]
        strength = self.strength(theta)
        deviation, centred = _centred_squares(mu, sums)
        after = strength + n
        shape, scale = shape + 0.5 * n, scale + 0.5 * (centred - np.square(deviation) / after)
        return np.stack([mu + deviation / after, np.sqrt(scale / (shape * after)), shape, scale], axis=-1)

    def log_evidence(self, theta: Floats, sums: Floats) -> Floats:
        """Return the log density of the n observations."""
        _, _, shape, scale = np.moveaxis(theta, -1, 0)
        n = sums[..., 0]
        strength, after = self.strength(theta), self.update(theta, sums)
        return np.asarray(
            special.gammaln(after[..., 2])
            - special.gammaln(shape)
            - shape * np.log1p((after[..., 3] - scale) / scale)
            - 0.5 * n * (np.log(after[..., 3]) + _LOG_2PI)
            - 0.5 * np.log1p(n / strength)
        )

    def belief(self, theta: Floats) -> StudentT:
        """Return the law of the mean."""
        return StudentT(theta[..., 0], theta[..., 1], 2.0 * theta[..., 2])

    def predictive(self, theta: Floats, size: ArrayLike) -> StudentT:
        """Return the law of the sum of `size` further observations."""
        mu, sigma, shape, scale = np.moveaxis(theta, -1, 0)
        size = floats(size)
        return StudentT(size * mu, np.hypot(np.sqrt(size * scale / shape), size * sigma), 2.0 * shape)

    def contrast(self, theta: Floats, sums: Floats) -> tuple[Floats, Floats]:
        """Return x̄ − mu and s/√n, s the standard deviation of the sample."""
        n = sums[..., 0]
        with np.errstate(divide="ignore", invalid="ignore"):
            observed = sums[..., 1] / n
            _, around = _centred_squares(observed, sums)
            error = np.sqrt(around / (n - 1.0) / n)
        return observed - theta[..., 0], np.where(n > 1, error, np.nan)

    @staticmethod
    def strength(theta: Floats) -> Floats:
        """Return κ, the observations that the belief about the mean is worth."""
        return np.asarray(theta[..., 3] / (theta[..., 2] * np.square(theta[..., 1])))


NORMAL: Final = NormalFamily()
NORMAL_INVERSE_GAMMA: Final = NormalInverseGammaFamily()
