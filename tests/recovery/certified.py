"""The families that ship with a certificate, and the data each is looked at with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import product

import numpy as np

from evenfall.calibration.certificates import Certificate
from evenfall.calibration.certify import certify
from evenfall.calibration.conjugate import ConjugateGenerative
from evenfall.calibration.sbc.result import SbcResult
from evenfall.calibration.sbc.simulate import run_sbc
from evenfall.funnels.delays.generative import DelayGenerative
from evenfall.funnels.pooling.generative import PooledGenerative
from evenfall.funnels.pooling.model import Settings
from evenfall.funnels.pooling.slices import Effect, Slices
from evenfall.inference.fit import FitRequest
from evenfall.inference.model import GenerativeModel

SLICES_SHOWN = (0, 11)  # a poor slice and a rich one


@dataclass(frozen=True)
class Certified:
    """One family, and the modules that catalogues hide from its imports."""

    model: GenerativeModel
    also: tuple[str, ...] = ()
    request: FitRequest = field(default_factory=FitRequest)

    def certify(self, simulations: int, seed: int) -> Certificate:
        return certify(self.model, simulations, seed=seed, request=self.request, also=self.also)

    def run(self, simulations: int, seed: int) -> SbcResult:
        return run_sbc(self.model, simulations, seed=seed, request=self.request)


@dataclass(frozen=True, eq=False)
class PooledSlices(PooledGenerative):
    """Pooled rates, of which the rates of two slices are looked at too: they are what people ask for."""

    def quantities(self, parameters: Mapping[str, np.ndarray]) -> dict[str, float]:
        rates = self._model.quantities(parameters["z"][None])["p"][0]
        own = super().quantities(parameters)
        del own["centre"]  # the same ranks as population_p
        return own | {f"p[{i}]": float(rates[i]) for i in SLICES_SHOWN}


def slices() -> Slices:
    """Four channels by three devices with five to five hundred people each."""
    effects = (Effect("channel", ("a", "b", "c", "d")), Effect("device", ("x", "y", "z")))
    codes = np.array(list(product(range(4), range(3))))
    people = np.round(5 * 100.0 ** (np.arange(12) / 11)).astype(np.int64)
    names = tuple(f"{effects[0].values[i]}/{effects[1].values[j]}" for i, j in codes)
    return Slices(names, effects, codes, people[:, None], np.zeros_like(people)[:, None])


def _conjugate(family: str, theta: tuple[float, ...], size: float, kappa: float | None = None) -> Certified:
    also = f"evenfall.beliefs.families.{family}"
    return Certified(ConjugateGenerative(family, theta, (size,) * 14, kappa), (also,))


def _pooled() -> Certified:
    settings = Settings((3.0, 9.0), {"channel": 0.6, "device": 0.4})
    return Certified(PooledSlices(slices(), settings), ("evenfall.funnels.pooling.fast",))


def _delay(family: str, draws: int = 1000) -> Certified:
    also = f"evenfall.funnels.delays.families.{family}"
    return Certified(DelayGenerative(family), (also,), FitRequest(draws=draws))


CERTIFIED = {
    one.model.name: one
    for one in (
        _conjugate("beta", (8.0, 17.0), 40.0),
        _conjugate("beta", (8.0, 17.0), 40.0, 50.0),
        _conjugate("gamma", (4.0, 2.0), 3.0),
        _conjugate("normal", (10.0, 2.0, 5.0), 6.0),
        _conjugate("lognormal", (1.0, 0.5, 0.8), 6.0),
        _pooled(),
        _delay("lognormal"),
        _delay("weibull"),
        _delay("gamma", draws=250),  # its incomplete gammas cost thirty times a lognormal
        _delay("log_logistic"),
        _delay("generalised_gamma"),
    )
}
"""Families by the names of their certificates."""
