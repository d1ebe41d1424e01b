"""Slices drawn from a known world of additive effects, by a simulator of its own."""

from __future__ import annotations

from itertools import product

import numpy as np

from evenfall.funnels.pooling.slices import Effect, Slices

SPREADS = {"channel": 0.6, "device": 0.4, "visited": 0.5}


def effects_of(channels: int, devices: int, visited: int) -> tuple[Effect, ...]:
    return (
        Effect("channel", tuple(f"c{i}" for i in range(channels))),
        Effect("device", tuple(f"d{i}" for i in range(devices))),
        *(Effect(f"visited(v{i})", ("yes",), "visited") for i in range(visited)),
    )


def simulated(
    rng: np.random.Generator,
    *,
    channels: int = 6,
    devices: int = 3,
    visited: int = 0,
    days: int = 1,
    people: float = 20.0,
    kappa: float | None = None,
    centre: float = -1.2,
    uneven: float = 1.0,
    shift: float = 0.0,
) -> tuple[Slices, np.ndarray]:
    """Return slices of every combination, and the true rate of each."""
    effects = effects_of(channels, devices, visited)
    codes = np.array(list(product(range(channels), range(devices), *([(-1, 0)] * visited))))
    eta = np.full(len(codes), centre) + shift * rng.normal(size=len(codes))
    for column, effect in enumerate(effects):
        moves = rng.normal(0.0, SPREADS[effect.spread], len(effect.values))
        eta += np.where(codes[:, column] < 0, 0.0, moves[codes[:, column]])
    rate = 1.0 / (1.0 + np.exp(-eta))
    mean = np.exp(rng.normal(np.log(people), uneven, len(codes)))[:, None] / days
    trials = rng.poisson(mean * np.ones(days))
    daily = rate[:, None] * np.ones(days)
    if kappa is not None:
        daily = rng.beta(kappa * daily, kappa * (1.0 - daily))
    names = tuple("/".join(map(str, row)) for row in codes)
    return Slices(names, effects, codes, trials, rng.binomial(trials, daily)), rate
