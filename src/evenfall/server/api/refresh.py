"""Refresh: tonight's night of one parameter, now."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Request

from evenfall.server.api.runs import RunAnswer, jobs_of, run_answer
from evenfall.server.security import Analyst, Opened

__all__ = ["router"]

router = APIRouter(prefix="/api/v1/parameters", tags=["parameters"])


@router.post("/{parameter_id}/refresh", status_code=202, summary="Read a parameter's source again, now")
def refresh_parameter(
    parameter_id: Annotated[str, Path(max_length=500, examples=["checkout"])],
    caller: Analyst,
    project: Opened,
    request: Request,
) -> RunAnswer:
    """Queue tonight's night of one parameter, whether it waits out a back-off or not."""
    known = project.registry.parameter(parameter_id).id
    return run_answer(jobs_of(request).submit(caller.tenant, only=known, retry_failed=True))
