"""Pooled rates, and a single rate, as models that can make the data they are fitted to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from scipy import special

from evenfall.funnels.pooling.model import PooledRates, Settings, pooled_spec
from evenfall.funnels.pooling.slices import Slices
from evenfall.inference.model import LogDensity, ModelSpec, load_model

__all__ = ["PooledGenerative", "RateGenerative"]

type Floats = NDArray[np.float64]
type Data = Mapping[str, NDArray[np.generic]]


@dataclass(frozen=True, eq=False)
class PooledGenerative:
    """Pooled rates over given attempts; the parameters are one point in coordinates N(0, 1) a priori.

    Attributes
    ----------
    slices
        Effects, codes and trials; the successes are simulated.
    """

    slices: Slices
    settings: Settings = field(default_factory=Settings)

    @property
    def name(self) -> str:
        """The family."""
        return "pooled-rates-overdispersed" if self.settings.overdispersed else "pooled-rates"

    @property
    def _model(self) -> PooledRates:
        return PooledRates(self.slices, self.settings)

    def prior_draw(self, rng: np.random.Generator) -> dict[str, Floats]:
        """Return the coordinates of a model drawn from the prior."""
        return {"z": rng.normal(size=len(self._model.names))}

    def simulate(self, parameters: Mapping[str, Floats], rng: np.random.Generator) -> dict[str, Floats]:
        """Return successes of every slice and day, as the data of `spec`."""
        at = self._model.place(parameters["z"][None])
        rate = np.broadcast_to(special.expit(at.eta[0])[:, None], self.slices.trials.shape)
        if at.kappa is not None:
            rate = rng.beta(np.maximum(at.kappa * rate, 1e-300), np.maximum(at.kappa * (1.0 - rate), 1e-300))
        return {**self.slices.data(), "successes": rng.binomial(self.slices.trials, rate)}

    def spec(self, data: Data) -> ModelSpec:
        """Return the model to fit to the data."""
        return pooled_spec(self._with(data), self.settings)

    def log_likelihood(self, parameters: Mapping[str, Floats], data: Data) -> float:
        """Return the log likelihood of the data, summed over the slices."""
        model = PooledRates(self._with(data), self.settings)
        return float(model.log_likelihood(parameters["z"][None]).sum())

    def quantities(self, parameters: Mapping[str, Floats]) -> dict[str, float]:
        """Return the scalars of the fitted model: rate at the centre, spreads, κ."""
        found = self._model.quantities(parameters["z"][None])
        return {name: float(value[0]) for name, value in found.items() if value.ndim == 1}

    def _with(self, data: Data) -> Slices:
        successes = np.asarray(data["successes"], dtype=np.int64)
        return Slices(
            self.slices.names, self.slices.effects, self.slices.codes, self.slices.trials, successes
        )


@dataclass(frozen=True, eq=False)
class RateGenerative:
    """One rate with a beta prior over days of given trials, with or without scatter of known κ.

    Attributes
    ----------
    alpha, beta
        Of the prior.
    trials : ndarray of int, shape (day,)
    kappa
        None for binomial days.
    """

    alpha: float
    beta: float
    trials: NDArray[np.int64]
    kappa: float | None = None

    @property
    def name(self) -> str:
        """The family."""
        return "rate" if self.kappa is None else "rate-overdispersed"

    def prior_draw(self, rng: np.random.Generator) -> dict[str, Floats]:
        """Return a rate drawn from the prior."""
        return {"p": np.asarray(rng.beta(self.alpha, self.beta))}

    def simulate(self, parameters: Mapping[str, Floats], rng: np.random.Generator) -> dict[str, Floats]:
        """Return the days' sums, shape (day, 3): trials, successes, and an empty column."""
        p = parameters["p"]
        rate = p if self.kappa is None else rng.beta(p * self.kappa, (1.0 - p) * self.kappa, len(self.trials))
        successes = rng.binomial(self.trials, rate)
        return {"sums": np.stack([self.trials, successes, np.zeros_like(successes)], axis=1).astype(float)}

    def spec(self, data: Data) -> ModelSpec:
        """Return the model to fit to the data."""
        options = {"family": "beta", "theta": [self.alpha, self.beta], "kappa": self.kappa}
        return ModelSpec("evenfall.inference.families:family_model", dict(data), options)

    def log_likelihood(self, parameters: Mapping[str, Floats], data: Data) -> float:
        """Return the log likelihood of the data, summed over the days."""
        model = load_model(self.spec(data))
        if not isinstance(model, LogDensity):
            raise TypeError("the rate family is not written in arrays")
        return float(model.log_likelihood(special.logit(parameters["p"]).reshape(1, 1)).sum())

    def quantities(self, parameters: Mapping[str, Floats]) -> dict[str, float]:
        """Return the rate, under the name that families give what they report."""
        return {"value": float(parameters["p"])}
