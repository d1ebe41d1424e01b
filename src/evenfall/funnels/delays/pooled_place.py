"""What the fast path needs of a model of pooled delays, and what its leading coordinates stand for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from evenfall.beliefs.cohorts import Clock
from evenfall.beliefs.numerics.arrays import Floats
from evenfall.funnels.delays.coordinates import Coordinates, DelayPoint
from evenfall.funnels.delays.families import LagFamily
from evenfall.funnels.delays.slice_counts import SliceCounts

__all__ = ["Head", "SlicedDelays"]


@dataclass(frozen=True, slots=True, eq=False)
class Head:
    """What the slices share.

    Attributes
    ----------
    centre, spread, stretch : ndarray, shape (point, 2)
        Of rate and log t50: the centre, the spread around it and its slope by the coordinate.
    shared
        The centre as points of the model of one edge.
    """

    centre: Floats
    spread: Floats
    stretch: Floats
    shared: DelayPoint


class SlicedDelays(Protocol):
    """Delays of many slices: leading coordinates that they share, then two of each slice."""

    family: LagFamily
    clock: Clock
    horizon_days: float
    slices: int
    coordinates: Coordinates
    counts: SliceCounts

    @property
    def hypers(self) -> int:
        """Number of leading coordinates that the slices share."""

    def head(self, hypers: Floats) -> Head:
        """Return what the leading coordinates, shape (point, hyper), stand for."""

    def rows(self, shared: DelayPoint, rate: Floats, log_t50: Floats) -> DelayPoint:
        """Return every slice of every point as one point, shape (point · slice,)."""

    def whole(self, hypers: Floats, u: Floats) -> Floats:
        """Return the coordinates of hypers (point, hyper) and slices u spreads off, (point, slice, 2)."""

    def start(self) -> Floats:
        """Return a point to search from."""

    def log_likelihood(self, z: Floats) -> Floats:
        """Return the log likelihood of each cohort, shape (point, cohort)."""

    def quantities(self, z: Floats) -> dict[str, Floats]:
        """Return what people ask for, by name."""
