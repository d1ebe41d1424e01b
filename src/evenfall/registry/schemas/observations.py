"""Where a parameter's evidence comes from."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Final, Literal, Self, get_args

from pydantic import ConfigDict, Field, Tag, model_validator

from evenfall.beliefs.observations import STATISTIC_NAMES
from evenfall.registry.schemas.base import (
    ContextKey,
    Duration,
    Id,
    Model,
    Text,
    TimeText,
    dispatch,
    refuse,
)

__all__ = [
    "DEFAULT_TIMES",
    "EventColumns",
    "EventObservations",
    "ObservationSource",
    "QueryObservations",
    "QuerySourceType",
    "ResultMapping",
]

QuerySourceType = Literal[
    "sql",
    "duckdb",
    "sqlite",
    "postgres",
    "bigquery",
    "snowflake",
    "redshift",
    "clickhouse",
    "amplitude",
    "csv",
    "parquet",
]
DEFAULT_TIMES: Final[Mapping[str, str]] = {
    "start_date": "NOW() - INTERVAL '7 days'",
    "end_date": "NOW()",
}
"""What the binds of a query are when its `parameters` do not say."""

_SampleSize = Annotated[int, Field(ge=1)]


class ResultMapping(Model):
    """Which column of the result is which statistic; an unset one has the statistic's own name."""

    trials: Text | None = None
    successes: Text | None = None
    events: Text | None = None
    exposure: Text | None = None
    n: Text | None = None
    sum: Text | None = None
    sum_squares: Text | None = None
    alpha_prior: Text | None = None
    beta_prior: Text | None = None
    date: Text | None = None
    age_days: Text | None = None

    @property
    def written(self) -> dict[str, str]:
        """The columns that were named, by statistic."""
        return {key: column for key, column in self if column is not None}

    def columns(self, parameter_type: str) -> dict[str, str]:
        """Return the column of each statistic of a type, in the order of `STATISTIC_NAMES`."""
        return {name: getattr(self, name) or name for name in STATISTIC_NAMES[parameter_type]}

    @property
    def prior_columns(self) -> dict[str, str]:
        """The columns that carry a prior beside the evidence, when both were named."""
        pair = {key: column for key, column in self.written.items() if key in ("alpha_prior", "beta_prior")}
        return pair if len(pair) == 2 else {}


class QueryObservations(Model):
    """One query that counts; it reads from :start_date up to, not including, :end_date."""

    type: QuerySourceType
    connection: Id = "data"
    query: Text | None = None
    query_template: Text | None = None
    context_variables: tuple[ContextKey, ...] = ()
    parameters: dict[str, TimeText] = Field(default_factory=dict)
    result_mapping: ResultMapping = ResultMapping()
    result_type: Literal["single", "timeseries"] = "single"
    min_sample_size: _SampleSize = 100
    refresh_frequency: Duration | None = None

    @model_validator(mode="after")
    def _one_query(self) -> Self:
        if self.query is not None and self.query_template is not None:
            raise refuse("both query and query_template", "keep one of them")
        if self.query is None and self.query_template is None:
            raise refuse("neither query nor query_template", "write one of them")
        if self.context_variables and self.query_template is None:
            raise refuse("context_variables without query_template", "rename query to query_template")
        return self

    @property
    def text(self) -> str:
        """The query or the template, whichever was written."""
        return self.query if self.query is not None else self.query_template or ""

    @property
    def is_template(self) -> bool:
        """Whether ``{{ name }}`` stands for context values in the text."""
        return self.query_template is not None

    @property
    def times(self) -> dict[str, str]:
        """Every bind with its time expression, start_date and end_date always among them."""
        return {**DEFAULT_TIMES, **self.parameters}


class EventColumns(Model):
    """Which column of an event table is what; any other key names a context and its column."""

    model_config = ConfigDict(extra="allow")
    __pydantic_extra__: dict[str, Text] = Field(init=False)

    user: Text | None = None
    session: Text | None = None
    node: Text | None = None
    event: Text | None = None
    time: Text | None = None

    @property
    def contexts(self) -> dict[str, str]:
        """The column of each context key."""
        extra: dict[str, Any] = self.__pydantic_extra__ or {}
        return {key: str(column) for key, column in extra.items()}


class EventObservations(Model):
    """An event table; Evenfall counts attempts and successes itself.

    Attributes
    ----------
    attempt, success
        Names of the events that open an attempt and that end it well.
    lookback
        How far before the attempt a visited node counts.
    horizon
        How long after the attempt a success counts, and the next attempt of the same unit does not.
    """

    type: Literal["events"]
    connection: Id = "data"
    table: Text
    columns: EventColumns = EventColumns()
    unit: Literal["user", "session"] = "user"
    attempt: Text
    success: Text
    lookback: Duration | None = None
    horizon: Duration | None = None
    min_sample_size: _SampleSize = 100
    refresh_frequency: Duration | None = None


ObservationSource = Annotated[
    Annotated[EventObservations, Tag("<events>")] | Annotated[QueryObservations, Tag("<sql>")],
    dispatch(("events",), get_args(QuerySourceType)),
]
