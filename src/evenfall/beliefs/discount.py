"""Weights that let old evidence fade, and the half-life that predicts best."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Final

import numpy as np

from evenfall.beliefs.belief import Belief
from evenfall.beliefs.groups import by_family
from evenfall.beliefs.numerics.arrays import Floats
from evenfall.beliefs.observations import Observations

__all__ = ["HALF_LIVES", "discount_weights", "learn_half_life", "predictive_scores"]

HALF_LIVES: Final[tuple[float | None, ...]] = (None, 7.0, 14.0, 28.0, 56.0, 112.0, 224.0)
"""Half-lives in days that `learn_half_life` compares; None never forgets."""


def discount_weights(
    observations: Observations, half_life_days: float | None, until: date | None = None
) -> Floats:
    """Return the weight of each interval, 2^(−age/half-life), shape (interval,).

    Parameters
    ----------
    observations
        The intervals.
    half_life_days
        Age at which evidence counts half; None counts all of it.
    until
        The day after the last one counted, from which ages run; default the last stop. Later intervals count
        fully.
    """
    if half_life_days is None or not len(observations):
        return np.ones(len(observations))
    end = observations.stop.max() if until is None else np.datetime64(until)
    age_days = np.maximum((end - observations.stop).astype(np.float64), 0.0)
    return np.exp2(-age_days / half_life_days)


def learn_half_life(
    priors: Sequence[Belief],
    observations: Sequence[Observations],
    grid: Sequence[float | None] = HALF_LIVES,
    kappas: Sequence[float | None] | None = None,
) -> float | None:
    """Return the half-life of the grid that predicted each interval best from those before it, over all parameters.

    Parameters
    ----------
    priors, observations
        One of each per parameter.
    grid
        Half-lives in days; ties go to the earlier entry.
    kappas
        Overdispersion per parameter; a day of a rate then counts its effective trials only, so that noise
        between days is not taken for drift.
    """
    scores = predictive_scores(priors, observations, grid, kappas)
    return grid[int(np.argmax(scores))]


def predictive_scores(
    priors: Sequence[Belief],
    observations: Sequence[Observations],
    grid: Sequence[float | None] = HALF_LIVES,
    kappas: Sequence[float | None] | None = None,
) -> Floats:
    """Return the summed one-step-ahead log predictive density per half-life, in nats, shape (grid,)."""
    scores = np.zeros(len(grid))
    for family, members, theta in by_family(priors):
        chosen = [observations[i] for i in members]
        sums, gaps = _padded(chosen)
        if kappas is not None and family.name == "beta":
            sums = _effective(sums, np.array([kappas[i] or np.inf for i in members]))
        for j, half_life in enumerate(grid):
            decay = np.ones_like(gaps) if half_life is None else np.exp2(-gaps / half_life)
            past = np.zeros((len(members), 3))
            for t in range(sums.shape[1]):
                past = past * decay[:, t, None]
                scores[j] += family.log_evidence(family.update(theta, past), sums[:, t]).sum()
                past = past + sums[:, t]
    return scores


def _padded(observations: Sequence[Observations]) -> tuple[Floats, Floats]:
    """Return sums, shape (parameter, step, 3), and days since the step before, shape (parameter, step).

    Shorter histories end with empty steps, whose evidence is certain and scores nothing.
    """
    longest = max(len(one) for one in observations)
    sums, gaps = np.zeros((len(observations), longest, 3)), np.zeros((len(observations), longest))
    for i, one in enumerate(observations):
        sums[i, : len(one)] = one.sums
        gaps[i, 1 : len(one)] = np.diff(one.stop).astype(np.float64)
    return sums, gaps


def _effective(sums: Floats, kappa: Floats) -> Floats:
    """Return trials and successes divided by the design effect 1 + (n − 1)ρ, ρ = 1/(κ + 1)."""
    rho = 1.0 / (kappa[:, None] + 1.0)
    effect = 1.0 + np.maximum(sums[..., 0] - 1.0, 0.0) * rho
    return np.asarray(sums / effect[..., None])
