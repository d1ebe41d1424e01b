"""Many posteriors of one structure at once, and one posterior seen as a batch of one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Protocol

import numpy as np
from numpy.typing import NDArray

from evenfall.inference.model import LogDensity, PymcModel

__all__ = ["LogDensities", "Single", "as_log_density", "log_likelihood_of"]

type Floats = NDArray[np.float64]
type Positions = NDArray[np.intp]

_POINTS: Final = 512  # given to a model at once: a model may hold units × ages values per point


class LogDensities(Protocol):
    """Posteriors that differ in their data alone.

    `which`, shape (problem,), says which of them are asked; `z` has shape (problem, point, coordinate).
    """

    def start(self) -> Floats:
        """Return a reasonable first point of each, shape (problem, coordinate)."""

    def log_density(self, which: Positions, z: Floats) -> Floats:
        """Return log posterior densities up to a constant each, shape (problem, point)."""

    def gradient(self, which: Positions, z: Floats) -> tuple[Floats, Floats]:
        """Return log densities, shape (problem, point), and gradients, (problem, point, coordinate)."""


@dataclass(frozen=True, eq=False)
class Single:
    """One posterior as a batch; every problem asked for is the same one."""

    model: LogDensity

    def start(self) -> Floats:
        """Return its first point, shape (1, coordinate)."""
        return np.asarray(self.model.start(), dtype=np.float64)[None, :]

    def log_density(self, which: Positions, z: Floats) -> Floats:
        """Return log densities, shape (problem, point)."""
        parts = [
            self.model.log_prior(block) + self.model.log_likelihood(block).sum(axis=-1)
            for block in _blocks(z)
        ]
        return np.concatenate(parts).reshape(z.shape[:2])

    def gradient(self, which: Positions, z: Floats) -> tuple[Floats, Floats]:
        """Return log densities and gradients."""
        parts = [self.model.gradient(block) for block in _blocks(z)]
        return np.concatenate([p[0] for p in parts]).reshape(z.shape[:2]), np.concatenate(
            [p[1] for p in parts]
        ).reshape(z.shape)


def as_log_density(model: LogDensity | PymcModel) -> LogDensity:
    """Return the model in arrays; one written in PyMC is compiled first."""
    if not isinstance(model, PymcModel):
        return model
    from evenfall.inference.nuts import compiled  # noqa: PLC0415  the samplers load seconds of libraries

    return compiled.as_log_density(model)


def log_likelihood_of(model: LogDensity, z: Floats) -> Floats:
    """Return the log likelihood of each unit at points of shape (point, coordinate)."""
    return np.concatenate([model.log_likelihood(block) for block in _blocks(z)])


def _blocks(z: Floats) -> list[Floats]:
    """Return the points in pieces of a bounded size."""
    flat = z.reshape(-1, z.shape[-1])
    return [flat[i : i + _POINTS] for i in range(0, max(len(flat), 1), _POINTS)]
