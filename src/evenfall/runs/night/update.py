"""The way of the data, one verb after the other, for the parameters of one chunk."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from datetime import timedelta

from evenfall.beliefs.observations import Skipped
from evenfall.beliefs.overdispersion import learn_kappa
from evenfall.beliefs.posterior import UpdateRule, posterior
from evenfall.beliefs.summary import summarise
from evenfall.clock import Night
from evenfall.errors import AlreadyAbsorbed
from evenfall.runs.fitting.fitter import Fitter
from evenfall.runs.fitting.specs import is_exact
from evenfall.runs.night.believe import fetch_priors, resolve_prior
from evenfall.runs.night.case import Case, recall
from evenfall.runs.night.check import check
from evenfall.runs.night.delays import settled_of
from evenfall.runs.night.fit import fit
from evenfall.runs.night.horizon import choose_horizon
from evenfall.runs.night.inputs import inputs_hash
from evenfall.runs.night.keep import keep
from evenfall.runs.night.learned import Learned
from evenfall.runs.night.ledger import (
    count_loaded,
    merge,
    merge_cohorts,
    merge_slices,
    observations_of,
)
from evenfall.runs.night.observe import fetch_observations
from evenfall.runs.night.plan import Task
from evenfall.runs.night.pool import pool
from evenfall.runs.night.watch import detect_changes, watch
from evenfall.runs.world import World
from evenfall.store.records import Hyperparameter, PosteriorRecord, Record
from evenfall.window import local_day

__all__ = ["update"]


def update(
    tasks: Sequence[Task], night: Night, world: World, learned: Learned, fitter: Fitter
) -> list[Record]:
    """Return what tonight keeps of each parameter of a chunk; nothing is written yet."""
    cases = recall(tasks, night, world)
    fetch_priors(cases, world)
    fetch_observations(cases, world)
    known = world.store.hyperparameters(night.instant)
    for case in cases:
        _meet(case)
        _choose_rule(case, learned, known)
        if case.task.skipped is None and (case.skipped is None or case.skipped.reason != "config_error"):
            resolve_prior(case, world)
        _count(case)
    believed = [case for case in cases if case.chain is not None]
    _gather(believed)
    _infer([case for case in believed if is_exact(case.parameter)])
    fit(believed, world, fitter)
    detect_changes(cases, world)
    check(cases, world)
    watch(cases, world)
    return [*(keep(case) for case in cases), *pool(believed, world, fitter)]


def _meet(case: Case) -> None:
    """Meet the read with the ledger: its rows replace those of the same interval, never add to them."""
    if case.fetched is None:
        return
    if case.fetched.skipped is not None:
        case.skipped = case.fetched.skipped
        return
    try:
        case.ledger = merge(case.id, case.known, case.fetched.rows)
    except AlreadyAbsorbed as overlap:
        case.skipped = Skipped("quarantined", overlap.message, overlap.remedy)
        return
    case.cohorts = merge_cohorts(case.known_cohorts, case.fetched.cohorts)
    case.slices = merge_slices(case.known_slices, case.fetched.slices, case.fetched.rows)


def _count(case: Case) -> None:
    """Account for the trials of tonight's read, once it is settled which days the prior has absorbed."""
    if case.fetched is None or case.ledger is case.known:
        return
    case.count = count_loaded(
        case.fetched.rows,
        [bad.size for bad in case.fetched.quarantined],
        case.chain.root.absorbed_until if case.chain is not None else None,
    )


def _choose_rule(case: Case, learned: Learned, known: Mapping[tuple[str, str], Hyperparameter]) -> None:
    """Settle the numbers the posterior depends on beside prior and evidence."""
    parameter, night = case.parameter, case.night
    # A day whose outcomes may still come is not closed: absorbed now, it would never be counted.
    horizon = case.task.shape.horizon if case.task.shape is not None else timedelta()
    if case.cohorts is not None:
        choose_horizon(case, known)
        horizon = timedelta(days=math.ceil(case.horizon_days))
    case.watermark = local_day(
        night.instant - timedelta(days=learned.arrival_delay_days) - horizon, night.zone
    )
    half_life = parameter.half_life_days
    kappa = parameter.kappa
    case.rule = UpdateRule(
        half_life_days=learned.half_life_days if half_life == "learned" else half_life,
        kappa=learn_kappa(observations_of(case.ledger)) if kappa == "learned" else kappa,
    )


def _gather(cases: list[Case]) -> None:
    """Take what the prior has not absorbed of the ledger, and see whether it is enough."""
    for case in cases:
        case.observations = observations_of(case.ledger).between(
            case.prior.root.absorbed_until, case.night.as_of
        )
        case.settled = case.observations
        if case.cohorts is not None:
            counted = case.cohorts.between(case.prior.root.absorbed_until, case.night.as_of)
            case.settled = settled_of(counted, case.horizon_days)
        case.skipped = case.skipped or _too_few(case)


def _infer(cases: list[Case]) -> None:
    """Compute the posteriors of all parameters at once: the root of each chain times its whole ledger."""
    ready = [case for case in cases if case.skipped is None and len(case.observations)]
    beliefs = posterior(
        [case.prior.root.belief for case in ready],
        [case.observations for case in ready],
        [case.rule for case in ready],
    )
    if not ready:
        return
    summary = summarise(beliefs)
    for row, (case, belief) in enumerate(zip(ready, beliefs, strict=True)):
        size, total, squares = (float(value) for value in case.observations.total())
        case.posterior = PosteriorRecord(
            parameter_id=case.id,
            as_of=case.night.as_of,
            prior_version=case.prior.head.version,
            belief=belief,
            mean=float(summary.mean[row]),
            stdev=float(summary.stdev[row]),
            lower=float(summary.lower[row]),
            upper=float(summary.upper[row]),
            sums=(size, total, squares),
            counted_until=case.counted_until,
            watermark=case.watermark,
            kappa=case.rule.kappa,
            half_life_days=case.rule.half_life_days,
            query_hash=case.task.query_hash,
            definition_hash=case.parameter.definition_hash,
            inputs_hash=inputs_hash(case),
            seen_at=case.night.instant,
        )


def _too_few(case: Case) -> Skipped | None:
    if case.parameter.observation_source is None:
        return Skipped("no_data", "it has no observation_source; the prior stands as declared")
    if not len(case.observations):
        return Skipped("no_data", "the ledger holds no evidence of it yet")
    since = case.observations.between(case.prior.head.absorbed_until)
    found = since.size
    needed = case.parameter.min_sample_size
    if found < needed:
        return Skipped("insufficient_samples", f"{found:,.0f} of {needed:,.0f} samples so far")
    if case.parameter.is_cohort:
        followed = 0 if case.cohorts is None else int(case.cohorts.size.sum())
        if followed < needed:
            return Skipped(
                "insufficient_samples",
                f"{followed:,} of {needed:,} people have been followed for a day or more",
            )
    return None
