"""Priors from a warehouse: one row with the numbers of a belief."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, Final

from evenfall.beliefs.belief import Belief, Origin
from evenfall.beliefs.declared import belief_from_numbers
from evenfall.beliefs.observations import Skipped
from evenfall.clock import Night
from evenfall.connectors.sql import binds
from evenfall.connectors.sql.compile import CompiledQuery, compile_lookup
from evenfall.connectors.warehouses import Table, Warehouse
from evenfall.errors import QueryRefused, SourceRejected, UsageError
from evenfall.registry.schemas import PosteriorHistoryPrior, SqlPrior
from evenfall.registry.schemas.numbers import NOISE_KEYS, NUMBER_KEYS
from evenfall.registry.time_expression import resolve_time
from evenfall.window import local_day

if TYPE_CHECKING:
    from evenfall.registry.parameter import Parameter

__all__ = ["fetch_prior", "history_subject"]

_HISTORY: Final = re.compile(
    r"\s*SELECT\s+mean\s*,\s*stdev\s+FROM\s+posteriors\s+WHERE\s+param_id\s*=\s*'((?:[^']|'')+)'"
    r"\s+ORDER\s+BY\s+timestamp\s+DESC\s+LIMIT\s+1\s*;?\s*",
    re.IGNORECASE,
)
_HISTORY_REMEDY: Final = (
    "leave query out for the parameter's own posterior, or write SELECT mean, stdev FROM posteriors "
    "WHERE param_id = '…' ORDER BY timestamp DESC LIMIT 1; for a table of your own use type: sql"
)


def fetch_prior(parameter: Parameter, warehouse: Warehouse, night: Night) -> Belief | Skipped:
    """Return the belief that a parameter's SQL prior source states tonight.

    The query returns one row, its columns named mean and stdev, or alpha and beta, or as the distribution's
    own numbers; no row, or a row of NULLs, is ``no_data``.

    Raises
    ------
    QueryRefused
        When the query is not one read-only SELECT over the connection's tables.
    SourceDown, SourceRejected
        When the source cannot answer, or answers with something else than one row of numbers.
    InfeasibleBelief
        When no distribution has these numbers.
    """
    source = parameter.prior_source
    if not isinstance(source, SqlPrior):
        raise UsageError(f"{parameter.id} has no SQL prior source")
    extra = source.parameters.keys() - binds.RESERVED
    compiled = compile_lookup(
        source.query, dialect=warehouse.dialect, tables=warehouse.tables, extra_binds=extra
    )
    if compiled.tables.intersection(warehouse.empty_tables):
        return Skipped("no_data", "the prior's table holds no file yet")
    table = warehouse.query(compiled.sql, _filled(compiled, source, warehouse, night))
    numbers = _numbers(table, source.connection)
    if not numbers:
        return Skipped("no_data", f"the prior query on {source.connection} returned no row")
    if not numbers.keys() & set(NOISE_KEYS):
        numbers |= _declared_noise(parameter)
    return belief_from_numbers(parameter.distribution, numbers, Origin("sql", source.connection))


def history_subject(parameter: Parameter) -> str:
    """Return the id of the parameter whose stored posterior is this one's prior: its own, or one it names.

    Raises
    ------
    QueryRefused
        When the optional query is anything but the one form that names a parameter.
    """
    source = parameter.prior_source
    if not isinstance(source, PosteriorHistoryPrior):
        raise UsageError(f"{parameter.id} has no posterior_history prior")
    if source.query is None:
        return parameter.id
    named = _HISTORY.fullmatch(source.query)
    if named is None:
        raise QueryRefused("a posterior_history query can only name a parameter", remedy=_HISTORY_REMEDY)
    return named[1].replace("''", "'")


def _filled(
    compiled: CompiledQuery, source: SqlPrior, warehouse: Warehouse, night: Night
) -> dict[str, object]:
    """Return the binds of a prior query: the clock, and the times it declares."""
    now = warehouse.wall_time(night.instant, compiled.tables)
    values: dict[str, object] = {binds.AS_OF: now, binds.LOGICAL_NOW: now}
    values[binds.LOGICAL_TODAY] = local_day(night.instant, night.zone)
    for name, text in source.parameters.items():
        values[name] = warehouse.wall_time(resolve_time(text, night.instant, night.zone), compiled.tables)
    unfilled = sorted(compiled.binds - values.keys())
    if unfilled:
        raise QueryRefused(f"nothing fills :{unfilled[0]}", remedy="declare it under prior_source.parameters")
    return {name: values[name] for name in compiled.binds}


def _numbers(table: Table, connection: str) -> dict[str, float]:
    """Return the numbers of the one row, by column; empty when there is none."""
    if len(table.rows) > 1:
        raise SourceRejected(
            f"the prior query returned {len(table.rows)} rows",
            connection=connection,
            remedy="return one row, such as with ORDER BY … LIMIT 1",
        )
    row = dict(zip(table.columns, table.rows[0], strict=True)) if table.rows else {}
    known = {name: value for name, value in row.items() if name in NUMBER_KEYS and value is not None}
    if row and not known and any(value is not None for value in row.values()):
        raise SourceRejected(
            f"the prior query returned {', '.join(table.columns)}",
            connection=connection,
            remedy="name its columns mean and stdev, or alpha and beta",
        )
    return {name: _number(name, value, connection) for name, value in known.items()}


def _number(name: str, value: object, connection: str) -> float:
    if isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value):
        return float(value)
    raise SourceRejected(
        f"the prior's {name} is {value!r}", connection=connection, remedy="return a finite number"
    )


def _declared_noise(parameter: Parameter) -> dict[str, float]:
    """Return what the file says of single observations, which a table of priors rarely holds."""
    update = parameter.bayesian_update
    for numbers in (update.prior if update else None, parameter.value):
        said = numbers.numbers if numbers else {}
        noise = {key: number for key, number in said.items() if key in NOISE_KEYS}
        if noise:
            return noise
    return {}
