"""What the store keeps of an incident, and of what happens to it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime

__all__ = ["IncidentEvent", "IncidentRecord"]


@dataclass(frozen=True, slots=True)
class IncidentRecord:
    """Something found wrong that lasts until it is resolved; one per parameter, kind and day it opened.

    A night says ``open`` or ``resolved``; ``ack`` comes from people and outlives nights that say ``open``.

    Attributes
    ----------
    opened_on, opened_at
        Night that found it, and its logical instant.
    since
        Day from which things are thought to have been wrong.
    seen_at
        Logical instant of the night that says so; None means the instant it was opened or resolved. Figures,
        message and since are those of the latest such night.
    acked_at, acked_by, note
        The last acknowledgement; only the store fills them.
    resolved_on, resolved_at
        Night that found it gone, and its logical instant.
    id
        Number in the store, given by the store.
    """

    parameter_id: str
    kind: str
    opened_on: date
    opened_at: datetime
    state: str = "open"
    since: date | None = None
    message: str = ""
    figures: Mapping[str, object] = field(default_factory=dict)
    resolved_on: date | None = None
    resolved_at: datetime | None = None
    seen_at: datetime | None = None
    acked_at: datetime | None = None
    acked_by: str = ""
    note: str = ""
    id: int = 0


@dataclass(frozen=True, slots=True)
class IncidentEvent:
    """One thing that happened to an incident: `what` is opened, ack, resolved or reopened.

    `night` is the night that said so; None for what people did, who are named in `who`.
    """

    incident_id: int
    at: datetime
    what: str
    night: date | None = None
    who: str = ""
    note: str = ""
