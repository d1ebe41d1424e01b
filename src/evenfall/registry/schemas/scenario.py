"""A saved what-if: what to select, what to set, and how entries divide."""

from __future__ import annotations

import re
from typing import Annotated, Any

from pydantic import AfterValidator, Discriminator, Field, Tag, model_validator

from evenfall.errors import ConfigError
from evenfall.registry.references import is_reference, parse_reference
from evenfall.registry.schemas.base import SLUG_PATTERN, ContextKey, Id, Model, Slug, Text, refuse

__all__ = ["Scenario", "SetRate"]

_Rate = Annotated[float, Field(ge=0, le=1)]
_NotNegative = Annotated[float, Field(ge=0)]


class SetRate(Model):
    """A rate that is set, and how uncertain that is."""

    mean: _Rate
    stdev: _NotNegative = 0.0


def _check_edge(text: str) -> str:
    """Accept an edge's slug, or a reference that says for whom the rate is set."""
    if not is_reference(text):
        return _check_slug(text)
    try:
        reference = parse_reference(text)
    except ConfigError as error:
        raise refuse(error.message, error.remedy) from None
    if (reference.family, reference.leaf) != ("p", "mean"):
        raise refuse("only a rate can be set", "write e.<edge>.context(...).p.mean, or the edge's slug")
    return text


def _check_slug(text: str) -> str:
    if not re.fullmatch(SLUG_PATTERN[1:-1], text):
        raise refuse("neither an edge nor a reference", "write checkout, or e.checkout.context(channel='x')")
    return text


def _number_or_object(value: Any) -> str:
    return "<object>" if isinstance(value, dict | SetRate) else "<number>"


EdgeKey = Annotated[str, AfterValidator(_check_edge)]
Value = Annotated[
    Annotated[_Rate, Tag("<number>")] | Annotated[SetRate, Tag("<object>")], Discriminator(_number_or_object)
]


class Scenario(Model):
    """A what-if over a graph; its id is the file's name when unset.

    Attributes
    ----------
    graph
        Id of the graph; may be left out when the project has one.
    select
        Values of each context to look at; every value (or combination of values) is a slice of its own.
    mix
        Share of the entries per value of the one selected context, or per slice written as
        ``channel=google,device=mobile``; 20 and 80 say the same as .2 and .8.
    overrides
        Rates that are set, by the edge's slug or by a reference that says for whom, such as
        ``e.checkout.context(channel='google')``; a number, or mean and stdev.
    start
        Node where entries begin; the one that no edge leads to when unset.
    to
        Nodes to look at; the outcomes when unset.
    note
        Why the question was asked.
    """

    id: Id | None = None
    name: str | None = None
    note: str | None = None
    graph: Id | None = None
    select: dict[ContextKey, Annotated[tuple[Text, ...], Field(min_length=1)]] = Field(default_factory=dict)
    mix: dict[Text, _NotNegative] = Field(default_factory=dict)
    overrides: dict[EdgeKey, Value] = Field(default_factory=dict)
    start: Slug | None = None
    to: tuple[Slug, ...] = ()

    @model_validator(mode="after")
    def _asks_something(self) -> Scenario:
        if self.mix and not any(self.mix.values()):
            raise refuse("a mix without any share", "give at least one value a share above 0")
        return self
