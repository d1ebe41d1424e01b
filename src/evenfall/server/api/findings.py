"""Findings: what every check said of every parameter on one night."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Literal

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict

from evenfall.findings import Finding
from evenfall.server.api.asked import AsOf
from evenfall.server.paging import Page, Paging, paged
from evenfall.server.security import Opened, Viewer

__all__ = ["router"]

router = APIRouter(prefix="/api/v1/findings", tags=["findings"])

type LightName = Literal["green", "amber", "red", "grey", "stale"]


class FindingAnswer(BaseModel):
    """What one check says of one parameter on one night."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "as_of": "2026-10-01",
                    "check": "belief",
                    "parameter_id": "checkout",
                    "light": "red",
                    "message": "expected 55 %, observed 38 % (6.4σ), n 2,007",
                    "remedy": "find out what changed",
                    "figures": {"sigma": -6.39},
                    "subject": "",
                }
            ]
        }
    )

    as_of: date
    check: str
    parameter_id: str
    light: LightName
    message: str
    remedy: str
    figures: dict[str, float | int | str | None]
    subject: str


@router.get("", summary="Findings of a night")
def list_findings(
    _caller: Viewer,
    project: Opened,
    turning: Paging,
    light: Annotated[LightName | None, Query(description="Only those that ask for this light.")] = None,
    as_of: AsOf = None,
) -> Page[FindingAnswer]:
    """Return what the checks of one night found, by parameter."""
    found = [pair for pair in project.findings(as_of) if light in (None, str(pair[1].light))]
    found.sort(key=lambda pair: _key(pair[1]))
    chosen, following = paged(found, turning, lambda pair: "\n".join(_key(pair[1])))
    return Page(items=[_answer(night, one) for night, one in chosen], next=following, total=len(found))


def _key(one: Finding) -> tuple[str, str, str]:
    return one.parameter_id, one.check, one.subject


def _answer(night: date, one: Finding) -> FindingAnswer:
    facts = {name: getattr(one, name) for name in one.__slots__}
    return FindingAnswer(**{**facts, "light": str(one.light), "figures": dict(one.figures)}, as_of=night)
