"""The exact posterior of many parameters: prior times the likelihood of their observations."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np

from evenfall.beliefs.belief import Belief, Origin
from evenfall.beliefs.discount import discount_weights
from evenfall.beliefs.groups import by_family
from evenfall.beliefs.numerics.arrays import Floats
from evenfall.beliefs.observations import Observations
from evenfall.beliefs.overdispersion import overdispersed_update

__all__ = ["UpdateRule", "posterior"]


@dataclass(frozen=True, slots=True)
class UpdateRule:
    """How evidence counts.

    Attributes
    ----------
    half_life_days
        Age at which evidence counts half; None counts all evidence fully.
    kappa
        Overdispersion of a rate between days: the day's own rate is Beta(p·κ, (1 − p)·κ). None means none.
    until
        The day after the last one counted, from which ages run; default the last stop of the observations.
    """

    half_life_days: float | None = None
    kappa: float | None = None
    until: date | None = None

    def __post_init__(self) -> None:
        for name in ("half_life_days", "kappa"):
            value = getattr(self, name)
            if value is not None and not value > 0:
                raise ValueError(f"{name} must be positive, not {value}")


def posterior(
    priors: Sequence[Belief], observations: Sequence[Observations], rules: Sequence[UpdateRule]
) -> list[Belief]:
    """Return the posterior of each parameter, in the order of the priors.

    Sums are correctly rounded whatever the order of the rows, so counts are exact.

    Parameters
    ----------
    priors, observations, rules
        One of each per parameter.

    Raises
    ------
    ValueError
        When the three differ in length.
    """
    after: list[Belief | None] = [None] * len(priors)
    weights = [
        discount_weights(seen, rule.half_life_days, rule.until)
        for seen, rule in zip(observations, rules, strict=True)
    ]
    for family, members, theta in by_family(priors):
        spread = np.array([family.name == "beta" and rules[i].kappa is not None for i in members])
        result = np.empty_like(theta)
        plain = members[~spread]
        if len(plain):
            sums = np.array([_weighted_total(observations[i], weights[i]) for i in plain])
            result[~spread] = family.update(theta[~spread], sums)
        if spread.any():
            kappas = np.array([rules[i].kappa for i in members[spread]], dtype=np.float64)
            chosen = [observations[i] for i in members[spread]]
            result[spread] = overdispersed_update(
                theta[spread], chosen, kappas, [weights[i] for i in members[spread]]
            )
        for i, row in zip(members, result.tolist(), strict=True):
            prior = priors[i]
            after[i] = Belief(prior.family, prior.keys, tuple(row), Origin("posterior", str(prior.origin)))
    return [belief for belief in after if belief is not None]


def _weighted_total(observations: Observations, weights: Floats) -> Floats:
    """Return the three weighted sums, correctly rounded."""
    return np.array([math.fsum(column) for column in (observations.sums * weights[:, None]).T])
