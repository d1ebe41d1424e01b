"""What a check says: a light, the figures behind it, and what to do."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

__all__ = ["Finding", "Light", "worst"]


class Light(StrEnum):
    """How far belief and reality stand apart, or why that cannot be said."""

    GREEN = "green"
    AMBER = "amber"
    RED = "red"
    GREY = "grey"
    STALE = "stale"


_SEVERITY = {Light.GREY: 0, Light.GREEN: 1, Light.STALE: 2, Light.AMBER: 3, Light.RED: 4}


def worst(lights: Iterable[Light]) -> Light:
    """Return the light a reader must see first; grey only when nothing else was said."""
    return max(lights, key=_SEVERITY.__getitem__, default=Light.GREY)


@dataclass(frozen=True, slots=True)
class Finding:
    """What one check says of one parameter on one night.

    Attributes
    ----------
    check
        Name of the check, such as ``belief`` or ``drift`` or ``quarantine``.
    parameter_id
        The parameter it speaks of.
    light
        The light it asks for; `Light.GREY` when it cannot judge.
    message
        One sentence for people.
    remedy
        What to do about it; empty when nothing is wrong.
    figures
        The numbers behind the sentence, by name (JSON-ready).
    subject
        What within the parameter it speaks of, such as a day; part of the finding's identity.
    """

    check: str
    parameter_id: str
    light: Light
    message: str
    remedy: str = ""
    figures: Mapping[str, float | int | str | None] = field(default_factory=dict)
    subject: str = ""
