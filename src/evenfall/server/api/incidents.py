"""Incidents: what is wrong, since when, and who has seen it."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Any, Final, Literal

from fastapi import APIRouter, Path, Query
from pydantic import BaseModel, ConfigDict, Field

from evenfall.project import Project
from evenfall.runs.incidents import IncidentLine
from evenfall.server.api.asked import AsOf
from evenfall.server.paging import Page, Paging, paged
from evenfall.server.problems import Refused
from evenfall.server.security import Analyst, Opened, Viewer

__all__ = ["router"]

router = APIRouter(prefix="/api/v1/incidents", tags=["incidents"])

type State = Literal["open", "acknowledged", "resolved"]

_STATES: Final[dict[str, State]] = {"open": "open", "ack": "acknowledged", "resolved": "resolved"}
_LARGEST: Final = 2**53


class IncidentAnswer(BaseModel):
    """Something found wrong, which lasts until it is resolved."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "id": 1,
                    "parameter_id": "checkout",
                    "kind": "diverging",
                    "state": "open",
                    "opened_on": "2026-09-12",
                    "opened_at": "2026-09-12T06:00:00Z",
                    "since": "2026-09-08",
                    "seen_at": "2026-10-01T06:00:00Z",
                    "acked_at": None,
                    "acked_by": "",
                    "note": "",
                    "resolved_on": None,
                    "resolved_at": None,
                    "message": "checkout diverging: expected 55 %, observed 38 % (6.4σ), n 2,007",
                    "figures": {"sigma": -6.39},
                    "light": "red",
                    "age_days": 19,
                }
            ]
        }
    )

    id: int
    parameter_id: str
    kind: str
    state: State
    opened_on: date
    opened_at: datetime
    since: date | None
    seen_at: datetime | None
    acked_at: datetime | None
    acked_by: str
    note: str
    resolved_on: date | None
    resolved_at: datetime | None
    message: str
    figures: dict[str, Any]
    light: Literal["green", "amber", "red", "grey", "stale"] = Field(description="Of its parameter.")
    age_days: int = Field(description="Nights since it opened, up to its resolution.")


class Acknowledgement(BaseModel):
    """What whoever has seen it says."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"note": "rolled back"}]})

    note: Annotated[str, Field(max_length=2000)] = ""


@router.get("", summary="Incidents by state")
def list_incidents(
    _caller: Viewer,
    project: Opened,
    turning: Paging,
    state: Annotated[State | None, Query(description="By default open and acknowledged ones.")] = None,
    as_of: AsOf = None,
) -> Page[IncidentAnswer]:
    """Return the incidents, the oldest first; as of an earlier night as that night left them."""
    every = project.incidents(as_of, resolved=state == "resolved").lines
    lines = [line for line in every if state in (None, _STATES[line.incident.state])]
    chosen, following = paged(lines, turning, lambda line: line.incident.id)
    return Page(items=[_answer(line) for line in chosen], next=following, total=len(lines))


@router.post("/{incident_id}/ack", summary="Acknowledge an incident")
def acknowledge(
    incident_id: Annotated[int, Path(ge=1, le=_LARGEST, examples=[1])],
    said: Acknowledgement,
    caller: Analyst,
    project: Opened,
) -> IncidentAnswer:
    """Write that the caller has seen an incident."""
    line = _find(project, incident_id)
    if line.incident.state == "resolved":
        raise Refused(
            409,
            f"incident {incident_id} is resolved",
            field="incident_id",
            value=incident_id,
            remedy="nothing is left to acknowledge",
        )
    project.acknowledge(incident_id, who=caller.member, note=said.note)
    return _answer(_find(project, incident_id))


def _find(project: Project, number: int) -> IncidentLine:
    lines = project.incidents(resolved=True).lines
    found = next((line for line in lines if line.incident.id == number), None)
    if found is None:
        raise Refused(
            404,
            f"there is no incident {number}",
            field="incident_id",
            value=number,
            remedy="GET /api/v1/incidents lists them",
        )
    return found


def _answer(line: IncidentLine) -> IncidentAnswer:
    one = line.incident
    facts = {name: getattr(one, name) for name in IncidentAnswer.model_fields if hasattr(one, name)}
    return IncidentAnswer(
        **{**facts, "state": _STATES[one.state], "figures": dict(one.figures)},
        light=str(line.light),  # type: ignore[arg-type]
        age_days=line.age_days,
    )
