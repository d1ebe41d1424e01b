"""Where a prior comes from."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, Tag

from evenfall.registry.schemas.base import (
    Authentication,
    Duration,
    Id,
    Model,
    Text,
    TextOrSecret,
    TimeText,
    dispatch,
)
from evenfall.registry.schemas.numbers import Numbers

__all__ = [
    "PosteriorHistoryPrior",
    "PriorSource",
    "SheetsPrior",
    "SqlPrior",
    "StaticPrior",
    "WebhookPrior",
]


class StaticPrior(Numbers):
    """Numbers in the file; without any, those of bayesian_update.prior, else of value."""

    type: Literal["static"]
    refresh_frequency: Duration | None = None
    authentication: Authentication = None


class SheetsPrior(Model):
    """Two cells of a Google sheet: mean and standard deviation."""

    type: Literal["sheets"]
    url: Text
    range: Text
    refresh_frequency: Duration | None = None
    authentication: Authentication = None


class SqlPrior(Model):
    """One row of a query, with columns such as mean and stdev, or alpha and beta."""

    type: Literal["sql"]
    connection: Id = "data"
    query: Text
    parameters: dict[str, TimeText] = Field(default_factory=dict)
    refresh_frequency: Duration | None = None
    authentication: Authentication = None


class WebhookPrior(Model):
    """The numbers found at a JSON path of an HTTP answer."""

    type: Literal["webhook"]
    url: Annotated[TextOrSecret, Field(repr=False)]
    json_path: Text = "$"
    refresh_frequency: Duration | None = None
    authentication: Authentication = None


class PosteriorHistoryPrior(Model):
    """The posterior Evenfall published last, or the answer of a query over a table of posteriors."""

    type: Literal["posterior_history"]
    connection: Id | None = None
    query: Text | None = None
    refresh_frequency: Duration | None = None
    authentication: Authentication = None


PriorSource = Annotated[
    Annotated[StaticPrior, Tag("<static>")]
    | Annotated[SheetsPrior, Tag("<sheets>")]
    | Annotated[SqlPrior, Tag("<sql>")]
    | Annotated[WebhookPrior, Tag("<webhook>")]
    | Annotated[PosteriorHistoryPrior, Tag("<posterior_history>")],
    dispatch(("static",), ("sheets",), ("sql",), ("webhook",), ("posterior_history",)),
]
