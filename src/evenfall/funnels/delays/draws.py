"""Posterior draws of one delayed conversion: how many convert, and when."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Final, Self

import numpy as np
from numpy.typing import ArrayLike

from evenfall.beliefs.numerics.arrays import Floats, floats
from evenfall.funnels.delays.families import LagFamily, LagShape, lag_family
from evenfall.funnels.delays.priors import priors_from
from evenfall.inference.fit import Fit, QuantitySummary

__all__ = ["DelayDraws", "lag_moments"]

_LONGEST_DAYS: Final = 1e6  # moments count no longer lags than this, so that they are finite
_NODES: Final = 600
_DEEPEST: Final = 25.0  # of −log(t / t50): what is earlier than e⁻²⁵ medians takes no time


@dataclass(frozen=True, slots=True, eq=False)
class DelayDraws:
    """Joint draws of a rate and a lag; every array has the shape (draw,).

    Attributes
    ----------
    rate
        Of those who enter, the share that converts within the horizon.
    eventual
        The same without a horizon: an extrapolation beyond the ages seen.
    weights
        They sum to one.
    kappa
        Concentration of the rate from day to day; None where days differ by chance alone.
    """

    family: LagFamily
    shape: LagShape
    rate: Floats
    eventual: Floats
    weights: Floats
    horizon_days: float
    kappa: Floats | None = None

    @classmethod
    def of_fit(cls, fit: Fit, family: str, horizon_days: float) -> Self:
        """Return the draws of a fit of the delay model, chains joined."""
        flat = {name: values.reshape(-1) for name, values in fit.draws.items() if values.ndim == 2}
        t50, zero = flat["t50"], np.zeros(flat["t50"].size)
        onset = np.minimum(flat.get("onset_days", zero) / t50, 1.0 - 1e-12)
        shape = LagShape(np.log(t50), flat["log_ratio"], onset, flat.get("q", zero))
        weights = np.full(t50.size, 1 / t50.size) if fit.weights is None else fit.weights.reshape(-1)
        return cls(
            lag_family(family),
            shape,
            flat["p"],
            flat["p_eventual"],
            weights,
            float(horizon_days),
            flat.get("kappa"),
        )

    @classmethod
    def of_prior(
        cls,
        prior: Mapping[str, object],
        family: str,
        horizon_days: float,
        *,
        onset: bool = False,
        count: int = 4000,
        seed: int = 0,
    ) -> Self:
        """Return draws of what is believed before any data.

        Parameters
        ----------
        prior
            As `evenfall.funnels.delays.priors.priors_from` takes it.
        """
        lag, believed = lag_family(family), priors_from(prior)
        rng = np.random.default_rng(seed)
        drawn = {
            field.name: rng.normal(normal.mean, normal.stdev, count)
            for field in fields(believed)
            if field.name not in ("alpha", "beta")
            for normal in [getattr(believed, field.name)]
        }
        zero = np.zeros(count)
        start = 1.0 / (1.0 + np.exp(-drawn["onset_logit"])) if onset else zero
        shape = LagShape(
            drawn["log_t50"],
            np.exp(drawn["log_log_ratio"]),
            start,
            drawn["q"] if "q" in lag.coordinates else zero,
        )
        rate = rng.beta(believed.alpha, believed.beta, count)
        mass = np.maximum(lag.cdf(np.array([horizon_days]), shape)[:, 0], 1e-290)
        odds = rate / mass  # as the model has it: q / (1 − p) = e^z, p / (1 − p) = e^z / F(H), so p < 1
        eventual = np.where(odds < 1.0, odds, 1.0)
        return cls(lag, shape, rate, eventual, np.full(count, 1 / count), float(horizon_days))

    def __len__(self) -> int:
        return len(self.rate)

    def cdf(self, t: ArrayLike) -> Floats:
        """Return P(lag <= t) for those who convert at all, shape (draw, time)."""
        return self.family.cdf(floats(t), self.shape)

    def converted(self, t: ArrayLike) -> Floats:
        """Return the share of those who entered that has converted by time t, shape (draw, time)."""
        return np.asarray(self.eventual[:, None] * self.cdf(t))

    def figure(self, name: str) -> Floats:
        """Return ``median``, ``mean``, ``stdev`` or ``t1`` … ``t99`` of the lag at each draw, in days."""
        if name in ("mean", "stdev"):
            return lag_moments(self.family, self.shape)[name == "stdev"]
        level = 0.5 if name == "median" else int(name.removeprefix("t")) / 100
        return np.asarray(self.family.quantile(np.array([level]), self.shape)[:, 0])

    def summary(self, values: Floats) -> QuantitySummary:
        """Return a scalar quantity, one value per draw, in figures."""
        kept = Fit("draws", {"x": values[None]}, np.zeros((1, 1, 0)), weights=self.weights[None])
        return kept.summary("x")

    def take(self, count: int, seed: int = 0) -> DelayDraws:
        """Return `count` draws that weigh the same: by systematic resampling, in random order."""
        rng = np.random.default_rng(seed)
        at = (np.arange(count) + rng.random()) / count
        rows = np.searchsorted(np.cumsum(self.weights), at * (1 - 1e-12))
        rows = rng.permutation(np.minimum(rows, len(self) - 1))
        shape = LagShape(*(getattr(self.shape, field.name)[rows] for field in fields(LagShape)))
        return DelayDraws(
            self.family,
            shape,
            self.rate[rows],
            self.eventual[rows],
            np.full(count, 1 / count),
            self.horizon_days,
            None if self.kappa is None else self.kappa[rows],
        )


def lag_moments(family: LagFamily, shape: LagShape) -> tuple[Floats, Floats]:
    """Return mean and standard deviation of min(lag, a million days), each of shape (point,).

    E T = onset + ∫ S(onset + t) dt and E (T − onset)² = ∫ 2 t S(onset + t) dt, over log t by trapezoids:
    the integrands fall off smoothly at both ends.
    """
    onset, t50 = shape.onset_days, np.exp(shape.rest_log_t50)
    top = np.log(_LONGEST_DAYS) - shape.rest_log_t50
    x = np.linspace(-_DEEPEST, 1.0, _NODES)
    # the same nodes for all points up to their own longest lag: from −25 to `top`, in units of the median
    u = -_DEEPEST + (x + _DEEPEST) / (1.0 + _DEEPEST) * (top[:, None] + _DEEPEST)
    rest = np.exp(u) * t50[:, None]
    survival = family.survival(onset[:, None] + rest, shape)
    step = (top + _DEEPEST) / (_NODES - 1)
    first = np.trapezoid(survival * rest, axis=1) * step
    second = np.trapezoid(2.0 * survival * rest * rest, axis=1) * step
    return onset + first, np.sqrt(np.maximum(second - first * first, 0.0))
