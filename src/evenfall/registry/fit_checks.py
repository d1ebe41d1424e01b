"""Whether what a definition wants fitted can be fitted: delays need cohorts, pooling needs slices."""

from __future__ import annotations

from collections.abc import Iterator

from evenfall.errors import ConfigError
from evenfall.registry.schemas import (
    EventObservations,
    LatencyBlock,
    ParameterDefinition,
    Pooling,
    QueryObservations,
)
from evenfall.registry.tree import Path, Tree
from evenfall.window import parse_duration

__all__ = ["check_fit"]

_DAY_SECONDS = 86_400
_COHORTS = "use observation_source.type: events, or a query that gives date, age_days, trials and successes"


def check_fit(definition: ParameterDefinition, tree: Tree) -> Iterator[ConfigError]:
    """Yield what keeps a definition's latency, pooling or robust prior from being fitted."""
    yield from _latency(definition, tree)
    yield from _ages(definition, tree)
    yield from _pooling(definition, tree)
    yield from _robust(definition, tree)


def _latency(definition: ParameterDefinition, tree: Tree) -> Iterator[ConfigError]:
    latency, source = definition.latency, definition.observation_source
    if latency is None:
        return
    at: Path = ("latency",)
    if definition.type != "probability":
        remedy = "remove latency, or write type: probability"
        yield tree.error(f"a {definition.type} has no conversions to wait for", at, remedy=remedy, key=True)
    elif isinstance(source, QueryObservations):
        named = source.result_mapping.written
        missing = [key for key in ("date", "age_days") if key not in named]
        if missing:
            remedy = f"name the columns {' and '.join(missing)} in observation_source.result_mapping"
            yield tree.error("a latency without cohorts", at, remedy=remedy, key=True)
    elif source is None and (latency.median_days is None or latency.t95_days is None):
        yield tree.error("a latency without cohorts or a belief", at, remedy=_COHORTS, key=True)
    elif isinstance(source, EventObservations):
        yield from _follow_up(source, latency, tree)


def _follow_up(source: EventObservations, latency: LatencyBlock, tree: Tree) -> Iterator[ConfigError]:
    """Refuse a horizon that cuts an age in two, or ends before conversions that the headline rate counts."""
    if source.horizon is None:
        return
    days, part = divmod(parse_duration(source.horizon).total_seconds(), _DAY_SECONDS)
    if not part and latency.horizon_days is not None and latency.horizon_days > days:
        yield tree.error(
            f"successes are counted for {source.horizon} only",
            ("latency", "horizon_days"),
            value=tree.at(("latency", "horizon_days")),
            remedy=f"raise observation_source.horizon, or write at most {days:g}",
        )
    if part:
        yield tree.error(
            "a latency is counted by whole days of age, and this horizon cuts one",
            ("observation_source", "horizon"),
            value=source.horizon,
            remedy="write whole days, such as 14d: how long after the attempt a success counts",
        )


def _ages(definition: ParameterDefinition, tree: Tree) -> Iterator[ConfigError]:
    source = definition.observation_source
    if definition.latency is None and isinstance(source, QueryObservations):
        column = source.result_mapping.age_days
        if column is not None:
            yield tree.error(
                "conversions by age without a latency",
                ("observation_source", "result_mapping", "age_days"),
                value=column,
                remedy="add latency: {family: lognormal}, or count all ages of a day in one row",
            )


def _pooling(definition: ParameterDefinition, tree: Tree) -> Iterator[ConfigError]:
    update, source = definition.bayesian_update, definition.observation_source
    pooling = update.pooling if update else None
    if pooling is None or pooling == "none":
        return
    at: Path = ("bayesian_update", "pooling")
    if definition.type != "probability":
        remedy = "remove pooling, or write type: probability"
        yield tree.error(f"slices of a {definition.type} cannot be pooled", at, remedy=remedy, key=True)
        return
    events = isinstance(source, EventObservations)
    told_apart = _told_apart(definition)
    asked = pooling if isinstance(pooling, Pooling) else Pooling()
    if not told_apart and not (events and (asked.effects or asked.visited)):
        remedy = "add context_variables to a query_template, or name effects or visited of an event source"
        yield tree.error("nothing to pool: the source tells no slices apart", at, remedy=remedy, key=True)
        return
    if not events:
        yield from _unknown_effects(asked, told_apart, tree)
    yield from _visits(asked, tree, events=events)
    yield from _pairs(asked, told_apart, tree)


def _told_apart(definition: ParameterDefinition) -> tuple[str, ...]:
    source = definition.observation_source
    if isinstance(source, QueryObservations):
        return source.context_variables
    return tuple(source.columns.contexts) if isinstance(source, EventObservations) else ()


def _unknown_effects(pooling: Pooling, told_apart: tuple[str, ...], tree: Tree) -> Iterator[ConfigError]:
    for index, key in enumerate(pooling.effects or ()):
        if key not in told_apart:
            remedy = f"use {', '.join(told_apart)}, or add it to context_variables"
            path: Path = ("bayesian_update", "pooling", "effects", index)
            yield tree.error("the query does not tell this context apart", path, value=key, remedy=remedy)


def _visits(pooling: Pooling, tree: Tree, *, events: bool) -> Iterator[ConfigError]:
    if pooling.visited and not events:
        remedy = "use observation_source.type: events, or a visited_filter"
        path: Path = ("bayesian_update", "pooling", "visited")
        yield tree.error("a query does not tell visits apart", path, remedy=remedy, key=True)


def _pairs(pooling: Pooling, told_apart: tuple[str, ...], tree: Tree) -> Iterator[ConfigError]:
    known = (*(told_apart if pooling.effects is None else pooling.effects), *pooling.visited)
    for index, pair in enumerate(pooling.interactions):
        path: Path = ("bayesian_update", "pooling", "interactions", index)
        if pair[0] == pair[1]:
            yield tree.error(
                "an interaction of one with itself", path, value=list(pair), remedy="name two different ones"
            )
        for place, name in enumerate(pair):
            if name not in known:
                remedy = f"use {', '.join(known)}, or add it to effects or visited"
                yield tree.error("an interaction of no effect", (*path, place), value=name, remedy=remedy)


def _robust(definition: ParameterDefinition, tree: Tree) -> Iterator[ConfigError]:
    update = definition.bayesian_update
    if update is None or update.robust is None:
        return
    at: Path = ("bayesian_update", "robust")
    if definition.type != "probability":
        remedy = "remove robust, or write type: probability"
        yield tree.error(f"a robust prior of a {definition.type} is not known", at, remedy=remedy, key=True)
    elif update.update_rule == "model":
        remedy = "remove robust, and write the mixture into the model"
        yield tree.error("a model states its own prior", at, remedy=remedy, key=True)
