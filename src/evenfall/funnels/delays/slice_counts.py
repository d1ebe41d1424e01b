"""The likelihood of many slices whose lags differ: what they say is summed once and evaluated together."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from evenfall.beliefs.cohorts import Clock
from evenfall.beliefs.numerics.arrays import Floats, floats
from evenfall.beliefs.numerics.stirling import log_binomial_weight
from evenfall.funnels.delays.cells import Cells, cell_tails, cell_values
from evenfall.funnels.delays.families import LagFamily, LagShape
from evenfall.funnels.delays.overdispersed import Seen, mixed_rate

__all__ = ["SliceCounts", "SliceScores", "SliceSlopes"]

_NEVER: Final = -1e290  # log of a share of zero that still can be multiplied by a count of zero
_ROWS: Final = 40  # points · slices of one call of the quadrature, which does not cut so few any further


@dataclass(frozen=True, slots=True, eq=False)
class SliceSlopes:
    """Log likelihood of each (point, slice) and its slopes, all of shape (point · slice,)."""

    value: Floats
    by_p: Floats
    by_shape: dict[str, Floats]
    by_log_kappa: Floats


@dataclass(frozen=True, slots=True, eq=False)
class SliceScores:
    """Log likelihood of each (point, slice), its slopes by p and log t50, and the information on the two.

    Every field has shape (point · slice,); `p_p`, `p_t` and `t_t` are the expected information, which is
    positive wherever the point lies.
    """

    value: Floats
    by_p: Floats
    by_log_t50: Floats
    p_p: Floats
    p_t: Floats
    t_t: Floats


class SliceCounts:
    """Cohorts of several slices under one family of lags.

    Without κ the cohorts of a slice that were seen to the same age add up, so the counts by slice and age are
    all there is; with κ each cohort is an integral of its own.

    Parameters
    ----------
    size, observed, place : ndarray of int, shape (cohort,)
        People, age cells seen in full, and the slice.
    conversions : ndarray of int, shape (cohort, age)
    """

    def __init__(
        self,
        family: LagFamily,
        clock: Clock,
        size: NDArray[np.int64],
        conversions: NDArray[np.int64],
        observed: NDArray[np.int64],
        *,
        place: NDArray[np.int64],
        slices: int,
    ) -> None:
        self._family, self._clock, self._slices = family, clock, slices
        known = np.flatnonzero(observed > 0)
        self.ages = int(observed.max(initial=0))
        counts = floats(conversions)[known, : self.ages]
        counts = np.where(np.arange(self.ages) < observed[known][:, None], counts, 0.0)
        people, last, where = floats(size)[known], observed[known] - 1, place[known]
        total = counts.sum(axis=1)
        self._by_age = np.zeros((slices, self.ages))
        np.add.at(self._by_age, where, counts)
        self._missed = np.zeros((slices, self.ages))
        np.add.at(self._missed, (where, last), people - total)
        self._ended = np.zeros((slices, self.ages))
        np.add.at(self._ended, (where, last), total)
        self._left = np.zeros((slices, self.ages))
        np.add.at(self._left, (where, last), people)
        self._at_risk = np.cumsum(self._left[:, ::-1], axis=1)[:, ::-1]
        self.converted = self._by_age.sum(axis=1)
        # log C(N, D): what the binomial weight at p = D/N holds beyond its powers.
        share = total / np.maximum(people, 1.0)
        ways = log_binomial_weight(total, people - total, share, 1.0 - share)
        ways = ways - _powers(total, people - total, share)
        self._ways = np.bincount(where, ways, slices)
        self._pad(where, last, people, total)

    def _pad(self, where: NDArray[np.int64], last: NDArray[np.int64], people: Floats, total: Floats) -> None:
        """Lay the cohorts out by slice, shape (slice, cohort); the empty places have nobody."""
        order = np.argsort(where, kind="stable")
        count = np.bincount(where, minlength=self._slices)
        column = np.arange(len(where)) - np.repeat(np.cumsum(count) - count, count)
        shape = (self._slices, int(count.max(initial=0)))
        self._people, self._total = np.zeros(shape), np.zeros(shape)
        self._last, self._there = np.zeros(shape, dtype=np.intp), np.zeros(shape, dtype=bool)
        at = (where[order], column)
        self._people[at], self._total[at], self._last[at] = people[order], total[order], last[order]
        self._there[at] = True

    def slopes(self, shape: LagShape, p: Floats, kappa: Floats | None) -> SliceSlopes:
        """Return likelihood and slopes.

        Parameters
        ----------
        shape
            Fields of shape (point · slice,), the slices of a point one after the other.
        p : ndarray, shape (point · slice,)
            Eventual rate, below 1.
        kappa : ndarray, shape (point · slice,), or None
        """
        if not self.ages:
            none = np.zeros(len(p))
            return SliceSlopes(none, none, {}, none)
        points = len(p) // self._slices
        cells = cell_values(self._family, shape, self.ages, self._clock)
        by_age = np.tile(self._by_age, (points, 1))
        shares = cells.shares()
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            value = np.where(by_age > 0, by_age * np.log(shares), 0.0).sum(axis=1)
            by_shares = np.where(by_age > 0, by_age / shares, 0.0)
            rate = self._binomial(cells, p, points) if kappa is None else self._mixed(cells, p, kappa, points)
            rate_value, by_p, by_cdf, by_log_kappa = rate
            by_shape = {
                name: (by_shares * np.diff(slope, prepend=0.0)).sum(axis=1) + (by_cdf * slope).sum(axis=1)
                for name, slope in cells.slopes.items()
            }
            value = value + rate_value
        return SliceSlopes(np.where(np.isfinite(value), value, -np.inf), by_p, by_shape, by_log_kappa)

    def values(self, shape: LagShape, p: Floats, kappa: Floats | None) -> Floats:
        """Return the likelihood alone, shape (point · slice,); arguments as of `slopes`."""
        if not self.ages:
            return np.zeros(len(p))
        cells = cell_tails(self._family, shape, self.ages, self._clock)
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            value = self._sum(np.maximum(np.log(cells.shares()), _NEVER), self._by_age)
            if kappa is None:
                miss = (1.0 - p[:, None]) + p[:, None] * cells.survival
                value += self._sum(np.log(miss), self._missed)
                points = len(p) // self._slices
                value += np.tile(self.converted, points) * np.log(p) + np.tile(self._ways, points)
            else:
                value += self._mixed(cells, p, kappa, len(p) // self._slices)[0]
        return np.where(value > 1e-10 * _NEVER, value, -np.inf)

    def scored(self, shape: LagShape, p: Floats, kappa: Floats | None) -> SliceScores:
        """Return the likelihood, its slopes by p and log t50, and the expected information on these.

        With counts g_j = p ΔF_j of people expected in age cell j, of N_j who were seen through it, and
        1 − p F of those who left unconverted, it is Σ_j N_j g′g′/g + Σ_A N_A (pF)′(pF)′/(1 − pF).
        """
        if not self.ages:
            return SliceScores(*(np.zeros(len(p)) for _ in range(6)))
        points = len(p) // self._slices
        cells = cell_values(self._family, shape, self.ages, self._clock)
        by_age, at_risk, left = (np.tile(x, (points, 1)) for x in (self._by_age, self._at_risk, self._left))
        shares, slope = cells.shares(), cells.slopes["log_t50"]
        moved, rate = np.diff(slope, prepend=0.0), p[:, None]
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            value = self._sum(np.maximum(np.log(shares), _NEVER), self._by_age)
            inverse = np.where(shares > 0, 1.0 / shares, 0.0)
            parts = (
                self._binomial(cells, p, points) if kappa is None else self._mixed(cells, p, kappa, points)
            )
            rate_value, by_p, by_cdf, _ = parts
            miss = (1.0 - rate) + rate * cells.survival
            lost = left / miss
            if kappa is not None:
                lost -= self._scattered(cells, p, kappa, points)
            p_p = (at_risk * shares).sum(axis=1) / p + (lost * np.square(cells.cdf)).sum(axis=1)
            p_t = (at_risk * moved).sum(axis=1) + p * (lost * cells.cdf * slope).sum(axis=1)
            t_t = p * (at_risk * np.square(moved) * inverse).sum(axis=1)
            t_t += np.square(p) * (lost * np.square(slope)).sum(axis=1)
            by_t = (by_age * inverse * moved).sum(axis=1) + (by_cdf * slope).sum(axis=1)
        value = value + rate_value
        value = np.where(value > 1e-10 * _NEVER, value, -np.inf)
        return SliceScores(value, by_p, by_t, p_p, p_t, t_t)

    def _sum(self, cells: Floats, weights: Floats) -> Floats:
        """Return Σ over ages of cells × the weights of each slice, shape (point · slice,)."""
        split = cells.reshape(-1, *weights.shape)
        return np.asarray(np.einsum("psa,sa->ps", split, weights)).reshape(-1)

    def _scattered(self, cells: Cells, p: Floats, kappa: Floats, points: int) -> Floats:
        """Return what κ takes from the information, by last age and per unit of (pF)′(pF)′.

        A cohort's count tells N/(G(1 − G)) about G = pF, and less by the factor by which the scatter of its
        rate, N(N − 1) F² p(1 − p)/(κ + 1), widens the variance N G(1 − G).
        """
        size, last = np.tile(self._people, (points, 1)), np.tile(self._last, (points, 1))
        seen, unseen = (np.take_along_axis(x, last, axis=1) for x in (cells.cdf, cells.survival))
        rate = p[:, None]
        told = rate * seen * ((1.0 - rate) + rate * unseen)
        extra = np.maximum(size - 1.0, 0.0) * np.square(seen) * rate * (1.0 - rate) / (kappa[:, None] + 1.0)
        taken = np.where(told > 0, size / told * (extra / (told + extra)), 0.0)
        result = np.zeros(cells.cdf.shape)
        rows = np.broadcast_to(np.arange(len(p))[:, None], last.shape)
        np.add.at(result, (rows, last), np.where(np.isfinite(taken), taken, 0.0))
        return result

    def _binomial(self, cells: Cells, p: Floats, points: int) -> tuple[Floats, Floats, Floats, Floats]:
        """Return Σ_i log Binomial(D_i | N_i, p F(A_i)) − D_i log F(A_i), in which log F cancels."""
        missed, converted = np.tile(self._missed, (points, 1)), np.tile(self.converted, points)
        rate = p[:, None]
        miss = (1.0 - rate) + rate * cells.survival
        value = converted * np.log(p) + (missed * np.log(miss)).sum(axis=1) + np.tile(self._ways, points)
        by_p = converted / p - (missed * cells.cdf / miss).sum(axis=1)
        return value, by_p, -missed * rate / miss, np.zeros(len(p))

    def _mixed(
        self, cells: Cells, p: Floats, kappa: Floats, points: int
    ) -> tuple[Floats, Floats, Floats, Floats]:
        """Return the same with each cohort's rate integrated out."""
        size, total = np.tile(self._people, (points, 1)), np.tile(self._total, (points, 1))
        last, there = np.tile(self._last, (points, 1)), np.tile(self._there, (points, 1))
        seen, unseen = (np.take_along_axis(x, last, axis=1) for x in (cells.cdf, cells.survival))
        parts = [
            mixed_rate(Seen(size[r], total[r], seen[r], unseen[r]), p[r], kappa[r])
            for r in (slice(i, i + _ROWS) for i in range(0, len(p), _ROWS))
        ]
        value, by_p, by_kappa, by_seen = (
            np.where(there, np.concatenate([getattr(part, name) for part in parts]), 0.0)
            for name in ("value", "by_p", "by_log_kappa", "by_share")
        )
        ended = np.tile(self._ended, (points, 1))
        with np.errstate(divide="ignore", invalid="ignore"):
            log_seen = np.where(ended > 0, ended * np.log(cells.cdf), 0.0).sum(axis=1)
            by_cdf = np.where(ended > 0, -ended / cells.cdf, 0.0)
        rows = np.broadcast_to(np.arange(len(p))[:, None], last.shape)
        np.add.at(by_cdf, (rows, last), by_seen)
        return value.sum(axis=1) - log_seen, by_p.sum(axis=1), by_cdf, by_kappa.sum(axis=1)


def _powers(k: Floats, failures: Floats, share: Floats) -> Floats:
    """Return k log p + (n − k) log(1 − p), with 0 log 0 = 0."""
    with np.errstate(divide="ignore", invalid="ignore"):
        first = np.where(k > 0, k * np.log(share), 0.0)
        second = np.where(failures > 0, failures * np.log1p(-share), 0.0)
    return np.asarray(first + second)
