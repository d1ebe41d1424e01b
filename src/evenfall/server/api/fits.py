"""The last fit of one parameter: its figures, its draws chain by chain and by rank, and what it predicts."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field

from evenfall.server.api.asked import AsOf, ParameterId, looked, missing
from evenfall.server.problems import Refused
from evenfall.server.security import Opened, Viewer

__all__ = ["router"]

router = APIRouter(prefix="/api/v1/parameters", tags=["parameters"])

Quantity = Annotated[
    str | None, Query(max_length=600, description="One of `quantities`; by default what answers.")
]


class QuantityAnswer(BaseModel):
    """One quantity of a fit with its 95 % interval."""

    name: str
    mean: float | None
    median: float | None
    stdev: float | None
    lower: float | None
    upper: float | None
    overlap: float | None = Field(description="Mass it shares with its prior.")
    identified: bool = Field(description="False where it is the prior that is read.")


class FigureAnswer(BaseModel):
    """One figure of a fit, with the limit the gate holds it to."""

    name: str
    value: float | None
    limit: str
    holds: bool | None


class VersionAnswer(BaseModel):
    """One version of a model, with the nights it was fitted on."""

    number: int
    definition_hash: str
    code_version: str
    first: date
    last: date
    fits: int
    passed: int


class FitAnswer(BaseModel):
    """One fit in full."""

    parameter_id: str
    type: str
    as_of: date
    published: bool
    engine: str
    rung: str = Field(description="The step of the ladder that answered, such as `laplace` or `nuts`.")
    passed: bool
    quantities: list[QuantityAnswer]
    figures: list[FigureAnswer]
    tried: list[tuple[str, str]]
    failures: list[str]
    warnings: list[str]
    notes: list[str]
    versions: list[VersionAnswer]
    stands_since: date | None
    seconds: float
    gradients: int
    seed: int


class _Drawn(BaseModel):
    quantity: str
    quantities: list[str]
    as_of: date
    rung: str
    passed: bool
    weighted: bool = Field(description="Whether the draws weigh differently; then ranks say nothing.")
    r_hat: float | None = Field(description="Of the whole fit, the worst; null where the engine has none.")
    ess_bulk: float | None
    ess_tail: float | None


class TraceAnswer(_Drawn):
    """The draws of a quantity, chain by chain, evenly thinned to a thousand at most."""

    chains: list[list[float | None]]


class RanksAnswer(_Drawn):
    """How the ranks of each chain's draws among all draws spread over bins."""

    bins: list[float] = Field(description="Middle of each bin, as a share of the ranks.")
    chains: list[list[int]]
    expected: float | None
    lower: float | None = Field(description="Of the band that all counts share with probability 0.95.")
    upper: float | None


class CheckRow(BaseModel):
    """One statistic of the data among those of simulated data; lower and upper end the central 90 %."""

    name: str
    observed: float | None
    mean: float | None
    lower: float | None
    upper: float | None
    p: float | None
    p_tested: float | None


class CheckUnit(BaseModel):
    """The central 90 % of what is simulated for one unit, and whether the data lie in it."""

    lower: float
    upper: float
    covered: bool


class CheckAnswer(BaseModel):
    """What a fitted model makes, beside what it was fitted to."""

    unit: str
    rows: list[CheckRow]
    units: list[CheckUnit]
    poor: list[str]
    draws: int


class ExactAnswer(BaseModel):
    """The law of the total of a window given its size, and the total that came."""

    statistic: str
    n: float
    observed: float
    discrete: bool = Field(description="Whether `density` is a probability of each whole number.")
    x: list[float]
    density: list[float | None]
    mean: float | None
    stdev: float | None
    lower: float
    upper: float
    mid_p: float
    belief: str


class PredictiveAnswer(BaseModel):
    """A predictive check: by replicated data of a fit, or exact for a formula."""

    kind: Literal["replicated", "exact"]
    as_of: date
    detail: str
    checks: list[CheckAnswer]
    exact: ExactAnswer | None


@router.get("/{parameter_id}/fit", summary="Its last fit", response_model=FitAnswer)
def fit(_: Viewer, project: Opened, parameter_id: ParameterId, as_of: AsOf = None) -> dict[str, Any]:
    """Return the last fit of a parameter, else of the slices it is pooled with; 404 without one."""
    found = looked(project, parameter_id, as_of).fit()
    if found is None:
        raise Refused(
            404,
            f"there is no fit of {parameter_id}",
            field="parameter_id",
            value=parameter_id,
            remedy="a formula may give its posterior; `evenfall fit --refit` makes one to look at",
        )
    return found


@router.get("/{parameter_id}/trace", summary="Draws of its fit, by chain", response_model=TraceAnswer)
def trace(
    _: Viewer, project: Opened, parameter_id: ParameterId, quantity: Quantity = None, as_of: AsOf = None
) -> dict[str, Any]:
    """Return the draws of a quantity of the last fit; 404 without draws."""
    look = looked(project, parameter_id, as_of)
    with missing():
        return look.trace(quantity)


@router.get("/{parameter_id}/ranks", summary="Draws of its fit, by rank", response_model=RanksAnswer)
def ranks(
    _: Viewer, project: Opened, parameter_id: ParameterId, quantity: Quantity = None, as_of: AsOf = None
) -> dict[str, Any]:
    """Return the rank histogram of each chain; 404 without draws."""
    look = looked(project, parameter_id, as_of)
    with missing():
        return look.ranks(quantity)


@router.get("/{parameter_id}/predictive", summary="Predictive check", response_model=PredictiveAnswer)
def predictive(_: Viewer, project: Opened, parameter_id: ParameterId, as_of: AsOf = None) -> dict[str, Any]:
    """Return whether what the parameter predicts looks like what was seen; 404 where nothing was seen."""
    look = looked(project, parameter_id, as_of)
    with missing():
        return look.predictive()
