"""Every stored posterior again, from its prior version and the ledger as they were known on its night."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime

from evenfall.beliefs.posterior import UpdateRule, posterior
from evenfall.beliefs.summary import summarise
from evenfall.runs.fitting.fitter import Fitter
from evenfall.runs.night.refit import Replay, known_then, refit
from evenfall.runs.report import Difference, RebuildReport
from evenfall.runs.world import World
from evenfall.store.records import PosteriorRecord, PriorVersion

__all__ = ["TOLERANCE", "rebuild"]

_EVER = datetime.max.replace(tzinfo=UTC)

TOLERANCE = 1e-12
"""Largest relative difference at which two numbers are the same: rounding of sums, no more."""


def rebuild(world: World, only: str | None = None) -> RebuildReport:
    """Return how every stored posterior compares with what its inputs give today."""
    differing: list[Difference] = []
    checked, largest = 0, 0.0
    with Fitter.of(world) as fitter:
        for parameter in world.selected(only):
            stored = world.store.posterior_history(parameter.id)
            if not stored:
                continue
            again = _rebuilt(world, fitter, parameter.id, stored)
            for record, anew in zip(stored, again, strict=True):
                checked += 1
                gap = _difference(record, anew)
                largest = max(largest, gap)
                if not gap <= TOLERANCE:  # written so that NaN differs
                    differing.append(Difference(parameter.id, record.as_of, _numbers(record), _numbers(anew)))
    return RebuildReport(checked, tuple(differing), largest)


def _rebuilt(
    world: World, fitter: Fitter, identity: str, stored: Sequence[PosteriorRecord]
) -> Iterator[PosteriorRecord]:
    """Yield each posterior as its inputs give it: belief, summary and sums."""
    versions = {
        version.version: version for version in world.store.priors([identity], _EVER).get(identity, ())
    }
    history = world.store.evidence_history(identity)
    roots, observations, rules, replays = [], [], [], []
    for record in stored:
        root = _root(versions, record)
        rows = [row for row in history if row.query_hash == record.query_hash]
        seen = known_then(rows, record).between(root.absorbed_until, record.counted_until)
        roots.append(root.belief)
        observations.append(seen)
        rules.append(UpdateRule(record.half_life_days, record.kappa))
        if record.fit_id is not None:
            replays.append(Replay(record, world.store.fit(record.fit_id), root, seen, rows))
    beliefs = posterior(roots, observations, rules)
    summary = summarise(beliefs)
    fitted = refit(world, fitter, replays)
    for row, (record, belief) in enumerate(zip(stored, beliefs, strict=True)):
        size, total, squares = observations[row].total().tolist()
        again = fitted.get(record.id) or replace(
            record,
            belief=belief,
            mean=float(summary.mean[row]),
            stdev=float(summary.stdev[row]),
            lower=float(summary.lower[row]),
            upper=float(summary.upper[row]),
        )
        yield replace(again, sums=(size, total, squares))


def _root(versions: dict[int, PriorVersion], record: PosteriorRecord) -> PriorVersion:
    return versions[versions[record.prior_version].root]


def _difference(stored: PosteriorRecord, again: PosteriorRecord) -> float:
    if stored.belief.family != again.belief.family:
        return math.inf
    return max(
        abs(a - b) / max(abs(a), abs(b), math.ulp(0.0)) if a != b else 0.0
        for a, b in zip(_numbers(stored), _numbers(again), strict=True)
    )


def _numbers(record: PosteriorRecord) -> tuple[float, ...]:
    """Return every number a posterior is read for: those of its family, its summary, what it counted."""
    return (*record.belief.theta, record.mean, record.stdev, record.lower, record.upper, *record.sums)
