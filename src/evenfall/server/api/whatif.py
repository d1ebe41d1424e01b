"""What-ifs: what reaches the outcomes when rates, slices or their shares are others."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Response
from pydantic import BaseModel, ConfigDict, Field, FiniteFloat

from evenfall.server.security import Opened, Viewer
from evenfall.server.told import told

__all__ = ["SetRateAsked", "router"]

router = APIRouter(prefix="/api/v1/whatif", tags=["whatif"])

_Name = Annotated[str, Field(max_length=500)]
_Names = Annotated[list[_Name], Field(max_length=1000)]


class SetRateAsked(BaseModel):
    """A rate that is set, and how uncertain that is."""

    model_config = ConfigDict(extra="forbid")

    mean: FiniteFloat
    stdev: FiniteFloat = 0.0


class WhatIfAsked(BaseModel):
    """A question; whatever is left out is as the graph, or the scenario, has it."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {
                    "graph": "acme",
                    "overrides": {"checkout": 0.55, "browse": {"mean": 0.5, "stdev": 0.02}},
                    "select": {"channel": ["google", "facebook"]},
                }
            ]
        },
    )

    graph: _Name | None = None
    overrides: dict[_Name, FiniteFloat | SetRateAsked] = Field(
        default_factory=dict, max_length=500, description="Rates that are set, by edge or by reference."
    )
    select: dict[_Name, _Names] = Field(
        default_factory=dict, max_length=20, description="Values of contexts to look at."
    )
    mix: dict[_Name, FiniteFloat] = Field(
        default_factory=dict, max_length=1000, description="Shares after the change, per selected value."
    )
    scenario: _Name | None = Field(None, description="A saved what-if to begin with.")
    start: _Name | None = None
    to: _Names = Field(default_factory=list, description="Nodes to look at; by default the outcomes.")
    measure: Literal["arrivals", "reach"] = "arrivals"
    as_of: date | None = None


class FigureAnswer(BaseModel):
    """Mean, median and equal-tailed 95 % interval."""

    mean: float | None
    median: float
    lower: float
    upper: float


class ChangeAnswer(BaseModel):
    """One outcome before and after, per entry; the slice is empty for the whole."""

    target: str
    slice: str
    before: FigureAnswer
    after: FigureAnswer
    difference: FigureAnswer
    lift: FigureAnswer | None
    p_greater: float
    p_less: float


class EdgeAnswer(BaseModel):
    """The rate of an edge with its equal-tailed 95 % interval; `n` trials stand behind it."""

    edge: str
    mean: float
    stdev: float
    lower: float
    upper: float
    n: float


class WhatIfAnswered(BaseModel):
    """What reaches the outcomes before and after."""

    graph: str
    start: str
    as_of: date
    scenario: dict[str, Any] = Field(description="The question, as it can be saved.")
    mixed: list[ChangeAnswer] = Field(description="Per outcome, for all slices together.")
    slices: list[ChangeAnswer] = Field(description="Per slice and outcome.")
    measure: Literal["arrivals", "reach"]
    overrides: list[str]
    notes: list[str]
    findings: list[dict[str, Any]]
    draws: int
    seed: int
    level: float
    mix: dict[str, Any] = Field(
        description="How entries divide before and after, and where they were counted."
    )
    costs: dict[str, Any] | None
    edges: list[EdgeAnswer] = Field(
        description="The rate of every edge over the slices asked for, before anything is set."
    )
    rates: list[dict[str, Any]] = Field(description="Where the rate of every edge comes from.")


@router.post("", summary="Ask what if", response_model=WhatIfAnswered)
def ask(asked: WhatIfAsked, _caller: Viewer, project: Opened) -> Response:
    """Return what reaches the outcomes before and after a change, with its uncertainty."""
    rates = {
        edge: value.model_dump() if isinstance(value, SetRateAsked) else value
        for edge, value in asked.overrides.items()
    }
    answer = project.whatif(
        asked.graph,
        rates,
        asked.select,
        asked.mix,
        scenario=asked.scenario,
        start=asked.start,
        to=asked.to,
        as_of=asked.as_of,
        measure=asked.measure,
    )
    return told(answer.as_dict())
