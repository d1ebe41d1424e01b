"""References: the figure one asks for, and where it comes from."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Literal

from fastapi import APIRouter, Query, Response
from pydantic import BaseModel

from evenfall.server.api.asked import AsOf
from evenfall.server.security import Opened, Viewer
from evenfall.server.told import told

__all__ = ["ResolvedAnswer", "router"]

router = APIRouter(prefix="/api/v1/resolve", tags=["references"])


class ResolvedAnswer(BaseModel):
    """A figure with its provenance."""

    reference: str
    value: float
    level: Literal["exact", "context", "visited", "base", "pooled"]
    parameter_id: str | None
    type: str
    answers_for: str
    mean: float
    stdev: float
    lower: float
    upper: float
    n: float
    origin: Literal["posterior", "prior", "inline"]
    prior_origin: str
    age_days: float | None
    as_of: date
    mode: Literal["default", "strict"]
    passed_over: list[str]


@router.get("", summary="Resolve a reference", response_model=ResolvedAnswer)
def resolve(
    ref: Annotated[str, Query(max_length=2000, examples=["e.signup.context(channel='google').p.mean"])],
    _caller: Viewer,
    project: Opened,
    as_of: AsOf = None,
    mode: Annotated[
        Literal["default", "strict"],
        Query(description="`strict`: the closest parameter answers, with evidence of its own or without."),
    ] = "default",
) -> Response:
    """Return the figure that a reference asks for, as of a night."""
    return told(project.resolve(ref, as_of, mode).as_dict())
