"""The last fit of a parameter, or one made now with another engine to look at."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

from evenfall.clock import Night
from evenfall.errors import UnknownName, UsageError
from evenfall.registry.parameter import Parameter
from evenfall.registry.references import is_reference
from evenfall.runs.fitting.fitter import Fitter, seed_of
from evenfall.runs.fitting.jobs import Envelope, FitJob
from evenfall.runs.fitting.keeping import quantities_of as figures_of_fit
from evenfall.runs.fitting.specs import is_exact, pooled_spec_of, request_of
from evenfall.runs.fitting.stacking import stack
from evenfall.runs.graph.lookup import look_up
from evenfall.runs.models.shown import Fits, ShownFit, figures_of, quantities_of, versions_of, warned
from evenfall.runs.models.standing import slices_of, specs_of, standing
from evenfall.runs.night.case import Case
from evenfall.runs.night.delays import answers_of
from evenfall.runs.night.pool import pooled_id
from evenfall.runs.world import World
from evenfall.store.records import FitRecord

__all__ = ["ENGINES", "Progress", "chosen", "heard", "last_fits", "refit"]

ENGINES = ("auto", "conjugate", "quadrature", "laplace", "nuts", "variational")
"""Engines that may be asked for; ``auto`` climbs the ladder."""

_SHOWN_SHARE = 0.01
"""Share from which a family of a mixture is named."""

type Progress = Callable[[int, int, str], None]


def chosen(world: World, subject: str | None, as_of: date | str | None = None) -> tuple[Parameter, ...]:
    """Return the parameters that a name is about: an id, a template, an edge's reference, or any reference.

    Raises
    ------
    UnknownName
        When it names nothing.
    """
    try:
        return world.selected(subject)
    except UnknownName:
        if subject is None or not is_reference(subject):
            raise
    answered = look_up(world, subject, as_of).parameter_id
    if answered is None:
        raise UsageError(f"{subject} is answered by a number in a graph, which nobody fits")
    return (world.registry.parameter(answered),)


def last_fits(world: World, subject: str | None = None, as_of: date | str | None = None) -> Fits:
    """Return the last fit of each parameter that `subject` names (all by default), as of a night.

    Of all parameters only those with a fit are listed; a name without one is told why.
    """
    night, parameters = world.night(as_of), chosen(world, subject, as_of)
    of = {parameter.id: parameter for parameter in parameters}
    of |= {pooled_id(name): parameter for name, parameter in _poolable(parameters).items()}
    history = world.store.fit_history(list(of))
    known = {name: [one for one in history[name] if one.seen_at <= night.instant] for name in of}
    fits = tuple(_from_store(of[name], records) for name, records in known.items() if records)
    told = {fit.parameter_id for fit in fits}
    told |= {shard for shard in of if _pooled_name(of[shard]) in told}
    without = {name: _why(of[name]) for name in of if name not in told and "~" not in name}
    return Fits(night.as_of, fits, without if subject is not None else {})


def refit(
    world: World,
    subject: str,
    engine: str | None = None,
    as_of: date | str | None = None,
    progress: Progress | None = None,
) -> Fits:
    """Return fits made now on the ledger as of a night, with the definition's engine or another one.

    They are to be looked at: nothing is published and nothing kept.

    Raises
    ------
    UnknownName
        When there is no such engine.
    UsageError
        When there is nothing to fit.
    """
    if engine is not None and engine not in ENGINES:
        raise UnknownName("engine", engine, ENGINES)
    night, parameters = world.night(as_of), _with_pooled(world, chosen(world, subject, as_of))
    wanted = _wanted(world, parameters, night, engine)
    jobs = [job for one in wanted for job in one.jobs.values()]
    with Fitter.of(world) as fitter:
        envelopes = fitter.fit(jobs, heard(progress, [job.id for job in jobs]))
    return Fits(night.as_of, tuple(_made(one, envelopes, night) for one in wanted), {})


def heard(progress: Progress | None, jobs: Iterable[str]) -> Callable[[str, float], None] | None:
    """Return what hears of each job's share, and tells in hundredths how far all of them are."""
    if progress is None:
        return None
    done = dict.fromkeys(jobs, 0.0)

    def hear(name: str, share: float) -> None:
        done[name] = max(done[name], share)
        progress(round(100 * sum(done.values())), 100 * len(done), name)

    return hear


def _poolable(parameters: Sequence[Parameter]) -> dict[str, Parameter]:
    """Return, under the name of the template or parameter, who speaks for each pooled group."""
    return {one.template_id or one.id: one for one in reversed(parameters) if one.pooling is not None}


def _with_pooled(world: World, parameters: Sequence[Parameter]) -> tuple[Parameter, ...]:
    """Return the parameters with the other slices of pooled templates: one fit is of them all."""
    found = {parameter.id: parameter for parameter in parameters}
    for one in parameters:
        if one.pooling is not None and one.template_id is not None:
            found |= {other.id: other for other in world.selected(one.template_id)}
    return tuple(found[name] for name in sorted(found))


def _pooled_name(parameter: Parameter) -> str:
    return pooled_id(parameter.template_id or parameter.id)


def _why(parameter: Parameter) -> str:
    if is_exact(parameter):
        return "a formula gives its posterior; try another engine with --refit --engine nuts"
    return "it has not been fitted yet: run `evenfall nightly`"


@dataclass(frozen=True, eq=False)
class _Wanted:
    """A fit to be made: of one model, or of one per family of lags.

    Attributes
    ----------
    slices
        Names of the slices of a pooled fit.
    """

    name: str
    parameter: Parameter
    jobs: Mapping[str, FitJob]
    slices: tuple[str, ...] = ()


