"""Dimensions by which traffic is sliced."""

from __future__ import annotations

from typing import Final, Literal

from pydantic import model_validator

from evenfall.registry.schemas.base import ContextKey, Model, Text, refuse

__all__ = ["KNOWN_CONTEXTS", "Context", "ContextValue"]


class ContextValue(Model):
    """One value of a context, and how a source tells it from the others."""

    id: Text
    label: Text | None = None
    source_filter: Text | None = None


class Context(Model):
    """One dimension, such as the channel a visitor came by.

    Attributes
    ----------
    mece
        Whether the values exclude each other and together cover everything: parts then add up to the whole.
    other_policy
        What stands for the values not listed: nothing (null), what remains (computed), or a value of its own
        (explicit).
    """

    id: ContextKey
    name: str | None = None
    description: str | None = None
    values: tuple[ContextValue, ...] = ()
    mece: bool = False
    other_policy: Literal["computed", "explicit"] | None = None

    @model_validator(mode="after")
    def _distinct(self) -> Context:
        ids = [value.id for value in self.values]
        repeated = sorted({name for name in ids if ids.count(name) > 1}) if len(ids) != len(set(ids)) else []
        if repeated:
            raise refuse(f"the value {repeated[0]!r} is listed twice", "keep one of the two")
        return self

    @property
    def value_ids(self) -> tuple[str, ...]:
        """Ids of the listed values, in the file's order."""
        return tuple(value.id for value in self.values)


KNOWN_CONTEXTS: Final = {
    key: Context(id=key, name=name)
    for key, name in {
        "channel": "Channel",
        "device": "Device",
        "utm_source": "UTM source",
        "browser": "Browser",
        "geo_country": "Country",
    }.items()
}
"""Context types that exist before any file declares them; a file may give them values."""
