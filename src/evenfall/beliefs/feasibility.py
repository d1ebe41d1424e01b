"""Whether numbers are a belief, and what they would mean: shown while somebody types them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Final

import numpy as np

from evenfall.beliefs.belief import Belief, Origin
from evenfall.beliefs.declared import belief_from_numbers
from evenfall.beliefs.families import FAMILIES
from evenfall.beliefs.numerics.arrays import Floats
from evenfall.errors import EvenfallError

__all__ = ["Feasibility", "feasibility", "observations_worth"]

_POINTS: Final = 100
_INTERVAL: Final = (0.025, 0.975)
_SHOWN: Final = (0.0005, 0.9995)
"""Probabilities of the ends of the curve."""


@dataclass(frozen=True, slots=True)
class Feasibility:
    """What numbers mean as a belief, or why they mean none.

    Attributes
    ----------
    message, remedy
        Why there is no such belief; empty when there is one.
    mean, stdev, lower, upper
        Of the reported quantity, the interval being the equal-tailed one of 95 %; None where there is none.
    observations
        How many observations the belief is worth.
    numbers
        The belief by the family's own numbers.
    x, density
        The belief as a curve, one hundred points between its 0.05 % and 99.95 % quantiles; a density that is
        not finite is None.
    """

    feasible: bool
    message: str = ""
    remedy: str = ""
    mean: float | None = None
    stdev: float | None = None
    lower: float | None = None
    upper: float | None = None
    observations: float | None = None
    numbers: Mapping[str, float] | None = None
    x: tuple[float | None, ...] = ()
    density: tuple[float | None, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """Return it as JSON-ready data."""
        return asdict(self)


def feasibility(distribution: str, numbers: Mapping[str, float]) -> Feasibility:
    """Return what `numbers` mean as a belief of the family `distribution`, or why they mean none."""
    with np.errstate(all="ignore"):  # numbers on their way may be as large and as small as floats get
        try:
            belief = belief_from_numbers(distribution, numbers, Origin("manual"))
        except EvenfallError as refused:
            return Feasibility(False, refused.message, refused.remedy)
        return _shown(belief)


def _shown(belief: Belief) -> Feasibility:
    law = FAMILIES.resolve(belief.family).belief(np.array(belief.theta))
    lower, upper, first, last = (float(end) for end in law.quantile(np.array([*_INTERVAL, *_SHOWN])))
    x = np.linspace(first, last, _POINTS)
    density = np.exp(law.log_density(x))
    return Feasibility(
        True,
        mean=_finite(float(law.mean)),
        stdev=_finite(float(law.stdev)),
        lower=_finite(lower),
        upper=_finite(upper),
        observations=_finite(observations_worth(belief)),
        numbers=belief.numbers,
        x=_listed(x),
        density=_listed(density),
    )


def observations_worth(belief: Belief) -> float:
    """Return how many observations, or how much exposure, would say as much as a belief does.

    That is the number n which the family's exact update adds its evidence to: alpha + beta of a beta, the
    rate of a gamma, the noise's variance over that of the mean of a normal (Gelman et al., Bayesian Data
    Analysis, 3rd ed. 2013, sections 2.4 to 2.6, 3.3).
    """
    numbers = {key: np.float64(number) for key, number in belief.numbers.items()}
    if "alpha" in numbers:
        return float(numbers["alpha"] + numbers["beta"])
    if "rate" in numbers:
        return float(numbers["rate"])
    if "noise_sigma" in numbers:
        return float(np.square(numbers["noise_sigma"] / numbers["sigma"]))
    return float(numbers["noise_scale"] / (numbers["noise_shape"] * np.square(numbers["sigma"])))


def _finite(number: float) -> float | None:
    return number if np.isfinite(number) else None


def _listed(numbers: Floats) -> tuple[float | None, ...]:
    return tuple(
        number if fine else None for number, fine in zip(numbers.tolist(), np.isfinite(numbers), strict=True)
    )
