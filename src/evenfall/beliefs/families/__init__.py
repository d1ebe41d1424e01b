"""What a family of beliefs can do, and the families by name."""

from __future__ import annotations

from typing import Final, Literal, Protocol

from evenfall.beliefs.distributions import Distribution
from evenfall.beliefs.stirling import Floats
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
    },
    extras={},
)


class Family(Protocol):
    """A conjugate family of beliefs, over arrays of parameters.

    `theta` has shape (..., len(keys)); `sums` has shape (..., 3) and holds (size, total, squares). Every verb
    broadcasts over the leading axes.

    Attributes
    ----------
    name
        Its name in the catalogue.
    keys
        Names of its numbers, in order.
    noise_keys
        Those of the keys that describe single observations, and that (mean, stdev) cannot tell.
    score
        How far a total lies from its prediction: ``moments`` (distance over predictive sd) or ``tail`` (Φ⁻¹ of
        the mid-p).
    """

    name: str
    keys: tuple[str, ...]
    noise_keys: tuple[str, ...]
    score: Literal["moments", "tail"]

    def match(self, mean: Floats, stdev: Floats, **noise: Floats) -> Floats:
        """Return the theta whose reported quantity has this mean and stdev."""

    def check(self, theta: Floats) -> None:
        """Raise `InfeasibleBelief` when a row of theta is no belief that can be held."""

    def update(self, theta: Floats, sums: Floats) -> Floats:
        """Return the exact posterior theta after the observations behind `sums`."""

    def log_evidence(self, theta: Floats, sums: Floats) -> Floats:
        """Return the log density of the observations behind `sums`, averaged over the belief."""

    def belief(self, theta: Floats) -> Distribution:
        """Return the law of the reported quantity."""

    def predictive(self, theta: Floats, size: Floats) -> Distribution:
        """Return the law of the total of `size` further observations."""

    def contrast(self, theta: Floats, sums: Floats) -> tuple[Floats, Floats]:
        """Return observed minus expected, and the sampling standard error of the observed, in the same unit."""
