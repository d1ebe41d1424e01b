"""Where to draw the spreads from: a grid that closes in on their posterior, or a Student t at its peak."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Protocol

import numpy as np
from numpy.typing import NDArray
from scipy import special

__all__ = ["MOST_ON_GRID", "Grid", "Proposal", "StudentT", "grid_proposal", "student_proposal"]

type Floats = NDArray[np.float64]
type LogMass = Callable[[Floats], Floats]

_FIRST: Final = (-5.0, 7.0)  # coordinates N(0, 1) a priori; a spread of seven half-normal scales is at 6.9
_DEPTH: Final = 13.0  # nats below the peak at which the grid ends: 2e-6 of the mass lies beyond
_NODES: Final = {1: 61, 2: 25}
MOST_ON_GRID: Final = max(_NODES)
"""Hypers that a grid covers; more of them need too many cells."""

_DEGREES: Final = 5.0
_DIFFERENCE: Final = 0.1
_MOST_STEPS: Final = 25
_PILOT: Final = 400


class Proposal(Protocol):
    """A law of the hypers that can be drawn from and evaluated."""

    def draw(self, rng: np.random.Generator, count: int) -> tuple[Floats, Floats]:
        """Return draws (draw, hyper) and their log density (draw,)."""


@dataclass(frozen=True, eq=False)
class Grid:
    """Cells of equal size, each as probable as the posterior at its middle says.

    Attributes
    ----------
    middle : ndarray, shape (cell, hyper)
    width : ndarray, shape (hyper,)
    log_share : ndarray, shape (cell,)
    """

    middle: Floats
    width: Floats
    log_share: Floats

    def draw(self, rng: np.random.Generator, count: int) -> tuple[Floats, Floats]:
        """Return draws uniform within their cells, and their log density."""
        # One uniform number per equal part of the mass: each cell is drawn as often as its share says.
        ladder = (np.arange(count) + rng.random(count)) / count
        cell = np.searchsorted(np.cumsum(np.exp(self.log_share)), ladder).clip(max=len(self.middle) - 1)
        cell = rng.permutation(cell)
        inside = self.middle[cell] + self.width * (rng.random((count, len(self.width))) - 0.5)
        return inside, self.log_share[cell] - np.log(self.width).sum()


@dataclass(frozen=True, eq=False)
class StudentT:
    """A multivariate Student t.

    Attributes
    ----------
    mean : ndarray, shape (hyper,)
    root : ndarray, shape (hyper, hyper)
        Lower Cholesky factor of the scale matrix.
    """

    mean: Floats
    root: Floats

    def draw(self, rng: np.random.Generator, count: int) -> tuple[Floats, Floats]:
        """Return draws and their log density."""
        d = len(self.mean)
        noise = rng.normal(size=(count, d)) / np.sqrt(rng.chisquare(_DEGREES, (count, 1)) / _DEGREES)
        constant = special.gammaln((_DEGREES + d) / 2) - special.gammaln(_DEGREES / 2)
        constant -= d / 2 * np.log(_DEGREES * np.pi) + np.log(np.diagonal(self.root)).sum()
        density = constant - (_DEGREES + d) / 2 * np.log1p(np.square(noise).sum(axis=1) / _DEGREES)
        return self.mean + noise @ self.root.T, density


def grid_proposal(log_mass: LogMass, hypers: int) -> Grid:
    """Return a grid over one or two hypers that ends where the posterior has fallen by 13 nats.

    Parameters
    ----------
    log_mass
        Log posterior density of the hypers, (point, hyper) → (point,).
    hypers
        How many there are; none gives one cell without width.
    """
    if hypers == 0:
        return Grid(np.zeros((1, 0)), np.zeros(0), np.zeros(1))
    low, high = np.full(hypers, _FIRST[0]), np.full(hypers, _FIRST[1])
    nodes = _NODES[hypers]
    for _ in range(3):
        width = (high - low) / nodes
        axes = [start + size * (np.arange(nodes) + 0.5) for start, size in zip(low, width, strict=True)]
        middle = np.stack([axis.reshape(-1) for axis in np.meshgrid(*axes, indexing="ij")], axis=1)
        value = log_mass(middle)
        near = middle[value > value.max() - _DEPTH]
        low, high = near.min(axis=0) - width, near.max(axis=0) + width
    share = _with_neighbours(special.softmax(value).reshape((nodes,) * hypers))
    return Grid(middle, width, np.log(share.reshape(-1)))


def _with_neighbours(share: Floats) -> Floats:
    """Return shares of which half is spread over the neighbouring cells.

    Where the density is steep it is far higher at one end of a cell than in its middle; the share of the
    next cell covers that end.
    """
    spread = np.pad(share, 1, mode="edge")
    for axis in range(share.ndim):
        before, at, after = (np.take(spread, range(i, i + share.shape[axis]), axis) for i in range(3))
        spread = (before + at + after) / 3.0
    mixed = 0.5 * share + 0.5 * spread
    return np.asarray(mixed / mixed.sum())


def student_proposal(log_mass: LogMass, start: Floats, rng: np.random.Generator) -> StudentT:
    """Return a Student t around the peak of a log density, its scale corrected by a few hundred draws."""
    peak, spread = _climb(log_mass, start)
    first = StudentT(peak, np.linalg.cholesky(spread))
    draws, density = first.draw(rng, _PILOT)
    ratio = log_mass(draws) - density
    weight = special.softmax(ratio)
    if 1.0 / np.square(weight).sum() < 10 * len(peak):
        return first
    mean = weight @ draws
    off = draws - mean
    covariance = (weight[:, None] * off).T @ off
    # A t of ν degrees with scale Σ has covariance Σ ν/(ν − 2); the scale keeps the target's covariance.
    return StudentT(mean, np.linalg.cholesky(covariance + 1e-6 * np.eye(len(peak))))


def _climb(log_mass: LogMass, start: Floats) -> tuple[Floats, Floats]:
    """Return peak and inverse curvature there by Newton's method on differences, each step one call."""
    at = start.copy()
    for _ in range(_MOST_STEPS):
        value, gradient, covariance = _curve(log_mass, at)
        move = covariance @ gradient
        move /= max(1.0, float(np.abs(move).max()) / 1.5)
        shares = 0.5 ** np.arange(6)
        reached = log_mass(at + shares[:, None] * move)
        best = int(np.argmax(reached))
        if not reached[best] > value + 1e-3:
            break
        at = at + shares[best] * move
    return at, _curve(log_mass, at)[2]


