"""Weighted draws of many posteriors, from Student t proposals that are matched to what the last ones saw."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from evenfall.inference.engines.batch import LogDensities
from evenfall.inference.engines.modes import Modes
from evenfall.inference.psis import LEAST_ESS, importance_ess, k_hat_limit, smooth

__all__ = ["DEGREES", "BatchFit", "weigh"]

type Floats = NDArray[np.float64]
type Positions = NDArray[np.intp]
type Booleans = NDArray[np.bool_]

DEGREES: Final = 5.0
"""Of freedom of the Student t proposals: heavier tails than a posterior's, at the price of some draws."""

_WIDE: Final = 3.0  # how much wider the draws are spread that look for mass far from the centre
_WIDE_EVERY: Final = 4  # one draw in so many is one of those
_ROUNDS: Final = 4  # of draws: around the mode, then matched to the weighted draws of the round before
_ENOUGH: Final = 10.0  # effective draws per coordinate from which a covariance may be matched
_AGREE: Final = 4.0  # standard errors by which the figures of two rounds may differ
_CHUNK: Final = 1 << 22  # values held at once


@dataclass(frozen=True, eq=False)
class BatchFit:
    """The outcome of many fits of one structure.

    Attributes
    ----------
    points : ndarray, shape (problem, draw, coordinate)
        Weighted draws; NaN where there is no mode.
    log_weights : ndarray, shape (problem, draw)
        Smoothed, exponentials sum to one.
    k_hat, importance_ess : ndarray, shape (problem,)
    reasons
        Why a problem must be given to a better engine; empty when it need not.
    gradients : ndarray of int, shape (problem,)
    """

    points: Floats
    log_weights: Floats
    k_hat: Floats
    importance_ess: Floats
    reasons: tuple[str, ...]
    gradients: NDArray[np.int64]
    modes: Modes


