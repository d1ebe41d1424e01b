"""Posteriors that no formula gives: fitted in workers, let through by a gate, kept with their draws."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from evenfall.beliefs.belief import Belief
from evenfall.beliefs.observations import Observations, Skipped
from evenfall.beliefs.posterior import posterior
from evenfall.errors import ConfigError, EvenfallError, InfeasibleBelief, StoreError
from evenfall.inference.execute import code_version, data_hash
from evenfall.inference.fit import Fit
from evenfall.inference.ladder import NightlyFit, needs_full_fit
from evenfall.inference.model import ModelSpec
from evenfall.runs.fitting.fitter import Fitter, seed_of
from evenfall.runs.fitting.jobs import Envelope, FitJob
from evenfall.runs.fitting.keeping import belief_of, load_fit, quantities_of, request_as_json, save_fit
from evenfall.runs.fitting.predictive import poor_fit_of
from evenfall.runs.fitting.specs import (
    delay_spec,
    families_of,
    family_spec,
    is_exact,
    quantity_of,
    request_of,
    user_spec,
)
from evenfall.runs.fitting.stacking import stack
from evenfall.runs.night.case import Case
from evenfall.runs.night.delays import answers_of
from evenfall.runs.night.inputs import inputs_hash
from evenfall.runs.world import World
from evenfall.store.records import FitRecord, PosteriorRecord

__all__ = ["fit", "record_of", "specs_of"]


_CONSTANT = 1e-12
"""Relative standard deviation of draws that are one number but for rounding."""


@dataclass(frozen=True, eq=False)
class _Plan:
    """What is to be fitted for a case: one model, or one per family of lags."""

    specs: Mapping[str, ModelSpec]
    inputs_hash: str


def fit(cases: Sequence[Case], world: World, fitter: Fitter) -> None:
    """Fit every case whose posterior no formula gives, and set its posterior or say why there is none."""
    due = [case for case in cases if case.chain is not None and not is_exact(case.parameter)]
    plans = {case.id: plan for case in due if (plan := _plan(case, world)) is not None}
    stored = world.store.latest_fits(list(plans), due[0].night.instant, passed=False) if plans else {}
    jobs: dict[str, dict[str, FitJob]] = {}
    for case in due:
        plan, known = plans.get(case.id), stored.get(case.id)
        if plan is None:
            continue
        if known is not None and known.inputs_hash == plan.inputs_hash and _stands(known):
            case.fit = known
        else:
            jobs[case.id] = _jobs(case, plan, known, world)
    envelopes = fitter.fit([job for group in jobs.values() for job in group.values()])
    for case in due:
        if case.id in jobs:
            try:
                case.fit = _keep(case, plans[case.id], jobs[case.id], envelopes, fitter.artifacts)
            except (OSError, StoreError) as full:  # a disk that takes no draws refuses one fit, not the chunk
                _refuse(
                    case,
                    f"its draws could not be kept: {full}",
                    "see that .evenfall/artifacts can be written",
                )
        if case.fit is not None:
            _conclude(case, case.fit)


def _stands(known: FitRecord) -> bool:
    """Return whether a fit of the same inputs may be kept; what another arithmetic refused is tried again."""
    return known.passed or known.code_version == code_version()


def _plan(case: Case, world: World) -> _Plan | None:
    """Return what to fit; None when there is too little evidence, or the definition is refused."""
    if case.skipped is not None:
        return None
    try:
        specs = specs_of(case, world)
    except EvenfallError as refused:
        case.skipped = Skipped("config_error", refused.message, refused.remedy)
        return None
    parts = [inputs_hash(case), quantity_of(case.parameter), *(data_hash(spec) for spec in specs.values())]
    return _Plan(specs, hashlib.sha256("\n".join(parts).encode()).hexdigest())


def specs_of(case: Case, world: World) -> dict[str, ModelSpec]:
    """Return the models to fit, by family of lags; a model without one is alone under its rule's name."""
    parameter, prior = case.parameter, case.prior.root.belief
    if parameter.latency is not None:
        if case.cohorts is None:
            raise ConfigError(
                f"{case.id} has a latency but no conversions by age",
                remedy="use observation_source.type: events, or result_mapping with date and age_days",
            )
        cohorts = case.cohorts.between(case.prior.root.absorbed_until, case.night.as_of)
        return {
            family: delay_spec(parameter, prior, cohorts, case.horizon_days, family)
            for family in families_of(parameter)
        }
    if parameter.update_rule == "model":
        return {"model": user_spec(parameter, case.observations, world.registry.root)}
    return {parameter.update_rule: family_spec(prior, case.observations, case.rule)}


