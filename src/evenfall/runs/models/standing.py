"""What a night knew of a parameter, put together again from the store; no source is asked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from evenfall.beliefs.cohorts import Cohorts
from evenfall.beliefs.observations import Observations
from evenfall.clock import Night
from evenfall.connectors.events.slices import Slice, parse_slice
from evenfall.errors import ConfigError, UsageError
from evenfall.funnels.pooling.slices import Slices
from evenfall.inference.model import ModelSpec
from evenfall.registry.parameter import Parameter
from evenfall.registry.schemas import Pooling
from evenfall.runs.fitting.specs import delay_spec, pooled_slices
from evenfall.runs.night.case import Case, is_sliced, recall
from evenfall.runs.night.fit import specs_of as night_specs
from evenfall.runs.night.learned import Learned
from evenfall.runs.night.ledger import observations_of
from evenfall.runs.night.plan import plan_night
from evenfall.runs.night.settle import choose_rule, gather
from evenfall.runs.world import World
from evenfall.store.records import Hyperparameter

__all__ = ["family_spec_of", "slices_of", "specs_of", "standing"]


def standing(world: World, parameters: Sequence[Parameter], night: Night) -> list[Case]:
    """Return a case for each parameter as the ledger stood at the end of a night.

    Raises
    ------
    UsageError
        When a parameter has no prior yet, because no night has run.
    ConfigError
        When the night could not have read it.
    """
    chosen = {parameter.id for parameter in parameters}
    groups = dict.fromkeys(parameter.template_id or parameter.id for parameter in parameters)
    plans = [plan_night(world, night, only=group, retry_failed=True) for group in groups]
    tasks = {task.parameter_id: task for plan in plans for task in plan.tasks}
    cases = recall([task for name, task in tasks.items() if name in chosen], night, world)
    known = world.store.hyperparameters(night.instant)
    for case in cases:
        if case.task.skipped is not None:
            refused = case.task.skipped
            raise ConfigError(f"{case.id}: {refused.detail}", value=case.id, remedy=refused.remedy)
        if case.chain is None:
            raise UsageError(f"{case.id} has no prior yet", remedy="run `evenfall nightly` first")
        choose_rule(case, _learned(known), known)
    gather(cases)
    return cases


def specs_of(case: Case, world: World) -> dict[str, ModelSpec]:
    """Return the models of a parameter with its evidence, whether a formula would do or not.

    There is one per family of lags that the definition asks for, by the family's name; else one, under the
    name of its rule.

    Raises
    ------
    UsageError
        When there is no evidence.
    """
    seen = case.cohorts if case.parameter.latency is not None else case.observations
    if seen is None or not len(seen):
        raise UsageError(
            f"the ledger holds nothing to fit {case.id} to", remedy="run `evenfall nightly`, or backfill"
        )
    return night_specs(case, world)


def family_spec_of(case: Case, cohorts: Cohorts, family: str) -> ModelSpec:
    """Return the model of a delayed conversion with one family of lags."""
    root = case.prior.root
    counted = cohorts.between(root.absorbed_until, case.night.as_of)
    return delay_spec(case.parameter, root.belief, counted, case.horizon_days, family)


def slices_of(cases: Sequence[Case], pooling: Pooling) -> tuple[tuple[str, ...], Slices]:
    """Return the names of the slices of a template's shards, or of one sliced parameter, and their counts.

    Raises
    ------
    UsageError
        When fewer than two slices have evidence.
    """
    named: list[tuple[str, Slice, Observations]] = []
    for case in cases:
        if is_sliced(case.parameter):
            named += _parts(case)
        elif len(case.observations):
            named.append((case.id, Slice(case.parameter.shard), case.observations))
    if len(named) < 2:
        subject = cases[0].parameter.template_id or cases[0].id
        raise UsageError(f"{subject} has no two slices with evidence", remedy="backfill, or pool nothing")
    visits = [one.visited or frozenset[str]() for _, one, _ in named]
    slices = pooled_slices(pooling, [one.context for _, one, _ in named], visits, [d for _, _, d in named])
    return tuple(name for name, _, _ in named), slices


def _parts(case: Case) -> list[tuple[str, Slice, Observations]]:
    visits = bool(case.parameter.pooling and case.parameter.pooling.visited)
    root, until = case.prior.root, case.night.as_of
    return [
        (
            name,
            parse_slice(name, visits=visits),
            observations_of(case.slices[name]).between(root.absorbed_until, until),
        )
        for name in sorted(case.slices)
    ]


def _learned(known: Mapping[tuple[str, str], Hyperparameter]) -> Learned:
    """Return what the nights before taught, as it was kept."""
    delay, half_life = known.get(("*", "arrival_delay_days")), known.get(("*", "half_life_days"))
    return Learned(
        Learned().arrival_delay_days if delay is None else delay.value,
        None if half_life is None else half_life.value,
    )
