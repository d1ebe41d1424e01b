"""Parameters: all of them by light and words, one in detail, and the one number most programs want."""

from __future__ import annotations

import json
from datetime import date, datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Response
from pydantic import BaseModel, ConfigDict, Field

from evenfall.server.api.asked import AsOf, ParameterId, named
from evenfall.server.etags import quoted
from evenfall.server.paging import Paging, paged
from evenfall.server.problems import Refused
from evenfall.server.security import Opened, Viewer

__all__ = ["router"]

router = APIRouter(prefix="/api/v1/parameters", tags=["parameters"])

type LightName = Literal["green", "amber", "red", "grey", "stale"]

_ROW: dict[str, Any] = {
    "parameter_id": "checkout",
    "name": "Cart to shipping",
    "type": "probability",
    "light": "red",
    "outcome": "updated",
    "prior_mean": 0.55,
    "prior_stdev": 0.025,
    "prior_origin": "manual (parameters/checkout.yaml:14)",
    "posterior_mean": 0.433,
    "posterior_stdev": 0.0052,
    "lower": 0.423,
    "upper": 0.443,
    "size": 8557,
    "total": 3660,
    "observed": 0.428,
    "sigma": -6.39,
    "read_at": "2026-10-01T06:00:00Z",
    "age_days": 0,
    "detail": "checkout diverging: expected 55 %, observed 38 % (6.4σ), n 2,007, since 8 Sep",
    "remedy": "find out what changed",
    "config_error": "",
    "since": "2026-09-08",
    "incident": 1,
    "edge": "checkout",
    "graph": "acme",
    "tags": ["core"],
    "template_id": None,
}


class ParameterRow(BaseModel):
    """A parameter as it stands: prior, evidence, posterior, light, and where it is in a graph."""

    model_config = ConfigDict(json_schema_extra={"examples": [_ROW]})

    parameter_id: str
    name: str
    type: Literal["probability", "rate", "mean", "duration"]
    light: LightName
    outcome: str = Field(description="What came of the last night, such as `updated` or `no_data`.")
    prior_mean: float | None
    prior_stdev: float | None
    prior_origin: str
    posterior_mean: float | None
    posterior_stdev: float | None
    lower: float | None = Field(description="Of the posterior's equal-tailed 95 % interval.")
    upper: float | None
    size: float = Field(description="Trials, exposure or n the posterior counts.")
    total: float
    observed: float | None = Field(description="What all that evidence says alone, on the belief's scale.")
    sigma: float | None = Field(description="Predictive distance of the last window from the prior.")
    read_at: datetime | None
    age_days: float | None = Field(description="Days since its source was last read well.")
    detail: str
    remedy: str
    config_error: str
    since: date | None = Field(description="Day since which it is off, of its open incident.")
    incident: int | None = Field(description="Number of its open incident.")
    edge: str | None
    graph: str | None
    tags: list[str]
    template_id: str | None


class ParameterPage(BaseModel):
    """Some of the parameters that were asked for, and how all parameters of the project stand."""

    items: list[ParameterRow]
    next: str | None = Field(description="Cursor of the next page.")
    total: int = Field(description="Parameters on all pages.")
    counts: dict[LightName, int] = Field(description="Of all parameters, whatever was asked.")
    as_of: date


class Editable(BaseModel):
    """The numbers that stand in its file, by block; null where there is no such block."""

    prior: dict[str, float | str] | None
    value: dict[str, float | str] | None


class ParameterDetail(ParameterRow):
    """A parameter with its definition and its numbers."""

    model_config = ConfigDict(json_schema_extra={})

    file: str
    line: int
    definition_hash: str
    edge_reference: str | None
    context_filter: dict[str, str]
    visited_filter: dict[str, Any] | None
    prior: dict[str, float] = Field(description="Numbers of the prior in force, by the family's names.")
    posterior: dict[str, float]
    etag: str
    description: str | None
    distribution: str
    editable: Editable
    refresh_frequency: str
    level: Literal["measured", "waiting", "stated", "unknown"] = Field(
        description="Whether it has evidence enough of its own, waits for it, has no source, or no prior."
    )


class PosteriorAnswer(BaseModel):
    """What is believed of a parameter: the posterior that was current at the end of a night."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "parameter_id": "checkout",
                    "as_of": "2026-10-01",
                    "mean": 0.433,
                    "stdev": 0.0052,
                    "lower": 0.423,
                    "upper": 0.443,
                    "family": "beta",
                    "numbers": {"alpha": 3877.25, "beta": 5074.75},
                    "n": 8557,
                }
            ]
        }
    )

    parameter_id: str
    as_of: date = Field(description="Night it was computed for.")
    mean: float
    stdev: float
    lower: float
    upper: float
    family: str
    numbers: dict[str, float]
    n: float


@router.get("", summary="Parameters by light and words", response_model=ParameterPage)
def listed(
    _: Viewer,
    project: Opened,
    turning: Paging,
    *,
    as_of: AsOf = None,
    light: Annotated[LightName | None, Query(description="Only those of this light.")] = None,
    q: Annotated[str, Query(max_length=200, description="Words of id, name, edge or tags.")] = "",
    tag: Annotated[str, Query(max_length=200, description="Only those with this tag.")] = "",
) -> Response:
    """Return a page of the parameters, by id."""
    listing = project.parameters(as_of)
    chosen = listing.choose(light=light or "", q=q, tag=tag)
    rows, following = paged(chosen, turning, lambda row: row.id)
    facts = {
        "next": following,
        "total": len(chosen),
        "counts": listing.counts,
        "as_of": listing.as_of.isoformat(),
    }
    # The rows are JSON already: a page of many is joined, not made.
    text = f'{{"items":[{",".join(row.json for row in rows)}],{json.dumps(facts)[1:]}'
    return Response(text.encode(), media_type="application/json")


@router.get("/{parameter_id}", summary="One parameter", response_model=ParameterDetail)
def shown(_: Viewer, project: Opened, parameter_id: ParameterId, as_of: AsOf = None) -> Response:
    """Return a parameter with its definition and its numbers; `ETag` is what a change must name."""
    with named():
        found = project.show(parameter_id, as_of)
    return _as_json(found.as_dict(), found.etag)


@router.get("/{parameter_id}/posterior", summary="Its posterior", response_model=PosteriorAnswer)
def posterior(_: Viewer, project: Opened, parameter_id: ParameterId, as_of: AsOf = None) -> Response:
    """Return what is believed of a parameter: one indexed read."""
    with named():
        found = project.posterior(parameter_id, as_of)
    if found is None:
        raise Refused(
            404,
            f"{parameter_id} has no posterior yet",
            field="parameter_id",
            value=parameter_id,
            remedy="run `evenfall nightly`; its `prior` is what is believed until then",
        )
    return _as_json(
        {
            "parameter_id": found.parameter_id,
            "as_of": found.as_of.isoformat(),
            "mean": found.mean,
            "stdev": found.stdev,
            "lower": found.lower,
            "upper": found.upper,
            "family": found.belief.family,
            "numbers": dict(found.belief.numbers),
            "n": found.sums[0],
        }
    )


def _as_json(facts: dict[str, Any], etag: str = "") -> Response:
    text = json.dumps(facts, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    headers = {"ETag": quoted(etag)} if etag else None
    return Response(text.encode(), media_type="application/json", headers=headers)
