"""Forecasts: what people who entered already will still convert, day by day."""

from __future__ import annotations

from datetime import date
from typing import Annotated

from fastapi import APIRouter, Query, Response
from pydantic import BaseModel, ConfigDict

from evenfall.server.api.asked import AsOf
from evenfall.server.security import Opened, Viewer
from evenfall.server.told import told

__all__ = ["router"]

router = APIRouter(prefix="/api/v1/forecast", tags=["forecast"])


class ForecastAnswered(BaseModel):
    """Conversions to come on each of the coming days, with intervals."""

    model_config = ConfigDict(extra="allow")

    as_of: date


@router.get("", summary="Forecast conversions of running cohorts", response_model=ForecastAnswered)
def forecast(
    *,
    ref: Annotated[str, Query(max_length=2000, examples=["e.come-back"])],
    _caller: Viewer,
    project: Opened,
    days: Annotated[int, Query(ge=1, le=365)] = 14,
    to: Annotated[str | None, Query(max_length=200, description="Count arrivals at this node.")] = None,
    as_of: AsOf = None,
) -> Response:
    """Return what people who entered before a night will still convert, on each of the coming days."""
    return told(project.forecast(ref, days=days, to=to, as_of=as_of).as_dict())
