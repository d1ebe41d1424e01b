"""Comparisons: one reference, slice or saved what-if beside another."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Response
from pydantic import BaseModel, ConfigDict

from evenfall.server.api.asked import AsOf
from evenfall.server.api.resolve import ResolvedAnswer
from evenfall.server.security import Opened, Viewer
from evenfall.server.told import told

__all__ = ["router"]

router = APIRouter(prefix="/api/v1/compare", tags=["compare"])

_Side = Annotated[str, Query(min_length=1, max_length=2000, examples=["channel=google"])]
_Named = Annotated[str | None, Query(max_length=200)]


class ComparedAnswer(BaseModel):
    """B beside A: figures of the two, and of their difference, ratio and odds."""

    model_config = ConfigDict(extra="allow")

    a: str
    b: str
    kind: Literal["references", "paths"]
    type: str
    as_of: date
    target: str
    answers: list[ResolvedAnswer]
    notes: list[str]
    findings: list[dict[str, Any]]


@router.get("", summary="Compare two", response_model=ComparedAnswer)
def compare(
    *,
    a: _Side,
    b: _Side,
    _caller: Viewer,
    project: Opened,
    graph: _Named = None,
    start: _Named = None,
    to: _Named = None,
    as_of: AsOf = None,
) -> Response:
    """Return B beside A: two references, two slices such as `channel=google`, or `scenario:NAME`."""
    compared = project.compare(a, b, graph=graph, start=start, to=to, as_of=as_of)
    return told(compared.as_dict())
