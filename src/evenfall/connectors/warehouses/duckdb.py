"""The embedded warehouse: DuckDB in memory over the Parquet and CSV files of one folder, and nothing else."""

from __future__ import annotations

import os
import threading
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Final

import duckdb

from evenfall.connectors.warehouses import Opening, Table, too_many_rows
from evenfall.connectors.warehouses.values import lower_names, plain_rows
from evenfall.errors import SourceDown, SourceRejected

__all__ = ["DuckDB"]

_CONFIG: Final = {
    "autoinstall_known_extensions": "false",
    "autoload_known_extensions": "false",
    "allow_community_extensions": "false",
    "allow_persistent_secrets": "false",
    "python_enable_replacements": "false",
    "temp_directory": "",
}
"""From the start: no extension is fetched, no Python variable is a table, nothing spills to disk."""

_MAX_THREADS: Final = 4
_ZONED: Final = "TIMESTAMP WITH TIME ZONE"


class DuckDB:
    """DuckDB over the files of a project's data folder.

    Table ``x`` is ``x/**/*.parquet`` (hive partitions become columns) or ``x.csv``. The engine may read that
    folder and nothing else, and its configuration is locked before the first query.
    """

    dialect = "duckdb"

    def __init__(self, opening: Opening) -> None:
        self._opening = opening
        if not opening.path.is_dir():
            raise SourceDown(
                f"the folder {opening.path.name}/ does not exist",
                connection=opening.name,
                remedy="create it, or set the connection's path",
            )
        self.tables: frozenset[str] = frozenset()
        self.empty_tables: frozenset[str] = frozenset()
        self._zoned_tables: frozenset[str] = frozenset()
        self._header_only: frozenset[str] = frozenset()
        self._broken: dict[str, str] = {}
        self._connection = duckdb.connect(":memory:", config=dict(_CONFIG))
        try:
            self._lock_down()
        except BaseException:
            self._connection.close()
            raise

    def query(self, sql: str, binds: Mapping[str, object]) -> Table:
        """Return the rows of one compiled SELECT with its binds filled by name."""
        with self._answered():
            statements = self._connection.extract_statements(sql)
        if len(statements) != 1 or statements[0].type != duckdb.StatementType.SELECT:
            raise SourceRejected("not one SELECT", connection=self._opening.name)
        with self._answered(), self._time_limit():
            answer = self._connection.execute(statements[0], dict(binds))
            if any(str(column[1]) == _ZONED for column in answer.description or ()):
                answer = self._connection.execute(_as_wall_times(sql, answer.description or []), dict(binds))
            rows = answer.fetchmany(self._opening.limits.max_rows + 1)
            described = answer.description or []
        if len(rows) > self._opening.limits.max_rows:
            raise too_many_rows(self._opening)
        if any(str(column[1]).startswith("DECIMAL") for column in described):
            rows = plain_rows(rows)
        return Table(lower_names(column[0] for column in described), rows)

    def wall_time(self, instant: datetime, tables: Collection[str]) -> datetime:
        """Return the local wall time of an instant; the instant itself where a table's times carry a zone.

        A wall time that the autumn clock change repeats names two instants; a column with a zone is compared
        with the one that is meant.
        """
        local = instant.astimezone(self._opening.zone)
        return local if self._zoned_tables.intersection(tables) else local.replace(tzinfo=None)

    def close(self) -> None:
        """Let the engine and its memory go."""
        self._connection.close()

    def _lock_down(self) -> None:
        """Confine the engine to the folder, make its tables, and lock the configuration.

        The folder is allowed before external access goes off, because that switch cannot be undone; views are
        made after it, so even they could not name a file elsewhere.
        """
        limits, run = self._opening.limits, self._connection.execute
        run(f"SET allowed_directories = [{_quoted(str(self._opening.path))}]")
        run(f"SET memory_limit = {_quoted(limits.memory)}")
        run(f"SET threads = {min(os.cpu_count() or 1, _MAX_THREADS)}")
        run(f"SET TimeZone = {_quoted(str(self._opening.zone))}")
        run("SET enable_external_access = false")
        self._make_views()
        run("SET lock_configuration = true")

    def _make_views(self) -> None:
        """Make a view per table; one that cannot be read is kept aside, and said so when a query wants it."""
        found = _found_files(self._opening.path)
        self.tables = frozenset(found)
        for name, files in found.items():
            outside = [file for file in files if not file.resolve().is_relative_to(self._opening.path)]
            if outside:
                self._broken[name] = (
                    f"{outside[0].relative_to(self._opening.path)} is a link out of the folder"
                )
            elif files:
                self._make_view(name, files[0])
        self.empty_tables = frozenset(name for name, files in found.items() if not files) | self._header_only
        zoned = self._connection.execute(
            "SELECT DISTINCT lower(table_name) FROM duckdb_columns() WHERE NOT internal AND data_type = ?",
            [_ZONED],
        )
        self._zoned_tables = frozenset(name for (name,) in zoned.fetchall())

    def _make_view(self, name: str, file: Path) -> None:
        run = self._connection.execute
        try:
            run(f'CREATE VIEW "{name}" AS SELECT * FROM {_reader(self._opening.path, file)}')  # noqa: S608
            if file.suffix == ".csv" and not run(f'SELECT 1 FROM "{name}" LIMIT 1').fetchall():  # noqa: S608
                self._header_only |= {name}
        except duckdb.Error as error:
            self._broken[name] = _first_line(error)

    @contextmanager
    def _answered(self) -> Iterator[None]:
        """Say what the engine's errors mean: try again, or change the query."""
        name = self._opening.name
        try:
            yield
        except duckdb.InterruptException:
            seconds = self._opening.limits.timeout_seconds
            raise SourceDown(
                f"the query took longer than {seconds:g} s",
                connection=name,
                remedy="narrow it, or raise the limit",
            ) from None
        except duckdb.OutOfMemoryException:
            raise SourceRejected(
                f"the query needs more than {self._opening.limits.memory}",
                connection=name,
                remedy="aggregate earlier, or raise the limit",
            ) from None
        except duckdb.IOException as error:
            raise SourceDown(_first_line(error), connection=name) from None
        except duckdb.CatalogException as error:
            broken = next((t for t in self._broken if f"name {t} " in str(error).lower()), None)
            if broken is None:
                raise SourceRejected(
                    _first_line(error), connection=name, remedy="correct the query"
                ) from None
            message = f"table {broken} cannot be read: {self._broken[broken]}"
            raise SourceRejected(message, connection=name, remedy="mend or remove the file") from None
        except duckdb.Error as error:
            raise SourceRejected(_first_line(error), connection=name, remedy="correct the query") from None

    @contextmanager
    def _time_limit(self) -> Iterator[None]:
        """Interrupt the engine from a second thread when the time is up."""
        timer = threading.Timer(self._opening.limits.timeout_seconds, self._connection.interrupt)
        timer.daemon = True
        timer.start()
        try:
            yield
        finally:
            timer.cancel()


