"""A SQLite file, opened read-only behind an authorizer."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from datetime import date, datetime
from typing import Final
from urllib.parse import quote

from evenfall.connectors.sql.functions import NAMED_FUNCTIONS
from evenfall.connectors.warehouses import Opening, Table, too_many_rows
from evenfall.connectors.warehouses.values import lower_names
from evenfall.errors import SourceDown, SourceRejected

__all__ = ["SQLite"]

_STEPS: Final = 10_000
"""Virtual-machine steps between two looks at the clock, well under a millisecond."""

_LOCK_SECONDS: Final = 5.0
_OPERATORS: Final = frozenset({"like", "glob", "->", "->>"})
_LONGEST_VALUE: Final = 10_000_000
"""Bytes of a text or blob; counts need none, and a repeated text could fill the memory."""


class SQLite:
    """One SQLite file; its tables and views may be read, and nothing else can happen."""

    dialect = "sqlite"
    empty_tables: frozenset[str] = frozenset()

    def __init__(self, opening: Opening, *, lock_seconds: float = _LOCK_SECONDS) -> None:
        self._opening = opening
        self._deadline = 0.0
        if not opening.path.is_file():
            raise SourceDown(
                f"the file {opening.path.name} does not exist",
                connection=opening.name,
                remedy="create it, or set the connection's path",
            )
        uri = f"file:{quote(str(opening.path))}?mode=ro"
        with self._answered():
            self._connection = sqlite3.connect(uri, uri=True, timeout=lock_seconds, check_same_thread=False)
        try:
            with self._answered():
                self.tables = frozenset(self._names())
        except BaseException:
            self._connection.close()
            raise
        self._connection.setlimit(sqlite3.SQLITE_LIMIT_ATTACHED, 0)
        self._connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, _LONGEST_VALUE)
        self._connection.set_authorizer(self._authorize)
        self._connection.set_progress_handler(self._is_late, _STEPS)

    def query(self, sql: str, binds: Mapping[str, object]) -> Table:
        """Return the rows of one compiled SELECT with its binds filled by name."""
        self._deadline = time.monotonic() + self._opening.limits.timeout_seconds
        values = {name: value.isoformat() if type(value) is date else value for name, value in binds.items()}
        with self._answered():
            cursor = self._connection.execute(sql, values)
            rows = cursor.fetchmany(self._opening.limits.max_rows + 1)
            columns = lower_names(column[0] for column in cursor.description or ())
            cursor.close()
        if len(rows) > self._opening.limits.max_rows:
            raise too_many_rows(self._opening)
        return Table(columns, rows)

    def wall_time(self, instant: datetime, tables: Collection[str]) -> str:
        """Return the local wall time of an instant as SQLite's own text; a midnight as its date alone.

        SQLite compares times as text, and ``'2025-10-01' < '2025-10-01 00:00:00'``: the date alone sorts at
        or before every time of its day however the column writes it, and after every time of the day before.
        """
        local = instant.astimezone(self._opening.zone).replace(tzinfo=None)
        midnight = (local.hour, local.minute, local.second, local.microsecond) == (0, 0, 0, 0)
        return local.date().isoformat() if midnight else local.isoformat(" ", timespec="seconds")

    def close(self) -> None:
        """Close the file."""
        self._connection.close()

    def _names(self) -> Iterator[str]:
        listed = self._connection.execute("SELECT name FROM sqlite_master WHERE type IN ('table', 'view')")
        names = (str(name).lower() for (name,) in listed.fetchall())
        return (name for name in names if not name.startswith("sqlite_"))

    def _authorize(
        self, action: int, first: str | None, second: str | None, database: str | None, trigger: str | None
    ) -> int:
        """Allow reading listed tables with listed functions; deny everything else the engine can do."""
        if action == sqlite3.SQLITE_SELECT:
            return sqlite3.SQLITE_OK
        if action == sqlite3.SQLITE_READ and _is_table(first, self.tables):
            return sqlite3.SQLITE_OK
        if action == sqlite3.SQLITE_FUNCTION and (second or "").lower() in NAMED_FUNCTIONS | _OPERATORS:
            return sqlite3.SQLITE_OK
        return sqlite3.SQLITE_DENY

    def _is_late(self) -> bool:
        return time.monotonic() > self._deadline

    @contextmanager
    def _answered(self) -> Iterator[None]:
        """Say what the engine's errors mean: try again, or change the query."""
        name = self._opening.name
        try:
            yield
        except sqlite3.Error as error:
            code = getattr(error, "sqlite_errorname", "") or ""
            if code.startswith("SQLITE_INTERRUPT"):
                seconds = self._opening.limits.timeout_seconds
                message, remedy = f"the query took longer than {seconds:g} s", "narrow it, or raise the limit"
                raise SourceDown(message, connection=name, remedy=remedy) from None
            if code.startswith(("SQLITE_BUSY", "SQLITE_LOCKED", "SQLITE_CANTOPEN", "SQLITE_IOERR")):
                raise SourceDown(str(error), connection=name) from None
            raise SourceRejected(str(error), connection=name, remedy="correct the query") from None


def _is_table(name: str | None, tables: Collection[str]) -> bool:
    return (name or "").lower() in tables
