"""Slices that lean on each other: one fit over all of them, for those with little of their own."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from evenfall.beliefs.observations import Observations
from evenfall.connectors.events.slices import Slice, parse_slice
from evenfall.findings import Finding, Light
from evenfall.inference.execute import data_hash
from evenfall.inference.fit import FitRequest
from evenfall.inference.model import ModelSpec
from evenfall.runs.fitting.fitter import Fitter, seed_of
from evenfall.runs.fitting.jobs import Envelope, FitJob
from evenfall.runs.fitting.specs import (
    ARRAY_GRADIENTS,
    POOLED_GRADIENTS,
    families_of,
    is_exact,
    pooled_delay_spec,
    pooled_slices,
    pooled_spec_of,
)
from evenfall.runs.night.case import Case, is_sliced
from evenfall.runs.night.fit import record_of
from evenfall.runs.night.ledger import observations_of
from evenfall.runs.world import World
from evenfall.store.records import FitRecord, NightResult, Record

__all__ = ["pool", "pooled_id"]

_LEAST_SLICES = 2


def pooled_id(parameter_id: str) -> str:
    """Return the name under which the pooled fit of a template's or a parameter's slices is kept."""
    return f"{parameter_id}~pooled"


@dataclass(frozen=True, eq=False)
class _Group:
    """Slices that are pooled, and a case that speaks for all of them."""

    name: str
    case: Case
    spec: ModelSpec
    slices: tuple[str, ...]
    inputs_hash: str


def pool(cases: Sequence[Case], world: World, fitter: Fitter) -> list[Record]:
    """Return one record per pooled template or sliced parameter of a chunk."""
    groups = [group for group in _groups(cases, world) if group is not None]
    if not groups:
        return []
    instant = groups[0].case.night.instant
    stored = world.store.latest_fits([group.name for group in groups], instant, passed=False)
    jobs = {
        group.name: FitJob(group.name, group.spec, _request(group))
        for group in groups
        if group.name not in stored or stored[group.name].inputs_hash != group.inputs_hash
    }
    envelopes = fitter.fit(list(jobs.values()))
    records = []
    for group in groups:
        job = jobs.get(group.name)
        if job is None:
            records.append(_record(group, stored[group.name]))
        else:
            records.append(_outcome(group, job, envelopes[group.name], fitter))
    return records


def _request(group: _Group) -> FitRequest:
    seed = seed_of(group.name, group.inputs_hash)
    if group.case.parameter.latency is None:
        return FitRequest(seed=seed, draws=500, tune=500, chains=4, max_gradients=ARRAY_GRADIENTS)
    # Weights over slices are uneven, so it takes more draws; and a sampler's gradient costs a millisecond.
    return FitRequest(seed=seed, draws=1000, tune=500, chains=4, max_gradients=POOLED_GRADIENTS)


def _groups(cases: Sequence[Case], world: World) -> Iterator[_Group | None]:
    templates: dict[str, list[Case]] = {}
    for case in cases:
        if case.parameter.pooling is None or not (is_exact(case.parameter) or case.parameter.latency):
            continue
        if is_sliced(case.parameter):
            if case.parameter.latency is None:
                yield _sliced(case)
        elif case.parameter.template_id is not None:
            templates.setdefault(case.parameter.template_id, []).append(case)
    for name, shards in templates.items():
        parameters = world.registry.parameters.values()
        if len(shards) == sum(parameter.template_id == name for parameter in parameters):
            yield _sharded(name, shards) if shards[0].parameter.latency is None else _delayed(name, shards)


def _sharded(name: str, shards: Sequence[Case]) -> _Group | None:
    told = [case for case in shards if len(case.observations)]
    return _group(
        pooled_id(name),
        told,
        [Slice(case.parameter.shard) for case in told],
        [case.observations for case in told],
        tuple(case.id for case in told),
    )


def _delayed(name: str, shards: Sequence[Case]) -> _Group | None:
    """Return the shards of a conversion that takes its time, with one horizon: the longest of any of them."""
    told = [case for case in shards if case.cohorts is not None and case.cohorts.size.any()]
    if len(told) < _LEAST_SLICES:
        return None
    first, horizon = told[0], max(case.horizon_days for case in told)
    cohorts = [
        case.cohorts.between(case.prior.root.absorbed_until, case.night.as_of)
        for case in told
        if case.cohorts is not None
    ]
    family = families_of(first.parameter)[0] if len(families_of(first.parameter)) == 1 else "lognormal"
    spec = pooled_delay_spec(first.parameter, first.prior.root.belief, cohorts, horizon, family)
    return _named(pooled_id(name), first, spec, tuple(case.id for case in told))


def _sliced(case: Case) -> _Group | None:
    names = tuple(sorted(case.slices))
    visits = bool(case.parameter.pooling and case.parameter.pooling.visited)
    root, as_of = case.prior.root, case.night.as_of
    return _group(
        pooled_id(case.id),
        [case] * len(names),
        [parse_slice(name, visits=visits) for name in names],
        [observations_of(case.slices[name]).between(root.absorbed_until, as_of) for name in names],
        names,
    )


def _group(
    name: str,
    cases: Sequence[Case],
    slices: Sequence[Slice],
    days: Sequence[Observations],
    names: tuple[str, ...],
) -> _Group | None:
    """Return the group, or None when it has too few slices to learn how they differ."""
    if len(cases) < _LEAST_SLICES:
        return None
    first = cases[0]
    pooling = first.parameter.pooling
    assert pooling is not None, "chosen for being pooled"
    visits = [one.visited or frozenset[str]() for one in slices]
    counts = pooled_slices(pooling, [one.context for one in slices], visits, days)
    return _named(name, first, pooled_spec_of(counts, first.prior.root.belief, pooling), names)


def _named(name: str, first: Case, spec: ModelSpec, slices: tuple[str, ...]) -> _Group:
    parts = [data_hash(spec), first.parameter.definition_hash]
    return _Group(name, first, spec, slices, hashlib.sha256("\n".join(parts).encode()).hexdigest())


def _outcome(group: _Group, job: FitJob, envelope: Envelope, fitter: Fitter) -> Record:
    if envelope.fit is None:
        return _record(group, None, f"the pooled fit came to nothing: {envelope.detail}", envelope.remedy)
    identity = {"parameter_id": group.name, "inputs_hash": group.inputs_hash}
    extra = {"slices": list(group.slices), "effects": group.spec.options.get("effects", [])}
    record = record_of(identity, group.case, job, envelope.fit, save_to=fitter.artifacts, extra=extra)
    return _record(group, record, "; ".join(record.failures))


def _record(group: _Group, fit: FitRecord | None, detail: str = "", remedy: str = "") -> Record:
    """Return what is kept of a group: its fit, and a finding when it cannot be used."""
    case = group.case
    good = fit is not None and fit.passed
    result = NightResult(
        group.name, case.night.as_of, "updated" if good else "failed", Light.GREY, detail, remedy
    )
    if good:
        return Record(group.name, result, fit=fit)
    head = detail.strip().splitlines()[-1] if detail else ""
    said = f"slices are not pooled tonight: {head}; the last good pooled fit stays"
    return Record(
        group.name, result, fit=fit, findings=(Finding("fit", group.name, Light.AMBER, said, remedy),)
    )
