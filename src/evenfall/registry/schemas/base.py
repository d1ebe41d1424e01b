"""What every definition shares: strict frozen models, names, durations, times, secrets."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date, timedelta
from typing import Annotated, Any, Final

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Discriminator, Field, Tag
from pydantic_core import PydanticCustomError

from evenfall.errors import ConfigError
from evenfall.registry.time_expression import check_time
from evenfall.window import DURATION_PATTERN, parse_duration

__all__ = [
    "ID_PATTERN",
    "Authentication",
    "ContextKey",
    "Day",
    "Duration",
    "Id",
    "Model",
    "Secret",
    "Slug",
    "Text",
    "TextOrSecret",
    "TimeText",
    "dispatch",
    "refuse",
]

ID_PATTERN: Final = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$"
SLUG_PATTERN: Final = r"^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$"
LONGEST: Final = timedelta(days=3660)


class Model(BaseModel):
    """A part of a definition: frozen, no unknown key, no value turned into another type."""

    model_config = ConfigDict(
        strict=True, frozen=True, extra="forbid", allow_inf_nan=False, hide_input_in_errors=True
    )


def refuse(message: str, remedy: str = "") -> PydanticCustomError:
    """Return the error a validator raises to say what is wrong and what to do."""
    return PydanticCustomError("evenfall", "{message}", {"message": message, "remedy": remedy})


def _check_id(text: str) -> str:
    if not re.fullmatch(ID_PATTERN[1:-1], text) or ".." in text:
        raise refuse(
            "not an id",
            "use 1 to 64 letters, digits, '.', '_' or '-', a letter or digit first, without '..'",
        )
    return text


def _check_slug(text: str) -> str:
    if not re.fullmatch(SLUG_PATTERN[1:-1], text):
        raise refuse(
            "not a slug", "use 1 to 64 letters, digits, '_' or '-', a letter or digit first, without a dot"
        )
    return text


def _check_duration(text: str) -> str:
    try:
        length = parse_duration(text)
    except ConfigError as error:
        raise refuse(error.message, error.remedy) from None
    except OverflowError:
        length = timedelta.max
    if not timedelta(0) < length <= LONGEST or not text.isascii():
        raise refuse("not a duration", f"write 1s to {LONGEST.days}d, such as 1h or 7d")
    return text


def _check_time(text: str) -> str:
    try:
        check_time(text)
    except ConfigError as error:
        raise refuse(error.message, error.remedy) from None
    return text


def _check_text(text: str) -> str:
    if not text.strip():
        raise refuse("empty", "write something, or leave the key out")
    return text


def _read_day(value: object) -> object:
    if isinstance(value, str):
        try:
            return date.fromisoformat(value)
        except ValueError:
            raise refuse("not a date", "write it as YYYY-MM-DD") from None
    return value


Id = Annotated[str, AfterValidator(_check_id), Field(json_schema_extra={"pattern": ID_PATTERN})]
Slug = Annotated[str, AfterValidator(_check_slug), Field(json_schema_extra={"pattern": SLUG_PATTERN})]
ContextKey = Slug
Duration = Annotated[
    str, AfterValidator(_check_duration), Field(json_schema_extra={"pattern": DURATION_PATTERN})
]
TimeText = Annotated[str, AfterValidator(_check_time), Field(examples=["NOW() - INTERVAL '7 days'"])]
Text = Annotated[str, AfterValidator(_check_text), Field(json_schema_extra={"minLength": 1})]
Day = Annotated[date, BeforeValidator(_read_day)]


class Secret(Model):
    """The name of the environment variable that holds a secret; the secret itself is never in a file."""

    env: Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")]

    def reveal(self, environment: Mapping[str, str]) -> str:
        """Return the secret.

        Raises
        ------
        ConfigError
            When the environment does not hold it.
        """
        if self.env not in environment:
            raise ConfigError(
                "a secret is not set", value=self.env, remedy=f"set the environment variable {self.env}"
            )
        return environment[self.env]


def _text_or_secret(value: Any) -> str:
    return "<secret>" if isinstance(value, dict | Secret) else "<text>"


TextOrSecret = Annotated[
    Annotated[Text, Tag("<text>")] | Annotated[Secret, Tag("<secret>")], Discriminator(_text_or_secret)
]


Authentication = Annotated[dict[str, TextOrSecret] | None, Field(repr=False)]
"""How a source or sink is told who asks; its keys are those of the service."""


class _Hashable(dict[str, str | int | float]):
    """Error context of a discriminator; before Python 3.13 a union of annotated types hashes it."""

    def __hash__(self) -> int:  # type: ignore[override]
        return hash(frozenset(self.items()))


def dispatch(*groups: tuple[str, ...]) -> Discriminator:
    """Return the discriminator of a union of models that differ by their key ``type``.

    Each group holds the types of one model; its tag is the first of them between angle brackets, so that
    a tag is never taken for a key when an error is traced to its place.
    """
    tags = {name: f"<{group[0]}>" for group in groups for name in group}

    def choose(value: Any) -> str | None:
        kind = value.get("type") if isinstance(value, dict) else getattr(value, "type", None)
        return tags.get(kind) if isinstance(kind, str) else None

    return Discriminator(
        choose,
        custom_error_type="evenfall_type",
        custom_error_message="unknown type",
        custom_error_context=_Hashable(allowed=",".join(tags)),
    )
