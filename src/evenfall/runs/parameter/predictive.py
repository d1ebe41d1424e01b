"""Whether what a parameter predicts looks like what was seen.

A fitted model is asked to make data like those it was fitted to. A formula's prediction is exact: the law of
the total of the window, given its size and what was believed before it.
"""

from __future__ import annotations

import math
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from evenfall.beliefs.belief import Belief
from evenfall.beliefs.distributions import Distribution
from evenfall.beliefs.families import FAMILIES
from evenfall.beliefs.observations import STATISTIC_NAMES
from evenfall.clock import Night
from evenfall.errors import EvenfallError, UsageError
from evenfall.inference.diagnostics.predictive import PredictiveCheck
from evenfall.inference.model import ModelSpec
from evenfall.registry.parameter import Parameter
from evenfall.runs.fitting.keeping import load_fit
from evenfall.runs.fitting.predictive import predictive_checks
from evenfall.runs.fitting.specs import pooled_spec_of
from evenfall.runs.models.standing import slices_of, specs_of, standing
from evenfall.runs.parameter.curves import looked_at_by
from evenfall.runs.parameter.draws import last_fit
from evenfall.runs.report import json_ready
from evenfall.runs.world import World
from evenfall.store.records import FitRecord

__all__ = ["predictive_of"]

type Floats = NDArray[np.float64]

_POINTS: Final = 200
_ENDS: Final = (0.0005, 0.9995)
"""Probabilities between which a prediction is drawn."""


def predictive_of(world: World, parameter: Parameter, night: Night) -> dict[str, Any]:
    """Return the predictive check of a parameter, JSON-ready.

    Raises
    ------
    UsageError
        When there is nothing to predict, or nothing to compare a prediction with.
    """
    record = last_fit(world, parameter, night)
    checks = {} if record is None else _checks(world, parameter, record)
    if record is not None and checks:
        return {
            "kind": "replicated",
            "as_of": record.as_of.isoformat(),
            "detail": f"what the {record.rung} fit of {record.as_of} makes, beside what it was fitted to",
            "checks": [_check(unit, check) for unit, check in checks.items()],
            "exact": None,
        }
    return {
        "kind": "exact",
        "as_of": night.as_of.isoformat(),
        "detail": "the total of the last closed days, as predicted by what was believed before them",
        "checks": [],
        "exact": _exact(world, parameter, night),
    }


def _checks(world: World, parameter: Parameter, record: FitRecord) -> dict[str, PredictiveCheck]:
    """Return what a fit makes of its own data, put together again as of its night; none where it cannot."""
    fit = load_fit(world.artifacts, record) if record.passed else None
    if fit is None:
        return {}
    try:
        spec = _spec(world, parameter, record)
    except EvenfallError:  # the definition has changed since: the fit cannot be asked any more
        return {}
    if spec is None:
        return {}
    return predictive_checks(fit, spec, seed=record.seed)


def _spec(world: World, parameter: Parameter, record: FitRecord) -> ModelSpec | None:
    night = world.night(record.as_of)
    if record.parameter_id == parameter.id:
        (case,) = standing(world, [parameter], night)
        specs = specs_of(case, world)
        family = record.request.get("family")
        return specs.get(str(family)) or (next(iter(specs.values())) if len(specs) == 1 else None)
    pooling = parameter.pooling
    if pooling is None:
        return None
    cases = standing(world, world.selected(parameter.template_id or parameter.id), night)
    _, slices = slices_of(cases, pooling)
    return pooled_spec_of(slices, cases[0].prior.root.belief, pooling)


def _check(unit: str, check: PredictiveCheck) -> dict[str, Any]:
    return {
        "unit": unit,
        "rows": [json_ready(row) for row in check.rows],
        "units": [
            {"lower": float(wide[0]), "upper": float(wide[1]), "covered": bool(covered)}
            for wide, covered in zip(check.intervals[0.9], check.covered[0.9], strict=True)
        ],
        "poor": list(check.poor),
        "draws": check.draws,
    }


def _exact(world: World, parameter: Parameter, night: Night) -> dict[str, Any]:
    looked = looked_at_by(world, parameter, night)
    window = None if looked is None else looked.window
    belief = None if looked is None else looked.baseline or looked.expected
    if looked is None or window is None or belief is None or not window.size:
        raise UsageError(
            f"{parameter.id} has no closed days to compare a prediction with",
            remedy="run `evenfall nightly`, or backfill",
        )
    if parameter.kappa is not None or (looked.arrived is not None and looked.arrived.min() < 1):
        raise UsageError(
            f"no formula predicts the total of {parameter.id}: its days differ, or are not over yet",
            remedy="see its light, which compares the window with what was believed",
        )
    size, total, _ = window.total()
    return _law(parameter.type, belief, float(size), float(total))


def _law(kind: str, belief: Belief, size: float, total: float) -> dict[str, Any]:
    """Return the predictive law of the total of `size` further observations, with the one that came."""
    law = FAMILIES.resolve(belief.family).predictive(np.array(belief.theta), size)
    low, high, lower, upper = law.quantile(np.array([*_ENDS, 0.025, 0.975])).tolist()
    x = _points(law, min(low, total), max(high, total))
    with np.errstate(over="ignore"):
        heights = np.exp(law.log_density(x))
    below = float(law.cdf(np.asarray(total)))
    mid_p = below - 0.5 * float(np.exp(law.log_density(np.asarray(total)))) if law.discrete else below
    return {
        "statistic": STATISTIC_NAMES[kind][1],
        "n": size,
        "observed": total,
        "discrete": bool(law.discrete),
        "x": [float(value) for value in x],
        "density": [float(value) if math.isfinite(value) else None for value in heights],
        "mean": _finite(law.mean),
        "stdev": _finite(law.stdev),
        "lower": lower,
        "upper": upper,
        "mid_p": min(max(mid_p, 0.0), 1.0),
        "belief": str(belief),
    }


def _points(law: Distribution, low: float, high: float) -> Floats:
    """Return where the law is drawn: at whole numbers where it is one of counts, all of them if few."""
    if not law.discrete:
        return np.linspace(low, high, _POINTS)
    return np.unique(np.round(np.linspace(low, high, min(_POINTS, int(high - low) + 1))))


def _finite(value: Any) -> float | None:
    number = float(value)
    return number if math.isfinite(number) else None
