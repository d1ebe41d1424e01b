"""What is believed and what was seen: families, sums that add, and the exact update of one by the other.

The names below load their modules when first used, so that importing the room costs nothing.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from evenfall.beliefs.belief import Belief, Origin
    from evenfall.beliefs.constructors import Beta, Gamma, LogNormal, Normal
    from evenfall.beliefs.declared import belief_from_numbers
    from evenfall.beliefs.observations import Observations, Skipped
    from evenfall.beliefs.posterior import UpdateRule
    from evenfall.beliefs.summary import Summary, summarise

__all__ = [
    "Belief",
    "Beta",
    "Gamma",
    "LogNormal",
    "Normal",
    "Observations",
    "Origin",
    "Skipped",
    "Summary",
    "UpdateRule",
    "belief_from_numbers",
    "summarise",
]

_HOME: Final = {
    "Belief": "belief",
    "Beta": "constructors",
    "Gamma": "constructors",
    "LogNormal": "constructors",
    "Normal": "constructors",
    "Observations": "observations",
    "Origin": "belief",
    "Skipped": "observations",
    "Summary": "summary",
    "UpdateRule": "posterior",
    "belief_from_numbers": "declared",
    "summarise": "summary",
}


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_HOME[name]}"), name)


def __dir__() -> list[str]:
    return __all__
