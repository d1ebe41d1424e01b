"""What is believed about one quantity: a family, its numbers, and where they come from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from evenfall.beliefs.families import FAMILIES

if TYPE_CHECKING:
    from evenfall.beliefs.distributions import Distribution
    from evenfall.beliefs.families import Family

__all__ = ["Belief", "Origin"]

_SHOWN: Final = {
    "beta": "Beta",
    "gamma": "Gamma",
    "lognormal": "LogNormal",
    "lognormal-inverse-gamma": "LogNormalInverseGamma",
    "normal": "Normal",
    "normal-inverse-gamma": "NormalInverseGamma",
    "robust-beta": "RobustBeta",
}


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a belief's numbers come from.

    Attributes
    ----------
    kind
        One of manual, sql, sheets, webhook, posterior, fallback.
    detail
        The place: a file and line, a connection and query, a version.
    """

    kind: str
    detail: str = ""

    def __str__(self) -> str:
        return f"{self.kind} ({self.detail})" if self.detail else self.kind


@dataclass(frozen=True, slots=True)
class Belief:
    """A distribution over one quantity, with its origin.

    Attributes
    ----------
    family
        Name of the family in the catalogue, such as ``beta`` or ``normal-inverse-gamma``.
    keys
        Names of its numbers, in the family's order, such as ``("alpha", "beta")``.
    theta
        The numbers, in the same order.
    origin
        Where they come from.
    """

    family: str
    keys: tuple[str, ...]
    theta: tuple[float, ...]
    origin: Origin

    @property
    def numbers(self) -> Mapping[str, float]:
        """The numbers by name."""
        return dict(zip(self.keys, self.theta, strict=True))

    @property
    def mean(self) -> float:
        """The mean of the reported quantity."""
        return float(self._law().mean)

    @property
    def stdev(self) -> float:
        """The standard deviation of the reported quantity."""
        return float(self._law().stdev)

    def _law(self) -> Distribution:
        family: Family = FAMILIES.resolve(self.family)
        return family.belief(np.array(self.theta, dtype=np.float64))

    def __str__(self) -> str:
        inside = ", ".join(f"{number:.6g}" for number in self.theta)
        name = _SHOWN.get(self.family, self.family)
        return f"{name}({inside})  mean {self.mean:.3f} ± {self.stdev:.3f}"
