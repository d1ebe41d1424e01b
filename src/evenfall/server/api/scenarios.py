"""Scenarios: what-ifs that are saved in the project's files."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Header, Path, Request, Response
from pydantic import BaseModel, ConfigDict, Field, FiniteFloat

from evenfall.errors import EditRefused, UsageError
from evenfall.runs.scenarios import SavedScenario
from evenfall.server.api.editing import as_it_is_now, editing
from evenfall.server.api.whatif import SetRateAsked
from evenfall.server.etags import quoted
from evenfall.server.paging import Page, Paging, paged
from evenfall.server.problems import Refused
from evenfall.server.security import Analyst, Opened, Viewer

__all__ = ["router"]

router = APIRouter(prefix="/api/v1/scenarios", tags=["scenarios"])

_Name = Annotated[str, Field(max_length=500)]
_Names = Annotated[list[_Name], Field(max_length=1000)]
_Text = Annotated[str, Field(max_length=5000)]
_EXAMPLE: dict[str, Any] = {
    "name": "Checkout mended",
    "note": "How many orders does the broken checkout cost us?",
    "graph": "acme",
    "select": {},
    "mix": {},
    "overrides": {"checkout": {"mean": 0.55, "stdev": 0.025}},
    "start": None,
    "to": ["order"],
}
ScenarioId = Annotated[
    str,
    Path(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$", description="Its id.", examples=["fixed-checkout"]),
]
Seen = Annotated[
    str | None,
    Header(alias="If-Match", max_length=200, description="`ETag` of the version you saw."),
]


class ScenarioAsked(BaseModel):
    """A what-if as its file says it."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [_EXAMPLE]})

    name: _Text | None = None
    note: _Text | None = None
    graph: _Name | None = None
    select: dict[_Name, _Names] = Field(default_factory=dict, max_length=20)
    mix: dict[_Name, FiniteFloat] = Field(default_factory=dict, max_length=1000)
    overrides: dict[_Name, FiniteFloat | SetRateAsked] = Field(default_factory=dict, max_length=500)
    start: _Name | None = None
    to: _Names = Field(default_factory=list)


class ScenarioAnswer(ScenarioAsked):
    """A saved what-if, with its file and version."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {"id": "fixed-checkout", "file": "scenarios/fixed-checkout.yaml", "etag": "9f2c", **_EXAMPLE}
            ]
        },
    )

    id: str
    file: str
    etag: str


@router.get("", summary="Every scenario")
def list_scenarios(_caller: Viewer, project: Opened, turning: Paging) -> Page[ScenarioAnswer]:
    """Return the saved what-ifs by id."""
    saved = project.scenarios.all()
    chosen, following = paged(saved, turning, lambda one: one.id)
    return Page(items=[_answer(one) for one in chosen], next=following, total=len(saved))


@router.get("/{scenario_id}", summary="One scenario")
def show_scenario(
    scenario_id: ScenarioId, _caller: Viewer, project: Opened, response: Response
) -> ScenarioAnswer:
    """Return a saved what-if; its `ETag` is the version of its file."""
    found = project.scenarios.find(scenario_id)
    response.headers["ETag"] = quoted(found.etag)
    return _answer(found)


@router.put("/{scenario_id}", summary="Save a scenario")
def save_scenario(
    *,
    scenario_id: ScenarioId,
    asked: ScenarioAsked,
    caller: Analyst,
    project: Opened,
    request: Request,
    response: Response,
    seen: Seen = None,
) -> ScenarioAnswer:
    """Write a what-if into the project's files; one that is there already needs `If-Match`."""
    version = _version(seen)
    if version is None and project.scenarios.exists(scenario_id):
        raise Refused(
            428,
            f"the scenario {scenario_id} is there already",
            field="If-Match",
            remedy="GET it first and send its ETag as `If-Match`, or choose another name",
        )
    if version not in (None, "*") and not project.scenarios.exists(scenario_id):
        raise Refused(
            412,
            f"the scenario {scenario_id} is gone",
            field="If-Match",
            value=version,
            remedy="leave `If-Match` out to save it anew",
        )
    with editing(version or ""):
        _save(project.scenarios.save, scenario_id, asked.model_dump(), version)
    found = as_it_is_now(request, caller).scenarios.find(scenario_id)
    response.headers["ETag"] = quoted(found.etag)
    return _answer(found)


@router.delete("/{scenario_id}", status_code=204, summary="Delete a scenario")
def delete_scenario(
    *,
    scenario_id: ScenarioId,
    caller: Analyst,
    project: Opened,
    request: Request,
    seen: Seen = None,
) -> None:
    """Take a what-if out of the project's files; with `If-Match`, only the version you saw."""
    with editing(seen or ""):
        project.scenarios.remove(scenario_id, _version(seen))
    as_it_is_now(request, caller)


def _save(save: Any, name: str, asked: dict[str, Any], version: str | None) -> None:
    try:
        save(name, asked, version)
    except EditRefused:
        raise
    except UsageError as taken:
        if "already" not in taken.message:
            raise
        raise Refused(
            409, taken.message, field="scenario_id", value=name, remedy="choose another name"
        ) from None


def _version(seen: str | None) -> str | None:
    return None if seen is None else seen.strip().removeprefix("W/").strip('"')


def _answer(one: SavedScenario) -> ScenarioAnswer:
    return ScenarioAnswer.model_validate(one.as_dict())
