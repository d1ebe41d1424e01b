"""Asking the sources: one read for all shards of a template, and every refusal told apart."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from evenfall.beliefs.belief import Belief, Origin
from evenfall.beliefs.cohorts import Cohorts
from evenfall.beliefs.observations import Skipped
from evenfall.clock import Night
from evenfall.connectors import priors
from evenfall.connectors.answers import Fetched, Quarantine
from evenfall.connectors.events.clocks import epoch_of
from evenfall.connectors.events.questions import EventQuery, event_query
from evenfall.connectors.questions import ObservationQuery, observation_query, query_hash
from evenfall.connectors.sql.binds import RESERVED
from evenfall.connectors.sql.compile import compile_lookup
from evenfall.connectors.warehouses import dialect_of, open_warehouse
from evenfall.errors import ConfigError, EvenfallError, MissingDriver, SourceDown, SourceRejected, UnknownName
from evenfall.registry.parameter import Parameter
from evenfall.registry.registry import Registry
from evenfall.registry.schemas import PosteriorHistoryPrior, SqlPrior
from evenfall.registry.time_expression import resolve_time
from evenfall.runs.night.ledger import Sums, rows_of
from evenfall.window import DayWindow, local_day

__all__ = [
    "Reading",
    "Shape",
    "Warning",
    "as_skipped",
    "check_prior_query",
    "fetch_prior",
    "origin_of_columns",
    "reading_of",
    "shape_of",
    "warnings_of",
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
    """What tonight's read says of one parameter: sums by interval, what was set aside, a prior beside.

    Where conversions are followed by age, `cohorts` holds them; where slices are told apart, `slices`.
    """

    rows: Mapping[DayWindow, Sums]
    quarantined: tuple[Quarantine, ...] = ()
    skipped: Skipped | None = None
    prior: Belief | None = None
    warnings: tuple[Warning, ...] = ()
    cohorts: Cohorts | None = None
    slices: Mapping[str, Mapping[DayWindow, Sums]] = field(default_factory=dict)


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
    horizon
        How long after a day the day can be read; its outcomes may take that long.
    followed
        Days for which a day is read again every night, because its conversions are followed by age.
    """

    query: ObservationQuery | EventQuery
    query_hash: str
    daily: bool
    length: int
    reason: str = ""
    per_shard: bool = False
    horizon: timedelta = timedelta(0)
    followed: int = 0


def shape_of(parameter: Parameter, registry: Registry) -> Shape:
    """Return how the parameter's query may be asked.

    Raises
    ------
    QueryRefused
        When it is not one bounded, read-only SELECT.
    ConfigError
        When this version cannot read its kind of source.
    """
    events = event_query(parameter, registry.contexts)
    if events is not None:
        epoch_of(_dialect(events.connection, registry))
        followed = events.followed or 0
        horizon = timedelta(0) if followed else events.question.horizon
        return Shape(events, events.query_hash(), daily=True, length=1, horizon=horizon, followed=followed)
    query = observation_query(parameter)
    if query is None:
        kind = getattr(parameter.observation_source, "type", "none")
        raise ConfigError(
            f"observation_source.type {kind} cannot be read by this version",
            remedy="use a query over duckdb, sqlite, csv or parquet",
        )
    dialect = _dialect(query.connection, registry)
    compiled = query.compile(dialect, None)
    daily = compiled.splittable or query.date_column is not None
    length = _declared_days(query.times["start_date"], query.times["end_date"])
    identity = query_hash(parameter, dialect)
    return Shape(
        query=query,
        # A total that cannot be split counts something else when its windows are longer.
        query_hash=identity if daily else f"{identity}:{length}d",
        daily=daily,
        length=length,
        reason=compiled.reason,
        per_shard=compiled.per_shard,
        followed=parameter.latency.max_age_days if parameter.latency is not None else 0,
    )


def _dialect(name: str, registry: Registry) -> str:
    connection = registry.settings.connections[name]
    try:
        return dialect_of(connection)
    except UnknownName as unknown:
        raise ConfigError(
            f"connection {connection.name} is of type {connection.type}, which this version cannot read",
            remedy=unknown.remedy or "use duckdb, sqlite, csv or parquet",
        ) from None


@lru_cache(maxsize=256)
def _declared_days(start: str, end: str) -> int:
    first, stop = (local_day(resolve_time(text, _REFERENCE, _UTC), _UTC) for text in (start, end))
    return max(1, (stop - first).days)


def as_skipped(error: EvenfallError) -> Skipped:
    """Return a source's failure as the outcome it is: down, saying no, or asked wrongly."""
    match error:
        case SourceDown():
            return Skipped("source_down", error.message, error.remedy)
        case SourceRejected():
            return Skipped("failed", error.message, error.remedy)
        case MissingDriver() | _:
            return Skipped("config_error", error.message, error.remedy)


def reading_of(answer: Fetched, shape: Shape) -> Reading:
    """Return a connector's answer with its sums by interval."""
    prior = None
    origin = origin_of_columns(shape.query)
    if answer.prior is not None and origin is not None and shape.query.type == "probability":
        prior = Belief("beta", ("alpha", "beta"), answer.prior, origin)
    return Reading(
        rows_of(answer.observations),
        answer.quarantined,
        answer.skipped,
        prior,
        cohorts=answer.cohorts,
        slices={name: rows_of(seen) for name, seen in answer.slices.items()},
    )


def origin_of_columns(query: ObservationQuery | EventQuery) -> Origin | None:
    """Return the origin of a prior that comes beside the evidence, in two columns of its query.

    Events bring no prior.
    """
    if isinstance(query, EventQuery):
        return None
    return Origin("sql", f"{query.connection}: {' and '.join(query.prior_columns)}")


def warnings_of(answer: Fetched, shape: Shape) -> Iterator[Warning]:
    """Yield what a read wants said: totals that cannot be split, rows that belong to no shard."""
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
