"""A rate that wanders: a random walk of its logit, week by week, with the size of its steps learned.

With η the logit in the middle of a week, η_w = η_{w−1} + N(0, 7τ²) and the days of the week are binomial, or
beta-binomial with concentration κ, at the rate of η_w. η lives on a grid, so that nothing is approximated by
a normal law; τ, the stdev of the steps per day, takes a few values, with 0 (no drift at all) among them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy import special

from evenfall.beliefs.numerics.arrays import Floats, floats
from evenfall.errors import UsageError

__all__ = ["STEPS_PER_DAY", "Drift", "filter_drift"]

STEPS_PER_DAY: Final = (0.0, 0.004, 0.007, 0.01, 0.014, 0.019, 0.025, 0.033, 0.045, 0.06)
"""Values of τ; per week a step of 0.06 multiplies the odds by e^±0.16."""

_SCALE: Final = 0.02  # of the half-normal prior of τ
_STILL: Final = 0.1  # prior probability of τ = 0
_DAYS: Final = 7
_POINTS: Final = 241
_REACH: Final = 6.0


@dataclass(frozen=True, slots=True, eq=False)
class Drift:
    """The rate at the end of the last day.

    Attributes
    ----------
    logit, mass : ndarray, shape (point,)
        A grid and the posterior on it.
    steps, weights : ndarray, shape (step,)
        Values of τ and their posterior.
    log_evidence : ndarray, shape (step,)
        Log probability of the counts at each τ, up to a constant.
    weeks : ndarray, shape (week, 3)
        Lower end, median and upper end of the 95 % interval in the middle of each week, knowing the weeks up
        to it.
    """

    logit: Floats
    mass: Floats
    steps: Floats
    weights: Floats
    log_evidence: Floats
    weeks: Floats

    @property
    def mean(self) -> float:
        """Posterior mean of the rate."""
        return float(self.mass @ special.expit(self.logit))

    @property
    def stdev(self) -> float:
        """Posterior standard deviation of the rate."""
        rate = special.expit(self.logit)
        return float(np.sqrt(max(float(self.mass @ rate**2) - self.mean**2, 0.0)))

    def quantile(self, level: float) -> float:
        """Return a quantile of the rate."""
        return float(special.expit(_quantiles(self.logit, self.mass, (level,))[0]))

    def interval(self, mass: float = 0.95) -> tuple[float, float]:
        """Return the equal-tailed interval of the rate."""
        return self.quantile((1 - mass) / 2), self.quantile((1 + mass) / 2)

    @property
    def step(self) -> float:
        """Posterior mean of τ, the stdev of the logit's change per day."""
        return float(self.weights @ self.steps)

    @property
    def log_bayes_factor(self) -> float:
        """Log odds of the counts for a rate that wanders against one that stands still."""
        moving = self.steps > 0
        prior = _step_prior(self.steps)[moving]
        wanders = special.logsumexp(self.log_evidence[moving], b=prior / prior.sum())
        return float(wanders - self.log_evidence[~moving][0])


def filter_drift(
    trials: NDArray[np.integer] | Floats,
    successes: NDArray[np.integer] | Floats,
    *,
    kappa: float | None = None,
    prior: tuple[float, float] = (1.0, 1.0),
) -> Drift:
    """Return the rate now, from counts by day.

    Parameters
    ----------
    trials, successes : ndarray, shape (day,)
        Of consecutive days, the newest last; a day without trials says nothing.
    kappa
        Concentration of the days' rates; None for binomial days.
    prior
        Alpha and beta of the belief about the rate in the first week.

    Raises
    ------
    UsageError
        When nobody tried.
    """
    n, k = floats(trials), floats(successes)
    if n.shape != k.shape or n.ndim != 1 or not n.sum() > 0:
        raise UsageError("drift needs trials and successes by day", remedy="give a day with trials")
    weeks = _weeks(n, k)
    logit = _grid(weeks, n, k, prior)
    steps = floats(STEPS_PER_DAY)
    likelihood = np.array([_log_likelihood(logit, *week, kappa) for week in weeks])
    a, b = prior
    start = a * special.log_expit(logit) + b * special.log_expit(-logit)
    state = np.tile(np.exp(start - special.logsumexp(start)), (len(steps), 1))
    moves = [_moves(logit, step * np.sqrt(_DAYS)) for step in steps]
    evidence, shown = np.zeros(len(steps)), []
    for number, log_density in enumerate(likelihood):
        if number:
            state = np.array([move @ row for move, row in zip(moves, state, strict=True)])
        top = log_density.max()
        state = state * np.exp(log_density - top)
        norm = state.sum(axis=1)
        evidence += top + np.log(np.maximum(norm, 1e-300))
        state /= np.maximum(norm, 1e-300)[:, None]
        shown.append(_quantiles(logit, _weigh(evidence, steps) @ state, (0.025, 0.5, 0.975)))
    # from the middle of the last week to its end
    last = [_moves(logit, step * np.sqrt(_DAYS / 2.0)) for step in steps]
    state = np.array([move @ row for move, row in zip(last, state, strict=True)])
    weights = _weigh(evidence, steps)
    return Drift(
        logit,
        weights @ state,
        steps,
        weights,
        evidence,
        np.asarray(special.expit(np.array(shown)), dtype=np.float64),
    )


