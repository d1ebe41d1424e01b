"""Laplace's approximation put right by importance weights: a Student t around the mode, draws, weights."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from evenfall.inference.engines.batch import LogDensities, Single, as_log_density, log_likelihood_of
from evenfall.inference.engines.modes import Modes, find_modes
from evenfall.inference.engines.weighing import BatchFit, weigh
from evenfall.inference.fit import Fit, FitRequest, WarmStart
from evenfall.inference.model import LogDensity, PymcModel

__all__ = ["LAPLACE", "LaplaceEngine", "laplace_batch"]

type Floats = NDArray[np.float64]

_REACHES: Final = (6.0, 20.0)  # distances from the mode, in its standard deviations, where scouts begin
_MOST_AXES: Final = 6
_AROUND: Final = 4  # scouts that begin around the model's own start
_NEGLIGIBLE: Final = 7.0  # log of mass below which another mode does not matter: a thousandth
_APART: Final = 0.5  # distance, in posterior standard deviations, from which two modes are two


def laplace_batch(
    batch: LogDensities,
    seeds: NDArray[np.int64],
    draws: int = 1000,
    budget: int = np.iinfo(np.int64).max,
    start: Floats | None = None,
) -> BatchFit:
    """Return weighted draws of many posteriors of one structure.

    The draws of a problem are a function of its own seed: they do not hang on its neighbours.

    Parameters
    ----------
    batch
        The log densities.
    seeds : ndarray of int, shape (problem,)
    draws
        Of each problem.
    budget
        Gradient evaluations each problem may take.
    start : ndarray, shape (problem, coordinate)
        Where to look for modes; default `batch.start()`.
    """
    first = batch.start() if start is None else start
    modes = find_modes(batch, np.arange(len(first)), first, budget)
    return weigh(batch, modes, np.asarray(seeds), draws)


class LaplaceEngine:
    """Laplace's approximation with importance weights, of one model."""

    name: Final = "laplace"

    def fit(self, model: LogDensity | PymcModel, request: FitRequest) -> Fit:
        """Return `chains` x `draws` weighted draws, never resampled; failures say why there are none."""
        began = time.perf_counter()
        density = as_log_density(model)
        batch = Single(density)
        modes, others = _search(batch, request)
        fit = weigh(batch, modes, np.array([request.seed]), request.chains * request.draws)
        if not modes.found[0]:
            return _empty(request, modes, time.perf_counter() - began)
        points = fit.points[0]
        shape = (request.chains, request.draws)
        return Fit(
            rung=self.name,
            draws={
                k: np.asarray(v).reshape(*shape, *v.shape[1:]) for k, v in density.quantities(points).items()
            },
            points=points.reshape(*shape, -1),
            weights=np.exp(fit.log_weights[0]).reshape(shape),
            log_likelihood=log_likelihood_of(density, points).reshape(*shape, -1),
            diagnostics={"k_hat": float(fit.k_hat[0]), "importance_ess": float(fit.importance_ess[0])},
            failures=tuple(reason for reason in (others.reason, fit.reasons[0]) if reason),
            seed=request.seed,
            gradients=others.gradients,
            seconds=time.perf_counter() - began,
            warm=WarmStart(modes.points, mass_matrix=np.square(modes.roots[0]).sum(axis=-1)),
        )


@dataclass(frozen=True, slots=True)
class _Others:
    """What the scouts found: a reason when there is more than one mode, and what all searches cost."""

    reason: str
    gradients: int


def _search(batch: Single, request: FitRequest) -> tuple[Modes, _Others]:
    """Return the highest mode, and whether other modes hold mass too."""
    start = batch.start() if request.warm is None else request.warm.points[:1]
    modes = find_modes(batch, np.zeros(1, dtype=np.intp), start, request.max_gradients)
    spent = int(modes.gradients.sum())
    if not modes.found[0]:
        return modes, _Others("", spent)
    starts = _scouts(batch, modes, request.seed)
    left = (request.max_gradients - spent) // len(starts)
    scouts = find_modes(batch, np.zeros(len(starts), dtype=np.intp), starts, left)
    spent += int(scouts.gradients.sum())
    found = [modes, *(scouts.only(row) for row in np.flatnonzero(scouts.found).tolist())]
    best = max(found, key=lambda one: float(one.heights[0] + one.log_volumes[0]))
    if np.any(~scouts.found & (scouts.gradients + 2 * starts.shape[-1] >= left)):
        room = f"the budget of {request.max_gradients} gradients left no room to look for other modes"
        return best, _Others(room, spent)
    return best, _Others(_several(best, found), spent)


def _scouts(batch: Single, modes: Modes, seed: int) -> Floats:
    """Return where to begin looking for other modes, shape (scout, coordinate).

    On both sides of the mode along its axes, near and far; and around the model's own start, since models are
    written so that the prior of a coordinate has a spread of about one.
    """
    rng = np.random.default_rng([seed, 1])
    axes = modes.roots[0].T[:_MOST_AXES]
    steps = np.concatenate([reach * side * axes for reach in _REACHES for side in (-1.0, 1.0)])
    around = batch.start() + 2.0 * rng.normal(size=(_AROUND, axes.shape[-1]))
    return np.concatenate([modes.points + steps, around])


def _several(best: Modes, found: list[Modes]) -> str:
    """Return a sentence when another mode than the best holds mass, else nothing."""
    for one in found:
        offset = np.linalg.solve(best.roots[0], one.points[0] - best.points[0])
        mass = float(one.heights[0] + one.log_volumes[0] - best.heights[0] - best.log_volumes[0])
        if np.linalg.norm(offset) > _APART and mass > -_NEGLIGIBLE:
            return (
                f"there is more than one mode: another, {np.linalg.norm(offset):.1f} posterior standard"
                f" deviations away, holds {np.exp(mass):.2g} times the mass of the highest;"
                " a sampling engine is needed"
            )
    return ""


def _empty(request: FitRequest, modes: Modes, seconds: float) -> Fit:
    """Return the outcome without draws."""
    none = np.empty((request.chains, 0, modes.points.shape[-1]))
    spent = int(modes.gradients.sum())
    return Fit(
        "laplace", {}, none, failures=modes.reasons, seed=request.seed, gradients=spent, seconds=seconds
    )


LAPLACE: Final = LaplaceEngine()
