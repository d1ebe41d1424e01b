"""evenfall.toml: the project's zone, store, connections and habits."""

from __future__ import annotations

import re
from datetime import time
from typing import Annotated, Any

from pydantic import AfterValidator, ConfigDict, Discriminator, Field, Tag

from evenfall.errors import ConfigError
from evenfall.registry.schemas.base import Day, Id, Model, Secret, Text, refuse
from evenfall.registry.schemas.fit import Alert
from evenfall.window import parse_zone

__all__ = ["ConnectionDefinition", "ServerDefinition", "SettingsDefinition"]


def _option_kind(value: Any) -> str:
    return "<secret>" if isinstance(value, dict | Secret) else "<value>"


_Option = Annotated[
    Annotated[str | int | float | bool, Tag("<value>")] | Annotated[Secret, Tag("<secret>")],
    Discriminator(_option_kind),
]


def _check_zone(name: str) -> str:
    try:
        parse_zone(name)
    except ConfigError as error:
        raise refuse(error.message, error.remedy) from None
    return name


def _check_hour(text: str) -> str:
    try:
        time.fromisoformat(text)
    except ValueError:
        raise refuse("not a time of day", "write it as HH:MM, such as 06:00") from None
    if not re.fullmatch(r"\d{2}:\d{2}", text):
        raise refuse("not a time of day", "write it as HH:MM, such as 06:00")
    return text


def _check_memory(text: str) -> str:
    if not re.fullmatch(r"[1-9][0-9]{0,6}(MB|GB)", text):
        raise refuse("not an amount of memory", "write it as 512MB or 1GB")
    return text


class ConnectionDefinition(Model):
    """A warehouse by name; every further key is an option of its type, a secret as ``{env = "NAME"}``."""

    model_config = ConfigDict(extra="allow")
    __pydantic_extra__: dict[str, _Option] = Field(init=False)

    type: Text
    path: Text | None = None

    @property
    def options(self) -> dict[str, str | int | float | bool | Secret]:
        """The options by key."""
        extra: dict[str, Any] = self.__pydantic_extra__ or {}
        return dict(extra)


class ServerDefinition(Model):
    """What `evenfall serve` is told; its options count in place of these.

    Attributes
    ----------
    host
        Address to listen on; 127.0.0.1 is reached from this machine alone.
    keys
        Whether every question needs an API key; by default wherever the address is reached from elsewhere.
    requests_per_minute
        Of one key, or of one address where no key is needed.
    failed_keys_per_minute
        Wrong keys from one address before it is refused for a while.
    body_limit
        Longest body of a request.
    hosts
        Names the server answers to; by default any where keys are needed, else those of this machine.
    proxies
        Addresses of proxies whose word on where a request comes from counts.
    """

    host: Text = "127.0.0.1"
    port: Annotated[int, Field(ge=1, le=65535)] = 8000
    keys: bool | None = None
    requests_per_minute: Annotated[int, Field(ge=1, le=100_000_000)] = 20_000
    failed_keys_per_minute: Annotated[int, Field(ge=1, le=1_000_000)] = 30
    body_limit: Annotated[str, AfterValidator(_check_memory)] = "1MB"
    hosts: tuple[Text, ...] = ()
    proxies: tuple[Text, ...] = ()


class SettingsDefinition(Model):
    """Everything evenfall.toml may say; every key has a default."""

    tenant: Id = "default"
    zone: Annotated[str, AfterValidator(_check_zone)] = "UTC"
    clock: Day | None = None
    store_url: Text = "sqlite:///.evenfall/store.db"
    currency: Annotated[str, Field(pattern=r"^[A-Z]{3}$")] = "USD"
    lookback_days: Annotated[int, Field(ge=1, le=366)] = 14
    scheduled_hour: Annotated[str, AfterValidator(_check_hour)] = "06:00"
    window_days: Annotated[int, Field(ge=1, le=366)] = 7
    margin: Annotated[float, Field(ge=0, le=1)] = 0.05
    timeout_seconds: Annotated[float, Field(gt=0, le=86400)] = 60.0
    memory: Annotated[str, AfterValidator(_check_memory)] = "1GB"
    fit_workers: Annotated[int, Field(ge=1, le=256)] = 2
    fit_seconds: Annotated[float, Field(gt=0, le=86400)] = 600.0
    fit_memory: Annotated[str, AfterValidator(_check_memory)] = "4GB"
    connections: dict[Id, ConnectionDefinition] = Field(default_factory=dict)
    server: ServerDefinition = ServerDefinition()
    alerts: tuple[Alert, ...] = ()