def _jobs(case: Case, plan: _Plan, last: FitRecord | None, world: World) -> dict[str, FitJob]:
    """Return one job per model; several models are told apart by their names."""
    if case.parameter.latency is None:
        ((name, spec),) = plan.specs.items()
        return {name: _job(case, spec, plan.inputs_hash, last, world)}
    request = request_of(case.parameter, seed_of(case.id, plan.inputs_hash))
    return {name: FitJob(f"{case.id}#{name}", spec, request) for name, spec in plan.specs.items()}


def _job(case: Case, spec: ModelSpec, inputs: str, last: FitRecord | None, world: World) -> FitJob:
    """Return the fit of tonight: from the last full fit on, where there is one and no audit is due."""
    request = request_of(case.parameter, seed_of(case.id, inputs))
    full = _last_full(case, spec, world) if last is not None and request.engine == "auto" else None
    if full is None:
        return FitJob(case.id, spec, request)
    record, found = full
    history = world.store.fit_history([case.id])[case.id]
    nights = [
        NightlyFit(one.rung, float(one.diagnostics.get("k_hat", math.nan)))
        for one in history
        if one.passed and one.seen_at < case.night.instant
    ]
    if needs_full_fit(nights):
        return FitJob(case.id, spec, replace(request, warm=found.warm), base_id=record.id)
    return FitJob(
        case.id,
        spec,
        replace(request, warm=found.warm),
        base=found,
        base_model=_spec_then(case, record, world),
        base_id=record.id,
    )


def _last_full(case: Case, spec: ModelSpec, world: World) -> tuple[FitRecord, Fit] | None:
    """Return the last full fit of this definition and this prior before tonight, with its draws."""
    before = world.before(case.night).instant
    record = world.store.last_full_fits([case.id], before).get(case.id)
    if record is None or record.definition_hash != case.parameter.definition_hash:
        return None
    if record.request.get("prior") != _prior_in_words(case.prior.root.belief):
        return None
    if _text(_in_words(spec)) != _text(record.request.get("model")):
        return None  # the source of the project's own model has changed
    if record.code_version != code_version():
        return None  # another arithmetic: its draws are no draws of this model
    try:
        found = load_fit(world.artifacts, record)
    except StoreError as lost:
        case.note(
            "fit", f"the draws of fit {record.id} cannot be read ({lost.message}); it is fitted in full"
        )
        return None
    return None if found is None else (record, found)


def _spec_then(case: Case, record: FitRecord, world: World) -> ModelSpec:
    """Return the model with the evidence as the last full fit knew it."""
    known = world.store.observations({case.id: case.task.query_hash}, record.seen_at).get(case.id)
    seen = (known or Observations.of(())).between(case.prior.root.absorbed_until, record.as_of)
    if case.parameter.update_rule == "model":
        return user_spec(case.parameter, seen, world.registry.root)
    return family_spec(case.prior.root.belief, seen, case.rule)


def _keep(
    case: Case,
    plan: _Plan,
    jobs: Mapping[str, FitJob],
    envelopes: Mapping[str, Envelope],
    save_to: Path,
) -> FitRecord | None:
    """Return the record of what came of the jobs of a case; jobs without a fit are told on the case."""
    answers = {name: envelopes[job.id] for name, job in jobs.items()}
    fits = {name: answer.fit for name, answer in answers.items() if answer.fit is not None}
    first = next(iter(jobs))
    if not fits:
        _trouble(case, answers[first])
        return None
    found, weights = (fits[first], {}) if len(jobs) == 1 else stack(fits)
    best = max(weights, key=weights.__getitem__, default=next(iter(fits)))
    identity = {"parameter_id": case.id, "inputs_hash": plan.inputs_hash, "as_of": str(case.night.as_of)}
    extra: dict[str, object] = {
        "prior": _prior_in_words(case.prior.root.belief),
        "quantity": quantity_of(case.parameter),
        "poor_fit": poor_fit_of(fits[best], plan.specs[best], seed=jobs[best].request.seed),
    }
    record = record_of(identity, case, jobs[best], found, save_to=save_to, extra=extra)
    if case.parameter.latency is None or not record.passed:
        return record
    figures, notes = answers_of(found, fits[best], plan.specs[best], weights)
    told = {"horizon_days": case.horizon_days, "family": best, **notes}
    return replace(record, quantities=figures, request={**record.request, **told})


