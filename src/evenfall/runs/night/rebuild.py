"""Every stored posterior again, from its prior version and the ledger as they were known on its night."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime

from evenfall.beliefs.observations import Observations
from evenfall.beliefs.posterior import UpdateRule, posterior
from evenfall.beliefs.summary import summarise
from evenfall.runs.night.ledger import Sums, observations_of
from evenfall.runs.report import Difference, RebuildReport
from evenfall.runs.world import World
from evenfall.store.records import EvidenceRow, PosteriorRecord, PriorVersion
from evenfall.window import DayWindow

__all__ = ["TOLERANCE", "rebuild"]

_EVER = datetime.max.replace(tzinfo=UTC)

TOLERANCE = 1e-12
"""Largest relative difference at which two numbers are the same: rounding of sums, no more."""


def rebuild(world: World, only: str | None = None) -> RebuildReport:
    """Return how every stored posterior compares with what its inputs give today."""
    differing: list[Difference] = []
    checked, largest = 0, 0.0
    for parameter in world.selected(only):
        stored = world.store.posterior_history(parameter.id)
        if not stored:
            continue
        for record, again in zip(stored, _rebuilt(world, parameter.id, stored), strict=True):
            checked += 1
            gap = _difference(record, again)
            largest = max(largest, gap)
            if not gap <= TOLERANCE:  # written so that NaN differs
                differing.append(Difference(parameter.id, record.as_of, _numbers(record), _numbers(again)))
    return RebuildReport(checked, tuple(differing), largest)


def _rebuilt(world: World, identity: str, stored: Sequence[PosteriorRecord]) -> Iterator[PosteriorRecord]:
    """Yield each posterior as its inputs give it: belief, summary and sums."""
    versions = {
        version.version: version for version in world.store.priors([identity], _EVER).get(identity, ())
    }
    history = world.store.evidence_history(identity)
    roots, observations, rules = [], [], []
    for record in stored:
        root = _root(versions, record)
        roots.append(root.belief)
        observations.append(_evidence(history, record).between(root.absorbed_until, record.counted_until))
        rules.append(UpdateRule(record.half_life_days, record.kappa))
    beliefs = posterior(roots, observations, rules)
    summary = summarise(beliefs)
    for row, (record, belief) in enumerate(zip(stored, beliefs, strict=True)):
        size, total, squares = observations[row].total().tolist()
        yield replace(
            record,
            belief=belief,
            mean=float(summary.mean[row]),
            stdev=float(summary.stdev[row]),
            lower=float(summary.lower[row]),
            upper=float(summary.upper[row]),
            sums=(size, total, squares),
        )


def _root(versions: dict[int, PriorVersion], record: PosteriorRecord) -> PriorVersion:
    return versions[versions[record.prior_version].root]


def _evidence(history: Sequence[EvidenceRow], record: PosteriorRecord) -> Observations:
    """Return the evidence as the posterior's night knew it: seen by then, and written by then.

    A night that ran late wrote rows with an earlier logical time than nights that had run before it; what
    those nights computed did not know them.
    """
    written = record.wall_at
    known: dict[DayWindow, tuple[tuple[datetime, int], Sums]] = {}
    for row in history:
        later = row.wall_at is not None and written is not None and row.wall_at > written
        if row.query_hash != record.query_hash or row.seen_at > record.seen_at or later:
            continue
        if row.slice or row.age != "final":
            continue  # parts of what the whole counts
        rank = (row.seen_at, row.version)
        if row.window not in known or known[row.window][0] < rank:
            known[row.window] = (rank, (row.size, row.total, row.squares))
    return observations_of({window: sums for window, (_, sums) in known.items()})


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
