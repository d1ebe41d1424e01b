"""One file per resource; each is listed here once."""

from __future__ import annotations

from typing import Final

from fastapi import APIRouter

from evenfall.server.api.compare import router as compare_router
from evenfall.server.api.contexts import router as contexts_router
from evenfall.server.api.curves import router as curves_router
from evenfall.server.api.edits import router as edits_router
from evenfall.server.api.findings import router as findings_router
from evenfall.server.api.fits import router as fits_router
from evenfall.server.api.forecast import router as forecast_router
from evenfall.server.api.funnel import router as funnel_router
from evenfall.server.api.graph_edits import router as graph_edits_router
from evenfall.server.api.graphs import router as graphs_router
from evenfall.server.api.health import router as health_router
from evenfall.server.api.history import router as history_router
from evenfall.server.api.incidents import router as incidents_router
from evenfall.server.api.keys import router as keys_router
from evenfall.server.api.me import router as me_router
from evenfall.server.api.metrics import router as metrics_router
from evenfall.server.api.nightly_health import router as nightly_health_router
from evenfall.server.api.overview import router as overview_router
from evenfall.server.api.parameters import router as parameters_router
from evenfall.server.api.refresh import router as refresh_router
from evenfall.server.api.resolve import router as resolve_router
from evenfall.server.api.runs import router as runs_router
from evenfall.server.api.scenarios import router as scenarios_router
from evenfall.server.api.sources import router as sources_router
from evenfall.server.api.whatif import router as whatif_router

__all__ = ["ROUTERS"]

ROUTERS: Final[tuple[APIRouter, ...]] = (
    compare_router,
    contexts_router,
    curves_router,
    edits_router,
    findings_router,
    fits_router,
    forecast_router,
    funnel_router,
    graph_edits_router,
    graphs_router,
    health_router,
    history_router,
    incidents_router,
    keys_router,
    me_router,
    metrics_router,
    nightly_health_router,
    overview_router,
    parameters_router,
    refresh_router,
    resolve_router,
    runs_router,
    scenarios_router,
    sources_router,
    whatif_router,
)
"""The routers in alphabetical order; `create_app` documents every problem for each."""