def _found_files(folder: Path) -> dict[str, list[Path]]:
    """Return each table's files by lower-case name; a folder without a file yet has none."""
    found: dict[str, list[Path]] = {}
    for entry in sorted(folder.iterdir(), key=lambda path: path.name):
        if entry.name.startswith(".") or '"' in entry.name:
            continue
        if entry.is_dir():
            found[entry.name.lower()] = sorted(entry.rglob("*.parquet"))
        elif entry.suffix == ".csv":
            found.setdefault(entry.stem.lower(), [entry] if entry.stat().st_size else [])
    return found


def _reader(folder: Path, file: Path) -> str:
    """Return the call that reads a table, given one of its files."""
    if file.suffix == ".csv":
        return f"read_csv({_quoted(str(file))}, header = true)"
    table = folder / file.relative_to(folder).parts[0]
    pattern = _quoted(str(table / "**" / "*.parquet"))
    return f"read_parquet({pattern}, hive_partitioning = true, union_by_name = true)"


def _as_wall_times(sql: str, description: Sequence[Sequence[object]]) -> str:
    """Return the query with its zoned times cast to wall times, which need no further library to read."""
    names = [str(column[0]).replace('"', '""') for column in description]
    aliases = [f"c{i}" for i in range(len(names))]
    items = [
        f'CAST({alias} AS TIMESTAMP) AS "{name}"' if str(kind) == _ZONED else f'{alias} AS "{name}"'
        for alias, name, (_, kind, *_) in zip(aliases, names, description, strict=True)
    ]
    return f"SELECT {', '.join(items)} FROM ({sql}) AS answer({', '.join(aliases)})"  # noqa: S608


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _first_line(error: Exception) -> str:
    return str(error).splitlines()[0][:300] if str(error) else type(error).__name__
