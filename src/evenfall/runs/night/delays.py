"""What the stations after a fit need to know of conversions that take their time."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import date

import numpy as np
from numpy.typing import NDArray

from evenfall.beliefs.cohorts import Cohorts
from evenfall.beliefs.observations import Observations
from evenfall.funnels.delays.answers import Refused, describe, eventual_rate
from evenfall.funnels.delays.cells import cell_tails
from evenfall.funnels.delays.families import LagShape, lag_family
from evenfall.funnels.delays.model import DelayModel
from evenfall.inference.fit import Fit
from evenfall.inference.model import ModelSpec, load_model
from evenfall.runs.fitting.keeping import quantities_of
from evenfall.runs.night.case import Case
from evenfall.store.records import FitRecord

__all__ = ["answers_of", "immature_window", "settled_of"]

type Floats = NDArray[np.float64]
type Figures = dict[str, dict[str, float]]


def answers_of(
    found: Fit, best: Fit, spec: ModelSpec, weights: Mapping[str, float]
) -> tuple[Figures, dict[str, object]]:
    """Return the quantities of a delay fit with their overlap with the prior, and what is refused.

    The eventual rate is an extrapolation; where the data do not carry it, it is no quantity of the fit.
    Several families together are as wide as their disagreement about it, and may answer.

    Parameters
    ----------
    found
        The fit, or the mixture of several families.
    best, spec
        The fit of the family that weighs most, and its model.
    weights
        Of the families in a mixture; empty for a single one.
    """
    model = load_model(spec)
    assert isinstance(model, DelayModel), "a latency is fitted by a delay model"
    figures = quantities_of(found)
    answers = describe(best, model)
    for name, answer in answers.items():
        if name in figures:
            figures[name]["overlap"] = answer.overlap
    notes: dict[str, object] = {
        "not_identified": [name for name, answer in answers.items() if not answer.identified]
    }
    if weights:
        return figures, {**notes, "families": dict(weights)}
    eventual = eventual_rate(best, model)
    if isinstance(eventual, Refused):
        figures.pop("p_eventual")
        notes["eventual_rate"] = {
            "refused": eventual.reason,
            "detail": eventual.detail,
            "remedy": eventual.remedy,
        }
    return figures, notes


def settled_of(cohorts: Cohorts, horizon_days: float) -> Observations:
    """Return the cohorts that have been followed for the whole horizon, with their conversions within it."""
    cells = math.ceil(horizon_days)
    converted, observed = cohorts.within(cells)
    return _as_observations(cohorts, converted, observed >= cells)


def immature_window(case: Case, first: date, fit: FitRecord, cohorts: Cohorts) -> tuple[Observations, Floats]:
    """Return the cohorts that entered from `first` on, and the share of each that can have converted by now.

    The share is F(age)/F(horizon) at the medians of the fit.
    """
    latency = case.parameter.latency
    assert latency is not None, "only a parameter with a latency has cohorts"
    cells = math.ceil(case.horizon_days)
    converted, observed = cohorts.within(cells)
    family = lag_family(_family(fit, latency.family))
    shape = _shape(fit.quantities)
    ends = cell_tails(family, shape, cells, cohorts.clock).cdf[0]
    whole = float(family.cdf(np.array([case.horizon_days]), shape)[0, 0])
    arrived = np.concatenate([[0.0], np.minimum(ends / whole, 1.0)])[observed]
    recent = cohorts.entry >= np.datetime64(first)
    return _as_observations(cohorts, converted, recent), arrived[recent]


def _family(fit: FitRecord, defined: str) -> str:
    said = fit.request.get("family")
    return said if isinstance(said, str) else defined


def _shape(quantities: Mapping[str, Mapping[str, float]]) -> LagShape:
    def median(name: str) -> Floats:
        return np.array([quantities[name]["median"] if name in quantities else 0.0])

    return LagShape.of(median("t50"), median("t95"), median("onset_days"), median("q"))


def _as_observations(
    cohorts: Cohorts, converted: NDArray[np.int64], chosen: NDArray[np.bool_]
) -> Observations:
    sums = np.zeros((int(chosen.sum()), 3))
    sums[:, 0], sums[:, 1] = cohorts.size[chosen], converted[chosen]
    return Observations(cohorts.entry[chosen], cohorts.entry[chosen] + np.timedelta64(1, "D"), sums)
