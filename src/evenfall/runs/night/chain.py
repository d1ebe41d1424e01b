"""The chain of prior versions: a root from outside, and the posteriors accepted on top of it.

A root holds numbers that came from outside the ledger. An accepted posterior is a promoted version: the same
root, with the closed days up to its `absorbed_until` multiplied in. Numbers are always computed from the root
and the ledger, so a promotion changes no current number, and a restatement of days absorbed long ago reaches
every version that stands on them.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

from evenfall.beliefs.belief import Belief, Origin
from evenfall.beliefs.observations import Observations
from evenfall.beliefs.posterior import UpdateRule, posterior
from evenfall.beliefs.summary import summarise
from evenfall.store.records import PosteriorRecord, PriorVersion

__all__ = ["Chain", "chain_of", "declared", "find_write_back", "promoted", "rebuilt", "same_numbers"]

_DIGITS = 1e-12
"""Relative difference below which two beliefs are the same numbers: what a sheet or a text column keeps."""


@dataclass(frozen=True, slots=True)
class Chain:
    """The prior in force: its root, and the newest version that stands on it."""

    root: PriorVersion
    head: PriorVersion


def chain_of(versions: Sequence[PriorVersion]) -> Chain | None:
    """Return the chain in force among `versions`, or None when nothing was ever believed."""
    if not versions:
        return None
    head = max(versions, key=lambda version: (version.seen_at, version.version))
    root = next((version for version in versions if version.version == head.root), head)
    return Chain(root, head)


def same_numbers(one: Belief, other: Belief) -> bool:
    """Return whether two beliefs are the same family with the same numbers, to 12 digits."""
    return one.family == other.family and all(
        math.isclose(a, b, rel_tol=_DIGITS, abs_tol=0.0) for a, b in zip(one.theta, other.theta, strict=True)
    )


def declared(
    chain: Chain | None,
    candidate: Belief,
    absorbed_until: date | None,
    *,
    parameter_id: str,
    definition_hash: str,
    seen_at: datetime,
) -> Chain:
    """Return the chain after the source said `candidate`: a new root when it differs, else `chain` itself.

    A fallback stands in for a source that never answered; it never replaces a root that did.
    """
    fallback = candidate.origin.kind == "fallback"
    if chain is not None:
        unchanged = same_numbers(chain.root.belief, candidate) and chain.root.absorbed_until == absorbed_until
        if unchanged or fallback:
            return chain
    version = _version(
        candidate,
        parameter_id=parameter_id,
        reason="fallback" if fallback else "declared",
        root=0,
        absorbed_until=absorbed_until,
        definition_hash=definition_hash,
        seen_at=seen_at,
    )
    return Chain(version, version)


def promoted(
    chain: Chain, observations: Observations, accepted: PosteriorRecord, rule: UpdateRule, seen_at: datetime
) -> Chain:
    """Return the chain after `accepted` became the prior: its root times the days closed at its watermark.

    A posterior whose closed days the head already holds changes nothing.
    """
    held = chain.head.absorbed_until
    if held is not None and held >= accepted.watermark:
        return chain
    belief = absorbed_belief(chain.root, observations, accepted.watermark, rule)
    origin = Origin("posterior", f"{accepted.parameter_id} as of {accepted.as_of}")
    return _on_root(
        chain,
        Belief(belief.family, belief.keys, belief.theta, origin),
        "promoted",
        accepted.watermark,
        seen_at,
    )


def rebuilt(chain: Chain, observations: Observations, rule: UpdateRule, seen_at: datetime) -> Chain:
    """Return the chain with a promoted head recomputed, when days it had absorbed were restated since."""
    cut = chain.head.absorbed_until
    if chain.head is chain.root or cut is None:
        return chain
    belief = absorbed_belief(chain.root, observations, cut, rule)
    if same_numbers(belief, chain.head.belief):
        return chain
    renewed = Belief(belief.family, belief.keys, belief.theta, chain.head.belief.origin)
    return _on_root(chain, renewed, "rebuilt", cut, seen_at)


def absorbed_belief(root: PriorVersion, observations: Observations, until: date, rule: UpdateRule) -> Belief:
    """Return the root's belief updated with the evidence from its `absorbed_until` up to `until`."""
    evidence = observations.between(root.absorbed_until, until)
    return posterior([root.belief], [evidence], [UpdateRule(rule.half_life_days, rule.kappa, until)])[0]


def find_write_back(candidate: Belief, written: Sequence[PosteriorRecord]) -> PosteriorRecord | None:
    """Return the stored posterior whose mean and stdev `candidate` repeats to 12 digits, or None.

    A sheet or table that holds a posterior Evenfall wrote is not a new belief from outside: to take it for
    one would count its evidence a second time. Of several equal ones it is the oldest: nights without new
    evidence repeat the numbers, and are no further acceptance.
    """
    summary = summarise([candidate])
    mean, stdev = float(summary.mean[0]), float(summary.stdev[0])
    for record in sorted(written, key=lambda each: (each.seen_at, each.id)):
        if math.isclose(record.mean, mean, rel_tol=_DIGITS) and math.isclose(
            record.stdev, stdev, rel_tol=_DIGITS
        ):
            return record
    return None


def _on_root(chain: Chain, belief: Belief, reason: str, until: date, seen_at: datetime) -> Chain:
    head = _version(
        belief,
        parameter_id=chain.root.parameter_id,
        reason=reason,
        root=chain.root.version,
        absorbed_until=until,
        definition_hash=chain.root.definition_hash,
        seen_at=seen_at,
    )
    return Chain(chain.root, head)


def _version(
    belief: Belief,
    *,
    parameter_id: str,
    reason: str,
    root: int,
    absorbed_until: date | None,
    definition_hash: str,
    seen_at: datetime,
) -> PriorVersion:
    summary = summarise([belief])
    return PriorVersion(
        parameter_id=parameter_id,
        version=0,
        belief=belief,
        mean=float(summary.mean[0]),
        stdev=float(summary.stdev[0]),
        reason=reason,
        root=root,
        absorbed_until=absorbed_until,
        definition_hash=definition_hash,
        seen_at=seen_at,
    )
