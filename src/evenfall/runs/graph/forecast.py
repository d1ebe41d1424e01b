"""What running cohorts will still convert, day by day: on one edge, or at the end of a path from it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from evenfall.beliefs.cohorts import Clock, Cohorts
from evenfall.clock import Night
from evenfall.errors import ConfigError, UnknownName, UsageError
from evenfall.funnels.delays.draws import DelayDraws
from evenfall.funnels.delays.families import LagShape, lag_family
from evenfall.funnels.delays.forecast import Forecast, forecast_along, forecast_conversions
from evenfall.funnels.delays.path import Arrivals, Leg, arrivals
from evenfall.funnels.draws import stream
from evenfall.registry.fallback import Names
from evenfall.registry.parameter import Parameter
from evenfall.registry.references import EdgeReference
from evenfall.registry.schemas import Edge, EventObservations, Graph
from evenfall.runs.graph.answered import AnswerLevel
from evenfall.runs.graph.latency import delay_draws
from evenfall.runs.graph.lookup import Lookup, read_reference
from evenfall.runs.report import json_ready
from evenfall.runs.world import World

__all__ = ["DRAWS", "ForecastAnswer", "ForecastCohort", "ForecastDay", "answer_forecast"]

DRAWS: Final = 1000
"""Joint states of the world; the ends of a 95 % interval are then known to some 5 % of its width."""

LONGEST_DAYS: Final = 366
_EXTRAPOLATED: Final = 0.05  # of a day's conversions that may lie beyond the ages seen without a word


@dataclass(frozen=True, slots=True)
class ForecastDay:
    """One coming day.

    Attributes
    ----------
    expected
        Conversions by people who had entered before the night.
    rate_lower, rate_upper
        Where that expectation lies with 95 % probability: the uncertainty of the rate and the lag.
    lower, upper
        Where the count itself will lie with 95 % probability: the uncertainty of the day.
    extrapolated
        Whether some of it rests on ages that no cohort has reached yet.
    """

    day: date
    expected: float
    rate_lower: float
    rate_upper: float
    lower: float
    upper: float
    extrapolated: bool = False


@dataclass(frozen=True, slots=True)
class ForecastCohort:
    """People who entered on one day: how many they are, what was seen of them, what is expected of them."""

    entry: date
    people: int
    converted: int
    expected: float


@dataclass(frozen=True)
class ForecastAnswer:
    """The coming days of the people on their way.

    Attributes
    ----------
    reference, parameter_id, level
        What was asked, which parameter's cohorts are forecast, and how they stand to the question.
    to
        The node at which arrivals are counted; empty for the edge's own conversions.
    days, total
        Per day, and all of them together (its `day` is the last).
    cohorts
        The entry days of which conversions on the edge are still to come, the oldest first.
    notes
        What the reader must know to understand the figures.
    """

    reference: str
    parameter_id: str
    level: AnswerLevel
    as_of: date
    to: str
    days: tuple[ForecastDay, ...]
    total: ForecastDay
    cohorts: tuple[ForecastCohort, ...]
    notes: tuple[str, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """Return the answer as JSON-ready data."""
        facts: dict[str, Any] = json_ready({name: getattr(self, name) for name in self.__dataclass_fields__})
        return facts


def answer_forecast(
    world: World,
    text: str,
    *,
    days: int = 14,
    to: str | None = None,
    as_of: date | str | None = None,
    draws: int = DRAWS,
    seed: int = 0,
    names: Names | None = None,
) -> ForecastAnswer:
    """Return the conversions of the coming days by people who entered before a night.

    Parameters
    ----------
    text
        A reference to an edge whose parameter has a latency, such as ``e.come-back``.
    to
        A node further down the graph at which arrivals are counted in place of the edge's conversions.

    Raises
    ------
    UsageError
        When the text is no reference, or the days are not between 1 and 366.
    ConfigError
        When the edge has no latency, nothing was fitted yet, or no cohorts are followed.
    """
    if not 1 <= days <= LONGEST_DAYS:
        raise UsageError(f"{days} days cannot be forecast", remedy=f"ask for 1 to {LONGEST_DAYS}")
    reference = replace(read_reference(text), family="latency", leaf="median")
    known_names = names or Names.of(world.registry)
    night = world.night(as_of)
    lookup = Lookup.of(world, night, known_names, [reference])
    answer = lookup.find(reference).answer
    parameter = world.registry.parameters.get(answer.parameter_id or "")
    if parameter is None or parameter.latency is None:
        raise ConfigError(
            f"no cohorts of {reference.edge or reference} are followed: its latency is only stated",
            value=text,
            remedy="give its parameter a latency block and a source with conversions by age",
        )
    cohorts = _cohorts(world, lookup, parameter)
    drawn = _Draws(world, known_names, night, draws, seed)
    taken = drawn.of(lookup, parameter)
    ages = (np.datetime64(night.as_of) - cohorts.entry).astype(np.int64) - 1
    longest = parameter.latency.max_age_days
    found = forecast_conversions(cohorts, ages, taken, days, longest=longest, seed=seed)
    beyond = _beyond(cohorts, ages, found, days)
    shown, notes = found, [f"people who enter from {night.as_of} on are not in it"]
    if to is not None:
        edge, graph = _edge(world, known_names, reference)
        past = _past(cohorts, night)
        onward = drawn.onward(graph, edge.to_node, to, len(past) + days)
        shown = forecast_along(past, found, onward, days, seed=seed + 1)
        notes.append(
            f"nobody of those who took {edge.slug} is known to have reached {to} already: its arrivals are "
            "computed from the path"
        )
    if beyond.any():
        first = night.as_of + timedelta(days=int(np.argmax(beyond)))
        notes.append(f"from {first} on ages count that no cohort has shown yet")
    return ForecastAnswer(
        reference=str(reference).removesuffix(".latency.median"),
        parameter_id=parameter.id,
        level=answer.level,
        as_of=night.as_of,
        to=to or "",
        days=_days(shown, night.as_of, beyond),
        total=_total(shown, night.as_of, beyond),
        cohorts=_told(cohorts, found),
        notes=tuple(notes),
    )


@dataclass(frozen=True, slots=True)
class _Draws:
    """Draws of edges as of a night: one and the same parameter has the same ones wherever it is asked."""

    world: World
    names: Names
    night: Night
    count: int
    seed: int

    def of(self, lookup: Lookup, parameter: Parameter) -> DelayDraws:
        """Return the draws of a parameter with a latency."""
        record = lookup.known.posteriors.get(parameter.id)
        prior = lookup.known.prior(parameter) if record is None else None
        drawn = delay_draws(self.world, parameter, record, prior and prior[0])
        return drawn.take(self.count, int(stream(self.seed, parameter.id).integers(2**32)))

    def leg(self, edge: Edge) -> Leg:
        """Return an edge with the draws of its delay, or of its rate and what the graph says of its lag."""
        asked = EdgeReference(edge.slug)
        timed = replace(asked, family="latency", leaf="median")
        lookup = Lookup.of(self.world, self.night, self.names, [asked, timed])
        rate = lookup.find(asked)
        parameter = self.world.registry.parameters.get(rate.answer.parameter_id or "")
        if parameter is not None and parameter.latency is not None:
            return Leg.of(edge.from_node, edge.to_node, self.of(lookup, parameter))
        values = rate.draws(self.count, self.seed)
        latency = edge.latency
        if latency is None or not latency.median_days or not latency.t95_days:
            return Leg(edge.from_node, edge.to_node, values)
        median, t95 = latency.median_days, max(latency.t95_days, 1.001 * latency.median_days)
        shape = LagShape.of(np.full(self.count, median), np.full(self.count, t95))
        return Leg(edge.from_node, edge.to_node, values, lag_family("lognormal"), shape)

    def onward(self, graph: Graph, start: str, end: str, days: int) -> Arrivals:
        """Return the arrivals at `end` of those who are at `start`."""
        nodes = [node.slug for node in graph.nodes]
        if end not in nodes:
            raise UnknownName("node", end, nodes)
        used = _between(graph.edges, start, end)
        if not used and start != end:
            raise UsageError(f"no way leads from {start} to {end}", remedy="name a node further on with --to")
        found = arrivals([self.leg(edge) for edge in used], start, end, days + 1)
        wide = np.broadcast_to(found.cdf, (self.count, found.cdf.shape[1]))
        return Arrivals(wide, found.steps_per_day)


def _cohorts(world: World, lookup: Lookup, parameter: Parameter) -> Cohorts:
    record = lookup.known.posteriors.get(parameter.id)
    if record is None or record.fit_id is None:
        raise ConfigError(
            f"nothing has been fitted of {parameter.id} yet",
            value=parameter.id,
            remedy="run `evenfall nightly`; `evenfall status` says what it waits for",
        )
    events = isinstance(parameter.observation_source, EventObservations)
    clock: Clock = "elapsed" if events else "calendar"
    hashes = {parameter.id: record.query_hash}
    found = world.store.cohorts(hashes, lookup.night.instant, {parameter.id: clock}).get(parameter.id)
    if found is None or not len(found):
        raise ConfigError(
            f"no cohorts of {parameter.id} are kept", value=parameter.id, remedy="run `evenfall nightly`"
        )
    return found


def _past(cohorts: Cohorts, night: Night) -> NDArray[np.int64]:
    """Return the conversions by calendar day, yesterday last.

    A conversion of an age cell falls on the day the cohort's people begin it or on the next: half of them
    each, where ages are counted from everybody's own entry.
    """
    first = cohorts.entry.min()
    count = int((np.datetime64(night.as_of) - first).astype(np.int64))
    found = np.zeros(count + cohorts.ages + 2)
    start = (cohorts.entry - first).astype(np.int64)
    for age in range(cohorts.ages):
        later = 0.5 if cohorts.clock == "elapsed" else 0.0
        np.add.at(found, start + age, (1.0 - later) * cohorts.conversions[:, age])
        np.add.at(found, start + age + 1, later * cohorts.conversions[:, age])
    whole = np.diff(np.round(np.cumsum(found)), prepend=0.0)
    return whole[:count].astype(np.int64)


def _edge(world: World, names: Names, reference: EdgeReference) -> tuple[Edge, Graph]:
    slug = names.edge_of(reference)
    for graph in world.registry.graphs.values():
        for edge in graph.edges:
            if edge.slug == slug:
                return edge, graph
    raise ConfigError(f"no graph has the edge {slug}", value=str(reference), remedy="draw it in a graph")


def _between(edges: Sequence[Edge], start: str, end: str) -> list[Edge]:
    ahead, behind = {start}, {end}
    for _ in edges:
        ahead |= {edge.to_node for edge in edges if edge.from_node in ahead}
        behind |= {edge.from_node for edge in edges if edge.to_node in behind}
    return [edge for edge in edges if edge.from_node in ahead and edge.to_node in behind]


def _beyond(cohorts: Cohorts, ages: NDArray[np.int64], found: Forecast, days: int) -> NDArray[np.bool_]:
    """Return the coming days of which too much rests on ages that no cohort has shown."""
    oldest = int(cohorts.observed.max())
    late = ages[:, None] + np.arange(1, days + 1) > oldest
    share = (found.by_cohort * late).sum(axis=0)
    return np.asarray(share > _EXTRAPOLATED * np.maximum(found.mean, 1e-12))


def _days(found: Forecast, first: date, beyond: NDArray[np.bool_]) -> tuple[ForecastDay, ...]:
    (rate_lower, rate_upper), (lower, upper) = found.rate_interval(), found.day_interval()
    table = np.stack([found.mean, rate_lower, rate_upper, lower, upper], axis=1).tolist()
    return tuple(
        _day(first + timedelta(days=number), row, bool(beyond[number])) for number, row in enumerate(table)
    )


def _total(found: Forecast, first: date, beyond: NDArray[np.bool_]) -> ForecastDay:
    (rate_lower, rate_upper), (lower, upper) = found.rate_interval(total=True), found.day_interval(total=True)
    row = [float(each[-1]) for each in (np.cumsum(found.mean), rate_lower, rate_upper, lower, upper)]
    return _day(first + timedelta(days=len(beyond) - 1), row, bool(beyond.any()))


def _day(day: date, row: Sequence[float], beyond: bool) -> ForecastDay:
    expected, rate_lower, rate_upper, lower, upper = row
    return ForecastDay(day, expected, rate_lower, rate_upper, lower, upper, beyond)


def _told(cohorts: Cohorts, found: Forecast) -> tuple[ForecastCohort, ...]:
    expected = found.by_cohort.sum(axis=1)
    return tuple(
        ForecastCohort(
            cohorts.entry[i].item(), int(cohorts.size[i]), int(cohorts.converted[i]), float(expected[i])
        )
        for i in np.flatnonzero(expected > 0.0)
    )
