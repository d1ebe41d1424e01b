"""One file per resource; each is listed here once."""

from __future__ import annotations

from typing import Final

from fastapi import APIRouter

from evenfall.server.api.keys import router as keys_router
from evenfall.server.api.me import router as me_router
from evenfall.server.api.metrics import router as metrics_router

__all__ = ["ROUTERS"]

ROUTERS: Final[tuple[APIRouter, ...]] = (
    keys_router,
    me_router,
    metrics_router,
)
"""The routers in alphabetical order; `create_app` documents every problem for each."""
