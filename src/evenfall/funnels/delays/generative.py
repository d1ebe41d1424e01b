"""Delayed conversion as a model that makes its own data: what calibration draws from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

import numpy as np
from numpy.typing import NDArray

from evenfall.beliefs.cohorts import Clock
from evenfall.beliefs.numerics.arrays import Floats, floats
from evenfall.funnels.delays.cells import cell_tails
from evenfall.funnels.delays.model import DelayModel, delay_model
from evenfall.funnels.delays.prior_draws import prior_draws
from evenfall.inference.model import ModelSpec

__all__ = ["MODERATE_PRIOR", "DelayGenerative"]

MODERATE_PRIOR: Final[Mapping[str, object]] = {
    "rate": {"alpha": 6.0, "beta": 14.0},
    "log_t50": {"mean": float(np.log(3.0)), "stdev": 0.4},
    "log_log_ratio": {"mean": float(np.log(np.log(4.5))), "stdev": 0.25},
    "onset_logit": {"mean": -1.5, "stdev": 0.5},
    "q": {"mean": 0.5, "stdev": 0.4},
    "log_rho": {"mean": float(np.log(0.02)), "stdev": 0.7},
    "log_rho_spread": {"mean": float(np.log(0.02)), "stdev": 0.7},
}
"""Of a lag of a few days that 25 ages show almost whole: strong enough that no draw from it is absurd."""


@dataclass(frozen=True)
class DelayGenerative:
    """A `GenerativeModel` of one edge.

    Attributes
    ----------
    cohorts, ages, people
        Shape of the data: daily cohorts, the ages that are read, and people of each.
    """

    family: str = "lognormal"
    clock: Clock = "elapsed"
    onset: bool = False
    overdispersion: str = "none"
    spread: str = "none"
    cohorts: int = 30
    ages: int = 25
    people: int = 200
    horizon_days: float = 14.0
    prior: Mapping[str, object] = field(default_factory=lambda: dict(MODERATE_PRIOR))

    @property
    def name(self) -> str:
        """The family, with the kinds of scatter it learns."""
        scatter = "-overdispersed" * (self.overdispersion == "learned") + "-spread" * (
            self.spread == "learned"
        )
        return f"delay-{self.family}{scatter}"

    @property
    def options(self) -> dict[str, object]:
        """What the fitted model is told."""
        return {
            "family": self.family,
            "clock": self.clock,
            "onset": self.onset,
            "overdispersion": self.overdispersion,
            "spread": self.spread,
            "horizon_days": self.horizon_days,
            "prior": dict(self.prior),
        }

    def _observed(self) -> NDArray[np.int64]:
        return np.minimum(np.arange(self.cohorts, 0, -1), self.ages)

    def _model(self, data: Mapping[str, NDArray[np.generic]] | None = None) -> DelayModel:
        observed = self._observed()
        empty = {
            "entry": np.arange(self.cohorts),
            "size": np.full(self.cohorts, self.people),
            "observed": observed,
            "conversions": np.zeros((self.cohorts, int(observed.max())), dtype=np.int64),
        }
        return delay_model(empty if data is None else data, self.options)

    def prior_draw(self, rng: np.random.Generator) -> Mapping[str, Floats]:
        """Return the coordinates of one draw from the prior, by name."""
        model = self._model()
        return dict(zip(model.names, prior_draws(model, 1, rng).T, strict=True))

    def simulate(
        self, parameters: Mapping[str, Floats], rng: np.random.Generator
    ) -> Mapping[str, NDArray[np.generic]]:
        """Return cohorts drawn given the coordinates."""
        model = self._model()
        point = model.coordinates.point(self._z(model, parameters))
        p = float(point.eventual(model.horizon_mass(self._z(model, parameters)))[0])
        observed = self._observed()
        ages = int(observed.max())
        cells = cell_tails(model.family, point.shape, ages, self.clock)
        shares = cells.shares()[0]
        conversions = np.zeros((self.cohorts, ages), dtype=np.int64)
        for i, seen in enumerate(observed):
            own = p if point.kappa is None else rng.beta(p * point.kappa[0], (1.0 - p) * point.kappa[0])
            converted = rng.binomial(self.people, own * float(cells.cdf[0, seen - 1]))
            ways = shares[:seen] / shares[:seen].sum()
            if point.spread is not None:
                ways = _dirichlet(point.spread[0] * ways, rng)
            conversions[i, :seen] = rng.multinomial(converted, ways)
        return {
            "entry": np.arange(self.cohorts),
            "size": np.full(self.cohorts, self.people),
            "observed": observed,
            "conversions": conversions,
        }

    def spec(self, data: Mapping[str, NDArray[np.generic]]) -> ModelSpec:
        """Return the model to fit to the data."""
        return ModelSpec("evenfall.funnels.delays.model:delay_model", data, self.options)

    def log_likelihood(
        self, parameters: Mapping[str, Floats], data: Mapping[str, NDArray[np.generic]]
    ) -> float:
        """Return the log likelihood of all cohorts."""
        model = self._model(data)
        return float(model.log_likelihood(self._z(model, parameters)).sum())

    def quantities(self, parameters: Mapping[str, Floats]) -> Mapping[str, float]:
        """Return the scalars of the fitted model."""
        model = self._model()
        found = model.quantities(self._z(model, parameters))
        return {name: float(value[0]) for name, value in found.items()}

    def _z(self, model: DelayModel, parameters: Mapping[str, Floats]) -> Floats:
        return np.array([[floats(parameters[name]).reshape(-1)[0] for name in model.names]])


def _dirichlet(alpha: Floats, rng: np.random.Generator) -> Floats:
    """Return a Dirichlet draw that survives tiny alphas: gammas by their logs (Marsaglia and Tsang 2000)."""
    safe = np.maximum(alpha, 1e-12)
    logs = np.log(rng.gamma(safe + 1.0)) + np.log(rng.uniform(size=len(safe))) / safe
    weights = np.exp(logs - logs.max())
    return np.asarray(weights / weights.sum())
