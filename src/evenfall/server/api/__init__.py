"""One file per resource; each is listed here once."""

from __future__ import annotations

from typing import Final

from fastapi import APIRouter

from evenfall.server.api.curves import router as curves_router
from evenfall.server.api.edits import router as edits_router
from evenfall.server.api.fits import router as fits_router
from evenfall.server.api.graph_edits import router as graph_edits_router
from evenfall.server.api.health import router as health_router
from evenfall.server.api.history import router as history_router
from evenfall.server.api.keys import router as keys_router
from evenfall.server.api.me import router as me_router
from evenfall.server.api.metrics import router as metrics_router
from evenfall.server.api.nightly_health import router as nightly_health_router
from evenfall.server.api.parameters import router as parameters_router
from evenfall.server.api.refresh import router as refresh_router
from evenfall.server.api.runs import router as runs_router

__all__ = ["ROUTERS"]

ROUTERS: Final[tuple[APIRouter, ...]] = (
    curves_router,
    edits_router,
    fits_router,
    graph_edits_router,
    health_router,
    history_router,
    keys_router,
    me_router,
    metrics_router,
    nightly_health_router,
    parameters_router,
    refresh_router,
    runs_router,
)
"""The routers in alphabetical order; `create_app` documents every problem for each."""
