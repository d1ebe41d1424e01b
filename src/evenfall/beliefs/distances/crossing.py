"""Distances between beta and between gamma laws, from where their densities and distribution functions cross.

On the line of log odds (beta) or log x (gamma) the log ratio of two densities turns at most once, so the
densities cross at most twice and the distribution functions at most once, between them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Protocol

import numpy as np
from scipy import special

from evenfall.beliefs.distributions.beta import BetaDistribution
from evenfall.beliefs.distributions.gamma import GammaDistribution
from evenfall.beliefs.numerics.arrays import Booleans, Floats, broadcast_floats
from evenfall.beliefs.numerics.incomplete_beta import beta_log_tails, log_odds_density
from evenfall.beliefs.numerics.incomplete_gamma import gamma_log_tails
from evenfall.beliefs.numerics.stirling import deviance, digamma_tail, log_poisson_weight, stirling_tail

__all__ = ["beta_kl", "beta_overlap", "beta_w1", "gamma_kl", "gamma_overlap", "gamma_w1"]

_FAR: Final = 600.0  # on the line, near the ends of what doubles can hold


def _bregman(x: Floats, y: Floats) -> Floats:
    """Return log Γ(y) − log Γ(x) − (y − x) ψ(x) with the large parts cancelled on paper."""
    small = stirling_tail(y) - stirling_tail(x) + np.log(x / y) + (x - y) * digamma_tail(x)
    return np.asarray(deviance(y, x) + small)


def beta_kl(p: BetaDistribution, q: BetaDistribution) -> Floats:
    """Return KL(p ‖ q): the Bregman distances of log Γ at alpha and at beta, less that at their sum."""
    parts = _bregman(p.alpha, q.alpha) + _bregman(p.beta, q.beta)
    return np.maximum(parts - _bregman(p.alpha + p.beta, q.alpha + q.beta), 0.0)


def gamma_kl(p: GammaDistribution, q: GammaDistribution) -> Floats:
    """Return KL(p ‖ q): the Bregman distance of log Γ at the shapes, the rates within its deviance."""
    k, j = p.shape, q.shape
    small = stirling_tail(j) - stirling_tail(k) + np.log(k / j) + (k - j) * digamma_tail(k)
    return np.maximum(deviance(j, k * (q.rate / p.rate)) + small, 0.0)


class _OnLine(Protocol):
    """A law on the line t; its log density changes at rate `left` far left and `right` far right."""

    @property
    def left(self) -> Floats: ...
    @property
    def right(self) -> Floats: ...
    @property
    def mean(self) -> Floats: ...
    def log_density(self, t: Floats) -> Floats: ...
    def log_tails(self, t: Floats) -> tuple[Floats, Floats]: ...
    def mean_below(self, t: Floats) -> Floats: ...


@dataclass(frozen=True, slots=True)
class _BetaOnLine:
    left: Floats
    right: Floats

    @property
    def mean(self) -> Floats:
        return np.asarray(self.left / (self.left + self.right))

    def log_density(self, t: Floats) -> Floats:
        return log_odds_density(self.left, self.right, special.expit(t), special.expit(-t))

    def log_tails(self, t: Floats) -> tuple[Floats, Floats]:
        return beta_log_tails(self.left, self.right, special.expit(t), special.expit(-t))

    def mean_below(self, t: Floats) -> Floats:
        tails = beta_log_tails(self.left + 1.0, self.right, special.expit(t), special.expit(-t))
        return np.asarray(self.mean * np.exp(tails[0]))


@dataclass(frozen=True, slots=True)
class _GammaOnLine:
    left: Floats
    right: Floats

    @property
    def mean(self) -> Floats:
        return np.asarray(self.left / self.right)

    def log_density(self, t: Floats) -> Floats:
        return np.asarray(log_poisson_weight(self.left, self.right * np.exp(t)) + np.log(self.left))

    def log_tails(self, t: Floats) -> tuple[Floats, Floats]:
        return gamma_log_tails(self.left, self.right * np.exp(t))

    def mean_below(self, t: Floats) -> Floats:
        return np.asarray(self.mean * np.exp(gamma_log_tails(self.left + 1.0, self.right * np.exp(t))[0]))


def _root(p: _OnLine, q: _OnLine, low: Floats, high: Floats, sign: Floats) -> Floats:
    """Return where sign·(log p − log q) rises through zero between `low` and `high`."""
    for _ in range(62):
        middle = 0.5 * (low + high)
        above = sign * (p.log_density(middle) - q.log_density(middle)) > 0
        low, high = np.where(above, low, middle), np.where(above, middle, high)
    return np.asarray(0.5 * (low + high))


def _crossings(p: _OnLine, q: _OnLine) -> tuple[Booleans, Floats, Floats]:
    """Return whether the log ratio turns, and where the densities cross, left and right of the turn.

    Where it does not turn only the right crossing counts.
    """
    da, db = p.left - q.left, p.right - q.right
    turns = da * db > 0
    with np.errstate(divide="ignore", invalid="ignore"):
        turn = np.clip(np.where(turns, np.log(da / np.where(turns, db, 1.0)), -_FAR), -_FAR, _FAR)
    end = np.full_like(turn, _FAR)
    # A ratio that turns falls first when da < 0; one that does not turn rises when da > 0 or db < 0.
    rises_last = np.where(np.where(turns, da < 0, (da > 0) | (db < 0)), 1.0, -1.0)
    left = _root(p, q, -end, turn, -rises_last)
    return turns, left, _root(p, q, turn, end, rises_last)


def _ahead(p: _OnLine, q: _OnLine, t: Floats) -> Floats:
    """Return P − Q at t, from the upper tails where both are near 1."""
    (p_below, p_above), (q_below, q_above) = (
        (np.exp(below), np.exp(above)) for below, above in (p.log_tails(t), q.log_tails(t))
    )
    return np.where(p_below + q_below > 1.0, q_above - p_above, p_below - q_below)


def _overlap(p: _OnLine, q: _OnLine) -> Floats:
    """Return 1 minus the mass by which the laws differ between the crossings of their densities."""
    turns, left, right = _crossings(p, q)
    apart = np.abs(_ahead(p, q, right)) + np.where(turns, np.abs(_ahead(p, q, left)), 0.0)
    return np.asarray(1.0 - apart)


def _w1(p: _OnLine, q: _OnLine) -> Floats:
    """Return ∫|P − Q|, by E[X; X <= x] on either side of the point where P and Q cross."""
    turns, low, high = _crossings(p, q)
    total = q.mean - p.mean
    # Where p has more mass at both ends, P starts ahead of Q and falls behind between the crossings.
    sign = np.where(p.left < q.left, -1.0, 1.0)
    for _ in range(62):
        middle = 0.5 * (low + high)
        above = sign * _ahead(p, q, middle) > 0
        low, high = np.where(above, low, middle), np.where(above, middle, high)
    # ∫_0^x (P − Q) = x (P − Q)(x) − E_p[X; X <= x] + E_q[X; X <= x], and P = Q at x.
    below = q.mean_below(high) - p.mean_below(high)
    return np.where(turns, np.abs(below) + np.abs(total - below), np.abs(total))


def _betas(p: BetaDistribution, q: BetaDistribution) -> tuple[_BetaOnLine, _BetaOnLine]:
    a, b, c, d = broadcast_floats(p.alpha, p.beta, q.alpha, q.beta)
    return _BetaOnLine(a, b), _BetaOnLine(c, d)


def _gammas(p: GammaDistribution, q: GammaDistribution) -> tuple[_GammaOnLine, _GammaOnLine]:
    k, r, j, s = broadcast_floats(p.shape, p.rate, q.shape, q.rate)
    return _GammaOnLine(k, r), _GammaOnLine(j, s)


def beta_overlap(p: BetaDistribution, q: BetaDistribution) -> Floats:
    """Return the mass two beta laws share."""
    return _overlap(*_betas(p, q))


def beta_w1(p: BetaDistribution, q: BetaDistribution) -> Floats:
    """Return the Wasserstein-1 distance of two beta laws."""
    return _w1(*_betas(p, q))


def gamma_overlap(p: GammaDistribution, q: GammaDistribution) -> Floats:
    """Return the mass two gamma laws share."""
    return _overlap(*_gammas(p, q))


def gamma_w1(p: GammaDistribution, q: GammaDistribution) -> Floats:
    """Return the Wasserstein-1 distance of two gamma laws."""
    return _w1(*_gammas(p, q))
