"""The Shiryaev–Roberts sum: evidence for a change on any day so far, for many parameters at once.

For a change on day s the evidence is the mixture likelihood ratio of the block s..T,

    E(s, T) = Σ_i ω_i M_i(s − 1) Σ_g w_g(s) Π_{t=s..T} f_g,i(t)  /  Σ_i ω_i M_i(T),

with f_g,i the law of a day at point g under overdispersion node i, M_i(T) the product up to day T of the
predictives under "nothing changed", ω the nodes' weights and w(s) the points' weights, chosen from the days
before s. R_T = Σ_s E(s, T). When nothing changes, R_T − T is a martingale from zero, so a rule that stops at
R ≥ A runs on average at least A looks (the optional stopping theorem). The sum over s obeys a recursion in T.

References
----------
Pollak, M. (1987), Average run lengths of an optimal method of detecting a change in distribution, theorem 1.
Shin, J., Ramdas, A. and Rinaldo, A. (2024), E-detectors: a nonparametric framework for sequential change
detection, definition 2.2 and theorem 2.4.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import special

from evenfall.beliefs.numerics.arrays import Floats
from evenfall.monitoring.day_laws import POINTS_A_SIDE, DayLaw

__all__ = ["Baseline", "Evidence", "block", "evidence_by_day", "learn", "path", "watch"]


@dataclass(frozen=True, slots=True, eq=False)
class Baseline:
    """What is known before the first day that may be the change.

    Attributes
    ----------
    theta : ndarray, shape (parameter, node, key)
        The posterior under each node.
    log_weight : ndarray, shape (parameter, node)
        The nodes' weights; they need not sum to one.
    """

    theta: Floats
    log_weight: Floats

    @property
    def mixed(self) -> Floats:
        """The posterior averaged over the nodes, shape (parameter, key)."""
        weight = special.softmax(self.log_weight, axis=-1)
        return np.asarray((weight[..., None] * self.theta).sum(axis=1))

    def rows(self, chosen: NDArray[np.intp]) -> Baseline:
        """Return the baseline of some parameters."""
        return Baseline(self.theta[chosen], self.log_weight[chosen])


@dataclass(frozen=True, slots=True, eq=False)
class Evidence:
    """Where the sum stands after a day; arrays of shape (parameter,)."""

    log_below: Floats
    log_above: Floats

    @property
    def log_r(self) -> Floats:
        """Log of R; −inf before the first day with data."""
        return np.logaddexp(self.log_below, self.log_above)


@dataclass(slots=True, eq=False)
class _State:
    """Running logs of the two sums above; a day's common factor is taken out of both."""

    theta: Floats
    log_unchanged: Floats  # (parameter, node)
    log_moved: Floats  # (parameter, node, point)

    def evidence(self) -> Evidence:
        null = special.logsumexp(self.log_unchanged, axis=1)
        with np.errstate(divide="ignore"):
            below, above = (
                special.logsumexp(side, axis=(1, 2)) - null
                for side in (self.log_moved[..., :POINTS_A_SIDE], self.log_moved[..., POINTS_A_SIDE:])
            )
        return Evidence(np.asarray(below), np.asarray(above))


def learn(law: DayLaw, baseline: Baseline, sums: Floats) -> Baseline:
    """Return the baseline after further days in which nothing is looked for.

    Parameters
    ----------
    sums : ndarray, shape (parameter, day, 3)
        A day without size says nothing.
    """
    theta, log_weight = baseline.theta, baseline.log_weight
    for day in range(sums.shape[1]):
        today = sums[:, day, None]
        if log_weight.shape[1] > 1:
            log_weight = log_weight + np.where(today[..., 0] > 0, law.log_unchanged(theta, today), 0.0)
        theta = law.update(theta, today)
    return Baseline(theta, log_weight - log_weight.max(axis=1, keepdims=True))


