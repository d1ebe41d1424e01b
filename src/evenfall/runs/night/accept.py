"""Making a posterior the new prior: a version that says which days it has absorbed."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from evenfall.beliefs.observations import Observations
from evenfall.beliefs.posterior import UpdateRule
from evenfall.errors import UsageError
from evenfall.registry.parameter import Parameter
from evenfall.runs.night.chain import chain_of, promoted
from evenfall.runs.night.nightly import LEASE_SECONDS
from evenfall.runs.world import World
from evenfall.store.records import Record

__all__ = ["accept"]


def accept(world: World, parameter: Parameter) -> dict[str, Any]:
    """Accept the parameter's current posterior as its prior and return the prior in force afterwards.

    Only closed days are absorbed; days that may still change stay data. So no current number changes, and
    accepting the same posterior twice is accepting it once.

    Raises
    ------
    UsageError
        When there is no posterior to accept.
    """
    night = world.night()
    store, identity = world.store, parameter.id
    current = store.current([identity], night.instant).get(identity)
    chain = chain_of(store.priors([identity], night.instant).get(identity, ()))
    results = store.night_results([identity], night.as_of)
    if current is None or chain is None or identity not in results:
        raise UsageError(
            f"{identity} has no posterior to accept",
            remedy="run `evenfall nightly`, and see `evenfall status`",
        )
    known = store.observations({identity: current.query_hash}, night.instant).get(identity)
    rule = UpdateRule(current.half_life_days, current.kappa)
    after = promoted(chain, known or Observations.of(()), current, rule, night.instant)
    changed = after is not chain
    if changed:
        key = f"accept:{identity}:{night.as_of}"
        lease = store.start_run(key, "accept", night.as_of, plan_json="{}", lease_seconds=LEASE_SECONDS)
        try:
            store.commit([Record(identity, results[identity], priors=(after.head,))], lease)
        finally:
            store.finish_run(lease, "ok", {"accepted": identity})
    head = replace(after.head)
    return {
        "parameter_id": identity,
        "changed": changed,
        "prior": {**head.belief.numbers, "mean": head.mean, "stdev": head.stdev},
        "absorbed_until": head.absorbed_until.isoformat() if head.absorbed_until else None,
        "origin": str(head.belief.origin),
    }
