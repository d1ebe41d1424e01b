"""One query for many windows: the user's SELECT, evaluated once per row of a small table of windows.

``LATERAL`` is defined as evaluating the subquery anew for each row on its left, so the rows are those of as
many separate executions; the warehouse may read the table once for all of them.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

from sqlglot import exp

from evenfall.connectors.sql.binds import END_DATE, LOOKBACK_START, START_DATE

__all__ = ["DIALECTS", "POSITION", "column_bind", "for_many_windows"]

DIALECTS: Final = frozenset({"duckdb"})
"""Dialects of warehouses that evaluate a LATERAL subquery with an aggregate and unnest lists of binds."""

POSITION: Final = "_ef_position"
_WINDOWS: Final = "_ef_windows"
_ROWS: Final = "_ef_rows"


def column_bind(name: str) -> str:
    """Return the name of the bind that carries the list of one bind's values, a value per window."""
    return f"_ef_each_{name}"


def for_many_windows(tree: exp.Query, shard_binds: Collection[str], dialect: str) -> str:
    """Return the query for a list of windows; its first output column is the window's position.

    Parameters
    ----------
    tree
        The compiled tree; it is changed.
    shard_binds
        Binds whose value differs from execution to execution besides the dates.
    dialect
        One of `DIALECTS`.
    """
    # The tree is spent after this: it is changed in place and written without a copy.
    varying = {START_DATE, END_DATE, LOOKBACK_START, *shard_binds}
    binds = [bind for bind in tree.find_all(exp.Placeholder) if bind.name in varying]
    used = sorted({bind.name for bind in binds})
    for bind in binds:
        bind.replace(exp.column(bind.name, table=_WINDOWS))
    body = tree.sql(dialect=dialect, comments=False, copy=False)
    lists = ", ".join(f"UNNEST(${column_bind(name)}) AS {name}" for name in (POSITION, *used))
    return (
        f"SELECT {_WINDOWS}.{POSITION}, {_ROWS}.* "  # noqa: S608 -- the body passed the guard, the rest is ours
        f"FROM (SELECT {lists}) AS {_WINDOWS}, LATERAL ({body}) AS {_ROWS}"
    )
