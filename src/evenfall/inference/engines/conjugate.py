"""Exact posteriors by conjugacy, as fits among other fits."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from evenfall.beliefs.belief import Belief, Origin
from evenfall.beliefs.families import FAMILIES, Family
from evenfall.beliefs.observations import Observations
from evenfall.beliefs.posterior import UpdateRule, posterior
from evenfall.inference.fit import Fit, FitRequest
from evenfall.inference.model import LogDensity, PymcModel

__all__ = ["CONJUGATE", "ConjugateEngine", "ConjugateModel", "conjugate_model"]

type Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class ConjugateModel:
    """A belief and what was seen, of a family whose posterior is known in closed form.

    Attributes
    ----------
    quantity
        What the draws are called.
    """

    prior: Belief
    observations: Observations
    rule: UpdateRule = field(default_factory=UpdateRule)
    quantity: str = "value"

    def posterior(self) -> Belief:
        """Return the exact posterior."""
        (after,) = posterior([self.prior], [self.observations], [self.rule])
        return after


def conjugate_model(data: Mapping[str, NDArray[Any]], options: Mapping[str, Any]) -> ConjugateModel:
    """Return the model that arrays and settings describe.

    Parameters
    ----------
    data
        ``first`` and ``stop`` (days) and ``sums``, as of `Observations`.
    options
        ``family`` and ``theta``, the belief; ``half_life_days``, ``kappa`` and ``until`` (ISO date), each
        optional; ``quantity``.
    """
    family: Family = FAMILIES.resolve(options["family"])
    theta = tuple(float(number) for number in options["theta"])
    family.check(np.array(theta))
    until = options.get("until")
    rule = UpdateRule(
        options.get("half_life_days"),
        options.get("kappa"),
        None if until is None else date.fromisoformat(until),
    )
    days = (data["first"].astype("datetime64[D]"), data["stop"].astype("datetime64[D]"))
    seen = Observations(*days, np.asarray(data["sums"], dtype=np.float64))
    prior = Belief(family.name, family.keys, theta, Origin(options.get("origin", "manual")))
    return ConjugateModel(prior, seen, rule, options.get("quantity", "value"))


class ConjugateEngine:
    """The posterior in closed form, and draws by its quantile function."""

    name: Final = "conjugate"

    def fit(self, model: LogDensity | PymcModel | ConjugateModel, request: FitRequest) -> Fit:
        """Return independent draws, one from each of `chains` x `draws` equal slices of the posterior.

        Their order is random, so that draws of several quantities may be put together by position.
        """
        began = time.perf_counter()
        shape = (request.chains, request.draws)
        none = np.empty((*shape, 0))
        if not isinstance(model, ConjugateModel):
            reason = "this model has no posterior in closed form: choose another engine, or auto"
            return Fit(self.name, {}, none[:, :0], failures=(reason,), seed=request.seed)
        after = model.posterior()
        family: Family = FAMILIES.resolve(after.family)
        rng = np.random.default_rng([request.seed, 2])
        count = request.chains * request.draws
        slices = (rng.permutation(count) + rng.uniform(1e-9, 1.0, size=count)) / count
        values = family.belief(np.array(after.theta)).quantile(np.minimum(slices, 1.0 - 1e-12))
        return Fit(
            rung=self.name,
            draws={model.quantity: np.asarray(values, dtype=np.float64).reshape(shape)},
            points=none,
            seed=request.seed,
            seconds=time.perf_counter() - began,
        )


CONJUGATE: Final = ConjugateEngine()
