"""Draws from the prior of a delay model, as its density has it: of the rate and the lag, given p < 1."""

from __future__ import annotations

import numpy as np

from evenfall.beliefs.numerics.arrays import Floats
from evenfall.funnels.delays.model import DelayModel

__all__ = ["prior_draws"]


def prior_draws(model: DelayModel, count: int, rng: np.random.Generator) -> Floats:
    """Return `count` points of the prior, shape (count, coordinate).

    Lag and rate within the horizon are drawn apart, and drawn again where the rate could not be reached:
    where it exceeds the share of the lag that falls within the horizon.
    """
    kept = np.empty((0, len(model.names)))
    while len(kept) < count:
        z = _drawn(model, 2 * count, rng)
        kept = np.concatenate([kept, z[np.isfinite(z).all(axis=1)]])
    return kept[:count]


def _drawn(model: DelayModel, count: int, rng: np.random.Generator) -> Floats:
    z = np.zeros((count, len(model.names)))
    for i, name in enumerate(model.names[1:], start=1):
        prior = getattr(model.priors, name)
        z[:, i] = rng.normal(prior.mean, prior.stdev, count)
    within = rng.beta(model.priors.alpha, model.priors.beta, count)
    mass = model.horizon_mass(z)
    possible = (within < mass) & (within > 0)
    safe = np.where(possible, within / np.where(mass > 0, mass, 1.0), 0.5)
    z[:, 0] = np.where(possible, np.log(np.where(possible, within, 0.5)) - np.log1p(-safe), np.nan)
    return z
