"""Pooled delays as a model that makes its own data: what calibration draws from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from evenfall.beliefs.cohorts import Clock
from evenfall.beliefs.numerics.arrays import Floats
from evenfall.funnels.delays.cells import cell_tails
from evenfall.funnels.delays.generative import MODERATE_PRIOR
from evenfall.funnels.delays.pooled import PooledDelays, pooled_delays
from evenfall.inference.model import ModelSpec

__all__ = ["PooledDelayGenerative"]


@dataclass(frozen=True)
class PooledDelayGenerative:
    """A `GenerativeModel` of the slices of one edge.

    Its parameters are ``hypers``, N(0, 1) a priori, and ``away``, the spreads by which the rate and the log
    t50 of each slice differ from the centre: unlike the coordinates of a fit they do not depend on the data.

    Attributes
    ----------
    slices, cohorts, ages, people
        Shape of the data: slices, daily cohorts of each, the ages that are read, and people of each cohort.
    spreads
        Scales of the half-normal beliefs about the two spreads.
    """

    family: str = "weibull"
    clock: Clock = "elapsed"
    onset: bool = False
    overdispersion: str = "none"
    slices: int = 6
    cohorts: int = 20
    ages: int = 20
    people: int = 100
    horizon_days: float = 14.0
    prior: Mapping[str, object] = field(default_factory=lambda: dict(MODERATE_PRIOR))
    spreads: Mapping[str, float] = field(default_factory=lambda: {"rate": 0.7, "log_t50": 0.3})

    @property
    def name(self) -> str:
        """The family, with the scatter it learns."""
        return f"pooled-delay-{self.family}" + "-overdispersed" * (self.overdispersion == "learned")

    @property
    def options(self) -> dict[str, object]:
        """What the fitted model is told."""
        return {
            "slices": self.slices,
            "family": self.family,
            "clock": self.clock,
            "onset": self.onset,
            "overdispersion": self.overdispersion,
            "horizon_days": self.horizon_days,
            "prior": dict(self.prior),
            "spreads": dict(self.spreads),
        }

    def prior_draw(self, rng: np.random.Generator) -> dict[str, Floats]:
        """Return hypers and slices drawn from the prior."""
        model = pooled_delays(self._nobody(), self.options)
        return {"hypers": rng.normal(size=model.hypers), "away": rng.normal(size=(self.slices, 2))}

    def simulate(
        self, parameters: Mapping[str, Floats], rng: np.random.Generator
    ) -> dict[str, NDArray[np.generic]]:
        """Return cohorts of every slice drawn given the parameters."""
        data = self._nobody()
        model = pooled_delays(data, self.options)
        hypers, away = parameters["hypers"][None], parameters["away"][None]
        head = model.head(hypers)
        own = head.centre[:, None] + head.spread[:, None] * away
        point = model.rows(head.shared, own[..., 0], own[..., 1])
        mass = model.family.cdf(np.array([self.horizon_days]), point.shape)[:, 0]
        p = point.eventual(np.maximum(mass, 1e-290))[data["slice"]]
        cells = cell_tails(model.family, point.shape, self.ages, self.clock)
        if point.kappa is not None:
            p = rng.beta(p * point.kappa[0], (1.0 - p) * point.kappa[0])
        shares = cells.shares()[data["slice"]]
        shown = np.arange(self.ages) < data["observed"][:, None]
        cell = np.where(shown, p[:, None] * shares, 0.0)
        everyone = np.concatenate([cell, 1.0 - cell.sum(axis=1, keepdims=True)], axis=1)
        conversions = rng.multinomial(data["size"], np.clip(everyone, 0.0, 1.0))[:, :-1]
        return {**data, "conversions": conversions}

    def spec(self, data: Mapping[str, NDArray[np.generic]]) -> ModelSpec:
        """Return the model to fit to the data."""
        return ModelSpec("evenfall.funnels.delays.pooled:pooled_delays", data, self.options)

    def log_likelihood(
        self, parameters: Mapping[str, Floats], data: Mapping[str, NDArray[np.generic]]
    ) -> float:
        """Return the log likelihood of all cohorts."""
        model = pooled_delays(data, self.options)
        return float(model.log_likelihood(self._z(model, parameters)).sum())

    def quantities(self, parameters: Mapping[str, Floats]) -> dict[str, float]:
        """Return the scalars of the fitted model: the population's rate and median, spreads, and shape."""
        model = pooled_delays(self._nobody(), self.options)
        found = model.quantities(self._z(model, parameters))
        return {name: float(value[0]) for name, value in found.items() if value.ndim == 1}

    def _z(self, model: PooledDelays, parameters: Mapping[str, Floats]) -> Floats:
        return model.whole(parameters["hypers"][None], parameters["away"][None])

    def _nobody(self) -> dict[str, NDArray[np.int64]]:
        """Return cohorts in which nobody has converted."""
        count = self.slices * self.cohorts
        return {
            "size": np.full(count, self.people),
            "observed": np.tile(np.minimum(np.arange(self.cohorts, 0, -1), self.ages), self.slices),
            "conversions": np.zeros((count, self.ages), dtype=np.int64),
            "slice": np.repeat(np.arange(self.slices), self.cohorts),
        }
