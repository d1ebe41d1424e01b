"""Weights that let old evidence fade, and the half-life that predicts best."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Final

import numpy as np

from evenfall.beliefs.belief import Belief
from evenfall.beliefs.families import Family
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
        The day after the last one counted, from which ages run; default the last stop. Later intervals
        count fully.
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
    """Return the half-life that predicted each interval best from those before it, over all parameters.

    Parameters
    ----------
    priors, observations
        One of each per parameter.
    grid
        Half-lives in days, None for never forgetting; ties go to the earlier entry.
    kappas
        Overdispersion per parameter, so that noise between the days of a rate is not taken for drift.
    """
    return grid[int(np.argmax(predictive_scores(priors, observations, grid, kappas)))]


def predictive_scores(
    priors: Sequence[Belief],
    observations: Sequence[Observations],
    grid: Sequence[float | None] = HALF_LIVES,
    kappas: Sequence[float | None] | None = None,
) -> Floats:
    """Return the summed one-step-ahead log predictive density per half-life, in nats, shape (grid,)."""
    scores = np.zeros(len(grid))
    for family, members, theta in by_family(priors):
        sums, gaps = _padded([observations[i] for i in members])
        rho = np.zeros(len(members))
        if kappas is not None and family.name == "beta":
            rho = np.array([0.0 if (kappa := kappas[i]) is None else 1.0 / (kappa + 1.0) for i in members])
        scores += [_score(family, theta, sums, _decay(gaps, half_life), rho) for half_life in grid]
    return scores


def _score(family: Family, theta: Floats, sums: Floats, decay: Floats, rho: Floats) -> float:
    """Return the summed log predictive density of each step given the faded steps before it."""
    past, score = np.zeros((len(theta), 3)), 0.0
    for t in range(sums.shape[1]):
        past = past * decay[:, t, None]
        belief = family.update(theta, past)
        if rho.any():
            belief = _day_belief(belief, rho)
        score += float(family.log_evidence(belief, sums[:, t]).sum())
        past = past + _effective(sums[:, t], rho)
    return score


def _decay(gaps_days: Floats, half_life: float | None) -> Floats:
    """Return by how much evidence fades over each gap."""
    return np.ones_like(gaps_days) if half_life is None else np.exp2(-gaps_days / half_life)


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


def _effective(sums: Floats, rho: Floats) -> Floats:
    """Return trials and successes divided by the design effect 1 + (n − 1)ρ of their day."""
    effect = 1.0 + np.maximum(sums[:, 0] - 1.0, 0.0) * rho
    return np.asarray(sums / effect[:, None])


def _day_belief(theta: Floats, rho: Floats) -> Floats:
    """Return the beta law of the NEXT DAY's rate: same mean, the scatter between days added.

    A day's rate has intraclass correlation (sρ + 1)/(s + 1) with s = alpha + beta, hence strength
    s(1 − ρ)/(sρ + 1); its beta-binomial has the exact predictive mean and variance of the day's successes.
    """
    s = theta.sum(axis=-1)
    return np.asarray(theta * ((1.0 - rho) / (s * rho + 1.0))[:, None])
