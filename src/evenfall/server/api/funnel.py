"""Funnels: ordered steps over an event table, with their uncertainty, delays and cohorts."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Response
from pydantic import BaseModel, ConfigDict, Field

from evenfall.server.security import Opened, Viewer
from evenfall.server.told import told

__all__ = ["router"]

router = APIRouter(prefix="/api/v1/funnel", tags=["funnel"])

_Name = Annotated[str, Field(min_length=1, max_length=200)]
_Steps = Annotated[list[_Name], Field(max_length=32)]
_Column = Annotated[str, Field(max_length=200)]
_ByName = Annotated[dict[_Name, _Name], Field(max_length=50)]


class FunnelAsked(BaseModel):
    """An ordered funnel: which steps, within which time of the first."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [{"table": "journeys", "steps": ["landing", "cart", "order"], "window": "7d"}]
        },
    )

    table: _Name
    steps: Annotated[_Steps, Field(min_length=1)]
    window: Annotated[str, Field(max_length=20, examples=["7d"])]
    first: date | None = Field(None, description="First local day of the entries.")
    stop: date | None = Field(None, description="First day that no longer counts.")
    as_of: date | None = None
    connection: _Name = "data"
    strict_order: Literal["no", "steps", "events"] = "no"
    re_entry: bool = False
    exclude: _Steps = Field(default_factory=list)
    optional: _Steps = Field(default_factory=list)
    unit: Literal["user", "session"] = "user"
    context: _ByName = Field(default_factory=dict)
    columns: Annotated[dict[_Name, _Column], Field(max_length=50)] = Field(
        default_factory=dict,
        description="By role (user, session, event, time, node) and by context; the user's may be empty where"
        " sessions are counted.",
    )


class FunnelAnswered(BaseModel):
    """Steps with conversion and delay, and the cohorts of entries by day."""

    model_config = ConfigDict(extra="allow")

    question: dict[str, Any]
    entries: int
    open_entries: int
    steps: list[dict[str, Any]]
    cohorts: list[dict[str, Any]]
    until: date


class EventTableAnswer(BaseModel):
    """A table of events, its columns by role, and the names of its events."""

    connection: str
    table: str
    columns: dict[str, str]
    events: list[str] = Field(description="The first 200, by name.")
    problem: str = Field(description="Why nothing is known of its events; empty when they were read.")


class EventTablesAnswer(BaseModel):
    """The tables that a funnel can be asked about."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "items": [
                        {
                            "connection": "shop",
                            "table": "journeys",
                            "columns": {"user": "user_id", "event": "event_type", "time": "created_at"},
                            "events": ["cart", "landing", "order"],
                            "problem": "",
                        }
                    ]
                }
            ]
        }
    )

    items: list[EventTableAnswer]


@router.post("", summary="Ask a funnel", response_model=FunnelAnswered)
def ask(asked: FunnelAsked, _caller: Viewer, project: Opened) -> Response:
    """Return how many of those who took the first step took each further one, and when."""
    return told(project.funnel(**asked.model_dump()).as_dict())


@router.get("/tables", summary="What a funnel can be asked about")
def tables(_caller: Viewer, project: Opened) -> EventTablesAnswer:
    """Return the event tables of the project with the names of their events."""
    found = [EventTableAnswer.model_validate(table.as_dict()) for table in project.event_tables()]
    return EventTablesAnswer(items=found)
