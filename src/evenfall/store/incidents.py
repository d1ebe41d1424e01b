"""Incidents, and the log of what happened to each; the log says what an incident was at any instant."""

from __future__ import annotations

from bisect import insort
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime
from typing import Any, Final

from sqlalchemy import Table, bindparam, func, select

from evenfall.errors import StoreError, UsageError
from evenfall.store.cells import from_json, instant, instant_or_none, instant_text, to_json
from evenfall.store.records import IncidentEvent, IncidentRecord
from evenfall.store.schema import incident_events, incidents
from evenfall.store.scope import Scope

__all__ = ["acknowledge", "events_of", "incidents_as_of", "save_incidents"]

type Key = tuple[str, str, date]  # parameter_id, kind, opened_on
type History = list[IncidentEvent]  # in order of (at, number)

_STATES: Final = {"opened": "open", "reopened": "open", "ack": "ack", "resolved": "resolved"}

_COLUMNS: Final = (
    incidents.c.id,
    incidents.c.parameter_id,
    incidents.c.kind,
    incidents.c.opened_on,
    incidents.c.since,
    incidents.c.opened_at,
    incidents.c.seen_at,
    incidents.c.figures,
    incidents.c.message,
)

_ALL: Final = (
    select(*_COLUMNS)
    .where(incidents.c.tenant == bindparam("tenant"))
    .order_by(incidents.c.opened_at, incidents.c.id)
)
_OF_PARAMETERS: Final = _ALL.where(incidents.c.parameter_id.in_(bindparam("ids", expanding=True)))
_BY_NUMBER: Final = _ALL.where(incidents.c.id.in_(bindparam("ids", expanding=True)))

_EVENTS: Final = (
    select(
        incident_events.c.incident_id,
        incident_events.c.at,
        incident_events.c.what,
        incident_events.c.night,
        incident_events.c.who,
        incident_events.c.note,
    )
    .where(
        incident_events.c.tenant == bindparam("tenant"),
        incident_events.c.incident_id.in_(bindparam("ids", expanding=True)),
    )
    .order_by(incident_events.c.incident_id, incident_events.c.at, incident_events.c.id)
)


def incidents_as_of(
    scope: Scope, ids: Iterable[str] | None, as_of: datetime, states: Collection[str]
) -> list[IncidentRecord]:
    """Return incidents of some or all parameters in one of `states` at `as_of`, the oldest first."""
    rows = scope.fetch(_ALL) if ids is None else list(scope.fetch_by_ids(_OF_PARAMETERS, ids))
    stored = [one for one in map(_stored_of, rows) if one.opened_at <= as_of]
    histories = _histories(scope, [one.id for one in stored])
    told = [_told(one, histories[one.id], as_of) for one in stored]
    return sorted((one for one in told if one.state in states), key=lambda one: (one.opened_at, one.id))


def events_of(scope: Scope, number: int) -> History:
    """Return everything that happened to an incident, in order of time."""
    return _histories(scope, [number])[number]


def acknowledge(scope: Scope, number: int, who: str, note: str, at: datetime) -> IncidentRecord:
    """Write that somebody has seen an incident and return it; the same said again writes nothing.

    Raises
    ------
    UsageError
        When there is no such incident, or it is resolved.
    """
    stored = next(map(_stored_of, scope.fetch_by_ids(_BY_NUMBER, [number])), None)
    if stored is None or at < stored.opened_at:
        raise UsageError(f"there is no incident number {number}", remedy="ask for the open incidents")
    history = events_of(scope, number)
    before = _told(stored, history, at)
    if before.state == "resolved":
        raise UsageError(
            f"incident {number} of {stored.parameter_id} is resolved", remedy="nothing needs to be done"
        )
    if (before.state, before.acked_by, before.note) == ("ack", who, note):
        return before
    event = IncidentEvent(number, at, "ack", None, who, note)
    _insert_event(history, event)
    _write_events(scope, [event])
    scope.change(incidents, ("id",), [_cells(scope, stored, history)])
    return _told(stored, history, at)


def save_incidents(scope: Scope, said: Iterable[IncidentRecord]) -> int:
    """Write what nights say of incidents and return how many rows are new or changed.

    A night that says what was so at its instant already changes nothing, whatever came later.

    Raises
    ------
    StoreError
        When a night says anything but open or resolved, or resolved without saying when.
    """
    given = list(said)
    for one in given:
        _check(one)
    stored = _stored(scope, given)
    histories = _histories(scope, [one.id for one in stored.values()])
    before = {key: _cells(scope, one, histories[one.id]) for key, one in stored.items()}
    new = _numbers(scope, incidents)
    events: History = []
    for one in given:
        key = _key(one)
        known = stored.setdefault(key, replace(one, id=0, seen_at=_at(one)))
        if not known.id:
            known = stored[key] = replace(known, id=new())
            histories[known.id] = []
        if _at(one) >= _at(known):
            stored[key] = replace(
                known, since=one.since, figures=one.figures, message=one.message, seen_at=_at(one)
            )
        for event in _news(one, known.id, histories[known.id]):
            _insert_event(histories[known.id], event)
            events.append(event)
    after = {key: _cells(scope, one, histories[one.id]) for key, one in stored.items()}
    fresh = [_identity(stored[key]) | cells for key, cells in after.items() if key not in before]
    changed = [cells for key, cells in after.items() if key in before and cells != before[key]]
    scope.insert(incidents, fresh)
    scope.change(incidents, ("id",), changed)
    _write_events(scope, events)
    return len(fresh) + len(changed)


