"""What a fit of delayed conversion lets one say: the rate within the horizon, and no more than is known."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np

from evenfall.beliefs.numerics.arrays import Floats
from evenfall.funnels.delays.empirical import empirical_lag
from evenfall.funnels.delays.horizon import HORIZON_MASS, Horizon, default_horizon
from evenfall.funnels.delays.model import DelayModel
from evenfall.funnels.delays.prior_draws import prior_draws
from evenfall.inference.fit import Fit, QuantitySummary

__all__ = [
    "FLAT",
    "HORIZON_MASS",
    "NOT_IDENTIFIED",
    "OBSERVED_MASS",
    "STILL_OPEN",
    "Answer",
    "EventualRate",
    "Horizon",
    "Refused",
    "default_horizon",
    "describe",
    "eventual_rate",
    "maturity",
    "overlap",
    "stacked_eventual_rate",
]

OBSERVED_MASS: Final = 0.9
"""Share of the lag that must lie at ages seen before the eventual rate of one family is answered."""

FLAT: Final = 0.85
"""Share of the conversions seen that must have come in the first half of the ages seen.

A family that bends too early believes it has seen everything, and passes its own test; cohorts that still
convert through the second half of their ages say otherwise, whatever the family.
"""

NOT_IDENTIFIED: Final = 0.75
"""Overlap of prior and posterior from which a quantity counts as not identified by the data.

Two normals with one centre share .75 of their mass when one is 0.6 times as wide as the other.
"""

STILL_OPEN: Final = 0.75
"""Prior probability of the posterior's 95 % interval from which a quantity counts as not identified.

