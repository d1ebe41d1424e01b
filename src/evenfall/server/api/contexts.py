"""Contexts: the dimensions by which traffic is sliced, and their values."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Path
from pydantic import BaseModel, ConfigDict

from evenfall.errors import UnknownName
from evenfall.project import Project
from evenfall.server.paging import Page, Paging, paged
from evenfall.server.security import Opened, Viewer

__all__ = ["router"]

router = APIRouter(prefix="/api/v1/contexts", tags=["contexts"])


class ContextValueAnswer(BaseModel):
    """One value, and what people call it."""

    id: str
    label: str


class ContextAnswer(BaseModel):
    """One dimension; `mece` says that its values exclude each other and cover everything."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "id": "channel",
                    "name": "Channel",
                    "values": [{"id": "google", "label": "Google"}, {"id": "email", "label": "E-mail"}],
                    "mece": True,
                    "other_policy": None,
                }
            ]
        }
    )

    id: str
    name: str
    values: list[ContextValueAnswer]
    mece: bool
    other_policy: Literal["computed", "explicit"] | None


@router.get("", summary="Every context")
def list_contexts(_caller: Viewer, project: Opened, turning: Paging) -> Page[ContextAnswer]:
    """Return the contexts by id, those that are known from the start included."""
    names = sorted(project.registry.contexts)
    chosen, following = paged(names, turning, str)
    return Page(items=[_answer(project, name) for name in chosen], next=following, total=len(names))


@router.get("/{context_id}", summary="One context")
def show_context(
    context_id: Annotated[str, Path(max_length=200, examples=["channel"])], _caller: Viewer, project: Opened
) -> ContextAnswer:
    """Return one context with its values, in the order of its file."""
    if context_id not in project.registry.contexts:
        raise UnknownName("context", context_id, project.registry.contexts, path="context_id")
    return _answer(project, context_id)


def _answer(project: Project, name: str) -> ContextAnswer:
    context = project.registry.contexts[name]
    values = [ContextValueAnswer(id=value.id, label=value.label or value.id) for value in context.values]
    return ContextAnswer(
        id=name,
        name=context.name or name,
        values=values,
        mece=context.mece,
        other_policy=context.other_policy,
    )
