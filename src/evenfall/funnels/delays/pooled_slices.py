"""The slices of pooled delays one by one: given the hypers each is a problem of two coordinates of its own.

With u the number of spreads a slice's rate and log t50 lie from the centre, u ~ N(0, I) a priori and its
likelihood is that of the slice alone. All slices of many hypers are solved together.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from evenfall.beliefs.numerics.arrays import Floats
from evenfall.funnels.delays.coordinates import DelayPoint
from evenfall.funnels.delays.pooled_place import SlicedDelays

__all__ = ["SliceGaussians", "Slices"]

_CELLS: Final = 1 << 16  # age cells of one call: what stays in the cache
_CALENDAR_CELLS: Final = 1 << 13  # the same where each is the mean of F over a day
_MOST_STEPS: Final = 40
_SETTLED: Final = 1e-4  # longest step, in spreads' units, at which the search ends
_LONGEST: Final = 3.0  # spreads that one step may go


@dataclass(frozen=True, slots=True, eq=False)
class SliceGaussians:
    """A Gaussian for each slice at each point of the hypers.

    Attributes
    ----------
    mode : ndarray, shape (point, slice, 2)
        In spreads from the centre: rate, log t50.
    root : ndarray, shape (point, slice, 2, 2)
        A with A Aᵀ the covariance, upper triangular.
    log_mass : ndarray, shape (point,)
        Laplace's log of the product over slices of ∫ likelihood × N(u; 0, I) du.
    """

    mode: Floats
    root: Floats
    log_mass: Floats

    @property
    def log_root(self) -> Floats:
        """Log determinant of the root, shape (point, slice)."""
        return np.asarray(np.log(self.root[..., 0, 0]) + np.log(self.root[..., 1, 1]))


@dataclass(frozen=True, slots=True, eq=False)
class _Curve:
    """Log of likelihood × prior of each (point, slice), its gradient and minus its curvature."""

    value: Floats
    score: Floats
    precision: Floats


class Slices:
    """A pooled model as a function of each slice's own coordinates, its hypers held."""

    def __init__(self, model: SlicedDelays) -> None:
        self.model = model
        cells = _CALENDAR_CELLS if model.clock == "calendar" else _CELLS
        self._step = max(1, cells // max(model.slices * (model.counts.ages + 1), 1))

    @property
    def costly(self) -> bool:
        """Whether a likelihood takes ten times as long as with elapsed days, a plain law and no κ."""
        coordinates = self.model.coordinates
        return bool(coordinates.kappa or coordinates.q or self.model.clock == "calendar")

    def value(self, hypers: Floats, u: Floats) -> Floats:
        """Return the log likelihood of each slice, shape (point, slice); −inf where none can be computed.

        Parameters
        ----------
        hypers : ndarray, shape (point, hyper)
        u : ndarray, shape (point, slice, 2)
        """
        return np.concatenate([self._value(hypers[b], u[b]) for b in self._blocks(len(hypers))])

    def fit(self, hypers: Floats, start: Floats) -> SliceGaussians:
        """Return Laplace's Gaussians, each at its mode, found by Fisher scoring from `start`."""
        u = np.array(start)
        curve = self._curves(hypers, u)
        left = np.arange(len(hypers))
        share = np.ones(u.shape[:2])
        for _ in range(_MOST_STEPS):
            move = share[left][..., None] * _step(curve.score[left], curve.precision[left])
            tried = self._curves(hypers[left], u[left] + move)
            floor = curve.value[left] - 1e-9 * (1.0 + np.abs(curve.value[left]))
            better = tried.value >= floor
            share[left] = np.where(better, 1.0, 0.25 * share[left])
            u[left] += np.where(better[..., None], move, 0.0)
            for old, new in zip(_fields(curve), _fields(tried), strict=True):
                keep = better.reshape(*better.shape, *(1,) * (old.ndim - 2))
                old[left] = np.where(keep, new, old[left])
            left = left[np.abs(move).max(axis=(1, 2)) > _SETTLED]
            if not len(left):
                break
        return _gaussians(u, curve)

    def step(self, hypers: Floats, start: Floats) -> SliceGaussians:
        """Return Gaussians one step from `start`: near the mode they are as good to draw from."""
        curve = self._curves(hypers, start)
        return _gaussians(start + _step(curve.score, curve.precision), curve)

    def _blocks(self, points: int) -> list[slice]:
        return [slice(i, i + self._step) for i in range(0, max(points, 1), self._step)]

    def _curves(self, hypers: Floats, u: Floats) -> _Curve:
        parts = [self._curve(hypers[b], u[b]) for b in self._blocks(len(hypers))]
        return _Curve(*(np.concatenate(each) for each in zip(*map(_fields, parts), strict=True)))

    def _point(self, hypers: Floats, u: Floats) -> tuple[DelayPoint, Floats]:
        """Return the slices of all points as points of the model of one edge, and the two spreads."""
        head = self.model.head(hypers)
        own = head.centre[:, None, :] + head.spread[:, None, :] * u
        return self.model.rows(head.shared, own[..., 0], own[..., 1]), head.spread

    def _value(self, hypers: Floats, u: Floats) -> Floats:
        point, _ = self._point(hypers, u)
        family, horizon = self.model.family, np.array([self.model.horizon_days])
        mass = np.maximum(family.cdf(horizon, point.shape)[:, 0], 1e-290)
        value = self.model.counts.values(point.shape, point.eventual(mass), point.kappa)
        return np.where(point.inside, value, -np.inf).reshape(u.shape[:2])

    def _curve(self, hypers: Floats, u: Floats) -> _Curve:
        point, spread = self._point(hypers, u)
        family, horizon = self.model.family, np.array([self.model.horizon_days])
        at_horizon = family.values(horizon, point.shape)
        mass = np.maximum(at_horizon.cdf[:, 0], 1e-290)
        p, missing = point.eventual(mass), point.missing(mass)
        # p by the rate coordinate, and by log t50 at a fixed one.
        p_slopes = np.stack([p * missing, -p * missing * at_horizon.by_log_t50[:, 0] / mass], axis=-1)
        found = self.model.counts.scored(point.shape, p, point.kappa)
        score = found.by_p[:, None] * p_slopes
        score[:, 1] += found.by_log_t50
        information = np.einsum("ri,rj->rij", p_slopes, p_slopes) * found.p_p[:, None, None]
        mixed = found.p_t[:, None] * p_slopes
        information[:, 1, :] += mixed
        information[:, :, 1] += mixed
        information[:, 1, 1] += found.t_t
        shape = u.shape[:2]
        precision = information.reshape(*shape, 2, 2) * (spread[:, :, None] * spread[:, None, :])[:, None]
        value = np.where(point.inside, found.value, -np.inf).reshape(shape) - 0.5 * np.square(u).sum(axis=-1)
        slope = score.reshape(*shape, 2) * spread[:, None, :]
        known = np.isfinite(value) & np.isfinite(slope).all(-1) & np.all(np.abs(precision) < 1e150, (-1, -2))
        slope = np.where(known[..., None], slope, 0.0) - u
        return _Curve(value, slope, np.where(known[..., None, None], precision, 0.0) + np.eye(2))


def _fields(curve: _Curve) -> tuple[Floats, Floats, Floats]:
    return curve.value, curve.score, curve.precision


def _determinant(precision: Floats) -> Floats:
    product = precision[..., 0, 0] * precision[..., 1, 1]
    return np.asarray(np.maximum(product - np.square(precision[..., 0, 1]), 1e-12 * product))


def _step(score: Floats, precision: Floats) -> Floats:
    """Return the step of scoring, cut to a length at which the curvature still means something."""
    a, b, c = precision[..., 0, 0], precision[..., 0, 1], precision[..., 1, 1]
    x, y = score[..., 0], score[..., 1]
    move = np.stack([c * x - b * y, a * y - b * x], axis=-1) / _determinant(precision)[..., None]
    return np.asarray(move / np.maximum(np.abs(move).max(axis=-1, keepdims=True) / _LONGEST, 1.0))


def _gaussians(mode: Floats, curve: _Curve) -> SliceGaussians:
    """Return the Gaussians with these modes and precisions.

    With the precision [[a, b], [b, c]] of determinant D, the columns of the upper triangular root are
    (1/√a, 0) and (−b/√(aD), √(a/D)).
    """
    a, b = curve.precision[..., 0, 0], curve.precision[..., 0, 1]
    determinant = _determinant(curve.precision)
    root = np.zeros(curve.precision.shape)
    root[..., 0, 0] = 1.0 / np.sqrt(a)
    root[..., 0, 1] = -b / np.sqrt(a * determinant)
    root[..., 1, 1] = np.sqrt(a / determinant)
    log_mass = (curve.value - 0.5 * np.log(determinant)).sum(axis=1)
    return SliceGaussians(mode, root, log_mass)