def record_of(
    identity: Mapping[str, str],
    case: Case,
    job: FitJob,
    found: Fit,
    *,
    save_to: Path,
    extra: Mapping[str, object],
) -> FitRecord:
    """Return what the store keeps of a fit, its draws written to a file when it passed.

    Parameters
    ----------
    identity
        ``parameter_id`` and ``inputs_hash``, and what else is to stand in the file.
    save_to
        Folder of the draws.
    extra
        What of the inputs later nights want to read back, JSON-ready.
    """
    artifact, digest = save_fit(save_to, found, identity) if found.passed else (None, None)
    return FitRecord(
        parameter_id=identity["parameter_id"],
        as_of=case.night.as_of,
        engine=job.request.engine,
        rung=found.rung,
        passed=found.passed,
        data_hash=data_hash(job.model),
        definition_hash=case.parameter.definition_hash,
        inputs_hash=identity["inputs_hash"],
        code_version=code_version(),
        seed=job.request.seed,
        seen_at=case.night.instant,
        failures=found.failures,
        tried=found.tried,
        base_fit=job.base_id if found.rung == "reweighted" else None,
        request={
            **request_as_json(job.request),
            "begun_from": job.base_id if job.request.warm is not None else None,
            "model": _in_words(job.model),
            **extra,
        },
        diagnostics=found.diagnostics,
        quantities=quantities_of(found) if found.passed else {},
        artifact=artifact,
        artifact_sha256=digest,
        seconds=found.seconds,
        gradients=found.gradients,
    )


def _prior_in_words(prior: Belief) -> list[object]:
    return [prior.family, *(repr(number) for number in prior.theta)]


def _text(words: object) -> str:
    return json.dumps(words, sort_keys=True)


def _in_words(spec: ModelSpec) -> dict[str, object]:
    return {"factory": spec.factory, "options": dict(spec.options)}


def _trouble(case: Case, envelope: Envelope) -> None:
    reason = "config_error" if envelope.trouble == "refused" else "failed"
    case.skipped = Skipped(reason, f"the fit came to nothing: {envelope.detail}", envelope.remedy)
    case.fit_failures = (envelope.detail.strip().splitlines()[-1],)


def _refuse(case: Case, why: str, remedy: str) -> None:
    case.skipped = Skipped("failed", why, remedy)
    case.fit_failures = (why,)


def _conclude(case: Case, record: FitRecord) -> None:
    """Set the posterior that stands on a fit, or say why the gate refused it."""
    if not record.passed:
        case.skipped = Skipped("failed", "; ".join(record.failures), "see `evenfall fit` for what was tried")
        case.fit_failures = record.failures
        return
    case.poor_fit = str(record.request.get("poor_fit", ""))
    figures = record.quantities.get(quantity_of(case.parameter))
    if figures is None:
        named = ", ".join(record.quantities)
        _refuse(
            case,
            f"its model gives no single number named {quantity_of(case.parameter)}; it gives {named}",
            "name a scalar variable of the model in bayesian_update.quantity",
        )
        return
    if not figures["stdev"] > _CONSTANT * max(1.0, abs(figures["mean"])):
        _refuse(
            case,
            f"every draw of {quantity_of(case.parameter)} is {figures['mean']:g}: nothing was learned",
            "let the variable depend on what the model samples",
        )
        return
    prior = case.prior.root.belief
    exact = None
    if case.parameter.latency is None and case.parameter.update_rule != "model":
        exact = posterior([prior], [case.observations], [case.rule])[0]
    try:
        belief = belief_of(prior, figures, exact)
    except InfeasibleBelief as infeasible:
        _refuse(case, infeasible.message, infeasible.remedy)
        return
    size, total, squares = (float(value) for value in case.observations.total())
    case.posterior = PosteriorRecord(
        parameter_id=case.id,
        as_of=case.night.as_of,
        prior_version=case.prior.head.version,
        belief=belief,
        mean=figures["mean"],
        stdev=figures["stdev"],
        lower=figures["lower"],
        upper=figures["upper"],
        sums=(size, total, squares),
        counted_until=case.counted_until,
        watermark=case.watermark,
        kappa=case.rule.kappa,
        half_life_days=case.rule.half_life_days,
        query_hash=case.task.query_hash,
        definition_hash=case.parameter.definition_hash,
        inputs_hash=record.inputs_hash,
        seen_at=case.night.instant,
        fit_id=record.id or None,
    )
