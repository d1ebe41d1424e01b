"""How the project of the caller stands in a few figures: lights, incidents, sources, the last night."""

from __future__ import annotations

from datetime import date, datetime
from typing import Final, Literal

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field

from evenfall.project import Project
from evenfall.server.api.asked import AsOf
from evenfall.server.security import Opened, Viewer

__all__ = ["router"]

router = APIRouter(prefix="/api/v1/health", tags=["health"])

_RUNS: Final = 50
"""Runs among which the last night is looked for."""


class IncidentCounts(BaseModel):
    """How many incidents there are that are not resolved."""

    open: int
    acknowledged: int


class SourceCounts(BaseModel):
    """How many connections there are, and of how many nothing fresh was read."""

    total: int
    stale: int
    down: int


class LastNight(BaseModel):
    """The newest night."""

    run_key: str
    state: str
    as_of: date
    finished_at: datetime | None


class Overview(BaseModel):
    """How a project stands."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "as_of": "2026-10-01",
                    "counts": {"red": 1, "amber": 1, "green": 28, "grey": 3, "stale": 0},
                    "incidents": {"open": 1, "acknowledged": 0},
                    "sources": {"total": 1, "stale": 0, "down": 0},
                    "last_night": {
                        "run_key": "nightly:2026-10-01",
                        "state": "completed",
                        "as_of": "2026-10-01",
                        "finished_at": "2026-10-01T06:00:04Z",
                    },
                }
            ]
        }
    )

    as_of: date
    counts: dict[Literal["green", "amber", "red", "grey", "stale"], int] = Field(
        description="Parameters by light."
    )
    incidents: IncidentCounts
    sources: SourceCounts
    last_night: LastNight | None


@router.get("", summary="How the project stands")
def overview(_caller: Viewer, project: Opened, as_of: AsOf = None) -> Overview:
    """Return parameters by light, incidents, sources, and the last night."""
    listing = project.parameters(as_of)
    states = [line.incident.state for line in project.incidents(as_of).lines]
    sources = [source.state for source in project.sources(as_of)]
    return Overview.model_validate(
        {
            "as_of": listing.as_of,
            "counts": dict(listing.counts),
            "incidents": {"open": states.count("open"), "acknowledged": states.count("ack")},
            "sources": {
                "total": len(sources),
                "stale": sources.count("stale"),
                "down": sources.count("down"),
            },
            "last_night": _last_night(project),
        }
    )


def _last_night(project: Project) -> LastNight | None:
    runs, _ = project.nights.listed(_RUNS)
    last = next((run for run in runs if run.kind == "nightly"), None)
    if last is None:
        return None
    return LastNight(run_key=last.run_key, state=last.state, as_of=last.as_of, finished_at=last.finished_at)
