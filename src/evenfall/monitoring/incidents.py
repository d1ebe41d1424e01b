"""Incidents: one per thing that is wrong, from the night it is found to the night it is proven over.

What a night says is a function of the incidents as they stood before it and of tonight's signals, so a night
that is run again says the same. A source that is down silences its parameters: nothing new is opened for
them and nothing is resolved, because nobody can look.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final, Literal

from evenfall.monitoring.wording import day

__all__ = [
    "CALM_NIGHTS",
    "SOURCE_DOWN",
    "Incident",
    "IncidentChange",
    "Notice",
    "Signal",
    "notices",
    "step",
]

CALM_NIGHTS: Final = 3
"""Nights in a row that must show the return before an incident is resolved."""

SOURCE_DOWN: Final = "source_down"
"""The kind of incident of a parameter whose source could not be read."""

_LISTED: Final = 5

type What = Literal["opened", "kept", "resolved"]


@dataclass(frozen=True, slots=True)
class Signal:
    """What tonight says of one parameter and one kind of trouble.

    Attributes
    ----------
    kind
        What is wrong, such as ``change`` or ``source_down``; one incident of each kind may be open.
    source
        Where the parameter's data come from; its parameters are told of in one message.
    alarmed
        Whether tonight rings.
    calm
        Whether tonight shows that it is over; silence is no evidence, and days long past may still ring.
    since
        Day from which it is thought to have been wrong.
    message
        One sentence for people.
    """

    parameter_id: str
    kind: str
    alarmed: bool
    calm: bool = False
    source: str = ""
    since: date | None = None
    message: str = ""


@dataclass(frozen=True, slots=True)
class Incident:
    """Something wrong with one parameter that lasts until it is resolved.

    Attributes
    ----------
    state
        open, ack (somebody has seen it; it is kept and resolved like an open one) or resolved.
    calm_nights
        Nights in a row that showed a return.
    """

    parameter_id: str
    kind: str
    opened_on: date
    since: date | None = None
    state: Literal["open", "ack", "resolved"] = "open"
    source: str = ""
    message: str = ""
    calm_nights: int = 0
    resolved_on: date | None = None


@dataclass(frozen=True, slots=True)
class IncidentChange:
    """What a night does to one incident."""

    what: What
    incident: Incident


@dataclass(frozen=True, slots=True)
class Notice:
    """One message: of one incident, or of all that opened or ended together at one source.

    Attributes
    ----------
    parameter_ids
        The parameters it speaks of.
    """

    what: What
    kind: str
    source: str
    parameter_ids: tuple[str, ...]
    message: str


def step(
    night: date,
    signals: Sequence[Signal],
    previous: Sequence[Incident],
    calm_nights: int = CALM_NIGHTS,
) -> list[IncidentChange]:
    """Return what a night does to incidents, in order of parameter and kind.

    Parameters
    ----------
    signals
        Tonight's, at most one per parameter and kind. Incidents without a signal are kept as they are.
    previous
        The incidents as they stood before this night; resolved ones take no part.
    """
    standing = {(one.parameter_id, one.kind): one for one in previous if one.state != "resolved"}
    tonight = {(one.parameter_id, one.kind): one for one in signals}
    silent = {one.parameter_id for one in signals if one.kind == SOURCE_DOWN and one.alarmed}
    changes = []
    for key in sorted(standing.keys() | tonight.keys()):
        incident, signal = standing.get(key), tonight.get(key)
        if signal is None or (signal.parameter_id in silent and signal.kind != SOURCE_DOWN):
            if incident is not None:
                changes.append(IncidentChange("kept", incident))
        elif incident is None:
            if signal.alarmed and not signal.calm:
                changes.append(IncidentChange("opened", _opened(night, signal)))
        else:
            changes.append(_continued(night, signal, incident, calm_nights))
    return changes


def _opened(night: date, signal: Signal) -> Incident:
    return Incident(
        parameter_id=signal.parameter_id,
        kind=signal.kind,
        opened_on=night,
        since=signal.since,
        source=signal.source,
        message=signal.message,
    )


def _continued(night: date, signal: Signal, incident: Incident, calm_nights: int) -> IncidentChange:
    """Return the incident one night on; its `since` stays, and with it the frozen baseline."""
    if not signal.calm:
        return IncidentChange(
            "kept",
            dataclasses.replace(incident, calm_nights=0, message=signal.message or incident.message),
        )
    calm = incident.calm_nights + 1
    needed = 1 if incident.kind == SOURCE_DOWN else calm_nights
    if calm < needed:
        return IncidentChange("kept", dataclasses.replace(incident, calm_nights=calm))
    return IncidentChange(
        "resolved",
        dataclasses.replace(incident, calm_nights=calm, state="resolved", resolved_on=night),
    )


def notices(changes: Sequence[IncidentChange]) -> list[Notice]:
    """Return the messages of a night: one on opening, one on resolving, none in between.

    Incidents of one kind that open, or end, on the same night at the same source share a message; an incident
    without a source speaks for itself.
    """
    groups: dict[tuple[str, str, str, str], list[Incident]] = {}
    for change in changes:
        if change.what != "kept":
            incident = change.incident
            alone = "" if incident.source else incident.parameter_id
            groups.setdefault((change.what, incident.kind, incident.source, alone), []).append(incident)
    return list(_notices(groups))


def _notices(groups: dict[tuple[str, str, str, str], list[Incident]]) -> Iterator[Notice]:
    for (what, kind, source, _), incidents in groups.items():
        words = _opening(incidents) if what == "opened" else _ending(incidents)
        yield Notice(
            what="opened" if what == "opened" else "resolved",
            kind=kind,
            source=source,
            parameter_ids=tuple(one.parameter_id for one in incidents),
            message=words,
        )


def _opening(incidents: Sequence[Incident]) -> str:
    first = incidents[0]
    if len(incidents) == 1 and first.message:
        return first.message
    if first.kind == SOURCE_DOWN:
        return f"{first.source or first.parameter_id} could not be read: {_named(incidents)} not updated"
    return f"{first.source}: {_named(incidents)} {'changed' if first.kind == 'change' else first.kind}"


def _ending(incidents: Sequence[Incident]) -> str:
    first = incidents[0]
    opened = min(one.since or one.opened_on for one in incidents)
    if first.kind == SOURCE_DOWN:
        return f"{first.source or first.parameter_id} is read again: {_named(incidents)}, since {day(opened)}"
    return f"resolved: {_named(incidents)}, {first.kind} since {day(opened)}"


def _named(incidents: Sequence[Incident]) -> str:
    """Return one name, or how many parameters and the first of them."""
    names = [one.parameter_id for one in incidents]
    if len(names) == 1:
        return names[0]
    more = "" if len(names) <= _LISTED else ", …"
    return f"{len(names)} parameters ({', '.join(names[:_LISTED])}{more})"
