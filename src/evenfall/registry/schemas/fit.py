"""When belief and data part, and who is told."""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal, Self

from pydantic import BeforeValidator, Field, Tag, model_validator

from evenfall.registry.schemas.base import Model, Text, TextOrSecret, dispatch, refuse

__all__ = [
    "RUN_LENGTH_YEARS",
    "Alert",
    "EmailAlert",
    "ModelFit",
    "PagerdutyAlert",
    "SlackAlert",
    "Thresholds",
    "WebhookAlert",
]


RUN_LENGTH_YEARS: Final = 20.0
"""Years that pass on average between two false alarms of one parameter."""

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
    """Thresholds of the lights, kind of alarm, and routes of the messages (one or a list).

    Attributes
    ----------
    alarm
        Who raises an alarm: a detector with a stated rate of false alarms, or the lights' threshold.
    alarm_run_length_years
        Years that pass on average between two false alarms of the detector.
    """

    thresholds: Thresholds = Thresholds()
    alarm: Literal["detector", "threshold"] = "detector"
    alarm_run_length_years: Annotated[float, Field(gt=0)] = RUN_LENGTH_YEARS
    alerts: Annotated[
        tuple[Alert, ...], BeforeValidator(_one_as_many, json_schema_input_type=Alert | tuple[Alert, ...])
    ] = ()

    @model_validator(mode="after")
    def _a_detector_runs(self) -> Self:
        if self.alarm == "threshold" and "alarm_run_length_years" in self.model_fields_set:
            raise refuse(
                "alarm_run_length_years is of the detector, and the alarm is a threshold",
                "remove it, or write alarm: detector",
            )
        return self