def weigh(batch: LogDensities, modes: Modes, seeds: NDArray[np.int64], draws: int) -> BatchFit:
    """Return weighted draws of every problem that has a mode.

    Weights cannot tell of mass that no draw came near: on a curved ridge both k_hat and the effective draws
    look well while the ends are missing. So a quarter of the draws is spread three times as wide, and a
    problem is settled only when two rounds pass the gate's limits and agree, the second drawn from a law that
    was matched to the first.

    References
    ----------
    Cornuet, J.-M., Marin, J.-M., Mira, A., Robert, C. (2012), Adaptive multiple importance sampling.
    """
    count, width = modes.points.shape
    state = BatchFit(
        points=np.full((count, draws, width), np.nan),
        log_weights=np.full((count, draws), np.nan),
        k_hat=np.full(count, np.nan),
        importance_ess=np.full(count, np.nan),
        reasons=modes.reasons,
        gradients=modes.gradients,
        modes=modes,
    )
    reasons = list(modes.reasons)
    rows = np.flatnonzero(modes.found)
    step = max(1, _CHUNK // (draws * (width + 2)))
    for begin in range(0, len(rows), step):
        for row, reason in _weigh_chunk(batch, state, rows[begin : begin + step], seeds):
            reasons[row] = reason
    return replace(state, reasons=tuple(reasons))


def _weigh_chunk(
    batch: LogDensities, state: BatchFit, rows: Positions, seeds: NDArray[np.int64]
) -> list[tuple[int, str]]:
    """Fill in the draws of some problems; return those that are no use, each with why."""
    draws = state.log_weights.shape[-1]
    open_rows, proposal = rows, _Proposal(state.modes.points[rows], state.modes.roots[rows])
    settled = np.zeros(len(state.k_hat), dtype=np.bool_)
    before: _Moments | None = None
    for turn in range(_ROUNDS):
        points, target, log_q = proposal.draw(batch, open_rows, seeds[open_rows], turn, draws)
        log_weights, k_hat = smooth(target - log_q)
        now = _Moments.of(points, log_weights, k_hat)
        state.points[open_rows], state.log_weights[open_rows] = points, log_weights
        state.k_hat[open_rows], state.importance_ess[open_rows] = k_hat, now.ess
        done = np.zeros(len(open_rows), dtype=np.bool_) if before is None else now.agrees(before)
        settled[open_rows[done]] = True
        further = ~done & (now.ess > _ENOUGH * points.shape[-1])
        if not further.any():
            break
        open_rows, before = open_rows[further], now.only(further)
        proposal = _Proposal.matched(before)
    return [(row, _why(state, row)) for row in rows[~settled[rows]].tolist()]


def _why(state: BatchFit, row: int) -> str:
    """Return why a problem's weighted draws are no use."""
    k_hat, ess, draws = state.k_hat[row], state.importance_ess[row], state.log_weights.shape[-1]
    if np.isnan(ess):
        return "the log density is not a number, or infinite, at some draws"
    if k_hat < k_hat_limit(draws) and ess > LEAST_ESS:
        return "two rounds of weighted draws disagree: the posterior is not of a shape that a proposal covers"
    return f"the proposal covers the posterior poorly: k-hat {k_hat:.2f}, {ess:.0f} effective draws"


@dataclass(frozen=True, eq=False)
class _Moments:
    """What one round of weighted draws says of each problem, and whether its weights are good."""

    means: Floats
    covariances: Floats
    ess: Floats
    good: Booleans

    @classmethod
    def of(cls, points: Floats, log_weights: Floats, k_hat: Floats) -> _Moments:
        weights = np.exp(log_weights)
        means = np.einsum("ps,psi->pi", weights, points)
        around = points - means[:, None, :]
        covariances = (weights[:, :, None] * around).swapaxes(-1, -2) @ around
        ess = importance_ess(log_weights)
        good = (k_hat < k_hat_limit(points.shape[1])) & (ess > LEAST_ESS)
        return cls(means, covariances, ess, good)

    def only(self, chosen: Booleans) -> _Moments:
        """Return the chosen problems alone."""
        return _Moments(self.means[chosen], self.covariances[chosen], self.ess[chosen], self.good[chosen])

    def agrees(self, other: _Moments) -> Booleans:
        """Return where both rounds are good, and their means and spreads differ by no more than chance."""
        variance, theirs = (np.diagonal(one.covariances, axis1=-2, axis2=-1) for one in (self, other))
        error = _AGREE * np.sqrt(1.0 / self.ess + 1.0 / other.ess)[:, None]
        near = np.abs(self.means - other.means) <= error * np.sqrt(np.maximum(variance, theirs))
        with np.errstate(divide="ignore", invalid="ignore"):
            alike = np.abs(0.5 * np.log(variance / theirs)) <= error
        return self.good & other.good & (near & alike).all(axis=-1)


@dataclass(frozen=True, eq=False)
class _Proposal:
    """Multivariate Student t laws: centres, shape (problem, coordinate), and roots of their scales."""

    centres: Floats
    roots: Floats

    @classmethod
    def matched(cls, seen: _Moments) -> _Proposal:
        """Return the laws with the mean and covariance of weighted draws as centre and scale."""
        values, vectors = np.linalg.eigh(seen.covariances)
        values = np.maximum(values, 1e-12 * values[:, -1:])
        return cls(seen.means, vectors * np.sqrt(values)[:, None, :])

    def draw(
        self, batch: LogDensities, which: Positions, seeds: NDArray[np.int64], turn: int, draws: int
    ) -> tuple[Floats, Floats, Floats]:
        """Return draws, their log target density, and their log proposal density up to a constant each."""
        width = self.centres.shape[-1]
        stretch = np.where(np.arange(draws) % _WIDE_EVERY == 0, _WIDE, 1.0)
        standard = np.empty((len(which), draws, width))
        for row, seed in enumerate(seeds.tolist()):
            rng = np.random.default_rng([seed, 0, turn])
            spread = stretch * np.sqrt(DEGREES / rng.chisquare(DEGREES, size=draws))
            standard[row] = rng.standard_normal((draws, width)) * spread[:, None]
        log_q = _log_proposal(np.square(standard).sum(axis=-1), width)
        points = self.centres[:, None, :] + standard @ self.roots.swapaxes(-1, -2)
        with np.errstate(all="ignore"):  # what overflows far out is told by its value
            target = batch.log_density(which, points)
        return points, target, log_q


def _log_proposal(squares: Floats, width: int) -> Floats:
    """Return the log density of narrow and wide draws together, at squared distances from the centre.

    Every draw is weighed by the law of the whole sample (Veach and Guibas 1995, the balance heuristic).
    """
    power = -0.5 * (DEGREES + width)
    narrow = np.log1p(-1.0 / _WIDE_EVERY) + power * np.log1p(squares / DEGREES)
    wide = -np.log(_WIDE_EVERY) - width * np.log(_WIDE) + power * np.log1p(squares / (DEGREES * _WIDE**2))
    return np.asarray(np.logaddexp(narrow, wide))
