"""When belief and data part, and who is told."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, Tag

from evenfall.registry.schemas.base import Model, Text, TextOrSecret, dispatch

__all__ = ["Alert", "EmailAlert", "ModelFit", "PagerdutyAlert", "SlackAlert", "Thresholds", "WebhookAlert"]


_Hidden = Annotated[TextOrSecret, Field(repr=False)]


def _one_as_many(value: Any) -> Any:
    return value if isinstance(value, tuple) else (value,)


class Thresholds(Model):
    """From which distance, and from how many observations, the lights judge."""

    divergence_threshold: Annotated[float, Field(gt=0)] = 2.0
    min_sample_size: Annotated[int, Field(ge=1)] = 100


class SlackAlert(Model):
    """A message to a Slack channel."""

    type: Literal["slack"]
    webhook: _Hidden
    channel: Text | None = None


class EmailAlert(Model):
    """A message to mailboxes."""

    type: Literal["email"]
    email: Annotated[
        tuple[Text, ...], BeforeValidator(_one_as_many, json_schema_input_type=Text | tuple[Text, ...])
    ]


class WebhookAlert(Model):
    """A JSON document sent to a URL."""

    type: Literal["webhook"]
    webhook: _Hidden


class PagerdutyAlert(Model):
    """An event of PagerDuty."""

    type: Literal["pagerduty"]
    routing_key: _Hidden


Alert = Annotated[
    Annotated[SlackAlert, Tag("<slack>")]
    | Annotated[EmailAlert, Tag("<email>")]
    | Annotated[WebhookAlert, Tag("<webhook>")]
    | Annotated[PagerdutyAlert, Tag("<pagerduty>")],
    dispatch(("slack",), ("email",), ("webhook",), ("pagerduty",)),
]


class ModelFit(Model):
    """Thresholds of the lights, kind of alarm, and routes of the messages (one or a list)."""

    thresholds: Thresholds = Thresholds()
    alarm: Literal["detector", "threshold"] = "detector"
    alerts: Annotated[
        tuple[Alert, ...], BeforeValidator(_one_as_many, json_schema_input_type=Alert | tuple[Alert, ...])
    ] = ()
