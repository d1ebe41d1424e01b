"""The shape of every definition file, strict and frozen; the published JSON schemas are made from these."""

from __future__ import annotations

from evenfall.registry.schemas.base import Model, Secret
from evenfall.registry.schemas.context import KNOWN_CONTEXTS, Context, ContextValue
from evenfall.registry.schemas.destinations import (
    Destination,
    PosteriorDestination,
    SheetsDestination,
    SqlDestination,
    WebhookDestination,
)
from evenfall.registry.schemas.fit import ModelFit, Thresholds
from evenfall.registry.schemas.graph import Edge, EdgeProbability, Graph, Latency, Node
from evenfall.registry.schemas.latency import Centre, LatencyBlock
from evenfall.registry.schemas.numbers import Numbers, PriorNumbers
from evenfall.registry.schemas.observations import EventObservations, ObservationSource, QueryObservations
from evenfall.registry.schemas.parameter import Metadata, ParameterDefinition, VisitedFilter
from evenfall.registry.schemas.pooling import Pooling
from evenfall.registry.schemas.priors import (
    PosteriorHistoryPrior,
    PriorSource,
    SheetsPrior,
    SqlPrior,
    StaticPrior,
    WebhookPrior,
)
from evenfall.registry.schemas.scenario import Scenario, SetRate
from evenfall.registry.schemas.settings import ConnectionDefinition, SettingsDefinition
from evenfall.registry.schemas.updating import BayesianUpdate, McmcConfig, VariationalConfig

__all__ = [
    "KNOWN_CONTEXTS",
    "BayesianUpdate",
    "Centre",
    "ConnectionDefinition",
    "Context",
    "ContextValue",
    "Destination",
    "Edge",
    "EdgeProbability",
    "EventObservations",
    "Graph",
    "Latency",
    "LatencyBlock",
    "McmcConfig",
    "Metadata",
    "Model",
    "ModelFit",
    "Node",
    "Numbers",
    "ObservationSource",
    "ParameterDefinition",
    "Pooling",
    "PosteriorDestination",
    "PosteriorHistoryPrior",
    "PriorNumbers",
    "PriorSource",
    "QueryObservations",
    "Scenario",
    "Secret",
    "SetRate",
    "SettingsDefinition",
    "SheetsDestination",
    "SheetsPrior",
    "SqlDestination",
    "SqlPrior",
    "StaticPrior",
    "Thresholds",
    "VariationalConfig",
    "VisitedFilter",
    "WebhookDestination",
    "WebhookPrior",
]
