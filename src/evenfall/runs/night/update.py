"""The way of the data, one verb after the other, for the parameters of one chunk."""

from __future__ import annotations

from collections.abc import Sequence

from evenfall.beliefs.observations import Skipped
from evenfall.beliefs.posterior import posterior
from evenfall.beliefs.summary import summarise
from evenfall.clock import Night
from evenfall.errors import AlreadyAbsorbed
from evenfall.runs.fitting.fitter import Fitter
from evenfall.runs.fitting.specs import is_exact
from evenfall.runs.night.believe import fetch_priors, resolve_prior
from evenfall.runs.night.case import Case, recall
from evenfall.runs.night.check import check
from evenfall.runs.night.fit import fit
from evenfall.runs.night.inputs import inputs_hash
from evenfall.runs.night.keep import keep
from evenfall.runs.night.learned import Learned
from evenfall.runs.night.ledger import (
    count_loaded,
    merge,
    merge_cohorts,
    merge_slices,
)
from evenfall.runs.night.observe import fetch_observations
from evenfall.runs.night.plan import Task
from evenfall.runs.night.pool import pool
from evenfall.runs.night.settle import choose_rule, gather
from evenfall.runs.night.watch import detect_changes, watch
from evenfall.runs.world import World
from evenfall.store.records import PosteriorRecord, Record

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
        choose_rule(case, learned, known)
        if case.task.skipped is None and (case.skipped is None or case.skipped.reason != "config_error"):
            resolve_prior(case, world)
        _count(case)
    believed = [case for case in cases if case.chain is not None]
    gather(believed)
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
