"""The horizon within which delayed conversions count: as defined, or chosen once from mature cohorts."""

from __future__ import annotations

from collections.abc import Mapping

from evenfall.funnels.delays.horizon import default_horizon
from evenfall.runs.night.case import Case
from evenfall.store.records import Hyperparameter

__all__ = ["choose_horizon", "horizon_name"]


def horizon_name(definition_hash: str) -> str:
    """Return the name under which the horizon of a definition is kept; another definition chooses anew."""
    return f"horizon_days@{definition_hash[:12]}"


def choose_horizon(case: Case, known: Mapping[tuple[str, str], Hyperparameter]) -> None:
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
    name = horizon_name(case.parameter.definition_hash)
    kept = known.get((case.id, name))
    if kept is not None:
        case.horizon_days = kept.value
        return
    chosen = default_horizon(cohorts.conversions, cohorts.observed)
    case.horizon_days = float(min(chosen.days, latency.max_age_days))
    followed = int(cohorts.observed.max(initial=0))
    if chosen.from_data and followed >= min(2 * chosen.days, latency.max_age_days):
        case.chosen_horizon = Hyperparameter(case.id, name, case.horizon_days, case.night.instant)
