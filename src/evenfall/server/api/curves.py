"""Curves of one parameter: its beliefs over their scale, its past night by night, where it comes from."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field

from evenfall.server.api.asked import AsOf, ParameterId, looked
from evenfall.server.api.parameters import LightName
from evenfall.server.security import Opened, Viewer

__all__ = ["router"]

router = APIRouter(prefix="/api/v1/parameters", tags=["parameters"])

type Heights = list[float | None] | None


class Interval(BaseModel):
    """Ends of an equal-tailed 95 % interval."""

    lower: float | None
    upper: float | None


class Window(BaseModel):
    """Days from `first` up to, not including, `stop`, and the trials, exposure or n in them."""

    first: date
    stop: date
    size: float


class CurvesAnswer(BaseModel):
    """Densities over `x`; a curve nobody knows is null, and so is a height that is infinite."""

    scale: Literal["probability", "rate", "mean", "duration"]
    x: list[float]
    prior: Heights
    posterior: Heights
    observed: Heights = Field(description="Likelihood of the window of the check, as a density.")
    interval: Interval = Field(description="Of the posterior, else of the prior.")
    drawn: bool = Field(description="Whether the posterior's curve is made from draws of a fit.")
    window: Window | None


class Point(BaseModel):
    """One night."""

    as_of: date
    mean: float | None
    lower: float | None
    upper: float | None
    observed: float | None = Field(description="What the window of that night's check said.")
    light: LightName
    outcome: str
    published: bool


class PriorPoint(BaseModel):
    """One version of the prior, in force from the night `since`."""

    since: date
    version: int
    mean: float
    stdev: float
    origin: str
    reason: Literal["declared", "promoted", "rebuilt", "fallback"]


class IncidentSpan(BaseModel):
    """One incident; things are thought to have been wrong `since`."""

    id: int
    kind: str
    opened_on: date
    resolved_on: date | None
    since: date | None
    message: str
    state: Literal["open", "ack", "resolved"]


class BandAnswer(BaseModel):
    """What was believed night after night."""

    points: list[Point]
    priors: list[PriorPoint]
    incidents: list[IncidentSpan]


class SourceAnswer(BaseModel):
    """What is asked for evidence, and how old its last good answer is."""

    type: str
    connection: str
    read_at: datetime | None
    age_days: float | None


class LineageAnswer(BaseModel):
    """Everything the current posterior stands on."""

    parameter_id: str
    file: str
    line: int
    definition_hash: str
    revision: str | None = Field(description="Commit that last changed the file.")
    author: str | None
    dirty: bool = Field(description="Whether the file differs from that commit, or is in none.")
    query: str | None
    query_hash: str | None
    source: SourceAnswer | None
    prior_origin: str | None
    prior_version: int | None
    fallback_level: str | None = Field(description="How its own reference is answered: `exact`, …")
    answered_by: str | None
    fit_id: int | None
    inputs_hash: str | None
    posterior_as_of: date | None
    fitted: bool = Field(description="Whether there is a fit to look at, good or not.")


First = Annotated[date | None, Query(description="First night.")]
Stop = Annotated[date | None, Query(description="The night after the last.")]


@router.get("/{parameter_id}/curves", summary="Prior, posterior and observed", response_model=CurvesAnswer)
def curves(_: Viewer, project: Opened, parameter_id: ParameterId, as_of: AsOf = None) -> dict[str, Any]:
    """Return the densities of prior, posterior and likelihood over one grid of 200 points."""
    return looked(project, parameter_id, as_of).curves().as_dict()


@router.get("/{parameter_id}/band", summary="What was believed night after night", response_model=BandAnswer)
def band(
    _: Viewer,
    project: Opened,
    parameter_id: ParameterId,
    *,
    first: First = None,
    stop: Stop = None,
    as_of: AsOf = None,
) -> dict[str, Any]:
    """Return the nights with their posteriors and lights, the versions of the prior, and the incidents."""
    return looked(project, parameter_id, as_of).band(first, stop).as_dict()


@router.get("/{parameter_id}/lineage", summary="Where its numbers come from", response_model=LineageAnswer)
def lineage(_: Viewer, project: Opened, parameter_id: ParameterId, as_of: AsOf = None) -> dict[str, Any]:
    """Return file, commit, query, source, prior and fit behind the current posterior."""
    return looked(project, parameter_id, as_of).lineage().as_dict()