def _curve(log_mass: LogMass, at: Floats) -> tuple[float, Floats, Floats]:
    """Return value, gradient and the inverse of a curvature that is at least 0.2 in every direction."""
    d, h = len(at), _DIFFERENCE
    unit = np.eye(d)
    pairs = [(i, j) for i in range(d) for j in range(i)]
    mixed = [s * unit[i] + t * unit[j] for i, j in pairs for s in (1, -1) for t in (1, -1)]
    value = log_mass(at + h * np.concatenate([np.zeros((1, d)), unit, -unit, np.array(mixed).reshape(-1, d)]))
    centre, up, down = value[0], value[1 : 1 + d], value[1 + d : 1 + 2 * d]
    hessian = np.diag((up + down - 2 * centre) / h**2)
    corners = value[1 + 2 * d :].reshape(-1, 4)
    for (i, j), (pp, pm, mp, mm) in zip(pairs, corners, strict=True):
        hessian[i, j] = hessian[j, i] = (pp - pm - mp + mm) / (4 * h**2)
    curvature, direction = np.linalg.eigh(-hessian)
    # The prior alone has curvature 1; less than 0.2 is noise or a shoulder.
    return float(centre), (up - down) / (2 * h), direction / np.maximum(curvature, 0.2) @ direction.T
