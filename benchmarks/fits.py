"""Refits of a model in PyMC: compiled once and given new data, beside ``pm.sample`` each time.

Run with ``python benchmarks/fits.py [--repeats 3] [--refits 10] [--peer-fits 3]``. The model is a marketing
mix of 104 weeks and 15 parameters: decay, half saturation and effect of four media, level, trend and noise,
each N(0, 1) a priori through its transform, the data drawn from the prior. A refit goes through the same
entrance as a night's, `execute`, its gate and quantities included; the peer is the second and later call of
``pm.sample`` in one process, its own convergence checks left as they are. Both draw 2 x (1000 + 1000).
What a first fit costs is shown apart, each in a new process: with an empty cache of compiled code, with the
cache that this left, and the same of the peer; the second fit of each process stands beside its first.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pymc as pm
import pytensor.tensor as pt
from side_by_side import be_quiet, ratios, say, timed, worth, worth_of

from evenfall.inference.execute import execute
from evenfall.inference.fit import FitRequest
from evenfall.inference.model import ModelSpec, PymcModel

WEEKS, MEDIA, LAGS = 104, 4, 8
DRAWS, TUNE, CHAINS = 1000, 1000, 2
PARAMETERS = 3 * MEDIA + 3
TIME = np.linspace(-1.0, 1.0, WEEKS)


def year(seed: list[int]) -> dict[str, np.ndarray]:
    """Return two years of spend by lag, week and medium, and the sales they made."""
    rng = np.random.default_rng(seed)
    weekly = rng.gamma(2.0, 0.5, (WEEKS + LAGS - 1, MEDIA))
    lagged = np.stack([weekly[LAGS - 1 - lag : LAGS - 1 - lag + WEEKS] for lag in range(LAGS)])
    z = rng.normal(size=PARAMETERS)
    media = responses(np, lagged, z)
    mean = 1.0 + 0.3 * z[-3] + 0.1 * z[-2] * TIME + (media - media.mean())
    return {"lagged": lagged, "sales": rng.normal(mean, 0.1 * np.exp(0.3 * z[-1]))}


def responses(xp: object, lagged: object, z: object) -> object:
    """Return what the media add each week, in NumPy or in PyTensor; every coordinate is N(0, 1) a priori."""
    weights = (1.0 / (1.0 + xp.exp(-z[:MEDIA])))[None, :] ** np.arange(LAGS)[:, None]
    stock = (lagged * (weights / weights.sum(axis=0))[:, None, :]).sum(axis=0)
    half, effect = xp.exp(0.5 * z[MEDIA : 2 * MEDIA]), 0.3 * xp.exp(0.5 * z[2 * MEDIA : 3 * MEDIA])
    return (effect * stock / (stock + half)).sum(axis=1)


def build(data: Mapping[str, np.ndarray]) -> object:
    """Return the model, as one writes it."""
    with pm.Model() as model:
        lagged, seen = pm.Data("lagged", data["lagged"]), pm.Data("sales", data["sales"])
        z = pm.Normal("z", 0.0, 1.0, shape=PARAMETERS)
        media = responses(pt, lagged, z)
        mean = 1.0 + 0.3 * z[-3] + 0.1 * z[-2] * TIME + (media - media.mean())
        pm.Normal("observed", mean, 0.1 * pt.exp(0.3 * z[-1]), observed=seen)
        pm.Deterministic("share", media.sum() / (mean + media.mean()).sum())
    return model


def mix(data: Mapping[str, np.ndarray], _options: Mapping[str, object]) -> PymcModel:
    """Return the model as Evenfall fits it."""
    return PymcModel("fits:build", data, ("z", "share"))


def ours(seed: list[int]) -> dict[str, object]:
    data = year(seed)
    request = FitRequest(engine="nuts", seed=seed[-1], draws=DRAWS, tune=TUNE, chains=CHAINS)
    found = timed(execute, ModelSpec("fits:mix", data), request)
    return {"seconds": found.seconds, "cpu": found.cpu, **worth(found.result)}


def peer(seed: list[int]) -> dict[str, object]:
    data = year(seed)

    def sample() -> object:
        with build(data):
            return pm.sample(
                draws=DRAWS, tune=TUNE, chains=CHAINS, cores=2, random_seed=seed[-1], progressbar=False
            )

    found = timed(sample)
    drawn = found.result["posterior"]  # type: ignore[index]
    figures = worth_of({name: np.asarray(drawn[name]) for name in ("z", "share")})
    return {"seconds": found.seconds, "cpu": found.cpu, **figures}


def first_fits(whose: str, seed: int) -> None:
    """Print what a first fit costs in a new process: with an empty cache, and with the one that left."""
    with tempfile.TemporaryDirectory() as folder:
        for condition in ("empty cache", "warm disk cache"):
            flags = {**os.environ, "PYTENSOR_FLAGS": f"base_compiledir={folder}"}
            command = [sys.executable, str(Path(__file__)), "--first", whose, "--seed", str(seed)]
            begun = time.perf_counter()
            said = subprocess.run(command, env=flags, check=True, capture_output=True, text=True).stdout
            seconds = time.perf_counter() - begun
            inside = json.loads(said.strip().splitlines()[-1])
            say(f"first fit, {whose}, {condition}", process_seconds=seconds, fits=inside)


def main() -> None:
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--repeats", type=int, default=3)
    arguments.add_argument("--refits", type=int, default=10)
    arguments.add_argument("--peer-fits", type=int, default=3)
    arguments.add_argument("--seed", type=int, default=20261121)
    arguments.add_argument(
        "--first", choices=("ours", "pm.sample"), help="one fit and a second, for the above"
    )
    arguments.add_argument("--without-first", action="store_true", help="leave the new processes out")
    given = arguments.parse_args()
    be_quiet()
    if given.first:
        fit = ours if given.first == "ours" else peer
        print(json.dumps([fit([given.seed, number]) for number in range(2)]))
        return
    if not given.without_first:
        first_fits("ours", given.seed)
        first_fits("pm.sample", given.seed)
    ours([given.seed, 0])
    peer([given.seed, 0])
    refits(given.repeats, given.refits, given.peer_fits, given.seed)


def refits(repeats: int, count: int, peer_count: int, seed: int) -> None:
    took: dict[str, list[float]] = {"ours": [], "peer": [], "ours per ESS": [], "peer per ESS": []}
    for repeat in range(repeats):
        sides = {
            "ours": [ours([seed, repeat, number]) for number in range(count)],
            "peer": [peer([seed, repeat, number]) for number in range(peer_count)],
        }
        said = {}
        for side, fits in sides.items():
            seconds, cpu = (float(np.mean([one[what] for one in fits])) for what in ("seconds", "cpu"))
            least = float(np.median([one["ess_bulk"] for one in fits]))
            took[side].append(seconds)
            took[f"{side} per ESS"].append(cpu / least)
            said[side] = {
                "fits": len(fits),
                "seconds": seconds,
                "cpu": cpu,
                "median_least_ess_bulk": least,
                "largest_r_hat": max(one["r_hat"] for one in fits),
                "refused_by_gate": sum(not one.get("passed", True) for one in fits),
                "sampled_again": sum(one.get("rung") == "nuts-again" for one in fits),
            }
        say("refit, 15 parameters, 104 weeks", repeat=repeat, **said)
    ratios("refit beside pm.sample", took["peer"], took["ours"])
    ratios("the same per effective draw, in processor seconds", took["peer per ESS"], took["ours per ESS"])


if __name__ == "__main__":
    main()
