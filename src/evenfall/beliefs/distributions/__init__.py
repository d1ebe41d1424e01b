"""The laws a belief or a prediction can follow, as arrays of parameters with one set of verbs."""

from __future__ import annotations

from typing import Protocol

from numpy.typing import ArrayLike

from evenfall.beliefs.numerics.arrays import Floats

__all__ = ["Distribution"]


class Distribution(Protocol):
    """Many laws of one kind; every verb broadcasts its argument against the parameters."""

    @property
    def discrete(self) -> bool:
        """Whether `log_density` is the log of a probability mass on whole numbers."""

    @property
    def mean(self) -> Floats:
        """The expected value."""

    @property
    def stdev(self) -> Floats:
        """The standard deviation; infinite where the second moment does not exist."""

    def log_density(self, x: ArrayLike) -> Floats:
        """Return the log density, or log mass, at `x`."""

    def log_tails(self, x: ArrayLike) -> tuple[Floats, Floats]:
        """Return log P(X <= x) and log P(X > x), each to full relative precision far out."""

    def cdf(self, x: ArrayLike) -> Floats:
        """Return P(X <= x)."""

    def quantile(self, q: ArrayLike) -> Floats:
        """Return the smallest x with P(X <= x) >= q."""
