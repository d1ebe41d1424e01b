"""Which tables of a project hold events, and what these are called: what a funnel can be asked about."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Final

from sqlglot import exp

from evenfall.connectors.funnels.question import FunnelColumns
from evenfall.connectors.warehouses import Warehouse, open_warehouse
from evenfall.errors import EvenfallError
from evenfall.registry.schemas.observations import EventObservations
from evenfall.runs.world import World

__all__ = ["EventTable", "event_tables"]

_MOST_EVENTS: Final = 200
_ROLES: Final = ("user", "session", "event", "time", "node")
_EMBEDDED: Final = frozenset({"duckdb", "sqlite"})


@dataclass(frozen=True, slots=True)
class EventTable:
    """A table of events.

    Attributes
    ----------
    columns
        By role (user, session, event, time, node), those that are there; any other key is a context's.
    events
        Names of events, in order; the first of them where there are very many.
    problem
        Why nothing is known of its events; empty when they were read.
    """

    connection: str
    table: str
    columns: Mapping[str, str] = field(default_factory=dict)
    events: tuple[str, ...] = ()
    problem: str = ""

    def as_dict(self) -> dict[str, Any]:
        """Return the table as JSON-ready data."""
        return {**asdict(self), "columns": dict(self.columns), "events": list(self.events)}


def event_tables(world: World) -> list[EventTable]:
    """Return the event tables that definitions name, and those found where files are the connection.

    A source that cannot answer is told with its tables; it hides no others.
    """
    named = _named(world)
    connections = world.registry.settings.connections
    found: list[EventTable] = []
    read: set[tuple[str, object]] = set()
    for name, connection in sorted(connections.items(), key=lambda item: (item[0] not in named, item[0])):
        tables, place = named.get(name, {}), (connection.type, connection.path or "data")
        if not tables and (connection.type not in _EMBEDDED or place in read):
            continue  # another name of what was read already, or a warehouse nobody has asked
        read.add(place)
        try:
            with open_warehouse(connection, world.registry.settings, world.registry.root) as warehouse:
                found += _read(name, tables, warehouse)
        except EvenfallError as broken:
            found += [EventTable(name, table, columns, (), str(broken)) for table, columns in tables.items()]
    return found


def _named(world: World) -> dict[str, dict[str, dict[str, str]]]:
    """Return by connection and table the columns that definitions give; the same table once."""
    named: dict[str, dict[str, dict[str, str]]] = {}
    for _, parameter in sorted(world.registry.parameters.items()):
        source = parameter.observation_source
        if isinstance(source, EventObservations):
            said = {role: getattr(source.columns, role) for role in _ROLES}
            columns = {role: column for role, column in said.items() if column}
            tables = named.setdefault(source.connection, {})
            tables.setdefault(source.table.lower(), {}).update({**source.columns.contexts, **columns})
    return named


def _read(
    connection: str, named: Mapping[str, Mapping[str, str]], warehouse: Warehouse
) -> Iterator[EventTable]:
    for table in sorted({*named, *warehouse.tables}):
        if table not in warehouse.tables:
            yield EventTable(connection, table, dict(named[table]), (), "there is no such table")
            continue
        try:
            found = _table(connection, table, named.get(table), warehouse)
        except EvenfallError as broken:
            found = EventTable(connection, table, dict(named.get(table, {})), (), str(broken))
        if found is not None:
            yield found


def _table(
    connection: str, table: str, named: Mapping[str, str] | None, warehouse: Warehouse
) -> EventTable | None:
    """Return the table with the names of its events; None when it does not look like one of events."""
    source = exp.Table(this=exp.to_identifier(table, quoted=True))
    sample = exp.select("*").from_(source).limit(1).sql(warehouse.dialect)
    there = {name.lower() for name in warehouse.query(sample, {}).columns}
    columns = dict(named or {})
    for role, default in asdict(FunnelColumns()).items():
        for name in (default, role):
            if role in _ROLES and isinstance(name, str) and name in there:
                columns.setdefault(role, name)
    if named is None and not {"event", "time"} <= columns.keys():
        return None
    if "event" not in columns:
        return EventTable(connection, table, columns, (), "no column holds the events' names")
    event = exp.column(columns["event"].lower(), quoted=True)
    known = exp.Not(this=exp.Is(this=event.copy(), expression=exp.null()))
    query = exp.select(exp.alias_(event, "name")).distinct().from_(source).where(known)
    ordered = query.order_by("name").limit(_MOST_EVENTS).sql(warehouse.dialect)
    names = tuple(str(name) for (name,) in warehouse.query(ordered, {}).rows)
    return EventTable(connection, table, columns, names)
