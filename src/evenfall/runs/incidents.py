"""The incidents of a project: what is open, who has seen it, and tonight's digest of changes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from evenfall.clock import Night
from evenfall.errors import UsageError
from evenfall.findings import Light
from evenfall.monitoring.detector import Detection
from evenfall.monitoring.ranking import LEVEL, ranked
from evenfall.runs.report import json_ready
from evenfall.runs.world import World
from evenfall.store.records import IncidentRecord, NightResult

__all__ = [
    "DigestLine",
    "IncidentLine",
    "Incidents",
    "acknowledge",
    "incidents",
    "looked_at",
    "worst_incidents",
]

_UNRESOLVED = ("open", "ack")


@dataclass(frozen=True, slots=True)
class IncidentLine:
    """One incident with the light of its parameter and how long it has lasted.

    Attributes
    ----------
    age_days
        Nights since it opened, up to its resolution where there is one.
    """

    incident: IncidentRecord
    light: Light
    age_days: int

    def __str__(self) -> str:
        one = self.incident
        return f"{one.id} {one.state} {one.parameter_id} ({one.kind}), {self.age_days} d: {one.message}"


@dataclass(frozen=True, slots=True)
class DigestLine:
    """A parameter that the night's digest lists, with the log of its e-value: evidence of a change."""

    parameter_id: str
    log_e_value: float
    light: Light
    detail: str


@dataclass(frozen=True)
class Incidents:
    """Incidents by age, the oldest first, and the digest of the last night, the strongest first.

    Attributes
    ----------
    digest_of
        The night the digest is of; None before any.
    watched
        How many parameters that night looked at for a change.
    level
        Expected share of false lines in the digest of one night, at most.
    """

    as_of: date
    lines: tuple[IncidentLine, ...]
    digest_of: date | None
    watched: int
    digest: tuple[DigestLine, ...]
    level: float = LEVEL

    @property
    def open(self) -> int:
        """How many are open and seen by nobody."""
        return sum(line.incident.state == "open" for line in self.lines)

    def as_dict(self) -> dict[str, Any]:
        """Return it as JSON-ready data."""
        told: dict[str, Any] = json_ready(self)
        told["open"] = self.open
        return told

    def __str__(self) -> str:
        return "\n".join(map(str, self.lines)) or "no incident is open"


def incidents(world: World, as_of: date | str | None = None, *, resolved: bool = False) -> Incidents:
    """Return the incidents that are open or acknowledged (all of them with `resolved`), and the digest.

    As of tonight they are as they stand now; as of an earlier night as that night left them.
    """
    night = world.night(as_of)
    states = (*_UNRESOLVED, "resolved") if resolved else _UNRESOLVED
    found = world.store.incidents(None, looked_at(world, night), states)
    results = world.store.night_results(None, night.as_of)
    lines = [IncidentLine(one, _light(results, one.parameter_id), _age(one, night.as_of)) for one in found]
    last = max((result.as_of for result in results.values()), default=None)
    tonight = {name: result for name, result in results.items() if result.as_of == last}
    values = {name: _log_e_value(result) for name, result in tonight.items()}
    seen = {name: value for name, value in values.items() if value is not None}
    digest = tuple(
        DigestLine(
            one.parameter_id,
            one.log_e_value,
            tonight[one.parameter_id].light,
            tonight[one.parameter_id].detail,
        )
        for one in ranked([_detection(name, value) for name, value in seen.items()])
    )
    return Incidents(night.as_of, tuple(lines), last, len(seen), digest)


def acknowledge(world: World, number: int, *, note: str = "", who: str) -> IncidentRecord:
    """Write that somebody has seen an incident, and return it.

    Raises
    ------
    UsageError
        When there is no such incident, it is resolved, or nobody is named.
    """
    if not who.strip():
        raise UsageError("an acknowledgement names who has seen it", remedy="give a name, as in --by ada")
    return world.store.acknowledge_incident(
        number, who.strip(), note.strip(), looked_at(world, world.night())
    )


def worst_incidents(world: World, ids: Sequence[str] | None, night: Night) -> dict[str, IncidentRecord]:
    """Return per parameter (all when `ids` is None) the incident to show: a change before a silent source."""
    found: dict[str, IncidentRecord] = {}
    for one in world.store.incidents(ids, looked_at(world, night), ("open", "ack")):
        if one.parameter_id not in found or one.kind == "change":
            found[one.parameter_id] = one
    return found


def looked_at(world: World, night: Night) -> datetime:
    """Return the instant at which things are looked at: now for tonight, else that of the night."""
    is_tonight = night.as_of == world.night().as_of
    return max(night.instant, world.clock.now()) if is_tonight else night.instant


def _light(results: Mapping[str, NightResult], name: str) -> Light:
    return results[name].light if name in results else Light.GREY


def _age(one: IncidentRecord, as_of: date) -> int:
    until = one.resolved_on if one.state == "resolved" and one.resolved_on is not None else as_of
    return (until - one.opened_on).days


def _log_e_value(result: NightResult) -> float | None:
    value = result.verdict.get("log_e_value")
    return float(value) if isinstance(value, int | float) else None


def _detection(name: str, log_e_value: float) -> Detection:
    """Return what ranking asks of a detection: whose it is and how strong."""
    return Detection(
        parameter_id=name,
        log_r=log_e_value,
        log_e_value=log_e_value,
        alarmed=False,
        direction="",
        since=None,
        since_interval=None,
        baseline_mean=float("nan"),
        current_mean=None,
        baseline_days=0,
        looks=0,
        log_threshold=float("inf"),
    )
