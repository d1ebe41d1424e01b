"""Laws of exp(μ + noise²/2), the mean of a lognormal quantity, with the noise known or believed too."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar, Final

import numpy as np
from numpy.typing import ArrayLike
from scipy import special

from evenfall.beliefs.numerics.arrays import Floats, broadcast_floats, floats
from evenfall.beliefs.numerics.incomplete_gamma import gamma_reach
from evenfall.beliefs.numerics.stirling import log_poisson_weight

__all__ = ["CENTRAL", "LogNormalDistribution", "LogNormalMean"]

CENTRAL: Final = 0.682689492137085897
"""Mass within one standard deviation of a normal law: 2Φ(1) − 1."""

_HALF_LOG_2PI: Final = 0.9189385332046727
_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(64)
_NEWTON_ENDS: Final = 1e-9
_FAR: Final = 9.0  # Φ(−9) is 1e-19


@dataclass(frozen=True, slots=True, eq=False)
class LogNormalDistribution:
    """Laws whose logarithm is normal with the given `mu` and `sigma`."""

    discrete: ClassVar[bool] = False
    mu: Floats
    sigma: Floats

    @property
    def mean(self) -> Floats:
        """The expected value, exp(mu + sigma²/2)."""
        return np.asarray(np.exp(self.mu + 0.5 * np.square(self.sigma)))

    @property
    def stdev(self) -> Floats:
        """The standard deviation."""
        return np.asarray(self.mean * np.sqrt(np.expm1(np.square(self.sigma))))

    def _standard(self, x: ArrayLike) -> Floats:
        with np.errstate(divide="ignore"):
            return np.asarray((np.log(np.maximum(floats(x), 0.0)) - self.mu) / self.sigma)

    def log_density(self, x: ArrayLike) -> Floats:
        """Return the log density at `x`; −inf at or below 0."""
        x = floats(x)
        safe = np.where(x > 0, x, 1.0)
        inside = -0.5 * np.square(self._standard(safe)) - np.log(self.sigma) - _HALF_LOG_2PI - np.log(safe)
        return np.where(x > 0, inside, -np.inf)

    def log_tails(self, x: ArrayLike) -> tuple[Floats, Floats]:
        """Return log P(X <= x) and log P(X > x)."""
        z = self._standard(x)
        return np.asarray(special.log_ndtr(z)), np.asarray(special.log_ndtr(-z))

    def cdf(self, x: ArrayLike) -> Floats:
        """Return P(X <= x)."""
        return np.asarray(special.ndtr(self._standard(x)))

    def quantile(self, q: ArrayLike) -> Floats:
        """Return x with P(X <= x) = q."""
        return np.asarray(np.exp(self.mu + self.sigma * special.ndtri(floats(q))))


@dataclass(frozen=True, eq=False)
class LogNormalMean:
    """Laws of M = exp(μ + s/2) with s ~ InvGamma(shape, scale) and μ | s ~ N(mu, s/strength).

    M has no moments: exp(s/2) grows faster than the inverse gamma's tail falls. `mean` is therefore its
    median, and `stdev` half the width of its central 68.27 % interval; the more is known, the less they
    differ from moments. Probabilities average the normal law of log M given s over s, by quadrature.
    """

    discrete: ClassVar[bool] = False
    mu: Floats
    strength: Floats
    shape: Floats
    scale: Floats

    @cached_property
    def _central(self) -> tuple[Floats, Floats, Floats]:
        low, middle, high = (self.quantile(q) for q in ((1.0 - CENTRAL) / 2.0, 0.5, (1.0 + CENTRAL) / 2.0))
        return low, middle, high

    @property
    def mean(self) -> Floats:
        """The median of M."""
        return self._central[1]

    @property
    def stdev(self) -> Floats:
        """Half the width of the central 68.27 % interval of M."""
        low, _, high = self._central
        return 0.5 * (high - low)

    def log_density(self, x: ArrayLike) -> Floats:
        """Return the log density at `x`; −inf at or below 0."""
        x = floats(x)
        safe = np.where(x > 0, x, 1.0)
        return np.where(x > 0, self.log_scale(np.log(safe) - self.mu)[2] - np.log(safe), -np.inf)

    def log_tails(self, x: ArrayLike) -> tuple[Floats, Floats]:
        """Return log P(M <= x) and log P(M > x)."""
        x = floats(x)
        lower, upper, _ = self.log_scale(np.log(np.where(x > 0, x, 1.0)) - self.mu)
        return np.where(x > 0, lower, -np.inf), np.where(x > 0, upper, 0.0)

    def cdf(self, x: ArrayLike) -> Floats:
        """Return P(M <= x)."""
        return np.exp(self.log_tails(x)[0])

    def quantile(self, q: ArrayLike) -> Floats:
        """Return x with P(M <= x) = q."""
        return np.asarray(np.exp(self.mu + self.log_quantile(q)))

    def log_scale(self, c: ArrayLike) -> tuple[Floats, Floats, Floats]:
        """Return log P(L <= c), log P(L > c) and the log density at c of L = log M − mu."""
        c, strength, shape, scale = broadcast_floats(c, self.strength, self.shape, self.scale)
        v, log_weight = _nodes(c, strength, shape, scale)
        s = (scale[..., None]) * np.exp(-v)
        root = np.sqrt(s / strength[..., None])
        z = (c[..., None] - 0.5 * s) / root
        lower = special.logsumexp(special.log_ndtr(z) + log_weight, axis=-1)
        upper = special.logsumexp(special.log_ndtr(-z) + log_weight, axis=-1)
        density = special.logsumexp(-0.5 * z * z - _HALF_LOG_2PI - np.log(root) + log_weight, axis=-1)
        return np.asarray(lower), np.asarray(upper), np.asarray(density)

    def log_quantile(self, q: ArrayLike) -> Floats:
        """Return c with P(L <= c) = q of L = log M − mu, by bracketed Newton steps on normal scores."""
        q, _, shape, scale = broadcast_floats(q, self.strength, self.shape, self.scale)
        target = special.ndtri(q)
        noise = scale / shape
        c = 0.5 * noise + target * np.sqrt(noise / self.strength + np.square(0.5 * noise) / shape)
        low, high = np.full_like(c, -np.inf), np.full_like(c, np.inf)
        unit = np.sqrt(noise / self.strength) + noise
        step = unit
        for _ in range(200):
            lower, upper, density = self.log_scale(c)
            z = np.where(lower < upper, special.ndtri_exp(lower), -special.ndtri_exp(upper))
            with np.errstate(invalid="ignore", over="ignore"):
                move = (target - z) * np.exp(-0.5 * z * z - _HALF_LOG_2PI - density)
            # A Newton step this short squares to less than rounding; the bracket would only catch noise.
            near = np.abs(move) <= _NEWTON_ENDS * unit
            low, high = np.where(z < target, c, low), np.where(z < target, high, c)
            wide = np.where(
                np.isinf(high), low + step, np.where(np.isinf(low), high - step, 0.5 * (low + high))
            )
            inside = (c + move > low) & (c + move < high)
            c = np.where(near | inside, c + move, wide)
            step = np.where(np.isinf(high) | np.isinf(low), 2.0 * step, step)
            if near.all():
                break
        return c


def _nodes(c: Floats, strength: Floats, shape: Floats, scale: Floats) -> tuple[Floats, Floats]:
    """Return v = log(scale/s) and log weights, shape (..., 192), to average over s ~ InvGamma(shape, scale).

    The conditional probability Φ((c − s/2) sqrt(strength/s)) changes only where its argument lies within ±9:
    that stretch has nodes of its own, however narrow it is.
    """
    first, last = gamma_reach(shape)
    square = _FAR * _FAR / strength + 2.0 * c
    root = np.sqrt(np.maximum(square, 0.0))
    least = np.abs(root - _FAR / np.sqrt(strength))
    tiny = 1e-150
    s_low, s_high = np.square(least) + tiny, np.square(root + _FAR / np.sqrt(strength)) + tiny
    near, far = np.log(scale) - np.log(s_high), np.log(scale) - np.log(s_low)
    edges = np.stack([first, np.clip(near, first, last), np.clip(far, first, last), last], axis=-1)
    half, middle = 0.5 * np.diff(edges, axis=-1), 0.5 * (edges[..., 1:] + edges[..., :-1])
    v = (middle[..., None] + half[..., None] * _NODES).reshape(*c.shape, -1)
    with np.errstate(divide="ignore"):
        log_width = np.log(half[..., None] * _WEIGHTS).reshape(*c.shape, -1)
    g = np.exp(v)
    return v, log_width + log_poisson_weight(shape[..., None], g) + np.log(shape)[..., None]
