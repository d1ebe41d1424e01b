"""Evidence from a warehouse: one read of many windows and shards, as sums that add."""

from __future__ import annotations

from evenfall.beliefs.observations import Observations, Skipped
from evenfall.connectors.answers import Fetched
from evenfall.connectors.cohorts import matched_cohorts
from evenfall.connectors.execution import Read, execute
from evenfall.connectors.matching import matched
from evenfall.connectors.warehouses import Warehouse

__all__ = ["Read", "fetch_observations"]


def fetch_observations(read: Read, warehouse: Warehouse) -> dict[str, Fetched]:
    """Return what the source says of each parameter of a read.

    A window of which a parameter has no row counts as zero when the read as a whole returned rows; when it
    returned none, every parameter is skipped with ``no_data``.

    Raises
    ------
    QueryRefused
        When the query is not one bounded, read-only SELECT.
    SourceDown, SourceRejected
        When the source cannot answer at all.
    """
    compiled = read.query.compile(warehouse.dialect, warehouse.tables)
    empty = sorted(compiled.tables.intersection(warehouse.empty_tables))
    if empty:
        return _no_data(read, f"table {empty[0]} holds no file yet")
    answer = execute(read, compiled, warehouse)
    if not answer.rows and not answer.rejected:
        return _no_data(read, "the query returned no row")
    return (matched if read.query.age_column is None else matched_cohorts)(read, compiled, answer)


def _no_data(read: Read, detail: str) -> dict[str, Fetched]:
    skipped = Skipped("no_data", detail)
    return {parameter_id: Fetched(Observations.of(()), skipped=skipped) for parameter_id in read.shards}
