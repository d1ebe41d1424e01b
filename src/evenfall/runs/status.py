"""How the project's numbers stand at the end of a night, and what the next night will read."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import datetime

from evenfall.clock import Night
from evenfall.findings import Light
from evenfall.registry.parameter import Parameter
from evenfall.runs.night.chain import Chain, chain_of
from evenfall.runs.night.plan import plan_night
from evenfall.runs.report import Gap, History, Status, StatusRow
from evenfall.runs.world import World
from evenfall.store.records import NightResult, PosteriorRecord

__all__ = ["gaps", "history", "row_of", "rows_of", "status"]


def status(world: World, night: Night, only: str | None = None) -> Status:
    """Return every parameter as it stood at the end of `night`."""
    return Status(night.as_of, rows_of(world, night, world.selected(only)))


def rows_of(world: World, night: Night, parameters: Sequence[Parameter]) -> tuple[StatusRow, ...]:
    """Return some parameters, in their order, as they stood at the end of `night`."""
    ids = [parameter.id for parameter in parameters]
    results = world.store.night_results(ids, night.as_of)
    current = world.store.current(ids, night.instant)
    priors = world.store.priors(ids, night.instant)
    return tuple(
        row_of(
            parameter,
            chain_of(priors.get(parameter.id, ())),
            current.get(parameter.id),
            results.get(parameter.id),
            night.instant,
        )
        for parameter in parameters
    )


def row_of(
    parameter: Parameter,
    chain: Chain | None,
    current: PosteriorRecord | None,
    result: NightResult | None,
    now: datetime,
) -> StatusRow:
    """Return how a parameter stands, from what the store knew of it at the end of a night."""
    verdict = result.verdict if result is not None else {}
    read_at = result.read_at if result is not None else None
    prior = chain.head if chain is not None else None
    return StatusRow(
        parameter_id=parameter.id,
        name=parameter.name,
        type=parameter.type,
        light=result.light if result is not None else Light.GREY,
        outcome=result.outcome if result is not None else "not_due",
        prior_mean=prior.mean if prior else None,
        prior_stdev=prior.stdev if prior else None,
        prior_origin=str(prior.belief.origin) if prior else "",
        posterior_mean=current.mean if current else None,
        posterior_stdev=current.stdev if current else None,
        lower=current.lower if current else None,
        upper=current.upper if current else None,
        size=current.sums[0] if current else 0.0,
        total=current.sums[1] if current else 0.0,
        observed=_observed(parameter, current.sums) if current else None,
        sigma=_number(verdict.get("sigma_predictive")),
        read_at=read_at,
        age_days=(now - read_at).total_seconds() / 86400 if read_at else None,
        detail=result.detail if result is not None else "no night has run yet",
        remedy=_remedy(parameter, result),
        config_error=str(parameter.config_error) if parameter.config_error else "",
    )


def _remedy(parameter: Parameter, result: NightResult | None) -> str:
    if parameter.config_error is not None:
        return "mend the file; until then its last good version counts, if it ever had one"
    return result.remedy if result is not None else "run `evenfall nightly`"


def _observed(parameter: Parameter, sums: tuple[float, float, float]) -> float | None:
    """Return what was seen, on the scale of the belief: a rate, a mean, or the mean of a lognormal."""
    size, total, squares = sums
    if not size:
        return None
    if parameter.type != "duration":
        return total / size
    spread = max(squares / size - (total / size) ** 2, 0.0)
    return math.exp(total / size + spread / 2)


def _number(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) else None


def gaps(world: World, night: Night, only: str | None = None) -> tuple[Gap, ...]:
    """Return the windows that `night` would read for the first time, and what cannot be read at all."""
    found = []
    for task in plan_night(world, night, only=only).tasks:
        if task.skipped is not None:
            found.append(Gap(task.parameter_id, (), f"{task.skipped.reason}: {task.skipped.detail}"))
        elif task.missing:
            found.append(Gap(task.parameter_id, task.missing, "missing"))
    return tuple(found)


def history(world: World, parameter_id: str) -> History:
    """Return everything kept of one parameter, oldest first."""
    identity = world.registry.parameter(parameter_id).id
    store, ever = world.store, world.night().instant
    return History(
        identity,
        tuple(store.priors([identity], ever).get(identity, ())),
        tuple(store.posterior_history(identity)),
        tuple(store.evidence_history(identity)),
        tuple(store.night_history(identity)),
    )
