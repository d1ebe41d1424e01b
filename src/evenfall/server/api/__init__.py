"""One file per resource; each is listed here once."""

from __future__ import annotations

from typing import Final

from fastapi import APIRouter

from evenfall.server.api import keys, me

__all__ = ["ROUTERS"]

ROUTERS: Final[tuple[APIRouter, ...]] = (
    keys.router,
    me.router,
)
"""The routers in alphabetical order; `create_app` documents every problem for each."""
