"""The mode of one model that holds the most mass, and whether others hold some too."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from evenfall.inference.engines.batch import Single
from evenfall.inference.engines.modes import Modes, find_modes
from evenfall.inference.fit import Fit, FitRequest

__all__ = ["Scouted", "empty_fit", "find_highest"]

type Floats = NDArray[np.float64]

_REACHES: Final = (6.0, 20.0)  # distances from the mode, in its standard deviations, where scouts begin
_MOST_AXES: Final = 6
_AROUND: Final = 4  # scouts that begin around the model's own start
_NEGLIGIBLE: Final = 7.0  # log of mass below which another mode does not matter: a thousandth
_APART: Final = 0.5  # distance, in posterior standard deviations, from which two modes are two


@dataclass(frozen=True, slots=True)
class Scouted:
    """What the scouts found: a reason when there is more than one mode, and what all searches cost."""

    reason: str
    gradients: int


def find_highest(batch: Single, request: FitRequest) -> tuple[Modes, Scouted]:
    """Return the highest mode, and whether other modes hold mass too."""
    start = batch.start() if request.warm is None else request.warm.points[:1]
    modes = find_modes(batch, np.zeros(1, dtype=np.intp), start, request.max_gradients)
    spent = int(modes.gradients.sum())
    if not modes.found[0]:
        return modes, Scouted("", spent)
    starts = _scouts(batch, modes, request.seed)
    left = (request.max_gradients - spent) // len(starts)
    scouts = find_modes(batch, np.zeros(len(starts), dtype=np.intp), starts, left)
    spent += int(scouts.gradients.sum())
    found = [modes, *(scouts.only(row) for row in np.flatnonzero(scouts.found).tolist())]
    best = max(found, key=lambda one: float(one.heights[0] + one.log_volumes[0]))
    if np.any(~scouts.found & (scouts.gradients + 2 * starts.shape[-1] >= left)):
        room = f"the budget of {request.max_gradients} gradients left no room to look for other modes"
        return best, Scouted(room, spent)
    return best, Scouted(_several(best, found), spent)


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


def empty_fit(rung: str, request: FitRequest, modes: Modes, seconds: float) -> Fit:
    """Return the outcome without draws."""
    none = np.empty((request.chains, 0, modes.points.shape[-1]))
    spent = int(modes.gradients.sum())
    return Fit(rung, {}, none, failures=modes.reasons, seed=request.seed, gradients=spent, seconds=seconds)
