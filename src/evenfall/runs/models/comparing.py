"""Which model of a parameter predicts better: lag families by cohort, ways of pooling by slice and day."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from functools import partial
from typing import Any, Final

import numpy as np

from evenfall.errors import UsageError
from evenfall.funnels.delays.families import LAG_FAMILIES
from evenfall.funnels.delays.model import DelayModel
from evenfall.inference.comparison.elpd import Elpd, refit_bad
from evenfall.inference.comparison.table import Comparison, Row, compare_elpds
from evenfall.inference.fit import Fit, FitRequest
from evenfall.inference.model import ModelSpec, load_model
from evenfall.registry.parameter import Parameter
from evenfall.runs.fitting.fitter import Fitter, seed_of
from evenfall.runs.fitting.jobs import Envelope, FitJob
from evenfall.runs.fitting.specs import families_of, request_of
from evenfall.runs.models.pools import WAYS, daily_slices, elpd_of, pool_jobs, way_elpds
from evenfall.runs.models.showing import Progress, chosen, heard
from evenfall.runs.models.standing import family_spec_of, standing
from evenfall.runs.world import World

__all__ = ["ModelComparison", "compare_models", "worst_k"]

_MOST_REFITS: Final = 20
"""Fits without one cohort that a comparison makes for cohorts whose weights are not dependable."""


@dataclass(frozen=True, eq=False)
class ModelComparison:
    """Models of one parameter, or of the slices of a template, by how well they predict.

    Attributes
    ----------
    subject
        The parameter or template.
    question
        What differs between them: ``lag family`` or ``pooling``.
    unit
        What is left out and predicted: ``cohort`` or ``day of a slice``.
    current
        The model that the definition has.
    comparison
        By PSIS-LOO, the best first.
    waic
        By model, where it can be had.
    """

    subject: str
    question: str
    unit: str
    as_of: date
    current: str
    comparison: Comparison
    waic: Mapping[str, Elpd]

    @property
    def words(self) -> str:
        """What may be said of it."""
        return self.comparison.words

    def as_dict(self) -> dict[str, Any]:
        """Return it as JSON-ready data."""
        return {
            "subject": self.subject,
            "question": self.question,
            "unit": self.unit,
            "as_of": self.as_of.isoformat(),
            "current": self.current,
            "words": self.words,
            "clear": self.comparison.clear,
            "models": [self._row(row) for row in self.comparison.rows],
        }

    def _row(self, row: Row) -> dict[str, Any]:
        kept, other = row.elpd, self.waic.get(row.name)
        return {
            "model": row.name,
            "verdict": row.verdict,
            "refused": row.refused,
            "elpd_loo": None if kept is None else kept.value,
            "se": None if kept is None else kept.se,
            "difference": row.difference,
            "difference_se": row.difference_se,
            "weight": row.weight,
            "effective_parameters": None if kept is None else kept.effective_parameters,
            "pareto_k_max": None if kept is None else worst_k(kept),
            "pareto_k_limit": None if kept is None else kept.limit,
            "units": None if kept is None else int(kept.pointwise.size),
            "undependable_units": None if kept is None else len(kept.bad),
            "elpd_waic": None if other is None else other.value,
        }

    def __str__(self) -> str:
        lines = [f"{self.subject}: {self.question}, by {self.unit}, as of {self.as_of}"]
        for row in self.comparison.rows:
            kept = f"elpd {row.elpd.value:.1f} ± {row.elpd.se:.1f}" if row.elpd is not None else ""
            lines.append(f"  {row.name}: {kept} {row.verdict}")
        return "\n".join([*lines, self.words])


def worst_k(elpd: Elpd) -> float:
    """Return the largest Pareto k of any unit; NaN where it has none."""
    return float(np.max(elpd.pareto_k)) if elpd.pareto_k.size else float("nan")


def compare_models(
    world: World, subject: str, as_of: date | str | None = None, progress: Progress | None = None
) -> ModelComparison:
    """Return the comparison of a parameter's lag families, or of the ways to pool a template's slices.

    Raises
    ------
    UsageError
        When there is nothing to choose between, or nothing to fit.
    """
    parameters = chosen(world, subject, as_of)
    first = parameters[0]
    if first.latency is not None and len(parameters) == 1:
        return _families(world, first, as_of, progress)
    template = first.template_id or first.id
    if first.pooling is not None or first.template_id is not None:
        everyone = world.selected(first.template_id) if first.template_id else parameters
        return _ways(world, template, everyone, as_of, progress)
    raise UsageError(
        f"{subject} has neither a lag family nor slices to choose a model for",
        remedy="compare a parameter with `latency`, a template, or one with `bayesian_update.pooling`",
    )


def _families(
    world: World, parameter: Parameter, as_of: date | str | None, progress: Progress | None
) -> ModelComparison:
    night = world.night(as_of)
    (case,) = standing(world, [parameter], night)
    if case.cohorts is None:
        raise UsageError(f"the ledger holds no cohorts of {parameter.id}", remedy="run `evenfall nightly`")
    request = request_of(parameter, seed_of(parameter.id, str(night.as_of)))
    jobs = [
        FitJob(family, family_spec_of(case, case.cohorts, family), replace(request, engine="auto"))
        for family in sorted(LAG_FAMILIES.entries)
    ]
    with Fitter.of(world) as fitter:
        envelopes = fitter.fit(jobs, heard(progress, [job.id for job in jobs]))
        fits = {job.id: _fit_of(envelopes[job.id]) for job in jobs}
        good = {name: fit for name, fit in fits.items() if fit.passed and fit.log_likelihood is not None}
        elpds = {name: elpd_of(fit) for name, fit in good.items()}
        again = _without_bad_cohorts(elpds, jobs, fitter)
    for name, values in again.items():
        elpds[name] = refit_bad(elpds[name], partial(_known, values))
    refused = {
        name: f"its fit did not pass: {'; '.join(fits[name].failures)}" for name in fits if name not in good
    }
    comparison = compare_elpds(elpds, refused)
    waics = {name: elpd_of(fit, "waic") for name, fit in good.items()}
    current = ", ".join(families_of(parameter))
    return ModelComparison(parameter.id, "lag family", "cohort", night.as_of, current, comparison, waics)


def _known(values: Mapping[int, float], unit: int) -> float:
    return values.get(unit, float("nan"))


def _fit_of(envelope: Envelope) -> Fit:
    """Return the fit of a job, or one that says why there is none."""
    if envelope.fit is not None:
        return envelope.fit
    why = envelope.detail.strip().splitlines()[-1] if envelope.detail else str(envelope.trouble)
    return Fit("none", {}, np.empty((1, 0, 0)), failures=(why,))


def _without_bad_cohorts(
    elpds: Mapping[str, Elpd], jobs: Sequence[FitJob], fitter: Fitter
) -> dict[str, dict[int, float]]:
    """Return, for fits with cohorts whose weights are not dependable, their exact predictive densities.

    Each such cohort is left out in a fit of its own. Fits with more of them than there is time for get none.
    """
    parts: dict[str, tuple[FitJob, int]] = {}
    for job in jobs:
        bad = elpds[job.id].bad if job.id in elpds else ()
        if len(parts) + len(bad) <= _MOST_REFITS:
            parts |= {f"{job.id}#{unit}": (_left_out(job, unit), unit) for unit in bad}
    envelopes = fitter.fit([part for part, _ in parts.values()])
    found: dict[str, dict[int, float]] = {}
    for name, (_, unit) in parts.items():
        family = name.partition("#")[0]
        whole = next(job.model for job in jobs if job.id == family)
        found.setdefault(family, {})[unit] = _log_predictive(whole, _fit_of(envelopes[name]), unit)
    return found


def _left_out(job: FitJob, unit: int) -> FitJob:
    """Return the job without one cohort; what the data decide of the model is decided by all of them."""
    model = load_model(job.model)
    assert isinstance(model, DelayModel), "lag families are of delay models"
    data = {name: np.delete(values, unit, axis=0) for name, values in job.model.data.items()}
    scatter = "learned" if model.coordinates.spread else "none"
    return FitJob(
        f"{job.id}#{unit}",
        ModelSpec(job.model.factory, data, {**job.model.options, "spread": scatter}),
        job.request,
    )


def _log_predictive(whole: ModelSpec, fit: Fit, unit: int) -> float:
    """Return the log of the mean likelihood of a cohort over the draws of a fit without it."""
    if not fit.passed:
        return float("nan")
    model = load_model(whole)
    assert isinstance(model, DelayModel), "lag families are of delay models"
    values = model.log_likelihood(fit.points.reshape(-1, fit.points.shape[-1]))[:, unit]
    weights = np.full(values.size, 1 / values.size) if fit.weights is None else fit.weights.reshape(-1)
    top = float(values.max())
    return top + float(np.log(np.sum(weights * np.exp(values - top))))


def _ways(
    world: World,
    template: str,
    parameters: Sequence[Parameter],
    as_of: date | str | None,
    progress: Progress | None,
) -> ModelComparison:
    """Compare one rate for all slices, slices that lean on each other, and slices on their own."""
    night = world.night(as_of)
    cases = standing(world, parameters, night)
    pooling, slices = daily_slices(cases)
    seed = seed_of(template, str(night.as_of))
    request = FitRequest(seed=seed, draws=500, tune=500, chains=4)
    jobs = pool_jobs(slices, cases[0].prior.root.belief, pooling, request)
    with Fitter.of(world) as fitter:
        envelopes = fitter.fit(jobs, heard(progress, [job.id for job in jobs]))
    fits = {job.id: _fit_of(envelopes[job.id]) for job in jobs}
    kept, refused = way_elpds(fits, slices, "loo")
    others, _ = way_elpds(fits, slices, "waic")
    current = WAYS[1] if parameters[0].pooling is not None else WAYS[2]
    comparison = compare_elpds(kept, refused)
    return ModelComparison(template, "pooling", "day of a slice", night.as_of, current, comparison, others)
