"""Nodes people visit and the edges between them."""

from __future__ import annotations

from typing import Annotated, Any, Self

from pydantic import ConfigDict, Discriminator, Field, Tag, model_validator

from evenfall.registry.schemas.base import Id, Model, Slug, refuse

__all__ = ["Cost", "Edge", "EdgeProbability", "Graph", "Latency", "Node"]

_NotNegative = Annotated[float, Field(ge=0)]


class Node(Model):
    """A page, step or state; an outcome is one whose conversion matters.

    Attributes
    ----------
    x, y
        Where it is drawn, in pixels from the left and from the top; unset, the page finds a place.
    """

    slug: Slug
    id: str | None = None
    name: str | None = None
    outcome: bool = False
    x: float | None = None
    y: float | None = None


class EdgeProbability(Model):
    """A parameter's id, or a fixed belief."""

    parameter_id: str | None = None
    mean: Annotated[float, Field(ge=0, le=1)] | None = None
    stdev: _NotNegative | None = None

    @model_validator(mode="after")
    def _one_kind(self) -> Self:
        if (self.parameter_id is None) == (self.mean is None):
            raise refuse("p needs a parameter_id or a mean", "write one of them")
        if self.stdev is not None and self.mean is None:
            raise refuse("a stdev without a mean", "write both, or parameter_id")
        return self


class Latency(Model):
    """How long the step takes: a parameter's id, or its median and 95 % point in days.

    The parameter is one with a latency block, or of type duration. An edge whose p names a parameter with a
    latency block needs none of its own.
    """

    parameter_id: str | None = None
    median_days: _NotNegative | None = None
    t95_days: _NotNegative | None = None
    horizon_days: Annotated[float, Field(gt=0)] | None = None

    @model_validator(mode="after")
    def _one_kind(self) -> Self:
        inline = self.median_days is not None or self.t95_days is not None
        if self.parameter_id is not None and inline:
            raise refuse("latency has both a parameter_id and days of its own", "keep one of them")
        if self.median_days is not None and self.t95_days is not None and self.t95_days < self.median_days:
            raise refuse(
                f"95 % cannot have come by day {self.t95_days:g} when half come by day {self.median_days:g}",
                "make t95_days greater than median_days",
            )
        return self


class Cost(Model):
    """What one passage costs, in the project's currency: a parameter's id, or a mean."""

    parameter_id: str | None = None
    mean: float | None = None
    stdev: _NotNegative | None = None


def _number_or_object(value: Any) -> str:
    return "<object>" if isinstance(value, dict | Cost) else "<number>"


class Edge(Model):
    """A step from one node to another."""

    model_config = ConfigDict(populate_by_name=True)

    slug: Slug
    id: str | None = None
    uuid: str | None = None
    from_node: Annotated[Slug, Field(alias="from")]
    to_node: Annotated[Slug, Field(alias="to")]
    p: EdgeProbability | None = None
    latency: Latency | None = None
    cost: (
        Annotated[
            Annotated[float, Tag("<number>")] | Annotated[Cost, Tag("<object>")],
            Discriminator(_number_or_object),
        ]
        | None
    ) = None
    weight_default: Annotated[float, Field(ge=0, le=1)] | None = None


class Graph(Model):
    """Nodes and edges; its id is the file's name when unset."""

    id: Id | None = None
    name: str | None = None
    description: str | None = None
    nodes: tuple[Node, ...] = ()
    edges: tuple[Edge, ...] = ()
