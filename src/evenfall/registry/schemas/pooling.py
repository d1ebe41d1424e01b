"""How slices of one parameter lean on each other."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Discriminator, Tag

from evenfall.registry.schemas.base import ContextKey, Model, Slug

__all__ = ["Pooling", "PoolingSetting"]


class Pooling(Model):
    """Which differences between slices are learned; each is drawn towards none as far as the data allow.

    Attributes
    ----------
    effects
        Context keys whose values differ; all that the source tells apart when unset.
    interactions
        Pairs of context keys or visited nodes that may act together otherwise than one by one.
    visited
        Nodes of which it matters whether they were visited before the attempt (events only).
    overdispersion
        Whether days differ by more than chance, learned for all slices together.
    """

    effects: tuple[ContextKey, ...] | None = None
    interactions: tuple[tuple[Slug, Slug], ...] = ()
    visited: tuple[Slug, ...] = ()
    overdispersion: Literal["none", "learned"] = "none"


def _word_or_object(value: Any) -> str:
    return "<word>" if isinstance(value, str) else "<object>"


PoolingSetting = (
    Annotated[
        Annotated[Literal["none", "partial"], Tag("<word>")] | Annotated[Pooling, Tag("<object>")],
        Discriminator(_word_or_object),
    ]
    | None
)
