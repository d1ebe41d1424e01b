"""Simulation-based calibration of a model in PyMC: compiled once and refitted, or sampled anew each time.

Run with ``python benchmarks/sbc.py [simulations] [peer simulations] [repeats]``. The model is a small
marketing mix of 15 parameters over 104 weeks: adstock, saturation and effect of four media, level, trend,
noise, all N(0, 1) a priori through their transforms. The peer is ``pm.sample`` per simulation, as SBC tools
do: condition the model on the simulated data, sample, rank. Both take 2 chains of 300 + 1000 draws on two
cores, in this process, by turns, and neither runs the gate's retries. Ours includes the quantities, their ESS
and the ranks; our one compilation is timed apart. The peer's imports and first run are left out of its
figures.
"""

from __future__ import annotations

import json
import logging
import os
import sys
import time
import warnings
from collections.abc import Mapping

import arviz_stats
import numpy as np
import pymc as pm
import pytensor.tensor as pt

from evenfall.calibration.sbc.simulate import run_sbc
from evenfall.inference.engines.nuts import NUTS
from evenfall.inference.fit import Fit, FitRequest
from evenfall.inference.model import ModelSpec, PymcModel, load_model

WEEKS, MEDIA, LAGS = 104, 4, 8
NAMES = ("decay", "half", "effect")  # one per medium; then level, trend, noise
PARAMETERS = MEDIA * len(NAMES) + 3
DRAWS, TUNE, CHAINS = 1000, 300, 2
RATIO_SEEDS = 20240301


def spend() -> np.ndarray:
    """Return scaled spend by lag, week and medium, shape (lag, week, medium)."""
    rng = np.random.default_rng(7)
    weekly = rng.gamma(2.0, 0.5, (WEEKS + LAGS - 1, MEDIA))
    return np.stack([weekly[LAGS - 1 - lag : LAGS - 1 - lag + WEEKS] for lag in range(LAGS)])


def build(data: Mapping[str, np.ndarray]) -> object:
    """Return the model in PyMC."""
    with pm.Model() as model:
        lagged, seen = pm.Data("lagged", data["lagged"]), pm.Data("sales", data["sales"])
        z = pm.Normal("z", 0.0, 1.0, shape=PARAMETERS)
        weights = pt.sigmoid(z[:MEDIA])[None, :] ** np.arange(LAGS)[:, None]
        stock = (lagged * (weights / weights.sum(axis=0))[:, None, :]).sum(axis=0)
        half = pt.exp(0.5 * z[MEDIA : 2 * MEDIA])
        effect = 0.3 * pt.exp(0.5 * z[2 * MEDIA : 3 * MEDIA])
        trend = 0.1 * z[-2] * np.linspace(-1.0, 1.0, WEEKS)
        mean = 1.0 + 0.3 * z[-3] + trend + (effect * stock / (stock + half)).sum(axis=1)
        pm.Normal("observed", mean, 0.1 * pt.exp(0.3 * z[-1]), observed=seen)
        pm.Deterministic("share", (effect * stock / (stock + half)).sum() / mean.sum())
    return model


class Mix:
    """The same model as a `GenerativeModel`, its arithmetic in NumPy."""

    name = "mix-15"
    lagged = spend()

    def prior_draw(self, rng: np.random.Generator) -> dict[str, np.ndarray]:
        """Return standard normal coordinates."""
        return {"z": rng.normal(size=PARAMETERS)}

    def simulate(
        self, parameters: Mapping[str, np.ndarray], rng: np.random.Generator
    ) -> dict[str, np.ndarray]:
        """Return weekly sales."""
        mean, _, noise = self._mean(parameters["z"])
        return {"lagged": self.lagged, "sales": rng.normal(mean, noise)}

    def spec(self, data: Mapping[str, np.ndarray]) -> ModelSpec:
        """Return the model to fit."""
        return ModelSpec("sbc:reference", data)

    def log_likelihood(self, parameters: Mapping[str, np.ndarray], data: Mapping[str, np.ndarray]) -> float:
        """Return the log density of the sales."""
        mean, _, noise = self._mean(parameters["z"])
        deviation = (data["sales"] - mean) / noise
        return float((-0.5 * deviation**2 - np.log(noise) - 0.5 * np.log(2 * np.pi)).sum())

    def quantities(self, parameters: Mapping[str, np.ndarray]) -> dict[str, float]:
        """Return the coordinates, and the media's share of sales."""
        mean, media, _ = self._mean(parameters["z"])
        own = {f"z[{i}]": float(value) for i, value in enumerate(parameters["z"])}
        return own | {"share": float(media.sum() / mean.sum())}

    def _mean(self, z: np.ndarray) -> tuple[np.ndarray, np.ndarray, float]:
        weights = (1.0 / (1.0 + np.exp(-z[:MEDIA])))[None, :] ** np.arange(LAGS)[:, None]
        stock = (self.lagged * (weights / weights.sum(axis=0))[:, None, :]).sum(axis=0)
        half, effect = np.exp(0.5 * z[MEDIA : 2 * MEDIA]), 0.3 * np.exp(0.5 * z[2 * MEDIA : 3 * MEDIA])
        media = (effect * stock / (stock + half)).sum(axis=1)
        mean = 1.0 + 0.3 * z[-3] + 0.1 * z[-2] * np.linspace(-1.0, 1.0, WEEKS) + media
        return mean, media, 0.1 * float(np.exp(0.3 * z[-1]))


