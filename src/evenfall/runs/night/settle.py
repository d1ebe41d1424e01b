"""What a posterior depends on beside its prior: learned numbers, a horizon, the evidence that counts."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from datetime import timedelta

from evenfall.beliefs.observations import Skipped
from evenfall.beliefs.overdispersion import learn_kappa
from evenfall.beliefs.posterior import UpdateRule
from evenfall.funnels.delays.horizon import default_horizon
from evenfall.runs.night.case import Case
from evenfall.runs.night.delays import settled_of
from evenfall.runs.night.learned import Learned
from evenfall.runs.night.ledger import observations_of
from evenfall.store.records import Hyperparameter
from evenfall.window import local_day

__all__ = ["choose_rule", "gather"]


def choose_rule(case: Case, learned: Learned, known: Mapping[tuple[str, str], Hyperparameter]) -> None:
    """Settle the numbers the posterior depends on beside prior and evidence."""
    parameter, night = case.parameter, case.night
    # A day whose outcomes may still come is not closed: absorbed now, it would never be counted.
    horizon = case.task.shape.horizon if case.task.shape is not None else timedelta()
    if case.cohorts is not None:
        _choose_horizon(case, known)
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


def gather(cases: Sequence[Case]) -> None:
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


def _horizon_name(definition_hash: str) -> str:
    """Return the name under which the horizon of a definition is kept; another definition chooses anew."""
    return f"horizon_days@{definition_hash[:12]}"


def _choose_horizon(case: Case, known: Mapping[tuple[str, str], Hyperparameter]) -> None:
    """Settle the horizon of a case: as defined, as chosen on an earlier night, else from its cohorts.

    A choice is kept once the oldest cohort has been followed for twice as long: until then the tail that
    would lengthen it may not have been seen, and it is made anew every night.
    """
    latency, cohorts = case.parameter.latency, case.cohorts
    if latency is None or cohorts is None:
        return
    if latency.horizon_days is not None:
        case.horizon_days = float(latency.horizon_days)
        return
    name = _horizon_name(case.parameter.definition_hash)
    kept = known.get((case.id, name))
    if kept is not None:
        case.horizon_days = kept.value
        return
    chosen = default_horizon(cohorts.conversions, cohorts.observed)
    case.horizon_days = float(min(chosen.days, latency.max_age_days))
    followed = int(cohorts.observed.max(initial=0))
    if chosen.from_data and followed >= min(2 * chosen.days, latency.max_age_days):
        case.chosen_horizon = Hyperparameter(case.id, name, case.horizon_days, case.night.instant)
