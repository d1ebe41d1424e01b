"""Whether the nights come as they should, for whoever watches over the server: no key is needed."""

from __future__ import annotations

from datetime import date, datetime

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from evenfall.server.served import Served

__all__ = ["router"]

router = APIRouter(prefix="/health", tags=["health"])


class NightHealthAnswer(BaseModel):
    """The last night that must be over, and how it ended."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "status": "ok",
                    "as_of": "2026-10-01",
                    "due_at": "2026-10-01T06:00:00Z",
                    "started_at": "2026-10-01T06:00:00Z",
                    "finished_at": "2026-10-01T06:00:04Z",
                    "counts": {"not_due": 22, "updated": 11},
                }
            ]
        }
    )

    status: str = Field(description="ok, partial, late, failed, cancelled, interrupted or never")
    as_of: date
    due_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    counts: dict[str, int]


@router.get(
    "/nightly",
    summary="Whether the last due night ended",
    responses={503: {"model": NightHealthAnswer, "description": "It is late, failed, or never ran."}},
)
def nightly_health(request: Request, response: Response) -> NightHealthAnswer:
    """Answer 200 when the last due night kept something, 503 when it did not within an hour of its time.

    Where several projects are served, the answer is that of one whose night did not come, if there is one.
    """
    served: Served = request.app.state.served
    found = [project.nights.health() for project in served.projects()]
    told = next((health for health in found if not health.healthy), found[0])
    if not told.healthy:
        response.status_code = 503
    return NightHealthAnswer.model_validate(told.as_dict())
