"""Whether a fitted model makes data like those it was fitted to: the posterior predictive check of a night.

For each of some hundred equally weighted draws one data set is simulated with the entries that were observed.
Delayed conversions are looked at twice, as conversions per person of each cohort and as conversions of all
cohorts by age; both together call a right model poor in at most one of twenty nights, mostly far less.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from scipy import special

from evenfall.funnels.delays.cells import cell_tails
from evenfall.funnels.delays.coordinates import DelayPoint
from evenfall.funnels.delays.model import DelayModel
from evenfall.funnels.pooling.model import PooledRates
from evenfall.inference.diagnostics.predictive import STATISTICS, PredictiveCheck, predictive_check
from evenfall.inference.families import FamilyModel
from evenfall.inference.fit import Fit
from evenfall.inference.model import ModelSpec, load_model

__all__ = ["poor_fit_of", "predictive_checks"]

type Floats = NDArray[np.float64]

_DRAWS: Final = 400
"""Simulated data sets; 360 are the fewest that can tell poor fit with the rows below."""

_FALSE_ALARM: Final = 0.05
"""Of all checks of one fit together, where its model is right."""

_SPREADS: Final = ("sd", "smallest", "largest")
_FEWEST: Final = 2
"""Units below which there is nothing to compare."""

_GROUPS: Final = 12
"""Of ages, so that a long lag costs no more than a short one."""

_DEALT: Final = 40
"""Cohorts whose conversions are dealt out one by one, where they flock together at some ages."""

_COUNTED: Final = 0.5
"""Weight from which a discounted day is looked at: the model does not claim to know older ones."""


def poor_fit_of(fit: Fit, spec: ModelSpec, *, seed: int = 0) -> str:
    """Return why the model of `spec` is poor, in words; empty when it makes data like these.

    Empty too where there is nothing to judge by: a fit that did not pass, a model of the project's own.
    """
    if not fit.passed or spec.factory not in _CHECKS:
        return ""
    told = []
    for unit, check in predictive_checks(fit, spec, seed=seed).items():
        rows = [row for row in check.rows if row.name in check.poor]
        told += [
            f"{row.name} of {unit}: {row.observed:.4g}, expected {row.lower:.4g} to {row.upper:.4g}"
            for row in rows
        ]
    return "; ".join(told)


def predictive_checks(fit: Fit, spec: ModelSpec, *, seed: int = 0) -> dict[str, PredictiveCheck]:
    """Return the checks of a fit by what they look at; none for models that cannot simulate.

    Parameters
    ----------
    fit
        Of the model that `spec` names, with its points in coordinates.
    seed
        The same fit with the same seed is judged the same.
    """
    make = _CHECKS.get(spec.factory)
    if make is None or not fit.points.size:
        return {}
    rng = np.random.default_rng(seed)
    return dict(make(spec, _chosen(fit, rng), rng))


def _chosen(fit: Fit, rng: np.random.Generator) -> NDArray[np.float64]:
    """Return points that weigh the same, shape (draw, coordinate), by systematic resampling."""
    points = fit.points.reshape(-1, fit.points.shape[-1])
    weights = np.full(len(points), 1 / len(points)) if fit.weights is None else fit.weights.reshape(-1)
    at = (np.arange(_DRAWS) + rng.random()) / _DRAWS
    rows = np.searchsorted(np.cumsum(weights), at).clip(max=len(points) - 1)
    return np.asarray(points[rows])


def _delayed(spec: ModelSpec, z: Floats, rng: np.random.Generator) -> Iterator[tuple[str, PredictiveCheck]]:
    model = load_model(spec)
    assert isinstance(model, DelayModel), "the factory's own"
    known = np.flatnonzero((model.observed > 0) & (model.size > 0))
    if len(known) < _FEWEST:
        return
    ages, seen, size = model.likelihood.ages, model.observed[known], model.size[known]
    counts = np.where(np.arange(ages) < seen[:, None], model.conversions[known, :ages], 0)
    point = model.coordinates.point(z)
    cdf = cell_tails(model.family, point.shape, ages, model.clock).cdf
    rate = point.eventual(np.maximum(model.horizon_mass(z), 1e-290))
    made = _cohort_totals(point, rate, cdf[:, seen - 1], size, rng)
    shares = (counts.sum(axis=1) / size, made / size)
    yield "conversions per person by cohort", _judged(*shares, ("mean", *_SPREADS), 2 / 3)
    ends = _ends(ages)
    if len(ends) >= _FEWEST:
        dealt = _looked_at(len(seen), flocking=point.spread is not None)
        observed = np.diff(np.cumsum(counts[dealt].sum(axis=0))[ends - 1], prepend=0)
        by_age = {int(age): made[:, dealt[seen[dealt] == age]] for age in np.unique(seen[dealt])}
        simulated = _age_totals(point, cdf, by_age, ends, rng)
        yield "conversions by age", _judged(observed, simulated, (), 1 / 3)


def _looked_at(cohorts: int, *, flocking: bool) -> NDArray[np.intp]:
    """Return the cohorts whose ages are looked at: all, or some where each is dealt out alone."""
    count = min(cohorts, _DEALT) if flocking else cohorts
    return np.unique(np.linspace(0, cohorts - 1, count).round().astype(np.intp))


def _cohort_totals(
    point: DelayPoint, rate: Floats, shown: Floats, size: NDArray[np.int64], rng: np.random.Generator
) -> NDArray[np.int64]:
    """Return simulated conversions so far, shape (draw, cohort); `shown` is F at each cohort's age."""
    own = np.broadcast_to(rate[:, None], shown.shape)
    if point.kappa is not None:
        own = _scattered(own, point.kappa[:, None], rng)
    return np.asarray(rng.binomial(size, np.clip(own * shown, 0.0, 1.0)))


