"""Asking the sources: one read for all shards of a template, and every refusal told apart."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import lru_cache
from itertools import groupby
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from evenfall.beliefs.belief import Belief, Origin
from evenfall.beliefs.observations import Skipped
from evenfall.clock import Night
from evenfall.connectors import priors
from evenfall.connectors.answers import Fetched, Quarantine
from evenfall.connectors.observations import Read
from evenfall.connectors.observations import fetch_observations as read_source
from evenfall.connectors.questions import ObservationQuery, observation_query, query_hash
from evenfall.connectors.sql.binds import RESERVED
from evenfall.connectors.sql.compile import compile_lookup
from evenfall.connectors.warehouses import Warehouse, dialect_of, open_warehouse
from evenfall.errors import ConfigError, EvenfallError, MissingDriver, SourceDown, SourceRejected, UnknownName
from evenfall.registry.parameter import Parameter
from evenfall.registry.registry import Registry
from evenfall.registry.schemas import PosteriorHistoryPrior, SqlPrior
from evenfall.registry.time_expression import resolve_time
from evenfall.runs.ledger import Sums
from evenfall.window import DayWindow, local_day

if TYPE_CHECKING:
    from evenfall.runs.case import Case
    from evenfall.runs.world import World

__all__ = [
    "Reading",
    "Shape",
    "Warning",
    "check_prior_query",
    "fetch_observations",
    "fetch_prior",
    "shape_of",
]

_UTC = ZoneInfo("UTC")
_REFERENCE = datetime(2026, 1, 29, 12, tzinfo=UTC)
"""Instant at which the length of a declared window is measured, so that it is the same every night."""


@dataclass(frozen=True, slots=True)
class Warning:  # noqa: A001 - the field's word for it
    """Something a read wants said that does not stop it."""

    message: str
    remedy: str = ""
    subject: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class Reading:
    """What tonight's read says of one parameter: sums by interval, what was set aside, a prior beside them."""

    rows: Mapping[DayWindow, Sums]
    quarantined: tuple[Quarantine, ...] = ()
    skipped: Skipped | None = None
    prior: Belief | None = None
    warnings: tuple[Warning, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class Shape:
    """How a parameter's query may be asked.

    Attributes
    ----------
    query_hash
        Identity of what the query counts.
    daily
        Whether it is read day by day; otherwise on whole windows of its declared `length` in days.
    reason
        Why it cannot be split by day, in words.
    per_shard
        Whether each shard needs an execution of its own.
    """

    query: ObservationQuery
    query_hash: str
    daily: bool
    length: int
    reason: str = ""
    per_shard: bool = False


def shape_of(parameter: Parameter, registry: Registry) -> Shape:
    """Return how the parameter's query may be asked.

    Raises
    ------
    QueryRefused
        When it is not one bounded, read-only SELECT.
    ConfigError
        When this version cannot read its kind of source.
    """
    query = observation_query(parameter)
    source = parameter.observation_source
    if query is None or source is None:
        kind = getattr(source, "type", "none")
        raise ConfigError(
            f"observation_source.type {kind} cannot be read by this version",
            remedy="use a query over duckdb, sqlite, csv or parquet",
        )
    connection = registry.settings.connections[query.connection]
    try:
        dialect = dialect_of(connection)
    except UnknownName as unknown:
        raise ConfigError(
            f"connection {connection.name} is of type {connection.type}, which this version cannot read",
            remedy=unknown.remedy or "use duckdb, sqlite, csv or parquet",
        ) from None
    compiled = query.compile(dialect, None)
    return Shape(
        query=query,
        query_hash=query_hash(parameter, dialect),
        daily=compiled.splittable or query.date_column is not None,
        length=_declared_days(query.times["start_date"], query.times["end_date"]),
        reason=compiled.reason,
        per_shard=compiled.per_shard,
    )


@lru_cache(maxsize=256)
def _declared_days(start: str, end: str) -> int:
    first, stop = (local_day(resolve_time(text, _REFERENCE, _UTC), _UTC) for text in (start, end))
    return max(1, (stop - first).days)


def fetch_observations(cases: Sequence[Case], world: World) -> None:
    """Read every source of the cases that is due; a source that fails is an answer too."""
    due = [case for case in cases if case.skipped is None and case.task.windows]
    with ExitStack() as open_ones:
        doors = _Doors(world.registry, open_ones)
        for group in _groups(due):
            answers = _ask(group, world.registry, doors)
            for case in group:
                case.fetched = answers[case.id]


def _groups(cases: Sequence[Case]) -> Iterator[list[Case]]:
    """Yield the cases that one read answers: the shards of a template that want the same windows."""

    def key(case: Case) -> tuple[str, tuple[DayWindow, ...]]:
        return case.parameter.template_id or case.id, case.task.windows

    for _, group in groupby(sorted(cases, key=key), key=key):
        yield list(group)


class _Doors:
    """The warehouses a chunk needs, each opened once, when it is first asked."""

    def __init__(self, registry: Registry, stack: ExitStack) -> None:
        self._registry, self._stack = registry, stack
        self._open: dict[str, Warehouse] = {}

    def open(self, name: str) -> Warehouse:
        if name not in self._open:
            settings = self._registry.settings
            door = open_warehouse(settings.connections[name], settings, self._registry.root)
            self._open[name] = self._stack.enter_context(door)
        return self._open[name]


def _ask(group: Sequence[Case], registry: Registry, doors: _Doors) -> dict[str, Reading]:
    shape = group[0].task.shape
    assert shape is not None, "a task with windows to read has the shape of its query"
    shards = {case.id: case.parameter.shard for case in group}
    if not shape.per_shard and group[0].parameter.template_id is not None:
        shards = _siblings(group[0].parameter, registry) | shards
    try:
        warehouse = doors.open(shape.query.connection)
        answers = read_source(Read(shape.query, shards, group[0].task.windows, group[0].night), warehouse)
    except EvenfallError as error:
        failed = _as_skipped(error)
        return {case.id: Reading({}, skipped=failed) for case in group}
    readings = {case.id: _reading(answers[case.id], shape) for case in group}
    first = group[0].id
    readings[first] = replace(readings[first], warnings=tuple(_warnings(answers[first], shape)))
    return readings


def _siblings(parameter: Parameter, registry: Registry) -> dict[str, Mapping[str, str]]:
    """Return all shards of a template: rows of a shard nobody asked about tonight are not strangers."""
    return {
        other.id: other.shard
        for other in registry.parameters.values()
        if other.template_id == parameter.template_id
    }


def _as_skipped(error: EvenfallError) -> Skipped:
    match error:
        case SourceDown():
            return Skipped("source_down", error.message, error.remedy)
        case SourceRejected():
            return Skipped("failed", error.message, error.remedy)
        case MissingDriver() | _:
            return Skipped("config_error", error.message, error.remedy)


def _reading(answer: Fetched, shape: Shape) -> Reading:
    seen = answer.observations
    rows = {
        DayWindow(first, stop): (size, total, squares)
        for first, stop, (size, total, squares) in zip(
            seen.first.tolist(), seen.stop.tolist(), seen.sums.tolist(), strict=True
        )
    }
    prior = None
    if answer.prior is not None and shape.query.type == "probability":
        origin = Origin("sql", f"{shape.query.connection}: {' and '.join(shape.query.prior_columns)}")
        prior = Belief("beta", ("alpha", "beta"), answer.prior, origin)
    return Reading(rows, answer.quarantined, answer.skipped, prior)


def _warnings(answer: Fetched, shape: Shape) -> Iterator[Warning]:
    if not shape.daily:
        yield Warning(
            f"its total cannot be split by day ({shape.reason}); it is read on whole windows of"
            f" {shape.length} days, and visits or outcomes across their edges are cut",
            "use observation_source.type: events, or bind :lookback_start and :as_of",
            "split",
        )
    for stranger in answer.unmatched:
        context = ", ".join(f"{key}={value}" for key, value in stranger.context.items())
        yield Warning(
            f"{stranger.rows} rows with {context} belong to no shard ({stranger.size:,.0f} not counted)",
            "declare the value in contexts/, or filter it in the query",
            context,
        )


def fetch_prior(parameter: Parameter, registry: Registry, night: Night) -> Belief | Skipped:
    """Return what the parameter's prior source says tonight.

    Raises
    ------
    SourceDown, SourceRejected
        When it does not answer, or not with one prior.
    """
    source = parameter.prior_source
    if not isinstance(source, SqlPrior):
        kind = source.type if source is not None else "none"
        raise SourceRejected(
            f"prior_source.type {kind} cannot be read by this version",
            remedy="use static, sql or posterior_history",
        )
    settings = registry.settings
    with open_warehouse(settings.connections[source.connection], settings, registry.root) as warehouse:
        return priors.fetch_prior(parameter, warehouse, night)


def check_prior_query(parameter: Parameter, registry: Registry) -> None:
    """Refuse a prior query that could not be run.

    Raises
    ------
    QueryRefused
        When it is not one read-only SELECT, or no lookup in the history of posteriors.
    """
    source = parameter.prior_source
    if isinstance(source, SqlPrior):
        dialect = dialect_of(registry.settings.connections[source.connection])
        compile_lookup(source.query, dialect=dialect, extra_binds=source.parameters.keys() - RESERVED)
    elif isinstance(source, PosteriorHistoryPrior):
        priors.history_subject(parameter)
