"""Who asks, and which project answers."""

from __future__ import annotations

from datetime import date

from fastapi import APIRouter, Request
from pydantic import BaseModel, ConfigDict

from evenfall.server.security import Opened, Viewer

__all__ = ["router"]

router = APIRouter(prefix="/api/v1/me", tags=["me"])


class ProjectAnswer(BaseModel):
    """The project of the caller's tenant."""

    name: str
    graphs: list[str]


class Me(BaseModel):
    """Who asks: the member, their role, and what they look at."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "member": "maria",
                    "role": "analyst",
                    "tenant": "acme",
                    "keys": True,
                    "project": {"name": "acme-funnel", "graphs": ["acme"]},
                    "as_of": "2026-10-01",
                    "zone": "UTC",
                    "currency": "EUR",
                    "version": "0.1.0",
                }
            ]
        }
    )

    member: str
    role: str
    tenant: str
    keys: bool
    project: ProjectAnswer
    as_of: date
    zone: str
    currency: str
    version: str


@router.get("", summary="Who asks")
def me(request: Request, caller: Viewer, project: Opened) -> Me:
    """Return who the key belongs to, and the project it opens."""
    registry = project.registry
    return Me(
        member=caller.member,
        role=caller.role,
        tenant=caller.tenant,
        keys=request.app.state.settings.keys_required,
        project=ProjectAnswer(name=project.root.name, graphs=list(registry.graphs)),
        as_of=project.world.night().as_of,
        zone=str(registry.settings.zone),
        currency=registry.settings.currency,
        version=request.app.version,
    )
