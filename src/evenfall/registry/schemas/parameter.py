"""The definition of one parameter, as its file says it."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from evenfall.registry.schemas.base import ContextKey, Id, Model, Slug, Text
from evenfall.registry.schemas.destinations import PosteriorDestination
from evenfall.registry.schemas.fit import ModelFit
from evenfall.registry.schemas.latency import LatencyBlock
from evenfall.registry.schemas.numbers import Numbers
from evenfall.registry.schemas.observations import ObservationSource
from evenfall.registry.schemas.priors import PriorSource
from evenfall.registry.schemas.updating import BayesianUpdate

__all__ = ["Metadata", "ParameterDefinition", "ParameterType", "VisitedFilter"]

ParameterType = Literal["probability", "rate", "mean", "duration"]


class VisitedFilter(Model):
    """Nodes visited before the attempt: all of them (AND) or any (OR)."""

    operator: Literal["AND", "OR"] = "AND"
    nodes: Annotated[tuple[Slug, ...], Field(min_length=1)]


def _list_means_and(value: Any) -> Any:
    return {"operator": "AND", "nodes": value} if isinstance(value, tuple) else value


def _as_text(value: Any) -> Any:
    return str(value) if isinstance(value, int | float) and not isinstance(value, bool) else value


class Metadata(Model):
    """What people say about the parameter; it changes no number."""

    description: str | None = None
    tags: tuple[str, ...] = ()
    created_at: str | None = None
    updated_at: str | None = None
    author: str | None = None
    version: Annotated[str, BeforeValidator(_as_text, json_schema_input_type=str | int | float)] | None = None


class ParameterDefinition(Model):
    """One number the business believes, where its prior and its evidence come from, and who is told."""

    id: Id
    name: str | None = None
    type: ParameterType = "probability"
    edge_reference: Text | None = None
    context_filter: dict[ContextKey, Text] = Field(default_factory=dict)
    visited_filter: (
        Annotated[
            VisitedFilter,
            BeforeValidator(_list_means_and, json_schema_input_type=VisitedFilter | tuple[Slug, ...]),
        ]
        | None
    ) = None
    latency: LatencyBlock | None = None
    value: Numbers | None = None
    prior_source: PriorSource | None = None
    observation_source: ObservationSource | None = None
    bayesian_update: BayesianUpdate | None = None
    posterior_destination: PosteriorDestination | None = None
    model_fit: ModelFit | None = None
    fallback_value: Numbers | None = None
    metadata: Metadata | None = None
