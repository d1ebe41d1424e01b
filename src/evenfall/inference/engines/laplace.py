"""Laplace's approximation put right by importance weights: a Student t around the mode, draws, weights."""

from __future__ import annotations

import time
from typing import Final

import numpy as np
from numpy.typing import NDArray

from evenfall.inference.engines.batch import LogDensities, Single, as_log_density, log_likelihood_of
from evenfall.inference.engines.modes import find_modes
from evenfall.inference.engines.scouting import empty_fit, find_highest
from evenfall.inference.engines.weighing import BatchFit, weigh
from evenfall.inference.fit import Fit, FitRequest, WarmStart
from evenfall.inference.model import LogDensity, PymcModel

__all__ = ["LAPLACE", "LaplaceEngine", "laplace_batch"]

type Floats = NDArray[np.float64]


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
        modes, others = find_highest(batch, request)
        fit = weigh(batch, modes, np.array([request.seed]), request.chains * request.draws)
        if not modes.found[0]:
            return empty_fit(self.name, request, modes, time.perf_counter() - began)
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


LAPLACE: Final = LaplaceEngine()