def _check(one: IncidentRecord) -> None:
    if one.state not in ("open", "resolved"):
        raise StoreError(
            f"{one.parameter_id}: a night cannot make an incident {one.state!r}", remedy="open or resolve it"
        )
    if one.state == "resolved" and (one.resolved_at is None or one.resolved_on is None):
        raise StoreError(
            f"{one.parameter_id}: the incident {one.kind!r} is resolved without a night",
            remedy="give resolved_on and resolved_at",
        )


def _news(one: IncidentRecord, number: int, history: History) -> Iterator[IncidentEvent]:
    """Yield the events that a night's word on an incident adds to its history."""
    if not history:
        yield IncidentEvent(number, one.opened_at, "opened", one.opened_on)
    state = _state(history, _at(one))
    if one.state == "resolved" and state != "resolved":
        assert one.resolved_at is not None  # checked on entry
        yield IncidentEvent(number, one.resolved_at, "resolved", one.resolved_on)
    elif one.state == "open" and state == "resolved":
        yield IncidentEvent(number, _at(one), "reopened", None)


def _at(one: IncidentRecord) -> datetime:
    """Return the instant of the night that says so."""
    return one.seen_at or (one.resolved_at if one.state == "resolved" else None) or one.opened_at


def _state(history: Sequence[IncidentEvent], as_of: datetime) -> str:
    """Return the state the events made by `as_of`; an incident is open from its beginning."""
    return next((_STATES[event.what] for event in reversed(history) if event.at <= as_of), "open")


def _told(stored: IncidentRecord, history: History, as_of: datetime | None = None) -> IncidentRecord:
    """Return an incident as its events made it, up to `as_of` or altogether."""
    past = [event for event in history if as_of is None or event.at <= as_of]
    state = _STATES[past[-1].what] if past else "open"
    ack = next((event for event in reversed(past) if event.what == "ack"), None)
    end = next((e for e in reversed(past) if e.what == "resolved"), None) if state == "resolved" else None
    return replace(
        stored,
        state=state,
        acked_at=None if ack is None else ack.at,
        acked_by="" if ack is None else ack.who,
        note="" if ack is None else ack.note,
        resolved_on=None if end is None else end.night,
        resolved_at=None if end is None else end.at,
    )


def _insert_event(history: History, event: IncidentEvent) -> None:
    insort(history, event, key=lambda one: one.at)


def _key(one: IncidentRecord) -> Key:
    return (one.parameter_id, one.kind, one.opened_on)


def _stored(scope: Scope, given: Sequence[IncidentRecord]) -> dict[Key, IncidentRecord]:
    wanted = {_key(one) for one in given}
    found = map(_stored_of, scope.fetch_by_ids(_OF_PARAMETERS, {one.parameter_id for one in given}))
    return {_key(one): one for one in found if _key(one) in wanted}


def _histories(scope: Scope, numbers: Sequence[int]) -> dict[int, History]:
    histories: dict[int, History] = {number: [] for number in numbers}
    for number, at, what, night, who, note in scope.fetch_by_ids(_EVENTS, numbers):
        event = IncidentEvent(number, instant(at), what, _day(night), who, note)
        histories[number].append(event)
    return histories


def _numbers(scope: Scope, table: Table) -> Callable[[], int]:
    """Return a function that gives the next free number of a table each time it is called."""
    last = [scope.connection.execute(select(func.coalesce(func.max(table.c.id), 0))).scalar_one()]

    def following() -> int:
        last[0] += 1
        return int(last[0])

    return following


def _write_events(scope: Scope, events: Sequence[IncidentEvent]) -> None:
    if not events:
        return
    number = _numbers(scope, incident_events)
    rows = [
        {
            **scope.stamp(),
            "id": number(),
            "incident_id": event.incident_id,
            "at": instant_text(event.at),
            "what": event.what,
            "night": None if event.night is None else event.night.isoformat(),
            "who": event.who,
            "note": event.note,
        }
        for event in events
    ]
    scope.insert(incident_events, rows)


def _identity(one: IncidentRecord) -> dict[str, Any]:
    return {
        "parameter_id": one.parameter_id,
        "kind": one.kind,
        "opened_on": one.opened_on.isoformat(),
        "opened_at": instant_text(one.opened_at),
    }


def _cells(scope: Scope, one: IncidentRecord, history: History) -> dict[str, Any]:
    """Return the columns that may change, as things stand at the end of the log."""
    now = _told(one, history)
    return {
        **scope.stamp(),
        "id": one.id,
        "since": None if now.since is None else now.since.isoformat(),
        "state": now.state,
        "seen_at": instant_text(_at(one)),
        "acked_at": None if now.acked_at is None else instant_text(now.acked_at),
        "acked_by": now.acked_by,
        "note": now.note,
        "resolved_on": None if now.resolved_on is None else now.resolved_on.isoformat(),
        "resolved_at": None if now.resolved_at is None else instant_text(now.resolved_at),
        "figures": to_json(now.figures),
        "message": now.message,
    }


def _stored_of(row: tuple[Any, ...]) -> IncidentRecord:
    """Return the part of an incident that its events do not say."""
    values: Mapping[str, Any] = dict(zip((column.name for column in _COLUMNS), row, strict=True))
    return IncidentRecord(
        parameter_id=values["parameter_id"],
        kind=values["kind"],
        opened_on=date.fromisoformat(values["opened_on"]),
        opened_at=instant(values["opened_at"]),
        since=_day(values["since"]),
        message=values["message"],
        figures=from_json(values["figures"]),
        seen_at=instant_or_none(values["seen_at"]),
        id=values["id"],
    )


def _day(text: str | None) -> date | None:
    return None if text is None else date.fromisoformat(text)
