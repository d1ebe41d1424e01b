"""Normal and Student t laws."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import ArrayLike
from scipy import special

from evenfall.beliefs.numerics.arrays import Floats, floats
from evenfall.beliefs.numerics.stirling import log_gamma_half_step
from evenfall.beliefs.numerics.student import student_log_tails, student_quantile

__all__ = ["NormalDistribution", "StudentT"]

_HALF_LOG_2PI = 0.9189385332046727


@dataclass(frozen=True, slots=True, eq=False)
class NormalDistribution:
    """Normal laws with the given means and standard deviations."""

    discrete: ClassVar[bool] = False
    mean: Floats
    stdev: Floats

    def log_density(self, x: ArrayLike) -> Floats:
        """Return the log density at `x`."""
        z = (floats(x) - self.mean) / self.stdev
        return np.asarray(-0.5 * z * z - np.log(self.stdev) - _HALF_LOG_2PI)

    def log_tails(self, x: ArrayLike) -> tuple[Floats, Floats]:
        """Return log P(X <= x) and log P(X > x)."""
        z = (floats(x) - self.mean) / self.stdev
        return np.asarray(special.log_ndtr(z)), np.asarray(special.log_ndtr(-z))

    def cdf(self, x: ArrayLike) -> Floats:
        """Return P(X <= x)."""
        return np.asarray(special.ndtr((floats(x) - self.mean) / self.stdev))

    def quantile(self, q: ArrayLike) -> Floats:
        """Return x with P(X <= x) = q."""
        return np.asarray(self.mean + self.stdev * special.ndtri(floats(q)))


@dataclass(frozen=True, slots=True, eq=False)
class StudentT:
    """Student t laws with `dof` degrees of freedom, centred at `location`, stretched by `scale`."""

    discrete: ClassVar[bool] = False
    location: Floats
    scale: Floats
    dof: Floats

    @property
    def mean(self) -> Floats:
        """The expected value; not a number with one degree of freedom or fewer."""
        return np.where(self.dof > 1, self.location, np.nan)

    @property
    def stdev(self) -> Floats:
        """The standard deviation; infinite up to two degrees of freedom."""
        excess = np.maximum(self.dof - 2.0, 0.0)
        with np.errstate(divide="ignore"):
            return np.asarray(self.scale * np.sqrt(self.dof / excess))

    def log_density(self, x: ArrayLike) -> Floats:
        """Return the log density at `x`."""
        z = (floats(x) - self.location) / self.scale
        # Γ((ν+1)/2) / (Γ(ν/2) sqrt(ν/2)) tends to 1: a ratio of gammas, not a difference of two large logs.
        constant = log_gamma_half_step(self.dof / 2.0) - _HALF_LOG_2PI - np.log(self.scale)
        return np.asarray(constant - 0.5 * (self.dof + 1.0) * np.log1p(z * z / self.dof))

    def log_tails(self, x: ArrayLike) -> tuple[Floats, Floats]:
        """Return log P(X <= x) and log P(X > x)."""
        return student_log_tails(self.dof, (floats(x) - self.location) / self.scale)

    def cdf(self, x: ArrayLike) -> Floats:
        """Return P(X <= x)."""
        return np.exp(self.log_tails(x)[0])

    def quantile(self, q: ArrayLike) -> Floats:
        """Return x with P(X <= x) = q."""
        return np.asarray(self.location + self.scale * student_quantile(self.dof, q))