def _wanted(world: World, parameters: Sequence[Parameter], night: Night, engine: str | None) -> list[_Wanted]:
    cases = standing(world, parameters, night)
    # Slices of a conversion that takes its time are fitted one by one here.
    pooled = {name: one for name, one in _poolable(parameters).items() if one.latency is None}
    wanted = []
    for group, parameter in pooled.items():
        own = [case for case in cases if group in (case.parameter.template_id, case.id)]
        wanted.append(_wanted_pooled(pooled_id(group), parameter, own, engine))
    for case in cases:
        if (case.parameter.template_id or case.id) in pooled:
            continue
        asked = request_of(case.parameter, seed_of(case.id, str(night.as_of)))
        request = asked if engine is None else replace(asked, engine=engine, options={})
        specs = specs_of(case, world)
        jobs = {name: FitJob(f"{case.id}#{name}", spec, request) for name, spec in specs.items()}
        wanted.append(_Wanted(case.id, case.parameter, jobs))
    return wanted


def _wanted_pooled(name: str, parameter: Parameter, cases: Sequence[Case], engine: str | None) -> _Wanted:
    pooling = parameter.pooling
    assert pooling is not None, "chosen for being pooled"
    names, slices = slices_of(cases, pooling)
    spec = pooled_spec_of(slices, cases[0].prior.root.belief, pooling)
    asked = request_of(parameter, seed_of(name, str(cases[0].night.as_of)))
    request = replace(asked, engine=engine or "auto", options={})
    return _Wanted(name, parameter, {"": FitJob(name, spec, request)}, names)


def _from_store(parameter: Parameter, records: Sequence[FitRecord]) -> ShownFit:
    last = records[-1]
    asked: Mapping[str, Any] = last.request
    good = [one for one in records if one.passed]
    count = int(asked.get("draws", 0)) * int(asked.get("chains", 0))
    return ShownFit(
        parameter_id=last.parameter_id,
        type=parameter.type,
        as_of=last.as_of,
        published=True,
        engine=last.engine,
        rung=last.rung,
        passed=last.passed,
        quantities=quantities_of(
            last.quantities,
            asked.get("not_identified", ()),
            asked.get("slices", ()),
            asked.get("effects", ()),
        ),
        figures=figures_of(last.rung, last.diagnostics, count),
        tried=last.tried,
        failures=last.failures,
        warnings=warned(last.rung, last.diagnostics, last.failures),
        notes=_notes(asked),
        versions=versions_of(records),
        stands_since=good[-1].as_of if good else None,
        seconds=last.seconds,
        gradients=last.gradients,
        seed=last.seed,
    )


def _made(wanted: _Wanted, envelopes: Mapping[str, Envelope], night: Night) -> ShownFit:
    """Return what came of a fit: it, the mixture of its families, or why there is nothing."""
    answers = {name: envelopes[job.id] for name, job in wanted.jobs.items()}
    fits = {name: answer.fit for name, answer in answers.items() if answer.fit is not None}
    if not fits:
        return _nothing(wanted, next(iter(answers.values())), night)
    found, weights = (next(iter(fits.values())), {}) if len(answers) == 1 else stack(fits)
    best = max(weights, key=weights.__getitem__, default=next(iter(fits)))
    spec, request = wanted.jobs[best].model, wanted.jobs[best].request
    figures = figures_of_fit(found) if found.passed else {}
    notes: Mapping[str, object] = {}
    if found.passed and wanted.parameter.latency is not None:
        figures, notes = answers_of(found, fits[best], spec, weights)
    said: dict[str, Any] = {**spec.options, **notes}
    return ShownFit(
        parameter_id=wanted.name,
        type=wanted.parameter.type,
        as_of=night.as_of,
        published=False,
        engine=request.engine,
        rung=found.rung,
        passed=found.passed,
        quantities=quantities_of(
            figures,
            said.get("not_identified", ()),
            wanted.slices,
            said["effects"] if wanted.slices else (),
        ),
        figures=figures_of(found.rung, found.diagnostics, found.points.shape[0] * found.points.shape[1]),
        tried=found.tried,
        failures=found.failures,
        warnings=warned(found.rung, found.diagnostics, found.failures),
        notes=_notes(said),
        seconds=found.seconds,
        gradients=found.gradients,
        seed=found.seed,
    )


def _nothing(wanted: _Wanted, envelope: Envelope, night: Night) -> ShownFit:
    """Return the fit that did not come about, with why."""
    said = envelope.detail.strip().splitlines()[-1] if envelope.detail else str(envelope.trouble)
    why = f"the fit came to nothing: {said}"
    request = next(iter(wanted.jobs.values())).request
    return ShownFit(
        wanted.name,
        wanted.parameter.type,
        night.as_of,
        published=False,
        engine=request.engine,
        rung="none",
        passed=False,
        quantities=(),
        figures=(),
        failures=(f"{why}; {envelope.remedy}" if envelope.remedy else why,),
        seed=request.seed,
    )


def _notes(said: Mapping[str, Any]) -> tuple[str, ...]:
    """Return what a fit says beside its numbers: its family and horizon, and what it refuses to answer."""
    notes = []
    if isinstance(said.get("horizon_days"), int | float) and isinstance(said.get("family"), str):
        shares = said.get("families") or {said["family"]: 1.0}
        kept = {name: share for name, share in shares.items() if share >= _SHOWN_SHARE}
        told = ", ".join(f"{name} ({share:.0%})" if len(kept) > 1 else name for name, share in kept.items())
        notes.append(f"lag family {told}; rate within {said['horizon_days']:g} days")
    refused = said.get("eventual_rate")
    if isinstance(refused, Mapping):
        notes.append(f"the eventual rate is refused: {refused.get('detail')}; {refused.get('remedy')}")
    return tuple(notes)
