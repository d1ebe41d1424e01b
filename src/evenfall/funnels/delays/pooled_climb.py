"""The peak of a density of a few coordinates whose scales may differ a hundredfold, by differences."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import numpy as np

from evenfall.beliefs.numerics.arrays import Floats

__all__ = ["climb"]

_FIRST: Final = 0.1  # of the prior stdev: the step of the first differences
_DIFFERENCE: Final = 0.5  # of the posterior's, once it is known about
_FIRST_CURVATURE: Final = 0.2 * (_FIRST / _DIFFERENCE) ** 2  # of the prior's, which has 1: less is a shoulder
_LEAST_CURVATURE: Final = 0.25  # of what it was thought to be: no scale doubles more than once in a step
_KNOWN: Final = (0.4, 2.5)  # within such factors of what it was thought to be the curvature is known
_MOST_STEPS: Final = 12
_SETTLED: Final = 0.05
_LONGEST: Final = 1.5


def climb(log_density: Callable[[Floats], Floats], start: Floats) -> tuple[Floats, Floats]:
    """Return the peak and the lower root of the inverse curvature there, by Newton's method.

    Parameters
    ----------
    log_density
        (point, coordinate) → (point,), of coordinates that are N(0, 1) a priori.
    start : ndarray, shape (coordinate,)
    """
    at, root, least = start.copy(), _FIRST / _DIFFERENCE * np.eye(len(start)), _FIRST_CURVATURE
    for _ in range(_MOST_STEPS):
        value, gradient, curvature = _differences(log_density, at, root)
        curve, direction = np.linalg.eigh(curvature)
        wide = root @ direction / np.sqrt(np.maximum(curve, least))
        move = wide @ (wide.T @ np.linalg.solve(root.T, gradient))
        move /= max(1.0, float(np.abs(move).max()) / _LONGEST)
        shares = 0.5 ** np.arange(6)
        reached = log_density(at + shares[:, None] * move)
        best = int(np.argmax(reached))
        gained = float(reached[best]) - value
        if gained > 0:
            at = at + shares[best] * move
        root, least = np.linalg.cholesky(wide @ wide.T), _LEAST_CURVATURE
        if not gained > _SETTLED and np.all((curve > _KNOWN[0]) & (curve < _KNOWN[1])):
            break
    return at, root


def _differences(
    log_density: Callable[[Floats], Floats], at: Floats, root: Floats
) -> tuple[float, Floats, Floats]:
    """Return value, gradient and minus the second derivatives along the columns of the root."""
    d, h = len(at), _DIFFERENCE
    unit = np.eye(d)
    low = [(i, j) for i in range(d) for j in range(i)]
    mixed = np.array([unit[i] + unit[j] for i, j in low]).reshape(-1, d)
    value = log_density(at + h * np.concatenate([np.zeros((1, d)), unit, -unit, mixed, -mixed]) @ root.T)
    centre, up, down = value[0], value[1 : 1 + d], value[1 + d : 1 + 2 * d]
    second = (up + down - 2.0 * centre) / h**2
    curvature = np.diag(-second)
    both = (value[1 + 2 * d :].reshape(2, -1).sum(axis=0) - 2.0 * centre) / h**2
    for (i, j), along in zip(low, both, strict=True):
        curvature[i, j] = curvature[j, i] = -(along - second[i] - second[j]) / 2.0
    return float(centre), (up - down) / (2.0 * h), curvature
