"""What a parameter asks its source: the query, the columns that answer, and its identity."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from evenfall.connectors.sql.binds import END_DATE, LOOKBACK_START, RESERVED, START_DATE
from evenfall.connectors.sql.compile import CompiledQuery, compile_query
from evenfall.errors import QueryRefused
from evenfall.registry.schemas import QueryObservations

if TYPE_CHECKING:
    from evenfall.registry.parameter import Parameter

__all__ = ["ObservationQuery", "observation_query", "query_hash"]

_LOOKBACK_REMEDY: Final = (
    "say how far back under parameters, such as lookback_start: NOW() - INTERVAL '37 days'"
)


@dataclass(frozen=True)
class ObservationQuery:
    """One counting query with everything that decides which events it counts.

    Attributes
    ----------
    text, template
        The query as written, and whether it holds template tags.
    type
        Parameter type: probability, rate, mean or duration.
    columns
        Output column of each statistic, in the order (size, total, squares).
    prior_columns
        Output columns that carry a prior beside the evidence, when the result has them.
    date_column
        Output column with the day of each row of a time series; None for one total per window.
    age_column
        Output column with the age of conversions, whose rows are then cohorts by entry day and age.
    max_age_days
        Ages a cohort is followed.
    variables
        Names a template may speak of; None accepts any.
    fixed
        Values of template variables that are the same for every shard.
    shard_keys
        Context keys that tell the shards apart, sorted.
    times
        Time expressions of binds by name.
    """

    text: str
    connection: str
    type: str
    columns: Mapping[str, str]
    template: bool = False
    prior_columns: tuple[str, str] = ("alpha_prior", "beta_prior")
    date_column: str | None = None
    age_column: str | None = None
    max_age_days: int = 0
    variables: frozenset[str] | None = None
    fixed: Mapping[str, str] = field(default_factory=dict)
    shard_keys: tuple[str, ...] = ()
    times: Mapping[str, str] = field(default_factory=dict)

    def compile(self, dialect: str, tables: Collection[str] | None) -> CompiledQuery:
        """Return the query compiled for a warehouse with these tables (None leaves tables unchecked).

        Raises
        ------
        QueryRefused
            When it is not one bounded, read-only SELECT.
        """
        compiled = compile_query(
            self.text,
            dialect=dialect,
            tables=tables,
            template=self.template,
            variables=self.variables,
            shard_keys=self.shard_keys,
            set_variables=self.fixed.keys(),
            extra_binds=self.times.keys() - RESERVED,
            statistics=self.columns.values(),
        )
        if LOOKBACK_START in compiled.binds and LOOKBACK_START not in self.times:
            raise QueryRefused("nothing says how far back :lookback_start reaches", remedy=_LOOKBACK_REMEDY)
        return compiled


def observation_query(parameter: Parameter) -> ObservationQuery | None:
    """Return the query of a parameter, the same for all shards of a template; None when it has none."""
    source = parameter.observation_source
    if not isinstance(source, QueryObservations):
        return None
    shard_keys = tuple(sorted(parameter.shard))
    fixed = {key: value for key, value in parameter.context_filter.items() if key not in parameter.shard}
    mapping = source.result_mapping
    prior = {"alpha_prior": "alpha_prior", "beta_prior": "beta_prior", **mapping.prior_columns}
    by_day = source.result_type == "timeseries" or parameter.is_cohort
    variables = frozenset({*source.context_variables, *parameter.context_filter})
    return ObservationQuery(
        text=source.text,
        connection=source.connection,
        type=parameter.type,
        columns=mapping.columns(parameter.type),
        template=source.is_template,
        prior_columns=(prior["alpha_prior"], prior["beta_prior"]),
        date_column=(mapping.date or "date") if by_day else None,
        age_column=mapping.age_days if parameter.is_cohort else None,
        max_age_days=parameter.latency.max_age_days if parameter.latency else 0,
        variables=variables if source.context_variables else None,
        fixed=fixed,
        shard_keys=shard_keys,
        times=source.times,
    )


def query_hash(parameter: Parameter, dialect: str = "duckdb") -> str:
    """Return the identity of what a parameter's query counts; empty when it has no query.

    It covers the canonical text, the connection, the columns, the shard's values and every declared time but
    the read window, which says when events are read and not which.

    Raises
    ------
    QueryRefused
        When the query does not compile.
    """
    query = observation_query(parameter)
    if query is None:
        return ""
    compiled = query.compile(dialect, None)
    identity: dict[str, object] = {
        "sql": compiled.sql,
        "connection": query.connection,
        "type": query.type,
        "columns": list(query.columns.values()),
        "date": query.date_column,
        "values": dict(parameter.context_filter),
        "times": _times_that_count(query, compiled),
    }
    if query.age_column is not None:
        identity["ages"] = [query.age_column, query.max_age_days]
    return hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()


def _times_that_count(query: ObservationQuery, compiled: CompiledQuery) -> dict[str, str]:
    """Return the declared times that decide what is counted; a lookback is declared relative to the start."""
    names = compiled.binds & query.times.keys() - {START_DATE, END_DATE}
    if LOOKBACK_START in names:
        names |= {START_DATE}
    return {name: query.times[name] for name in names}
