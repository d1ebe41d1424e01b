"""The likelihood of cohorts by age: when the conversions came, times how many there are so far.

    log L_i = Σ_j d_ij log(ΔF_j / F(A_i))  +  log ∫ Beta(u; pκ, (1 − p)κ) Binomial(D_i | N_i, u F(A_i)) du

The first factor knows the lag alone and the second meets it only in F(A_i): no count is used twice, and a
young cohort says what it can. κ = ∞ turns the integral into one binomial; a concentration over ages turns the
first factor into a Dirichlet-multinomial.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from evenfall.beliefs.cohorts import Clock
from evenfall.beliefs.numerics.arrays import Floats, floats
from evenfall.beliefs.numerics.stirling import log_binomial_weight
from evenfall.funnels.delays.ages import AgeCounts, AgeTerm
from evenfall.funnels.delays.cells import Cells, cell_tails, cell_values
from evenfall.funnels.delays.families import LagFamily, LagShape
from evenfall.funnels.delays.overdispersed import MixedRate, Seen, mixed_rate

__all__ = ["CohortLikelihood", "LikelihoodSlopes"]

_FINITE: Final = -1e280


@dataclass(frozen=True, slots=True, eq=False)
class LikelihoodSlopes:
    """Log likelihood, shape (point, cohort), and the slopes of its sum over cohorts, each (point,).

    Attributes
    ----------
    by_shape
        By coordinate of the lag: log_t50, log_ratio, onset, and q where the family has it.
    """

    value: Floats
    by_p: Floats
    by_shape: dict[str, Floats]
    by_log_kappa: Floats
    by_log_spread: Floats


class CohortLikelihood:
    """The cohorts of one edge under one family of lags.

    Parameters
    ----------
    size, observed : ndarray of int, shape (cohort,)
        People, and age cells seen in full; cohorts of which none was say nothing.
    conversions : ndarray of int, shape (cohort, age)
    """

    def __init__(
        self,
        family: LagFamily,
        clock: Clock,
        size: NDArray[np.integer],
        conversions: NDArray[np.integer],
        observed: NDArray[np.integer],
    ) -> None:
        self.family, self.clock = family, clock
        self._cohorts = len(size)
        self._known = np.flatnonzero(observed > 0)
        self.ages = int(observed.max(initial=0))
        counts = floats(conversions)[self._known, : self.ages]
        self._last = np.asarray(observed)[self._known].astype(np.intp) - 1
        counts = np.where(np.arange(self.ages) <= self._last[:, None], counts, 0.0)
        self._size, self._converted = floats(size)[self._known], counts.sum(axis=1)
        self._counts = AgeCounts(counts)

    def values(self, shape: LagShape, p: Floats, kappa: Floats | None, spread: Floats | None) -> Floats:
        """Return the log likelihood of each cohort, shape (point, cohort).

        Parameters
        ----------
        p : ndarray, shape (point,)
            Eventual rate, below 1.
        kappa, spread : ndarray, shape (point,), or None
            Concentrations of the cohorts' rates and of their spread over ages; None means infinite.
        """
        if not len(self._known):
            return np.zeros((len(p), self._cohorts))
        cells = cell_tails(self.family, shape, self.ages, self.clock)
        ages, rate = self._terms(cells, p, kappa, spread)
        return self._placed(ages.value + rate.value)

    def slopes(
        self, shape: LagShape, p: Floats, kappa: Floats | None, spread: Floats | None
    ) -> LikelihoodSlopes:
        """Return the same with slopes; at points that cannot have made the data they mean nothing."""
        if not len(self._known):
            none = np.zeros(len(p))
            return LikelihoodSlopes(np.zeros((len(p), self._cohorts)), none, {}, none, none)
        cells = cell_values(self.family, shape, self.ages, self.clock)
        ages, rate = self._terms(cells, p, kappa, spread)
        by_seen = ages.by_seen + rate.by_share
        by_shape = {
            name: (ages.by_shares * np.diff(slope, prepend=0.0)).sum(axis=-1)
            + (by_seen * slope[:, self._last]).sum(axis=-1)
            for name, slope in cells.slopes.items()
        }
        value = self._placed(ages.value + rate.value)
        by_p, by_log_kappa = rate.by_p.sum(axis=-1), rate.by_log_kappa.sum(axis=-1)
        return LikelihoodSlopes(value, by_p, by_shape, by_log_kappa, ages.by_log_spread)

    def _terms(
        self, cells: Cells, p: Floats, kappa: Floats | None, spread: Floats | None
    ) -> tuple[AgeTerm, MixedRate]:
        seen, unseen = cells.cdf[:, self._last], cells.survival[:, self._last]
        shares, so_far = cells.shares(), Seen(self._size, self._converted, seen, unseen)
        with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
            ages = (
                self._counts.multinomial(shares, seen)
                if spread is None
                else self._counts.dirichlet(shares, seen, spread)
            )
            rate = _binomial(so_far, p) if kappa is None else mixed_rate(so_far, p, kappa)
        return ages, rate

    def _placed(self, value: Floats) -> Floats:
        """Return the values among the cohorts that say nothing, and −inf for what cannot be."""
        result = np.zeros((len(value), self._cohorts))
        result[:, self._known] = np.where(value > _FINITE, value, -np.inf)
        return result


def _binomial(so_far: Seen, p: Floats) -> MixedRate:
    """Return log Binomial(D | N, p F(A)) of each cohort, with slopes."""
    rate, converted, seen = p[:, None], so_far.converted, so_far.share
    failures = so_far.size - converted
    miss = (1.0 - rate) + rate * so_far.survival
    value = log_binomial_weight(converted, failures, rate * seen, miss)
    by_p = converted / rate - failures * seen / miss
    by_share = np.where(converted > 0, converted / seen, 0.0) - failures * rate / miss
    return MixedRate(value, by_p, np.zeros_like(value), by_share)
