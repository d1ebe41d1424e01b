"""What a family of beliefs can do, and the families by name."""

from __future__ import annotations

from typing import Final, Literal, Protocol

from numpy.typing import ArrayLike

from evenfall.beliefs.distributions import Distribution
from evenfall.beliefs.numerics.arrays import Floats
from evenfall.catalogue import Catalogue

__all__ = ["FAMILIES", "Family"]

FAMILIES: Final = Catalogue(
    kind="family",
    built_in={
        "beta": "evenfall.beliefs.families.beta:BETA",
        "gamma": "evenfall.beliefs.families.gamma:GAMMA",
        "lognormal": "evenfall.beliefs.families.lognormal:LOGNORMAL",
        "lognormal-inverse-gamma": "evenfall.beliefs.families.lognormal:LOGNORMAL_INVERSE_GAMMA",
        "normal": "evenfall.beliefs.families.normal:NORMAL",
        "normal-inverse-gamma": "evenfall.beliefs.families.normal:NORMAL_INVERSE_GAMMA",
        "robust-beta": "evenfall.beliefs.families.robust_beta:ROBUST_BETA",
    },
    extras={},
)


class Family(Protocol):
    """A conjugate family of beliefs, over arrays of parameters.

    `theta` has shape (..., len(keys)); `sums` has shape (..., 3) and holds (size, total, squares). Every verb
    broadcasts over the leading axes.

    A mean and a stdev are always those of the reported quantity: a rate, a mean, or the mean of a skewed
    quantity.
    """

    @property
    def name(self) -> str:
        """Its name in the catalogue."""

    @property
    def keys(self) -> tuple[str, ...]:
        """Names of its numbers, in order."""

    @property
    def noise_keys(self) -> tuple[str, ...]:
        """Those of the keys that describe single observations, which (mean, stdev) cannot tell."""

    @property
    def score(self) -> Literal["moments", "tail"]:
        """How z measures a total: its distance over the predictive stdev, or Φ⁻¹ of its predictive mid-p."""

    def match(self, mean: ArrayLike, stdev: ArrayLike, **noise: ArrayLike) -> Floats:
        """Return the theta whose reported quantity has this mean and stdev."""

    def check(self, theta: Floats) -> None:
        """Raise `InfeasibleBelief` when a row of theta is no belief that can be held."""

    def update(self, theta: Floats, sums: Floats) -> Floats:
        """Return the exact posterior theta after the observations behind `sums`."""

    def log_evidence(self, theta: Floats, sums: Floats) -> Floats:
        """Return the log density of the observations behind `sums`, averaged over the belief.

        For counts the mass of the total given the size; for measurements the density of all n of them.
        """

    def belief(self, theta: Floats) -> Distribution:
        """Return the law of the reported quantity."""

    def predictive(self, theta: Floats, size: ArrayLike) -> Distribution:
        """Return the law of the total of `size` further observations."""

    def contrast(self, theta: Floats, sums: Floats) -> tuple[Floats, Floats]:
        """Return observed minus expected, and the sampling error of the observed, in the same unit."""
