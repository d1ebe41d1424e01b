"""A lag as days since entry: a standard family, scaled to its median and spread, after an onset."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import ArrayLike

from evenfall.beliefs.numerics.arrays import Floats, floats
from evenfall.funnels.delays.families.shape import LagShape

__all__ = ["LagFamily", "LagValues", "Standard", "StandardLag"]


class Standard(NamedTuple):
    """A standard family at x = log(t / t50): cdf, survival, and the slopes of the cdf.

    Both tails keep their relative precision. Slopes that a family does not have are None.
    """

    cdf: Floats
    survival: Floats
    by_x: Floats
    by_log_ratio: Floats
    by_q: Floats | None


class StandardLag(Protocol):
    """What one family must say: everything about a lag whose median is 1 and whose log t95 is `log_ratio`.

    Arguments broadcast; x = −inf is the time of entry.
    """

    @property
    def name(self) -> str:
        """Its name in the catalogue."""

    @property
    def has_q(self) -> bool:
        """Whether it has the further shape Q."""

    def evaluate(self, x: Floats, log_ratio: Floats, q: Floats) -> Standard:
        """Return cdf, survival and slopes at x = log t."""

    def tails(self, x: Floats, log_ratio: Floats, q: Floats) -> tuple[Floats, Floats]:
        """Return cdf and survival at x = log t."""

    def log_survival(self, x: Floats, log_ratio: Floats, q: Floats) -> Floats:
        """Return the log of the survival, also where the survival itself underflows."""

    def quantile(self, level: Floats, log_ratio: Floats, q: Floats) -> Floats:
        """Return x = log t at which the cdf is `level`."""


@dataclass(frozen=True, slots=True, eq=False)
class LagValues:
    """The cdf of a lag and its slopes by each coordinate of the shape, all of shape (point, time)."""

    cdf: Floats
    survival: Floats
    by_log_t50: Floats
    by_log_ratio: Floats
    by_onset: Floats
    by_q: Floats | None


@dataclass(frozen=True, slots=True)
class LagFamily:
    """A family of lags over (median, t95/t50, onset, Q), vectorised over points.

    `t` is in days since entry, of shape (time,) or (point, time); the shape's fields are (point,), and
    results are (point, time). With the fields scalar, results have the shape of `t`.
    """

    standard: StandardLag

    @property
    def name(self) -> str:
        """Its name in the catalogue."""
        return self.standard.name

    @property
    def coordinates(self) -> tuple[str, ...]:
        """The coordinates that it uses beside the onset, which is optional for all."""
        return ("log_t50", "log_ratio", "q") if self.standard.has_q else ("log_t50", "log_ratio")

    def cdf(self, t: ArrayLike, shape: LagShape) -> Floats:
        """Return P(lag <= t)."""
        return self.tails(t, shape)[0]

    def survival(self, t: ArrayLike, shape: LagShape) -> Floats:
        """Return P(lag > t), to full relative precision."""
        return self.tails(t, shape)[1]

    def tails(self, t: ArrayLike, shape: LagShape) -> tuple[Floats, Floats]:
        """Return P(lag <= t) and P(lag > t)."""
        x, log_ratio, q = _standardise(t, shape)
        cdf, survival = self.standard.tails(x, log_ratio, q)
        before = np.isneginf(x)
        return np.where(before, 0.0, cdf), np.where(before, 1.0, survival)

    def log_survival(self, t: ArrayLike, shape: LagShape) -> Floats:
        """Return log P(lag > t), also where the probability itself underflows."""
        x, log_ratio, q = _standardise(t, shape)
        return self.standard.log_survival(x, log_ratio, q)

    def quantile(self, level: ArrayLike, shape: LagShape) -> Floats:
        """Return the days t with P(lag <= t) = level, shape (point, level)."""
        rest = self.standard.quantile(floats(level), shape.rest_log_ratio[..., None], shape.q[..., None])
        return np.asarray(shape.onset_days[..., None] + np.exp(shape.rest_log_t50[..., None] + rest))

    def values(self, t: ArrayLike, shape: LagShape) -> LagValues:
        """Return cdf, survival and the slopes of the cdf by each coordinate."""
        x, log_ratio, q = _standardise(t, shape)
        at = self.standard.evaluate(x, log_ratio, q)
        t50, phi, ratio = shape.t50_days[..., None], shape.onset[..., None], shape.log_ratio[..., None]
        rest_t50 = (1.0 - phi) * t50
        # With y = (t − φ t50)/((1 − φ) t50): d log y/d log t50 = −t/(t − onset), which at the onset meets a
        # slope of zero, and d log y/dφ = 1/(1 − φ) − t50/(t − onset).
        with np.errstate(invalid="ignore", divide="ignore"):
            inverse = np.where(np.isneginf(x), 0.0, np.exp(-x) / rest_t50)
            by_x = np.where(np.isneginf(x), 0.0, at.by_x)
            by_log_t50 = -by_x * floats(t) * inverse
            by_onset = by_x * (1.0 / (1.0 - phi) - t50 * inverse)
        # r' = log((e^r − φ)/(1 − φ)): dr'/dr = e^r/(e^r − φ), dr'/dφ = 1/(1 − φ) − 1/(e^r − φ).
        rest = 1.0 / (np.exp(ratio) - phi)
        by_onset = by_onset + at.by_log_ratio * (1.0 / (1.0 - phi) - rest)
        by_log_ratio = at.by_log_ratio * np.exp(ratio) * rest
        before = np.isneginf(x)
        cdf, survival = np.where(before, 0.0, at.cdf), np.where(before, 1.0, at.survival)
        return LagValues(cdf, survival, by_log_t50, by_log_ratio, by_onset, at.by_q)


def _standardise(t: ArrayLike, shape: LagShape) -> tuple[Floats, Floats, Floats]:
    """Return x = log of the time after the onset over its median, the spread after the onset, and Q."""
    after = floats(t) - shape.onset_days[..., None]
    with np.errstate(divide="ignore"):
        x = np.log(np.maximum(after, 0.0)) - shape.rest_log_t50[..., None]
    return x, shape.rest_log_ratio[..., None], shape.q[..., None]
