"""What was believed night after night, beside what was seen, with the priors and the incidents on the way."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from evenfall.clock import Night
from evenfall.findings import Light
from evenfall.registry.parameter import Parameter
from evenfall.runs.incidents import looked_at
from evenfall.runs.report import json_ready
from evenfall.runs.world import World
from evenfall.store.records import IncidentRecord, NightResult, PosteriorRecord, PriorVersion

__all__ = ["Band", "BandIncident", "BandPoint", "BandPrior", "band_of"]


@dataclass(frozen=True, slots=True)
class BandPoint:
    """One night: its posterior, if one was computed by then, and what its check saw.

    Attributes
    ----------
    mean, lower, upper
        Of the posterior of the night, published or not.
    observed
        What the window of the check said, on the scale of the belief.
    published
        Whether the night made its posterior the current one.
    """

    as_of: date
    mean: float | None
    lower: float | None
    upper: float | None
    observed: float | None
    light: Light
    outcome: str
    published: bool


@dataclass(frozen=True, slots=True)
class BandPrior:
    """One version of the prior, and the night from which it was in force."""

    since: date
    version: int
    mean: float
    stdev: float
    origin: str
    reason: str


@dataclass(frozen=True, slots=True)
class BandIncident:
    """One incident; `since` is the day from which things are thought to have been wrong."""

    id: int
    kind: str
    opened_on: date
    resolved_on: date | None
    since: date | None
    message: str
    state: str


@dataclass(frozen=True)
class Band:
    """Nights from `first` up to, not including, `stop`, with the priors and incidents that concern them."""

    points: tuple[BandPoint, ...]
    priors: tuple[BandPrior, ...]
    incidents: tuple[BandIncident, ...]

    def as_dict(self) -> dict[str, Any]:
        """Return the band as JSON-ready data."""
        shown: dict[str, Any] = json_ready(self)
        return shown


def band_of(
    world: World, parameter: Parameter, night: Night, first: date | None = None, stop: date | None = None
) -> Band:
    """Return the nights of a parameter up to a night.

    Parameters
    ----------
    first, stop
        Nights from `first` up to, not including, `stop`; by default all.
    """
    begin = first or date.min
    end = min(stop or date.max, night.as_of + timedelta(days=1))
    store, one = world.store, [parameter.id]
    results = [result for result in store.night_history(parameter.id) if begin <= result.as_of < end]
    computed = store.posteriors(one, night.instant, newest=False)[parameter.id]
    published = store.publications(parameter.id, night.instant)
    incidents = store.incidents(one, looked_at(world, night))
    return Band(
        points=tuple(_points(results, {record.id: record for record in computed}, published, night)),
        priors=tuple(_priors(store.priors(one, night.instant)[parameter.id], night, end)),
        incidents=tuple(_incident(each) for each in incidents if _concerns(each, begin, end)),
    )


def _points(
    results: Sequence[NightResult],
    computed: Mapping[int, PosteriorRecord],
    published: frozenset[datetime],
    night: Night,
) -> Iterator[BandPoint]:
    """Yield a point per night; a night without a posterior of its own shows none, never an older one."""
    for result in results:
        record = None if result.posterior_id is None else computed.get(result.posterior_id)
        observed = result.verdict.get("observed")
        yield BandPoint(
            as_of=result.as_of,
            mean=None if record is None else record.mean,
            lower=None if record is None else record.lower,
            upper=None if record is None else record.upper,
            observed=float(observed) if isinstance(observed, int | float) else None,
            light=result.light,
            outcome=result.outcome,
            published=Night(result.as_of, night.zone, night.hour).instant in published,
        )


def _priors(versions: Sequence[PriorVersion], night: Night, end: date) -> Iterator[BandPrior]:
    for each in versions:
        since = each.seen_at.astimezone(night.zone).date()
        if since < end:
            yield BandPrior(since, each.version, each.mean, each.stdev, str(each.belief.origin), each.reason)


def _concerns(one: IncidentRecord, begin: date, end: date) -> bool:
    return (one.since or one.opened_on) < end and (one.resolved_on is None or one.resolved_on >= begin)


def _incident(one: IncidentRecord) -> BandIncident:
    return BandIncident(one.id, one.kind, one.opened_on, one.resolved_on, one.since, one.message, one.state)