def reference(data: Mapping[str, np.ndarray], _options: Mapping[str, object]) -> PymcModel:
    """Return the model as Evenfall fits it."""
    return PymcModel("sbc:build", data, ("z", "share"))


def sampled(spec: ModelSpec, request: FitRequest) -> Fit:
    """Return the chains of a compiled model over new data, without the gate's retries."""
    return NUTS.fit(load_model(spec), request)


def ours(simulations: int, seed: int) -> dict[str, float]:
    """Return seconds per simulation and what the fits were worth."""
    request = FitRequest(engine="nuts", draws=DRAWS, tune=TUNE, chains=CHAINS)
    begun = time.perf_counter()
    result = run_sbc(Mix(), simulations, seed=seed, request=request, fit=sampled)
    seconds = (time.perf_counter() - begun) / simulations
    effective = [one.effective for one in result.outcomes if not one.reason]
    return {"seconds": round(seconds, 3), "ess": round(float(np.median(effective))), "failed": result.failed}


def peer(simulations: int, seed: int) -> dict[str, float]:
    """Return the same of ``pm.sample`` per simulation."""
    mix, rng = Mix(), np.random.default_rng(seed)
    effective, seconds = [], 0.0
    for _ in range(simulations):
        data = mix.simulate(mix.prior_draw(rng), rng)
        begun = time.perf_counter()
        with build(data):
            trace = pm.sample(
                draws=DRAWS,
                tune=TUNE,
                chains=CHAINS,
                cores=2,
                progressbar=False,
                random_seed=int(rng.integers(2**31)),
            )
        seconds += time.perf_counter() - begun
        effective.append(float(arviz_stats.ess(trace, var_names=["z"])["z"].min()))
    return {"seconds": round(seconds / simulations, 3), "ess": round(float(np.median(effective)))}


def main() -> None:
    for name in ("pymc", "nutpie", "pytensor"):
        logging.getLogger(name).setLevel(logging.ERROR)
    warnings.filterwarnings("ignore")  # the peer warns of few draws and of divergences
    sys.modules.setdefault("sbc", sys.modules["__main__"])
    counts = [int(argument) for argument in sys.argv[1:]] + [60, 3, 3][len(sys.argv) - 1 :]
    mix, rng = Mix(), np.random.default_rng(1)
    begun = time.perf_counter()
    first = mix.spec(mix.simulate(mix.prior_draw(rng), rng))
    sampled(first, FitRequest(engine="nuts", draws=50, tune=50, chains=1))
    compiled = time.perf_counter() - begun
    peer(1, 1)
    print(json.dumps({"compile_s": round(compiled, 1), "cores": os.cpu_count()}))
    ratios = []
    for repeat in range(counts[2]):
        seed = RATIO_SEEDS + repeat
        mine, theirs = ours(counts[0], seed), peer(counts[1], seed)
        ratios.append(theirs["seconds"] / mine["seconds"])
        print(json.dumps({"ours": mine, "pm.sample": theirs, "ratio": round(ratios[-1], 1)}), flush=True)
    print(f"ratio {np.median(ratios):.0f} (of {', '.join(f'{one:.0f}' for one in ratios)})")


if __name__ == "__main__":
    main()
