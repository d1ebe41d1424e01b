"""Graphs edited: nodes and edges added, moved, connected, removed, and written into the graph's file."""

from __future__ import annotations

from typing import Annotated, Any, Final

from fastapi import APIRouter, Path, Request, Response
from pydantic import BaseModel, ConfigDict, Field, FiniteFloat

from evenfall.errors import UnknownName
from evenfall.server.api.editing import Committing, EditAnswer, as_it_is_now, editing
from evenfall.server.etags import IfMatch, quoted
from evenfall.server.security import Editor, Opened

__all__ = ["router"]

router = APIRouter(prefix="/api/v1/graphs", tags=["graphs"])

_MOST: Final = 5000
_Name = Annotated[str, Field(max_length=500)]
_Slug = Annotated[str, Field(max_length=100)]


class NodeChange(BaseModel):
    """A node as it is to be; what is not given stays, what is null is removed."""

    model_config = ConfigDict(extra="forbid")

    slug: _Slug
    name: _Name | None = None
    outcome: bool | None = None
    x: FiniteFloat | None = Field(None, description="Pixels from the left, where it is drawn.")
    y: FiniteFloat | None = Field(None, description="Pixels from the top.")


class EdgeChange(BaseModel):
    """An edge as it is to be; what is not given stays, what is null is removed."""

    model_config = ConfigDict(extra="forbid", populate_by_name=True)

    slug: _Slug
    from_node: Annotated[_Slug, Field(alias="from")]
    to_node: Annotated[_Slug, Field(alias="to")]
    parameter_id: _Slug | None = None
    mean: FiniteFloat | None = Field(None, description="A fixed rate, where there is no parameter.")
    stdev: FiniteFloat | None = None
    cost: FiniteFloat | None = None


class GraphChange(Committing):
    """A graph as it is to be: a node or edge that is not listed is removed."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {
                    "nodes": [{"slug": "pricing", "x": 40, "y": 80}, {"slug": "signed-up", "outcome": True}],
                    "edges": [
                        {"slug": "signup", "from": "pricing", "to": "signed-up", "parameter_id": "signup"}
                    ],
                }
            ]
        },
    )

    name: _Name | None = None
    nodes: Annotated[list[NodeChange], Field(max_length=_MOST)]
    edges: Annotated[list[EdgeChange], Field(max_length=_MOST)]


@router.put("/{graph_id}", summary="Edit a graph")
def edit(
    *,
    change: GraphChange,
    graph_id: Annotated[str, Path(max_length=100, examples=["acme"])],
    caller: Editor,
    project: Opened,
    seen: IfMatch,
    request: Request,
    response: Response,
) -> EditAnswer:
    """Write the graph into its file; comments, order and keys that are not named here stay as they are."""
    wanted: dict[str, Any] = change.model_dump(
        by_alias=True, exclude_unset=True, exclude={"commit", "message"}
    )
    try:
        with editing(seen):
            done = project.edit_graph(graph_id, wanted, seen=seen, commit=change.commit_of(caller, graph_id))
    except UnknownName as unknown:
        unknown.path = unknown.path or "graph_id"
        raise
    as_it_is_now(request, caller)
    response.headers["ETag"] = quoted(done.etag)
    return EditAnswer(**done.as_dict())
