"""What every query needs to know: the connection, the tenant, and for writers the run and the wall time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import batched
from typing import Any, Final, cast

from sqlalchemy import Connection, Executable, Table, bindparam, insert, update
from sqlalchemy.engine import Result

__all__ = ["Scope", "batches"]

_IDS_PER_QUERY: Final = 500


@dataclass(frozen=True, slots=True)
class Scope:
    """One transaction of one tenant.

    Attributes
    ----------
    wall_at
        Text of the wall time at which a writer began.
    run_id
        The run on whose behalf a writer writes.
    """

    connection: Connection
    tenant: str
    wall_at: str = ""
    run_id: int | None = None

    def fetch(self, statement: Executable, /, **binds: object) -> list[tuple[Any, ...]]:
        """Return the rows of a statement that takes the tenant as ``tenant``."""
        rows: Result[Any] = self.connection.execute(statement, {"tenant": self.tenant, **binds})
        return cast(list[tuple[Any, ...]], rows.fetchall())  # a row is a tuple, with names

    def fetch_by_ids(
        self, statement: Executable, ids: Iterable[object], **binds: object
    ) -> Iterator[tuple[Any, ...]]:
        """Yield the rows of a statement that takes ``ids``, asked in batches."""
        for batch in batches(ids):
            yield from self.fetch(statement, ids=list(batch), **binds)

    def insert(self, table: Table, rows: Sequence[dict[str, Any]]) -> int:
        """Write new rows and return how many there were."""
        if rows:
            self.connection.execute(insert(table), list(rows))
        return len(rows)

    def change(self, table: Table, key: Sequence[str], rows: Sequence[dict[str, Any]]) -> int:
        """Rewrite rows known by the columns of `key` and return how many there were."""
        if rows:
            own = update(table).where(*(table.c[name] == bindparam(f"key_{name}") for name in key))
            statement = own.values({name: bindparam(name) for name in rows[0] if name not in key})
            named = [{f"key_{k}" if k in key else k: value for k, value in row.items()} for row in rows]
            self.connection.execute(statement, named)
        return len(rows)

    def stamp(self) -> dict[str, Any]:
        """Return the columns that say on whose behalf and when a row was written."""
        return {"tenant": self.tenant, "run_id": self.run_id, "wall_at": self.wall_at}


def batches(ids: Iterable[object]) -> Iterator[tuple[object, ...]]:
    """Yield ids in pieces that fit one statement's bound values."""
    return iter(batched(ids, _IDS_PER_QUERY))
