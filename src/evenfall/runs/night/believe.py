"""Tonight's prior: what its source says, and which version is in force after hearing it."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import numpy as np

from evenfall.beliefs.belief import Belief, Origin
from evenfall.beliefs.families.robust_beta import ROBUST_BETA
from evenfall.beliefs.observations import Skipped
from evenfall.connectors.priors import history_subject
from evenfall.errors import EvenfallError, QueryRefused, SourceError, UnknownName
from evenfall.findings import Light
from evenfall.registry.parameter import Parameter
from evenfall.registry.schemas import StaticPrior
from evenfall.runs.night.case import Case
from evenfall.runs.night.chain import Chain, declared, find_write_back, promoted, rebuilt
from evenfall.runs.night.ledger import observations_of
from evenfall.runs.night.sources import fetch_prior, origin_of_columns
from evenfall.runs.world import World
from evenfall.store.records import PosteriorRecord

__all__ = ["fetch_priors", "resolve_prior"]

_FROM_OUTSIDE = frozenset({"sql", "sheets", "webhook"})


def fetch_priors(cases: list[Case], world: World) -> None:
    """Ask every prior source; a source that fails is an answer too."""
    for case in cases:
        if case.skipped is None:
            case.candidate = _candidate(case, world)


def _candidate(case: Case, world: World) -> tuple[Belief, date | None] | Skipped | None:
    source = case.parameter.prior_source
    try:
        if source is None or source.type in ("static", "posterior_history"):
            return None
        answer = fetch_prior(case.parameter, world.registry, case.night)
        return answer if isinstance(answer, Skipped) else (answer, None)
    except SourceError as error:
        return Skipped("source_down", error.message, error.remedy)
    except EvenfallError as error:
        return Skipped("config_error", error.message, error.remedy)


def resolve_prior(case: Case, world: World) -> None:
    """Decide which prior version is in force tonight.

    The order is the prior's source, then the columns alpha_prior and beta_prior of the observations, then the
    numbers of the definition. Where a source fails, its last good answer stays; a fallback is used only where
    there never was one.
    """
    source = case.parameter.prior_source
    if source is not None and source.type == "posterior_history":
        _from_history(case, world)
    elif isinstance(case.candidate, tuple):
        _from_outside(case, world, case.candidate)
    elif isinstance(case.candidate, Skipped):
        _from_last_good(case, case.candidate)
    else:
        _from_definition(case, world)
    if case.chain is None:
        case.skipped = Skipped(
            "config_error",
            "there is no prior in prior_source, bayesian_update.prior, value or fallback_value",
            "add `value: {mean: …, stdev: …}`",
        )
        return
    case.chain = rebuilt(case.chain, observations_of(case.ledger), case.rule, case.night.instant)


def _robust(case: Case, belief: Belief) -> Belief:
    """Return the belief mixed with a vague one, where the definition asks for a prior that gives way."""
    weight = case.parameter.robust_weight
    if weight is None or belief.family != "beta":
        return belief
    theta = ROBUST_BETA.around(np.array(belief.theta), weight)
    return Belief(ROBUST_BETA.name, ROBUST_BETA.keys, tuple(theta.tolist()), belief.origin)


def _declare(case: Case, belief: Belief, absorbed_until: date | None) -> None:
    case.chain = declared(
        case.chain,
        _robust(case, belief),
        absorbed_until,
        parameter_id=case.id,
        definition_hash=case.parameter.definition_hash,
        seen_at=case.night.instant,
    )


def _from_definition(case: Case, world: World) -> None:
    columns, written = _prior_columns(case), case.parameter.declared_prior()
    if columns is not None and written is not None and written[0].theta != columns.theta:
        wins = "the numbers of prior_source" if _states_numbers(case.parameter) else "the query"
        case.note(
            "prior",
            f"alpha_prior and beta_prior of the query ({columns}) and the definition ({written[0]}) disagree;"
            f" {wins} win",
            "remove one of the two",
        )
    if columns is not None and not _states_numbers(case.parameter):
        _from_outside(case, world, (columns, None))
    elif written is not None:
        _declare(case, *written)
    elif (fallback := case.parameter.fallback()) is not None:
        _declare(case, fallback, None)


def _states_numbers(parameter: Parameter) -> bool:
    source = parameter.prior_source
    return isinstance(source, StaticPrior) and source.states_a_belief


def _prior_columns(case: Case) -> Belief | None:
    """Return the prior beside the evidence as read tonight, or as last read when nothing was read tonight."""
    if case.fetched is not None and case.fetched.skipped is None:
        return case.fetched.prior
    if case.chain is None or case.task.shape is None:
        return None
    last = case.chain.root.belief
    return last if last.origin == origin_of_columns(case.task.shape.query) else None


def _from_outside(case: Case, world: World, candidate: tuple[Belief, date | None]) -> None:
    """Take numbers from outside, unless they are a posterior of ours that was written there."""
    belief, absorbed_until = candidate
    changed = declared(
        case.chain,
        _robust(case, belief),
        absorbed_until,
        parameter_id=case.id,
        definition_hash=case.parameter.definition_hash,
        seen_at=case.night.instant,
    )
    if changed is case.chain or case.chain is None or belief.origin.kind not in _FROM_OUTSIDE:
        case.chain = changed
        return
    written = [
        record for record in world.store.posterior_history(case.id) if record.seen_at < case.night.instant
    ]
    accepted = find_write_back(belief, written)
    case.chain = changed if accepted is None else _promote(case, case.chain, accepted)


def _promote(case: Case, chain: Chain, accepted: PosteriorRecord) -> Chain:
    return promoted(chain, observations_of(case.ledger), accepted, case.rule, case.night.instant)


def _from_history(case: Case, world: World) -> None:
    """Take the last posterior as the prior: its closed days are absorbed, the open ones stay data."""
    try:
        subject = world.registry.parameter(history_subject(case.parameter)).id
    except (QueryRefused, UnknownName) as wrong:
        _from_last_good(case, Skipped("config_error", wrong.message, wrong.remedy))
        return
    if subject == case.id:
        _from_definition(case, world)
        if case.chain is not None and case.chain is case.stored_chain and case.current is not None:
            case.chain = _promote(case, case.chain, case.current)
        return
    other = world.store.current([subject], world.before(case.night).instant).get(subject)
    if other is not None:
        origin = Origin("posterior", f"{subject} as of {other.as_of}")
        _declare(case, replace(other.belief, origin=origin), None)
    elif case.chain is None:
        _from_definition(case, world)


def _from_last_good(case: Case, failure: Skipped) -> None:
    kept = "its last good answer stays" if case.chain is not None else "its fallback is used"
    case.note(
        "prior_source",
        f"the prior's source did not answer ({failure.detail}); {kept}",
        failure.remedy,
        light=Light.STALE,
    )
    if case.chain is not None:
        return
    fallback = case.parameter.fallback()
    written = case.parameter.declared_prior()
    if fallback is not None:
        _declare(case, fallback, None)
    elif written is not None:
        _declare(case, *written)
