"""ArviZ's functions on plain arrays, loaded when first asked for."""

from __future__ import annotations

from importlib import import_module
from typing import Any

__all__ = ["array_stats"]


def array_stats() -> Any:  # ArviZ says it is typed and is not
    """Return ArviZ's array interface; the import takes seconds and brings xarray and pandas with it."""
    return import_module("arviz_stats.base").array_stats
