"""Where evidence is read: one small adapter per warehouse over its own driver, all with one query method."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final, Protocol
from zoneinfo import ZoneInfo

from evenfall.catalogue import Catalogue
from evenfall.errors import SourceRejected
from evenfall.registry.settings import Connection, Settings

__all__ = [
    "MAX_ROWS",
    "WAREHOUSES",
    "Limits",
    "Opening",
    "Table",
    "Warehouse",
    "dialect_of",
    "open_warehouse",
    "too_many_rows",
]

MAX_ROWS: Final = 1_000_000
"""Rows one query may return; sums need far fewer, and a raw dump would fill the memory."""

WAREHOUSES: Final = Catalogue(
    "warehouse",
    built_in={
        "duckdb": "evenfall.connectors.warehouses.duckdb:DuckDB",
        "sqlite": "evenfall.connectors.warehouses.sqlite:SQLite",
    },
    extras={},
)
"""Warehouse types and the adapters that serve them."""

_FILES: Final = frozenset({"csv", "parquet"})


@dataclass(frozen=True, slots=True)
class Table:
    """The rows a query returned, columns by lower-case name."""

    columns: tuple[str, ...]
    rows: list[tuple[object, ...]]


@dataclass(frozen=True, slots=True)
class Limits:
    """What one query may use.

    Attributes
    ----------
    timeout_seconds
        Wall time, after which it is stopped.
    memory
        Size such as ``1GB``, where the warehouse runs in this process.
    max_rows
        Rows it may return.
    """

    timeout_seconds: float = 60.0
    memory: str = "1GB"
    max_rows: int = MAX_ROWS


@dataclass(frozen=True, slots=True)
class Opening:
    """What an adapter needs to open its warehouse.

    Attributes
    ----------
    name
        The connection's name, for messages.
    path
        Absolute folder or file of an embedded warehouse.
    options
        The connection's options with secrets revealed; they never appear in a message.
    zone
        Naive timestamps are wall times of this zone.
    """

    name: str
    path: Path
    zone: ZoneInfo
    limits: Limits = Limits()
    options: Mapping[str, object] | None = None


class Warehouse(Protocol):
    """An open connection to one warehouse.

    Attributes
    ----------
    dialect
        sqlglot's name of its SQL.
    tables
        Tables a query may read.
    empty_tables
        Tables that are declared but hold no data yet, so that their columns are unknown.
    """

    dialect: str
    tables: Collection[str]
    empty_tables: Collection[str]

    def query(self, sql: str, binds: Mapping[str, object]) -> Table:
        """Return the rows of one compiled SELECT with its binds filled by name.

        Raises
        ------
        SourceDown
            When the warehouse cannot be reached or takes too long.
        SourceRejected
            When it says no, or answers with too many rows.
        """
        ...

    def wall_time(self, instant: datetime, tables: Collection[str]) -> object:
        """Return the bind value of an instant for a query over `tables`."""
        ...

    def close(self) -> None:
        """Let the connection go."""
        ...


def too_many_rows(opening: Opening) -> SourceRejected:
    """Return the error for an answer that lists rows instead of counting them."""
    return SourceRejected(
        f"the query returns more than {opening.limits.max_rows:,} rows",
        connection=opening.name,
        remedy="count in the query (COUNT, SUM, GROUP BY) instead of listing rows",
    )


def dialect_of(connection: Connection) -> str:
    """Return sqlglot's name of a connection's SQL, without opening it."""
    dialect: str = WAREHOUSES.resolve(_kind(connection)).dialect
    return dialect


@contextmanager
def open_warehouse(connection: Connection, settings: Settings, root: Path) -> Iterator[Warehouse]:
    """Open a connection, locked down to reading its own tables, and close it at the end.

    Parameters
    ----------
    connection
        Which warehouse.
    settings
        Zone and limits of the project.
    root
        Folder of the project, from which relative paths start.

    Raises
    ------
    SourceDown
        When its file or folder is missing.
    UnknownName, MissingDriver
        When its type is unknown or not installed.
    """
    adapter = WAREHOUSES.resolve(_kind(connection))
    opening = Opening(
        name=connection.name,
        path=(root / (connection.path or "data")).resolve(),
        zone=settings.zone,
        limits=Limits(settings.timeout_seconds, settings.memory),
        options=connection.resolve(os.environ),
    )
    warehouse: Warehouse = adapter(opening)
    try:
        yield warehouse
    finally:
        warehouse.close()


def _kind(connection: Connection) -> str:
    return "duckdb" if connection.type in _FILES else connection.type
