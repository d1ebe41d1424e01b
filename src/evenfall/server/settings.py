"""What a running server is told: where it listens, who may ask, and how much."""

from __future__ import annotations

import ipaddress
from typing import Final, Self

from pydantic import BaseModel, ConfigDict, model_validator

from evenfall.errors import UsageError
from evenfall.registry.settings import Settings

__all__ = ["LOOPBACK_NAMES", "ServerSettings", "is_loopback"]

LOOPBACK_NAMES: Final = frozenset({"localhost", "127.0.0.1", "::1"})
"""Names under which a page of this machine is asked for, and no page of another."""


def is_loopback(host: str) -> bool:
    """Return whether only this machine can reach what listens on `host`.

    Examples
    --------
    >>> is_loopback("127.0.0.1"), is_loopback("localhost"), is_loopback("0.0.0.0")
    (True, True, False)
    """
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host == "localhost"


class ServerSettings(BaseModel):
    """Where the server listens, and its limits.

    Attributes
    ----------
    keys_required
        Whether every question needs an API key. Without, the caller is admin of the first project, so the
        server must listen on loopback alone.
    requests_per_minute
        Per key, or per address where no key is needed.
    failed_keys_per_minute
        Wrong keys per address, before even right ones are refused for a while.
    body_bytes
        Longest body of a question.
    proxies
        Addresses of proxies whose word on the caller's address counts.
    hosts
        Names the server answers to; empty for any where keys are required, else those of loopback.
    scheduler
        Whether the nights are run too.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    host: str = "127.0.0.1"
    port: int = 8000
    keys_required: bool = False
    requests_per_minute: int = 20_000
    failed_keys_per_minute: int = 30
    body_bytes: int = 2**20
    proxies: tuple[str, ...] = ()
    hosts: tuple[str, ...] = ()
    scheduler: bool = True

    @model_validator(mode="after")
    def _keys_off_only_on_loopback(self) -> Self:
        if not self.keys_required and not is_loopback(self.host):
            raise UsageError(
                f"without keys, anybody who reaches {self.host} would be admin",
                remedy="listen on 127.0.0.1, or set `keys = true` under [server] in evenfall.toml",
            )
        return self

    @property
    def loopback(self) -> bool:
        """Whether only this machine can reach the server."""
        return is_loopback(self.host)

    @classmethod
    def of(
        cls, settings: Settings, *, host: str | None = None, port: int | None = None, scheduler: bool = True
    ) -> Self:
        """Return what the project's evenfall.toml says, with what the caller says in its place.

        Keys are required wherever others than this machine reach the server, unless the file says so anyway.
        """
        declared = settings.server
        listening = host or declared.host
        keys = declared.keys if declared.keys is not None else not is_loopback(listening)
        return cls(
            host=listening,
            port=port or declared.port,
            keys_required=keys,
            requests_per_minute=declared.requests_per_minute,
            failed_keys_per_minute=declared.failed_keys_per_minute,
            body_bytes=declared.body_bytes,
            proxies=declared.proxies,
            hosts=declared.hosts,
            scheduler=scheduler,
        )
