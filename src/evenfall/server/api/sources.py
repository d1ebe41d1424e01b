"""Sources: the connections of a project, and how old what was read of them is."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field

from evenfall.server.api.asked import AsOf
from evenfall.server.paging import Page, Paging, paged
from evenfall.server.security import Opened, Viewer

__all__ = ["router"]

router = APIRouter(prefix="/api/v1/sources", tags=["sources"])


class SourceAnswer(BaseModel):
    """A connection, and how what hangs on it was last read."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "connection": "shop",
                    "type": "duckdb",
                    "state": "fresh",
                    "read_at": "2026-10-01T06:00:00Z",
                    "age_days": 0.0,
                    "parameters": 30,
                    "detail": "",
                }
            ]
        }
    )

    connection: str
    type: str
    state: Literal["fresh", "stale", "down", "unread", "unused"]
    read_at: datetime | None = Field(description="Of the parameter that was read longest ago.")
    age_days: float | None
    parameters: int = Field(description="How many ask it.")
    detail: str


@router.get("", summary="Every source")
def list_sources(_caller: Viewer, project: Opened, turning: Paging, as_of: AsOf = None) -> Page[SourceAnswer]:
    """Return the connections by name."""
    found = project.sources(as_of)
    chosen, following = paged(found, turning, lambda one: one.connection)
    items = [SourceAnswer.model_validate(one.as_dict()) for one in chosen]
    return Page(items=items, next=following, total=len(found))
