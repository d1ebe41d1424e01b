"""The connections of a project, and how what hangs on them was last read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from evenfall.findings import Light
from evenfall.registry.parameter import Parameter
from evenfall.runs.listing import ListedRow, Listing
from evenfall.runs.report import json_ready
from evenfall.runs.world import World

__all__ = ["Source", "SourceState", "sources_of"]

type SourceState = Literal["fresh", "stale", "down", "unread", "unused"]


@dataclass(frozen=True, slots=True)
class Source:
    """A connection with how what hangs on it was last read.

    Attributes
    ----------
    state
        ``down`` when the last night could not read it for some parameter, ``stale`` when what was read is too
        old for one, ``unread`` when nothing was read yet, ``unused`` when no parameter asks it.
    read_at, age_days
        Of the parameter that was read longest ago.
    parameters
        How many ask it.
    detail
        What the last night said of the parameter that stands worst.
    """

    connection: str
    type: str
    state: SourceState
    read_at: datetime | None
    age_days: float | None
    parameters: int
    detail: str

    def as_dict(self) -> dict[str, Any]:
        """Return the source as JSON-ready data."""
        facts: dict[str, Any] = json_ready(self)
        return facts


def sources_of(world: World, listing: Listing) -> list[Source]:
    """Return every connection, by name, as it stood at the end of the listing's night.

    One that nobody asks is left out where it is but another name of one that is asked.
    """
    rows = {row.id: row for row in listing.rows}
    asked: dict[str, list[ListedRow]] = {name: [] for name in world.registry.settings.connections}
    for parameter in world.registry.parameters.values():
        name = _connection(parameter)
        if name in asked and parameter.id in rows:
            asked[name].append(rows[parameter.id])
    connections = world.registry.settings.connections
    places = {
        (connections[name].type, connections[name].path or "data") for name, found in asked.items() if found
    }
    return [
        _source(name, connections[name].type, found)
        for name, found in sorted(asked.items())
        if found or (connections[name].type, connections[name].path or "data") not in places
    ]


def _connection(parameter: Parameter) -> str | None:
    return getattr(parameter.observation_source, "connection", None)


def _source(name: str, kind: str, found: Sequence[ListedRow]) -> Source:
    read = [row for row in found if row.row.read_at is not None]
    oldest = min(read, key=lambda row: (row.row.read_at, row.id), default=None)
    state, told = _state(found, read)
    return Source(
        connection=name,
        type=kind,
        state=state,
        read_at=oldest.row.read_at if oldest is not None else None,
        age_days=oldest.row.age_days if oldest is not None else None,
        parameters=len(found),
        detail=told.row.detail if told is not None else "",
    )


def _state(found: Sequence[ListedRow], read: Sequence[ListedRow]) -> tuple[SourceState, ListedRow | None]:
    down = [row for row in found if row.row.outcome == "source_down"]
    stale = [row for row in found if row.row.light is Light.STALE]
    if down:
        return "down", down[0]
    if stale:
        return "stale", stale[0]
    if not found:
        return "unused", None
    return ("fresh" if read else "unread"), None
