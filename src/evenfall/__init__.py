"""Evenfall: beliefs meet data, nightly.

The public names load what they need when they are first used, so that importing the package costs nothing.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from evenfall.errors import EvenfallError
    from evenfall.findings import Finding, Light
    from evenfall.project import Project
    from evenfall.project import open_project as open  # noqa: A004 - ef.open(path) reads as it should

__all__ = ["EvenfallError", "Finding", "Light", "Project", "open"]

_HOMES = {
    "EvenfallError": ("evenfall.errors", "EvenfallError"),
    "Finding": ("evenfall.findings", "Finding"),
    "Light": ("evenfall.findings", "Light"),
    "Project": ("evenfall.project", "Project"),
    "open": ("evenfall.project", "open_project"),
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'evenfall' has no attribute {name!r}")
    module, attribute = _HOMES[name]
    return getattr(importlib.import_module(module), attribute)


def __dir__() -> list[str]:
    return sorted(__all__)
