"""Numbers learned from the whole ledger before a night, kept as versions: posteriors depend on them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np

from evenfall.beliefs.discount import learn_half_life
from evenfall.clock import Night
from evenfall.errors import EvenfallError
from evenfall.registry.parameter import Parameter
from evenfall.registry.schemas import EventObservations
from evenfall.runs.night.chain import chain_of
from evenfall.runs.night.sources import shape_of
from evenfall.runs.world import World
from evenfall.store.records import Arrival, Hyperparameter
from evenfall.window import day_start

__all__ = ["Learned", "arrival_delay_days", "learn"]

_NIGHTS_NEEDED = 30
"""Nights with a read before the arrival delay is learned; until then a day closes after one day."""

_DAYS_SAMPLED = 60
"""Days back whose arrival is looked at: how late events were a year ago says little of how late they are."""

_ARRIVED = 0.99
"""Share of the trials that must have arrived before a day counts as closed."""


@dataclass(frozen=True, slots=True)
class Learned:
    """What the ledger before tonight taught.

    Attributes
    ----------
    arrival_delay_days
        Days after its end at which a day is closed.
    half_life_days
        Half-life of the power discount pooled over all parameters that ask for it; None when none does.
    """

    arrival_delay_days: float = 1.0
    half_life_days: float | None = None

    def versions(self, seen_at: datetime) -> tuple[Hyperparameter, ...]:
        """Return the numbers as versioned records of the project."""
        numbers = {"arrival_delay_days": self.arrival_delay_days, "half_life_days": self.half_life_days}
        return tuple(
            Hyperparameter("*", name, value, seen_at) for name, value in numbers.items() if value is not None
        )


def learn(world: World, night: Night) -> Learned:
    """Return what the ledger as it stood before `night` teaches; running the night again teaches the same."""
    before = world.before(night)
    since = before.as_of - timedelta(days=_DAYS_SAMPLED)
    arrivals = world.store.arrivals(before.instant, since, _waiting_queries(world))
    discounted = [p for p in world.registry.parameters.values() if p.half_life_days == "learned"]
    return Learned(
        arrival_delay_days(arrivals, before),
        _half_life(world, before, discounted) if discounted else None,
    )


def _waiting_queries(world: World) -> set[str]:
    """Return the queries that are read only once a horizon has passed: that wait is no lateness of events."""
    waiting = set()
    for parameter in world.registry.parameters.values():
        if isinstance(parameter.observation_source, EventObservations):
            with suppress(EvenfallError):  # what cannot be read has no evidence to leave out
                waiting.add(shape_of(parameter, world.registry).query_hash)
    return waiting


def arrival_delay_days(arrivals: Sequence[Arrival], night: Night) -> float:
    """Return the whole days by which 99 % of the trials had arrived, once 30 nights have been seen.

    Each read of a day brings the trials it adds to the read before; their delay is the time from the end of
    the day to that read.
    """
    if len({arrival.seen_at for arrival in arrivals}) < _NIGHTS_NEEDED:
        return 1.0
    delays = np.array([(a.seen_at - day_start(a.stop, night.zone)).total_seconds() / 86400 for a in arrivals])
    added = np.array([abs(a.added) for a in arrivals])
    if added.sum() == 0:
        return 1.0
    order = np.argsort(delays, kind="stable")
    share = np.cumsum(added[order]) / added.sum()
    return float(max(1, math.ceil(delays[order][np.searchsorted(share, _ARRIVED)])))


def _half_life(world: World, before: Night, parameters: Sequence[Parameter]) -> float | None:
    hashes = {p.id: shape_of(p, world.registry).query_hash for p in parameters if p.observation_source}
    evidence = world.store.observations(hashes, before.instant)
    priors = world.store.priors(list(hashes), before.instant)
    beliefs, observations = [], []
    for identity, seen in evidence.items():
        chain = chain_of(priors.get(identity, ()))
        if chain is not None and len(seen):
            beliefs.append(chain.root.belief)
            observations.append(seen.between(chain.root.absorbed_until))
    return learn_half_life(beliefs, observations) if beliefs else None
