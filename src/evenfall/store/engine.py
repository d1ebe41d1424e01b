"""One engine per store, and the two kinds of transaction: reading a snapshot, and writing alone."""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any, Final

from sqlalchemy import Connection, Engine, create_engine, event, make_url
from sqlalchemy.exc import DatabaseError
from sqlalchemy.pool import StaticPool

from evenfall.errors import StoreError

__all__ = ["Transactions", "make_engine"]

_BUSY_SECONDS: Final = 60
_WRITER_LOCK: Final = (
    0x45_56_45_4E  # any constant: all writers of one PostgreSQL database ask for the same one
)

# A server asks from some forty threads: eight connections stay open, the warmest is taken first, and the
# others come and go with the crowd, so that nobody waits for one.
_POOL: Final[dict[str, Any]] = {"pool_size": 8, "max_overflow": 56, "pool_use_lifo": True}

# FULL, not NORMAL: in WAL mode NORMAL may lose the last commits to a power cut, and what was told outside
# must not be forgotten inside. It costs one fsync per chunk of parameters: some 20 a night.
_PRAGMAS: Final = (
    f"PRAGMA busy_timeout = {_BUSY_SECONDS * 1000}",
    "PRAGMA foreign_keys = ON",
    "PRAGMA synchronous = FULL",
    "PRAGMA cache_size = -65536",
    "PRAGMA temp_store = MEMORY",
)


def make_engine(url: str) -> Engine:
    """Return the engine for a store's URL; the folder of a SQLite file is made when it is missing.

    Raises
    ------
    StoreError
        When the URL is not one of ``memory``, ``sqlite:///path``, ``postgresql+psycopg://…``.
    """
    if url == "memory":
        engine = create_engine("sqlite://", poolclass=StaticPool, connect_args={"check_same_thread": False})
        _speak_sqlite(engine, in_memory=True)
        return engine
    if url.startswith("sqlite:///"):
        path = make_url(url).database
        if path:
            Path(path).parent.mkdir(parents=True, exist_ok=True)
        engine = create_engine(url, connect_args={"timeout": _BUSY_SECONDS}, **_POOL)
        _speak_sqlite(engine, in_memory=False)
        return engine
    if url.startswith("postgresql+psycopg://"):
        return create_engine(url, pool_pre_ping=True, **_POOL)
    scheme = url.partition(":")[0]
    raise StoreError(
        f"a store cannot be kept at {scheme!r}",
        remedy="use memory, sqlite:///path/to/store.db or postgresql+psycopg://host/database",
    )


def _speak_sqlite(engine: Engine, *, in_memory: bool) -> None:
    @event.listens_for(engine, "connect")
    def connect(raw: Any, _record: object) -> None:
        raw.isolation_level = None  # the driver's own BEGIN comes too late for savepoints and DDL
        cursor = raw.cursor()
        for pragma in _PRAGMAS:
            cursor.execute(pragma)
        if not in_memory:
            _ask_for_wal(cursor)
        cursor.close()

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        writes = connection.get_execution_options().get("evenfall_writes", False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def _ask_for_wal(cursor: Any) -> None:
    """Switch the file to WAL; that needs the file alone, and SQLite does not wait for it by itself."""
    give_up = time.monotonic() + _BUSY_SECONDS
    while True:
        try:
            cursor.execute("PRAGMA journal_mode = WAL")
            return
        except sqlite3.OperationalError as busy:
            if "locked" not in str(busy) or time.monotonic() > give_up:
                raise
            time.sleep(0.01)


class Transactions:
    """The two kinds of transaction on one engine.

    Readers see one snapshot. Writers are alone, on SQLite by ``BEGIN IMMEDIATE`` and on PostgreSQL by an
    advisory lock, so what a writer has read cannot change before it commits. The in-memory store has a single
    connection, which threads take in turn.
    """

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self._turn = threading.RLock() if isinstance(engine.pool, StaticPool) else nullcontext()

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """Yield a connection that sees one snapshot."""
        with self._turn, self._connection(writes=False) as connection:
            if connection.dialect.name == "postgresql":
                connection.exec_driver_sql("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
            yield connection

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """Yield a connection that alone may write; commits at the end, rolls back on any error."""
        with self._turn, self._connection(writes=True) as connection:
            if connection.dialect.name == "postgresql":
                connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_WRITER_LOCK})")
            yield connection

    @contextmanager
    def _connection(self, *, writes: bool) -> Iterator[Connection]:
        try:
            with self.engine.connect() as plain:
                connection = plain.execution_options(evenfall_writes=writes)
                with connection.begin():
                    yield connection
        except (DatabaseError, sqlite3.DatabaseError) as broken:
            raise StoreError(
                f"the database refused: {_first_cause(broken)}",
                remedy="see that the disk has room and that no other program holds the store",
            ) from broken

    def close(self) -> None:
        """Close every connection."""
        self.engine.dispose()


def _first_cause(broken: BaseException) -> BaseException:
    """Return what went wrong first.

    On a full disk SQLite ends the transaction by itself, and then rolling back to the savepoint fails too.
    """
    while broken.__context__ is not None:
        broken = broken.__context__
    return broken
