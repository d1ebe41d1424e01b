"""Centre and effects given the spreads: the Gaussian that resembles them, and its mass."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy import special

from evenfall.funnels.pooling.place import Pooled

__all__ = ["Gaussian", "Inner"]

type Floats = NDArray[np.float64]

_BLOCK: Final = 1 << 21  # values held at once
_SETTLED: Final = 1e-4  # largest step at which the search ends; the mass is then known to its square
_MOST_STEPS: Final = 60
_HALVINGS: Final = 12


@dataclass(frozen=True, eq=False)
class Gaussian:
    """A Gaussian per point over the inner coordinates: the centre and the effects.

    Attributes
    ----------
    mode : ndarray, shape (point, inner)
        Highest point of the density, in log odds.
    mean : ndarray, shape (point, inner)
        The mode in inner coordinates, moved by the skewness there.
    inverse_root : ndarray, shape (point, inner, inner)
        R = L⁻¹ with L the lower Cholesky factor of the precision, so that RᵀR is the covariance.
    log_mass : ndarray, shape (point,)
        Laplace's log of the integral of likelihood × N(0, I) prior over the inner coordinates.
    """

    mode: Floats
    mean: Floats
    inverse_root: Floats
    log_mass: Floats

    def draws(self, noise: Floats) -> Floats:
        """Return mean + Rᵀ noise; noise and result have shape (point, inner)."""
        return np.asarray(self.mean + (noise[:, None, :] @ self.inverse_root)[:, 0])

    @property
    def log_root_determinant(self) -> Floats:
        """Half the log determinant of the precision, shape (point,)."""
        return _log_root_determinant(self.inverse_root)


@dataclass(frozen=True, eq=False)
class _Slopes:
    """Value, gradient, inverse root of the precision, and information by slice, at some inner points."""

    value: Floats
    score: Floats
    inverse_root: Floats
    information: Floats


@dataclass(frozen=True, eq=False)
class Inner:
    """A pooled model seen as a function of centre and effects, its hypers held.

    Attributes
    ----------
    touch : ndarray, shape (slice, inner)
        The design with a column of ones for the centre.
    pairs : ndarray, shape (slice, inner²)
        Its products in pairs.
    """

    model: Pooled
    touch: Floats = field(init=False, repr=False)
    pairs: Floats = field(init=False, repr=False)

    def __post_init__(self) -> None:
        design = self.model.design
        touch = np.concatenate([np.ones((len(design), 1)), design], axis=1)
        object.__setattr__(self, "touch", touch)
        object.__setattr__(self, "pairs", (touch[:, :, None] * touch[:, None, :]).reshape(len(touch), -1))

    @property
    def size(self) -> int:
        """Number of inner coordinates."""
        return 1 + int(self.model.design.shape[1])

    def whole(self, hypers: Floats, inner: Floats) -> Floats:
        """Return points of the model from hypers (point, hyper) and inner coordinates (point, inner)."""
        return np.concatenate([inner[:, :1], hypers, inner[:, 1:]], axis=1)

    def fit(self, hypers: Floats, start: Floats, steps: int | None = None) -> Gaussian:
        """Return Laplace's Gaussian at each point of the hypers.

        Parameters
        ----------
        hypers : ndarray, shape (point, hyper)
        start : ndarray, shape (point, inner)
            Where the search begins, in log odds: as `Gaussian.mode`.
        steps
            Number of steps instead of going on until the mode is reached; what is a little off the mode is
            as good a proposal.
        """
        per_point = max(self.size**2, 4 * len(self.model.days.place), 1)
        step = max(1, _BLOCK // per_point)
        parts = [
            self._fit(hypers[i : i + step], start[i : i + step], steps) for i in range(0, len(hypers), step)
        ]
        return Gaussian(
            *(
                np.concatenate([getattr(p, f) for p in parts])
                for f in ("mode", "mean", "inverse_root", "log_mass")
            )
        )

    def _fit(self, hypers: Floats, start: Floats, steps: int | None) -> Gaussian:
        """Return the Gaussians of one block by Fisher scoring, which is Newton's method without κ."""
        at = self.model.place(self.whole(hypers, np.zeros((len(hypers), self.size))))
        centre = np.full((len(hypers), 1), self.model.centre[1])
        reach, kappa = np.concatenate([centre, at.spreads[:, self.model.group]], axis=1), at.kappa
        u = start / reach
        slopes = self._slopes(u, reach, kappa)
        for _ in range(_MOST_STEPS if steps is None else steps):
            move = _solve(slopes.inverse_root, slopes.score)
            u, taken = self._walk(u, move, slopes.value, reach, kappa)
            slopes = self._slopes(u, reach, kappa)
            if steps is None and taken < _SETTLED:
                break
        log_mass = slopes.value - _log_root_determinant(slopes.inverse_root)
        mean = u + self._skew(u, reach, slopes)
        return Gaussian(u * reach, mean, slopes.inverse_root, log_mass)

    def _walk(
        self, u: Floats, move: Floats, value: Floats, reach: Floats, kappa: Floats | None
    ) -> tuple[Floats, float]:
        """Return the place after a step, halved where it would go down, and its length."""
        share = np.ones(len(u))
        for _ in range(_HALVINGS):
            reached = self._value(u + share[:, None] * move, reach, kappa)
            worse = ~(reached >= value - 1e-9 * (1.0 + np.abs(value)))
            if not worse.any():
                break
            share[worse] *= 0.5
        taken = share[:, None] * move
        return u + taken, float(np.abs(taken).max(initial=0.0))

    def _eta(self, u: Floats, reach: Floats) -> Floats:
        scaled = u * reach
        return np.asarray(self.model.centre[0] + scaled[:, :1] + scaled[:, 1:] @ self.model.design.T)

    def _value(self, u: Floats, reach: Floats, kappa: Floats | None) -> Floats:
        likelihood = self.model.days.value(self._eta(u, reach), kappa).sum(axis=1)
        return np.asarray(likelihood - 0.5 * np.square(u).sum(axis=1))

    def _slopes(self, u: Floats, reach: Floats, kappa: Floats | None) -> _Slopes:
        slopes = self.model.days.slopes(self._eta(u, reach), kappa)
        score = (slopes.score @ self.touch) * reach - u
        precision = (slopes.information @ self.pairs).reshape(len(u), self.size, self.size)
        precision *= reach[:, :, None] * reach[:, None, :]
        diagonal = np.arange(self.size)
        precision[:, diagonal, diagonal] += 1.0
        value = slopes.value.sum(axis=1) - 0.5 * np.square(u).sum(axis=1)
        inverse_root = np.linalg.inv(np.linalg.cholesky(precision))
        return _Slopes(value, score, inverse_root, slopes.information)

    def _skew(self, u: Floats, reach: Floats, slopes: _Slopes) -> Floats:
        """Return mean minus mode to first order: ½ H⁻¹ Σ_s x_s l‴_s Var(η_s).

        For the binomial l‴ = −n p q (1 − 2p) by the log odds (Tierney and Kadane 1986, eq. 2.3).
        """
        third = -slopes.information * (1.0 - 2.0 * special.expit(self._eta(u, reach)))
        covariance = np.swapaxes(slopes.inverse_root, 1, 2) @ slopes.inverse_root
        covariance *= reach[:, :, None] * reach[:, None, :]
        variance = covariance.reshape(len(u), -1) @ self.pairs.T
        return 0.5 * _solve(slopes.inverse_root, ((third * variance) @ self.touch) * reach)


def _solve(inverse_root: Floats, right: Floats) -> Floats:
    """Return RᵀR right, shape (point, inner)."""
    half = inverse_root @ right[..., None]
    return np.asarray((np.swapaxes(inverse_root, 1, 2) @ half)[..., 0])


def _log_root_determinant(inverse_root: Floats) -> Floats:
    """Return log det L = −log det R, shape (point,)."""
    return np.asarray(-np.log(np.diagonal(inverse_root, axis1=1, axis2=2)).sum(axis=1))
