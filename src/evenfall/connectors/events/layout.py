"""Where the facts of an event stand in a table: names of the definition met with its real columns."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from sqlglot import exp

from evenfall.connectors.events.clocks import Reading, epoch_of
from evenfall.connectors.events.questions import CubeAsk, EventQuestion
from evenfall.connectors.warehouses import Warehouse
from evenfall.errors import QueryRefused, nearest

__all__ = ["Layout", "fetch_layout"]

_ALIAS = "source"


@dataclass(frozen=True, slots=True)
class Layout:
    """The table of a question, with each column as an expression that is safe to put into a statement.

    Attributes
    ----------
    table
        The table under an alias, in quotes.
    name
        Its name as the warehouse lists it.
    unit
        The columns that tell the units apart.
    raw_time, clock
        The column of the time as it is, and the expression of its microseconds since 1970.
    bounded
        Whether the raw column compares with the warehouse's own wall times, so that a range prunes files.
    reading
        Whether `clock` counts wall times of the zone, or instants.
    node
        None when no condition looks at nodes.
    """

    table: exp.Table
    name: str
    unit: tuple[exp.Column, ...]
    event: exp.Column
    node: exp.Column | None
    raw_time: exp.Column
    clock: exp.Expr
    bounded: bool
    reading: Reading
    contexts: Mapping[str, exp.Column]


def fetch_layout(ask: CubeAsk, warehouse: Warehouse) -> Layout | None:
    """Return the layout of a question's table, after a look at its columns; None when it holds no row.

    Raises
    ------
    QueryRefused
        When the table, or a column in it, is not there, or the time is none.
    """
    question, epoch = ask.question, epoch_of(warehouse.dialect)
    name = question.table.lower()
    if name not in warehouse.tables:
        close = nearest(name, warehouse.tables)
        listed = ", ".join(sorted(warehouse.tables)[:10]) or "no table"
        hint = f"did you mean {' or '.join(close)}?" if close else f"the connection has {listed}"
        raise QueryRefused(f"no table is called {question.table}", remedy=hint)
    if name in warehouse.empty_tables:
        return None
    table = exp.Table(
        this=exp.to_identifier(name, quoted=True), alias=exp.TableAlias(this=_identifier(_ALIAS))
    )
    found = warehouse.query(_sql(exp.select("*").from_(table).limit(1), warehouse), {})
    if not found.rows:
        return None
    columns = _Columns(question.table, found.columns)
    time = columns.one("time", question.time)
    sample = exp.select(exp.Anonymous(this="typeof", expressions=[time]), time).from_(table)
    known = exp.Not(this=exp.Is(this=time, expression=exp.null()))
    rows = warehouse.query(_sql(sample.where(known).limit(1), warehouse), {}).rows
    if not rows:
        return None
    kind, value = str(rows[0][0]), rows[0][1]
    reading = epoch.read(kind, value)
    if reading is None:
        raise QueryRefused(
            f"column {time.name} of {question.table} holds {value!r} ({kind}), which is no time",
            remedy="store a timestamp, an ISO text such as 2026-03-20 06:00:00, or seconds since 1970",
        )
    return Layout(
        table=table,
        name=name,
        unit=_unit(question, columns),
        event=columns.one("event", question.event),
        node=columns.one("node", question.node) if ask.nodes else None,
        raw_time=time,
        clock=epoch.convert(time, kind, reading),
        bounded=not isinstance(value, int | float),
        reading=reading,
        contexts={key: columns.context(key, dict(question.contexts)) for key in ask.keys},
    )


def _unit(question: EventQuestion, columns: _Columns) -> tuple[exp.Column, ...]:
    if question.unit == "user":
        return (columns.one("user", question.user),)
    session = columns.one("session", question.session)
    return (columns.one("user", question.user), session) if question.user else (session,)


class _Columns:
    """The columns of one table, by lower-case name."""

    def __init__(self, table: str, names: Collection[str]) -> None:
        self._table, self._names = table, names

    def one(self, role: str, named: str) -> exp.Column:
        """Return the column of a role: the one that is named, else the one called like the role."""
        return self._first(role, [named or role])

    def context(self, key: str, named: Mapping[str, str]) -> exp.Column:
        """Return the column of a context: the one that is named, else ``context_<key>`` or ``<key>``."""
        return self._first(key, [named[key]] if key in named else [f"context_{key}", key])

    def _first(self, role: str, names: list[str]) -> exp.Column:
        for name in names:
            if name.lower() in self._names:
                return exp.column(name.lower(), table=_ALIAS, quoted=True)
        close = nearest(names[-1], self._names)
        meant = f"did you mean {' or '.join(close)}?" if close else f"it has {', '.join(sorted(self._names))}"
        raise QueryRefused(
            f"table {self._table} has no column {' or '.join(names)}",
            remedy=f"set observation_source.columns.{role}; {meant}",
        )


def _identifier(name: str) -> exp.Identifier:
    return exp.to_identifier(name, quoted=True)


def _sql(query: exp.Select, warehouse: Warehouse) -> str:
    return query.sql(warehouse.dialect)