def _weeks(n: Floats, k: Floats) -> list[tuple[Floats, Floats]]:
    """Return the days by week, the last of them whole: a week that is cut short is the first."""
    starts = range(len(n) % _DAYS - _DAYS if len(n) % _DAYS else 0, len(n), _DAYS)
    spans = [slice(max(start, 0), start + _DAYS) for start in starts]
    return [(n[span], k[span]) for span in spans]


def _grid(weeks: list[tuple[Floats, Floats]], n: Floats, k: Floats, prior: tuple[float, float]) -> Floats:
    """Return logits that reach beyond every week's own by what chance and drift may add."""
    tried = np.array([max(week[0].sum(), 0.0) for week in weeks])
    hits = np.array([week[1].sum() for week in weeks])
    total = n.sum()
    pooled = (k.sum() + prior[0]) / (total + sum(prior))
    weight = 1.0 / (pooled * (1.0 - pooled) * np.maximum(tried, 1.0))
    rate = np.clip((hits + 4.0 * pooled) / (tried + 4.0), 1e-9, 1 - 1e-9)
    centre, error = special.logit(rate), np.minimum(np.sqrt(weight), 2.0)
    room = _REACH * np.minimum(error, 0.5) + _REACH * STEPS_PER_DAY[-1] * np.sqrt(_DAYS)
    return np.linspace(float((centre - room).min()), float((centre + room).max()), _POINTS)


def _log_likelihood(logit: Floats, n: Floats, k: Floats, kappa: float | None) -> Floats:
    if kappa is None:
        return np.asarray(k.sum() * special.log_expit(logit) + (n - k).sum() * special.log_expit(-logit))
    a, b = special.expit(logit)[:, None] * kappa, special.expit(-logit)[:, None] * kappa
    return np.asarray((special.betaln(a + k, b + n - k) - special.betaln(a, b)).sum(axis=1))


def _moves(logit: Floats, stdev: float) -> Floats:
    """Return the matrix that takes a law on the grid one step on; cells move to cells by their overlap."""
    if stdev == 0.0:
        return np.eye(len(logit))
    width = logit[1] - logit[0]
    gap = (logit[:, None] - logit[None, :]) / stdev
    half = width / 2.0 / stdev
    mass = special.ndtr(gap + half) - special.ndtr(gap - half)
    return np.asarray(mass / mass.sum(axis=0))


def _step_prior(steps: Floats) -> Floats:
    """Return the prior of τ: some mass on 0, the rest half-normal, by the width of each value's cell."""
    moving = steps[1:]
    ends = np.concatenate([[0.0], (moving[1:] + moving[:-1]) / 2.0, [2 * moving[-1] - moving[-2]]])
    mass = np.diff(special.ndtr(ends / _SCALE))
    return np.concatenate([[_STILL], (1.0 - _STILL) * mass / mass.sum()])


def _weigh(evidence: Floats, steps: Floats) -> Floats:
    weights = _step_prior(steps) * np.exp(evidence - evidence.max())
    return np.asarray(weights / weights.sum())


def _quantiles(logit: Floats, mass: Floats, levels: tuple[float, ...]) -> Floats:
    """Return quantiles; each point of the grid stands in the middle of its own mass."""
    return np.interp(levels, np.cumsum(mass) - mass / 2.0, logit)