def watch(law: DayLaw, baseline: Baseline, points: Floats, margin: Floats, sums: Floats) -> Evidence:
    """Return where R stands after the last day.

    Parameters
    ----------
    points : ndarray, shape (parameter, point)
        Values the quantity may have moved to.
    margin : ndarray, shape (parameter,)
        A point nearer than this to the running mean takes no part on that day.
    sums : ndarray, shape (parameter, day, 3)
        The days, each of which may be the change; one without size is no look.
    """
    state = None
    for state in _days(law, baseline, points, margin, sums):  # noqa: B007 - the last one is wanted
        pass
    if state is None:
        nothing = np.full(len(points), -np.inf)
        return Evidence(nothing, nothing)
    return state.evidence()


def path(law: DayLaw, baseline: Baseline, points: Floats, margin: Floats, sums: Floats) -> Floats:
    """Return log R after each day, shape (parameter, day): what `watch` says of every night at once."""
    nights = [state.evidence().log_r for state in _days(law, baseline, points, margin, sums)]
    return np.stack(nights, axis=-1) if nights else np.empty((len(points), 0))


def evidence_by_day(law: DayLaw, baseline: Baseline, points: Floats, margin: Floats, sums: Floats) -> Floats:
    """Return log E(s, T) for every day s as the day of the change, shape (parameter, day)."""
    entering, gains, log_null = [], [], None
    for state, entered, gain in _steps(law, baseline, points, margin, sums):
        entering.append(entered)
        gains.append(gain)
        log_null = special.logsumexp(state.log_unchanged, axis=1)
    if log_null is None:
        return np.empty((len(points), 0))
    ahead = np.cumsum(np.stack(gains)[::-1], axis=0)[::-1]  # Σ of the gains from day s to the last
    with np.errstate(divide="ignore"):
        total = special.logsumexp(np.stack(entering) + ahead, axis=(2, 3))
    return np.asarray(total.T - log_null[:, None])


def block(law: DayLaw, baseline: Baseline, points: Floats, sums: Floats) -> tuple[Floats, Floats]:
    """Return the log of the product of all days' laws, unchanged and at each point, nodes averaged out.

    Returns
    -------
    log_unchanged : ndarray, shape (parameter,)
    log_moved : ndarray, shape (parameter, point)
        Both without the same common factors.
    """
    no_margin = np.zeros(len(points))
    log_unchanged = baseline.log_weight
    log_moved = np.repeat(baseline.log_weight[..., None], points.shape[1], axis=-1)
    for state, _, gain in _steps(law, baseline, points, no_margin, sums):
        log_unchanged, log_moved = state.log_unchanged, log_moved + gain
    return (
        np.asarray(special.logsumexp(log_unchanged, axis=1)),
        np.asarray(special.logsumexp(log_moved, axis=1)),
    )


def _days(law: DayLaw, baseline: Baseline, points: Floats, margin: Floats, sums: Floats) -> Iterator[_State]:
    for state, _, _ in _steps(law, baseline, points, margin, sums):
        yield state


def _steps(
    law: DayLaw, baseline: Baseline, points: Floats, margin: Floats, sums: Floats
) -> Iterator[tuple[_State, Floats, Floats]]:
    """Yield each day's state, what entered for a change on that day, and the day's gain at each point."""
    shape = (*baseline.log_weight.shape, points.shape[1])
    state = _State(baseline.theta, baseline.log_weight, np.full(shape, -np.inf))
    for day in range(sums.shape[1]):
        today = sums[:, day, None]
        seen = today[..., 0] > 0
        unchanged = law.log_unchanged(state.theta, today)
        common = unchanged.max(axis=1, keepdims=True)  # taken out, so that the sums of logs stay small
        gain = np.where(seen[..., None], law.log_moved(points, state.theta, today) - common[..., None], 0.0)
        counts = law.outside(points, state.theta, margin) & seen[..., None]
        share = -np.log(np.maximum(counts.sum(axis=-1, keepdims=True), 1))
        entering = np.where(counts, state.log_unchanged[..., None] + share, -np.inf)
        state = _State(
            law.update(state.theta, today),
            state.log_unchanged + np.where(seen, unchanged - common, 0.0),
            np.logaddexp(state.log_moved, entering) + gain,
        )
        yield state, entering, gain
