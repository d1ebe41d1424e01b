"""Where posteriors are written."""

from __future__ import annotations

from typing import Annotated, Final, Literal, get_args

from pydantic import Field, Tag

from evenfall.registry.schemas.base import Authentication, Duration, Id, Model, Text, TextOrSecret, dispatch

__all__ = [
    "FORMAT_NAMES",
    "Destination",
    "FormatName",
    "PosteriorDestination",
    "SheetsDestination",
    "SqlDestination",
    "WebhookDestination",
]

FormatName = Literal[
    "param_id",
    "timestamp",
    "date",
    "prior_mean",
    "prior_stdev",
    "trials",
    "successes",
    "posterior_mean",
    "posterior_stdev",
    "visited_nodes",
    "context_filter",
    "drift_alert",
]
FORMAT_NAMES: Final[tuple[FormatName, ...]] = get_args(FormatName)


class SheetsDestination(Model):
    """Rows of a Google sheet."""

    type: Literal["sheets"]
    url: Text
    range: Text
    mode: Literal["append", "replace", "update"] = "append"
    format: Annotated[tuple[FormatName, ...], Field(min_length=1)] = FORMAT_NAMES
    authentication: Authentication = None


class SqlDestination(Model):
    """Rows of a table, one per parameter and observation date."""

    type: Literal["sql"]
    connection: Id
    table: Text
    mode: Literal["insert", "update", "upsert"] = "upsert"
    conflict_resolution: Literal["update", "ignore", "error"] = "update"
    create_table: bool = False
    format: tuple[FormatName, ...] | None = None


class WebhookDestination(Model):
    """A JSON document sent to a URL."""

    type: Literal["webhook"]
    url: Annotated[TextOrSecret, Field(repr=False)]
    authentication: Authentication = None
    format: tuple[FormatName, ...] | None = None


Destination = Annotated[
    Annotated[SheetsDestination, Tag("<sheets>")]
    | Annotated[SqlDestination, Tag("<sql>")]
    | Annotated[WebhookDestination, Tag("<webhook>")],
    dispatch(("sheets",), ("sql",), ("webhook",)),
]


class PosteriorDestination(Model):
    """All destinations of one parameter and how often they are written."""

    destinations: tuple[Destination, ...] = ()
    write_frequency: Duration | None = None
