"""What the fast path needs of a pooled model, and what its points stand for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from evenfall.funnels.pooling.likelihood import Days

__all__ = ["Place", "Pooled"]

type Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Place:
    """Points in words.

    Attributes
    ----------
    centre : ndarray, shape (point,)
    spreads : ndarray, shape (point, group)
    kappa : ndarray, shape (point,), or None
    effects : ndarray, shape (point, effect value)
    eta : ndarray, shape (point, slice)
    stretch : ndarray, shape (point, group)
        Derivative of each spread by its coordinate.
    """

    centre: Floats
    spreads: Floats
    kappa: Floats | None
    effects: Floats
    eta: Floats
    stretch: Floats


class Pooled(Protocol):
    """A pooled model: coordinates N(0, 1) a priori, in the order centre, hypers, effects."""

    @property
    def days(self) -> Days:
        """Its counts."""

    @property
    def design(self) -> Floats:
        """Which values touch which slice, shape (slice, effect value)."""

    @property
    def group(self) -> NDArray[np.intp]:
        """Which spread each effect has, shape (effect value,)."""

    @property
    def centre(self) -> tuple[float, float]:
        """Mean and stdev of the centre before the data."""

    @property
    def hypers(self) -> slice:
        """Coordinates of the spreads and of κ."""

    def start(self) -> Floats:
        """Return a first point."""

    def place(self, z: Floats) -> Place:
        """Return what points stand for."""

    def log_prior(self, z: Floats) -> Floats:
        """Return the log prior density, shape (point,)."""

    def log_likelihood(self, z: Floats) -> Floats:
        """Return the log likelihood, shape (point, slice)."""

    def quantities(self, z: Floats) -> dict[str, Floats]:
        """Return what people ask for."""