A posterior may leave the middle of the prior and still leave open most of what the prior did. Of N(0, 1) the
interval of N(0, 0.6²), which overlaps it by `NOT_IDENTIFIED`, holds .76.
"""

_BINS: Final = 24
_REMEDY: Final = (
    "read the rate within the horizon, wait for older cohorts, or average over families by stacking"
)


@dataclass(frozen=True, slots=True)
class Answer:
    """A quantity in figures, and whether it is the data that speak.

    Attributes
    ----------
    overlap
        Mass that prior and posterior share, 0..1.
    identified
        False when the overlap exceeds `NOT_IDENTIFIED`, or the 95 % interval holds more than `STILL_OPEN` of
        the prior: then it is the prior that is read.
    """

    name: str
    summary: QuantitySummary
    overlap: float
    identified: bool

    def __str__(self) -> str:
        s = self.summary
        said = f"{self.name} {s.median:.4g} (95 % {s.lower:.4g} … {s.upper:.4g})"
        return said if self.identified else f"{said}, not identified by the data"


@dataclass(frozen=True, slots=True, eq=False)
class EventualRate:
    """The rate without a horizon: always an extrapolation beyond the oldest age seen.

    Attributes
    ----------
    draws, weights : ndarray, shape (draw,)
    families : dict
        Weight of each family of lags in it.
    observed_mass
        Mean share of the lag at ages seen.
    """

    draws: Floats
    weights: Floats
    families: Mapping[str, float]
    observed_mass: float

    @property
    def mean(self) -> float:
        """Posterior mean."""
        return float((self.weights * self.draws).sum())


@dataclass(frozen=True, slots=True)
class Refused:
    """A question that the data cannot answer yet, why, and what to do."""

    reason: str
    detail: str
    remedy: str


def describe(fit: Fit, model: DelayModel, *, prior_points: int = 4000, seed: int = 0) -> dict[str, Answer]:
    """Return every scalar quantity of the model with its overlap with the prior."""
    prior = model.quantities(prior_draws(model, prior_points, np.random.default_rng(seed)))
    weights = _weights(fit)
    answers = {}
    for name, believed in prior.items():
        shared = overlap(fit.draws[name].reshape(-1), believed, weights)
        summary = fit.summary(name)
        inside = float(np.mean((believed >= summary.lower) & (believed <= summary.upper)))
        answers[name] = Answer(name, summary, shared, shared <= NOT_IDENTIFIED and inside <= STILL_OPEN)
    return answers


def overlap(draws: Floats, prior: Floats, weights: Floats | None = None) -> float:
    """Return the mass that two laws share, Σ min(p, q) over bins that hold equal numbers of both.

    Parameters
    ----------
    draws, prior : ndarray, shape (draw,)
    weights : ndarray, shape (draw,), or None
        Of `draws`; they sum to one.
    """
    weights = np.full(len(draws), 1.0 / len(draws)) if weights is None else weights
    half = np.linspace(0, 1, _BINS // 2 + 1)[1:-1]
    inner = np.unique(np.concatenate([np.quantile(draws, half), np.quantile(prior, half)]))
    edges = np.concatenate([[-np.inf], inner, [np.inf]])
    posterior = np.bincount(np.searchsorted(edges, draws) - 1, weights=weights, minlength=len(edges) - 1)
    believed = np.bincount(np.searchsorted(edges, prior) - 1, minlength=len(edges) - 1) / len(prior)
    return float(np.minimum(posterior, believed).sum())


def maturity(model: DelayModel, z: Floats, *, window_days: int | None = None) -> float:
    """Return the mean of F(A)/F(H), at most 1, over the people of the cohorts of the last `window_days`.

    Parameters
    ----------
    z : ndarray, shape (point, coordinate)
        Posterior draws; the mean is over them too.
    """
    point = model.coordinates.point(np.atleast_2d(z))
    days = np.arange(model.likelihood.ages + 1.0)
    shown = model.family.cdf(days, point.shape)[:, np.minimum(model.observed, model.likelihood.ages)]
    share = np.minimum(shown / np.maximum(model.horizon_mass(z)[:, None], 1e-290), 1.0).mean(axis=0)
    used = model.entry > model.entry.max() - window_days if window_days else np.full(len(share), True)
    people = np.where(used, model.size, 0)
    return float((people * share).sum() / people.sum()) if people.sum() else 0.0


def eventual_rate(fit: Fit, model: DelayModel) -> EventualRate | Refused:
    """Return the eventual rate of one family, or why it is refused.

    Two things are asked: that `OBSERVED_MASS` of the lag lies at ages seen, in the mean over the posterior,
    and that the conversions themselves have come to rest (`FLAT`), which no family is asked about.
    """
    weights = _weights(fit)
    mass = float((weights * fit.draws["observed_mass"].reshape(-1)).sum())
    lag = empirical_lag(model.conversions, model.observed)
    if lag is None:
        return Refused("no conversions", "nobody has converted yet", _REMEDY)
    ages = len(lag.cdf)
    first_half = float(np.interp(ages / 2.0, np.arange(ages + 1.0), np.concatenate([[0.0], lag.cdf])))
    if mass < OBSERVED_MASS:
        return Refused(
            "lag not observed", f"only {mass:.0%} of the {model.family.name} lag lies at ages seen", _REMEDY
        )
    if first_half < FLAT:
        return Refused(
            "still converting",
            f"{1 - first_half:.0%} of the conversions came in the later half of the {ages} days seen: the "
            f"{model.family.name} lag says that little is left, another family would say something else",
            _REMEDY,
        )
    return EventualRate(fit.draws["p_eventual"].reshape(-1), weights, {model.family.name: 1.0}, mass)


def stacked_eventual_rate(fits: Mapping[str, Fit], stacking: Mapping[str, float]) -> EventualRate:
    """Return the eventual rate averaged over families: the mixture of their posteriors by stacking weights.

    Families that fit alike and disagree beyond the ages seen make it as wide as their disagreement.

    Parameters
    ----------
    fits
        By family.
    stacking
        Weight of each family, summing to one.
    """
    parts = [(name, fits[name], _weights(fits[name]) * stacking[name]) for name in fits]
    draws = np.concatenate([fit.draws["p_eventual"].reshape(-1) for _, fit, _ in parts])
    weights = np.concatenate([weights for _, _, weights in parts])
    mass = sum(float((w * fit.draws["observed_mass"].reshape(-1)).sum()) for _, fit, w in parts)
    return EventualRate(draws, weights, {name: stacking[name] for name in fits}, mass)


def _weights(fit: Fit) -> Floats:
    count = fit.draws["p"].size
    return np.full(count, 1.0 / count) if fit.weights is None else fit.weights.reshape(-1)
