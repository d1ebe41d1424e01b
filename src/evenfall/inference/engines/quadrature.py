"""Posteriors of one to three coordinates by adding up a grid."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy import special

from evenfall.inference.engines.batch import Single, as_log_density, log_likelihood_of
from evenfall.inference.engines.modes import Modes
from evenfall.inference.engines.scouting import empty_fit, find_highest
from evenfall.inference.fit import Fit, FitRequest, WarmStart
from evenfall.inference.model import LogDensity, PymcModel
from evenfall.inference.psis import importance_ess, smooth

__all__ = ["MOST_COORDINATES", "QUADRATURE", "Grid", "QuadratureEngine", "integrate"]

type Floats = NDArray[np.float64]

MOST_COORDINATES: Final = 3
"""A grid over four would have millions of nodes."""

_REACH: Final = 7.0  # half width of the first grid, in standard deviations of the law that touches the peak
_STEP: Final = 0.5
_ENDS: Final = 30.0  # nats below the peak at which the grid may end: 1e-13 of the mass lies beyond
_STEADY: Final = 1e-6
_MOST_NODES: Final = 1 << 19


@dataclass(frozen=True, eq=False)
class Grid:
    """Nodes that carry a posterior.

    Attributes
    ----------
    points : ndarray, shape (node, coordinate)
    weights : ndarray, shape (node,)
        Sum to one.
    log_evidence
        Log of the integral of the density as the model gives it.
    root : ndarray, shape (coordinate, coordinate)
        The cell of a node is what root makes of the cube of side `step` around it.
    reason
        Why the grid is no use; empty when it is.
    """

    points: Floats
    weights: Floats
    log_evidence: float
    root: Floats
    step: float
    reason: str = ""


def integrate(density: LogDensity, mode: Modes) -> Grid:
    """Return the grid around the mode, widened until nothing is outside and refined until it is steady.

    The trapezoidal rule on a smooth density over the whole line: halving the step squares the error, so the
    grid is done when every other node gives the same evidence, means and spreads to 1e-6.

    References
    ----------
    Trefethen, L. N., Weideman, J. A. C. (2014), The exponentially convergent trapezoidal rule, SIAM
    Review 56.
    """
    batch, width = Single(density), mode.points.shape[-1]
    low, high, step = np.full(width, -_REACH), np.full(width, _REACH), _STEP
    while True:
        counts = 2 * np.ceil((high - low) / (2.0 * step)).astype(int) + 1
        if np.prod(counts.astype(float)) > _MOST_NODES:
            return _refused(
                mode, f"the grid would need more than {_MOST_NODES} nodes: the tails are too long"
            )
        axes = [begin + step * np.arange(count) for begin, count in zip(low, counts, strict=True)]
        cube = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1)
        points = mode.points[0] + cube.reshape(-1, width) @ mode.roots[0].T
        with np.errstate(all="ignore"):  # what overflows far out is told by its value
            heights = batch.log_density(np.zeros(1, dtype=np.intp), points[None])[0].reshape(counts)
        if np.isnan(heights).any() or heights.max() == np.inf:
            return _refused(mode, "the log density is not a number, or infinite, at some nodes")
        wider = _widened(heights, low, high)
        if wider is not None:
            low, high = wider
            continue
        if _steady(heights, cube):
            log_mass = special.logsumexp(heights)
            volume = width * np.log(step) + float(mode.log_volumes[0])
            weights = np.exp(heights - log_mass).reshape(-1)
            return Grid(points, weights, float(log_mass + volume), mode.roots[0], step)
        step *= 0.5


class QuadratureEngine:
    """A grid, and draws from its cells put right by weights that differ little from each other."""

    name: Final = "quadrature"

    def fit(self, model: LogDensity | PymcModel, request: FitRequest) -> Fit:
        """Return `chains` x `draws` weighted draws; failures say why there are none.

        Nodes are taken in proportion to their weight, evenly (one random number in all), a draw is uniform in
        its node's cell, and its weight is the density there over the node's. The diagnostics hold
        ``log_evidence`` too.
        """
        began = time.perf_counter()
        density = as_log_density(model)
        batch, width = Single(density), len(density.names)
        if width > MOST_COORDINATES:
            reason = f"{width} coordinates are too many for a grid, which bears {MOST_COORDINATES}: use nuts"
            none = np.empty((request.chains, 0, width))
            return Fit(self.name, {}, none, failures=(reason,), seed=request.seed)
        mode, scouted = find_highest(batch, request)
        if not mode.found[0]:
            return empty_fit(self.name, request, mode, time.perf_counter() - began)
        grid = integrate(density, mode)
        failures = tuple(reason for reason in (scouted.reason, grid.reason) if reason)
        if grid.reason:
            none = np.empty((request.chains, 0, width))
            return Fit(self.name, {}, none, failures=failures, seed=request.seed, gradients=scouted.gradients)
        points, cells = _draw(grid, request)
        with np.errstate(all="ignore"):  # a cell may reach beyond the support
            target = batch.log_density(np.zeros(1, dtype=np.intp), points[None])[0]
        log_weights, k_hat = smooth(target - np.log(grid.weights[cells]))
        shape = (request.chains, request.draws)
        return Fit(
            rung=self.name,
            draws={
                k: np.asarray(v).reshape(*shape, *v.shape[1:]) for k, v in density.quantities(points).items()
            },
            points=points.reshape(*shape, width),
            weights=np.exp(log_weights).reshape(shape),
            log_likelihood=log_likelihood_of(density, points).reshape(*shape, -1),
            diagnostics={
                "k_hat": float(k_hat),
                "importance_ess": float(importance_ess(log_weights)),
                "log_evidence": grid.log_evidence,
            },
            failures=failures,
            seed=request.seed,
            gradients=scouted.gradients,
            seconds=time.perf_counter() - began,
            warm=WarmStart(mode.points, mass_matrix=np.square(mode.roots[0]).sum(axis=-1)),
        )


def _draw(grid: Grid, request: FitRequest) -> tuple[Floats, NDArray[np.intp]]:
    """Return points in the cells of nodes, and the nodes, in random order."""
    rng = np.random.default_rng([request.seed, 3])
    count, width = request.chains * request.draws, grid.points.shape[-1]
    levels = (np.arange(count) + rng.random()) / count
    cells = np.searchsorted(np.cumsum(grid.weights), levels).clip(max=len(grid.weights) - 1)
    rng.shuffle(cells)
    within = grid.step * rng.uniform(-0.5, 0.5, size=(count, width))
    return grid.points[cells] + within @ grid.root.T, cells


def _widened(heights: Floats, low: Floats, high: Floats) -> tuple[Floats, Floats] | None:
    """Return wider ends where the density has not died away at a face of the grid; None where it has."""
    low, high, top, alive = low.copy(), high.copy(), heights.max(), False
    for axis in range(heights.ndim):
        for ends, face in ((low, 0), (high, -1)):
            if np.take(heights, face, axis=axis).max() > top - _ENDS:
                ends[axis] *= 1.5
                alive = True
    return (low, high) if alive else None


def _steady(heights: Floats, cube: Floats) -> bool:
    """Return whether every other node along each axis says the same as all of them."""
    half = (slice(None, None, 2),) * heights.ndim
    log_mass, mean, spread = _figures(heights, cube)
    coarse_mass, coarse_mean, coarse_spread = _figures(heights[half], cube[half])
    return bool(
        abs(log_mass - coarse_mass - heights.ndim * np.log(2.0)) < _STEADY
        and (np.abs(mean - coarse_mean) < _STEADY * spread).all()
        and (np.abs(spread - coarse_spread) < _STEADY * spread).all()
    )


def _figures(heights: Floats, cube: Floats) -> tuple[float, Floats, Floats]:
    """Return log mass, means and spreads along each axis."""
    log_mass = float(special.logsumexp(heights))
    weights = np.exp(heights - log_mass)[..., None]
    every = tuple(range(heights.ndim))
    mean = np.sum(weights * cube, axis=every)
    return log_mass, mean, np.sqrt(np.sum(weights * np.square(cube - mean), axis=every))


def _refused(mode: Modes, reason: str) -> Grid:
    """Return a grid that is no use."""
    return Grid(np.empty((0, mode.points.shape[-1])), np.empty(0), np.nan, mode.roots[0], np.nan, reason)


QUADRATURE: Final = QuadratureEngine()