def _age_totals(
    point: DelayPoint,
    cdf: Floats,
    made: Mapping[int, NDArray[np.int64]],
    ends: NDArray[np.int64],
    rng: np.random.Generator,
) -> Floats:
    """Return how the simulated conversions of all cohorts fall on groups of ages, shape (draw, group).

    Cohorts of one age fall alike: where nothing flocks together, their conversions are dealt out at once.

    Parameters
    ----------
    made
        By age, the conversions of the cohorts of that age, each of shape (draw, cohort).
    """
    total = np.zeros((len(cdf), len(ends)))
    for age, own in made.items():
        shares = np.diff(cdf[:, np.minimum(ends, age) - 1], axis=1, prepend=0.0)
        shares = np.maximum(shares, 0.0) / np.maximum(cdf[:, age - 1], 1e-290)[:, None]
        shares /= shares.sum(axis=1, keepdims=True)
        if point.spread is None:
            total += rng.multinomial(own.sum(axis=1), shares)
            continue
        weight = np.maximum(point.spread[:, None] * shares, 1e-12)[:, None, :]
        drawn = rng.standard_gamma(np.broadcast_to(weight, (*own.shape, len(ends)))) + 1e-300
        total += rng.multinomial(own, drawn / drawn.sum(axis=2, keepdims=True)).sum(axis=1)
    return total


def _ends(ages: int) -> NDArray[np.int64]:
    """Return the ages at which groups end: single days first, then ever longer ones."""
    return np.unique(np.ceil(np.geomspace(1, ages, min(ages, _GROUPS))).astype(np.int64))


def _family(spec: ModelSpec, z: Floats, rng: np.random.Generator) -> Iterator[tuple[str, PredictiveCheck]]:
    model = load_model(spec)
    assert isinstance(model, FamilyModel), "the factory's own"
    days = model.sums[(model.weights >= _COUNTED) & (model.sums[:, 0] > 0)]
    if len(days) < _FEWEST:
        return
    simulated = _SIMULATED[model.family](model, z, days[:, 0], rng)
    observed = days[:, 1] / days[:, 0]
    yield "daily means", _judged(observed, simulated, ("mean", *_SPREADS))


def _daily_rates(model: FamilyModel, z: Floats, size: Floats, rng: np.random.Generator) -> Floats:
    own = np.broadcast_to(model.law.value(z)[:, None], (len(z), len(size)))
    if model.kappa is not None:
        own = _scattered(own, model.kappa, rng)
    return np.asarray(rng.binomial(size.astype(np.int64), own) / size)


def _daily_events(model: FamilyModel, z: Floats, size: Floats, rng: np.random.Generator) -> Floats:
    return np.asarray(rng.poisson(model.law.value(z)[:, None] * size) / size)


def _daily_means(model: FamilyModel, z: Floats, size: Floats, rng: np.random.Generator) -> Floats:
    """Return means of `size` observations, or of their logarithms: normal about the centre."""
    law: Any = model.law  # laws of means know a centre and a noise that the Protocol does not ask for
    known = getattr(law, "noise", None)
    centre = law.mean(z)
    stdev = np.sqrt(law.variance(z)) if known is None else np.full(len(z), known)
    return np.asarray(rng.normal(centre[:, None], stdev[:, None] / np.sqrt(size)))


def _pooled(spec: ModelSpec, z: Floats, rng: np.random.Generator) -> Iterator[tuple[str, PredictiveCheck]]:
    model = load_model(spec)
    assert isinstance(model, PooledRates), "the factory's own"
    at = model.place(z)
    used = np.flatnonzero(model.slices.trials.sum(axis=1))
    if len(used) < _FEWEST:
        return
    trials = model.slices.trials[used]
    rate = special.expit(at.eta[:, used])
    if at.kappa is None:
        made = rng.binomial(trials.sum(axis=1), rate)
    else:
        days = np.broadcast_to(rate[:, :, None], (*rate.shape, trials.shape[1]))
        made = rng.binomial(trials, _scattered(days, at.kappa[:, None, None], rng)).sum(axis=2)
    size = trials.sum(axis=1)
    observed = model.slices.successes[used].sum(axis=1)
    yield "rates of the slices", _judged(observed / size, made / size, _SPREADS)


def _scattered(rate: Floats, kappa: Floats | float, rng: np.random.Generator) -> Floats:
    """Return rates that scatter with concentration κ, of the same shape."""
    safe = np.clip(rate, 1e-12, 1 - 1e-12)
    return np.asarray(rng.beta(np.maximum(kappa * safe, 1e-12), np.maximum(kappa * (1 - safe), 1e-12)))


def _judged(
    observed: Floats, simulated: Floats, statistics: Sequence[str], share: float = 1.0
) -> PredictiveCheck:
    """Return the check of some statistics and of the intervals, at its share of the false alarms."""
    chosen = {name: STATISTICS[name] for name in statistics}
    return predictive_check(observed, simulated, statistics=chosen, false_alarm=share * _FALSE_ALARM)


_SIMULATED: Final[Mapping[str, Callable[..., Floats]]] = {
    "beta": _daily_rates,
    "robust-beta": _daily_rates,
    "gamma": _daily_events,
    "normal": _daily_means,
    "normal-inverse-gamma": _daily_means,
    "lognormal": _daily_means,
    "lognormal-inverse-gamma": _daily_means,
}

type Check = Callable[[ModelSpec, Floats, np.random.Generator], Iterator[tuple[str, PredictiveCheck]]]

_CHECKS: Final[Mapping[str, Check]] = {
    "evenfall.funnels.delays.model:delay_model": _delayed,
    "evenfall.inference.families:family_model": _family,
    "evenfall.funnels.pooling.model:pooled_rates": _pooled,
}
