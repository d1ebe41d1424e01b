"""Graphs: all of them, and one as its page shows it."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Literal

from fastapi import APIRouter, Path, Response
from pydantic import BaseModel, ConfigDict, Field

from evenfall.errors import UnknownName
from evenfall.server.api.asked import AsOf
from evenfall.server.etags import quoted
from evenfall.server.paging import Page, Paging, paged
from evenfall.server.security import Opened, Viewer
from evenfall.server.told import told

__all__ = ["router"]

router = APIRouter(prefix="/api/v1/graphs", tags=["graphs"])


class GraphRow(BaseModel):
    """A graph in a list."""

    id: str
    name: str
    nodes: int
    edges: int


class NodeAnswer(BaseModel):
    """A node, and where it is drawn if its file says so."""

    slug: str
    name: str | None
    outcome: bool
    x: float | None
    y: float | None


class ExpectedAnswer(BaseModel):
    """What was expected of a rate."""

    mean: float
    stdev: float


class EdgeAnswer(BaseModel):
    """An edge as it stands: the worst light of what stands on it, and its rate over all traffic."""

    model_config = ConfigDict(populate_by_name=True)

    slug: str
    from_node: Annotated[str, Field(alias="from")]
    to_node: Annotated[str, Field(alias="to")]
    parameter_id: str | None
    parameters: list[str] = Field(description="All that stand on it: slices, visited ones, delays.")
    light: Literal["green", "amber", "red", "grey", "stale"]
    detail: str
    since: date | None
    incident: int | None
    mean: float | None
    stdev: float | None
    lower: float | None
    upper: float | None
    n: float
    observed: float | None
    expected: ExpectedAnswer | None
    sigma: float | None
    cost: float | None
    latency: bool


class SharedValue(BaseModel):
    """A value of a context with its share of the entries; null where nothing was counted."""

    id: str
    label: str
    share: float | None


class SharedContext(BaseModel):
    """A context that parameters of the graph tell apart."""

    id: str
    name: str
    values: list[SharedValue]


class GraphAnswer(BaseModel):
    """A graph as its page shows it."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "id": "acme",
                    "name": "Acme shop",
                    "file": "graphs/acme.yaml",
                    "etag": "9f2c",
                    "as_of": "2026-10-01",
                    "currency": "EUR",
                    "nodes": [{"slug": "cart", "name": None, "outcome": False, "x": None, "y": None}],
                    "edges": [
                        {
                            "slug": "checkout",
                            "from": "cart",
                            "to": "shipping",
                            "parameter_id": "checkout",
                            "parameters": ["checkout"],
                            "light": "red",
                            "detail": "checkout diverging: expected 55 %, observed 38 % (6.4σ), n 2,007",
                            "since": "2026-09-08",
                            "incident": 1,
                            "mean": 0.433,
                            "stdev": 0.0052,
                            "lower": 0.423,
                            "upper": 0.443,
                            "n": 8557,
                            "observed": 0.428,
                            "expected": {"mean": 0.55, "stdev": 0.025},
                            "sigma": -6.39,
                            "cost": None,
                            "latency": False,
                        }
                    ],
                    "contexts": [],
                    "note": "",
                }
            ]
        }
    )

    id: str
    name: str
    file: str
    etag: str
    as_of: date
    currency: str
    nodes: list[NodeAnswer]
    edges: list[EdgeAnswer]
    contexts: list[SharedContext]
    note: str = Field(description="Why rates are those of single parameters, where they could not be mixed.")


@router.get("", summary="Every graph")
def list_graphs(_caller: Viewer, project: Opened, turning: Paging) -> Page[GraphRow]:
    """Return the graphs by id."""
    graphs = project.registry.graphs
    chosen, following = paged(sorted(graphs), turning, str)
    rows = [
        GraphRow(id=name, name=graph.name or name, nodes=len(graph.nodes), edges=len(graph.edges))
        for name, graph in ((name, graphs[name]) for name in chosen)
    ]
    return Page(items=rows, next=following, total=len(graphs))


@router.get("/{graph_id}", summary="One graph, as it stands", response_model=GraphAnswer)
def show_graph(
    graph_id: Annotated[str, Path(max_length=200, examples=["acme"])],
    _caller: Viewer,
    project: Opened,
    as_of: AsOf = None,
) -> Response:
    """Return a graph with every edge's light, rate and evidence; its `ETag` is the version of its file."""
    if graph_id not in project.registry.graphs:
        raise UnknownName("graph", graph_id, project.registry.graphs, path="graph_id")
    found = project.graph_file(graph_id)
    facts = {**project.picture(graph_id, as_of).as_dict(), "file": found.file, "etag": found.etag}
    return told(facts, headers={"ETag": quoted(found.etag)})
