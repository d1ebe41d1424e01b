"""The project's settings, resolved: zone, store, connections, limits."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, time
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo

from evenfall.registry.schemas import Secret, SettingsDefinition
from evenfall.registry.schemas.fit import Alert
from evenfall.registry.schemas.settings import ServerDefinition
from evenfall.window import parse_zone

__all__ = ["EMBEDDED", "Connection", "Serving", "Settings"]

_SQLITE: Final = "sqlite:///"


@dataclass(frozen=True, slots=True)
class Connection:
    """A warehouse by name.

    Attributes
    ----------
    type
        Which kind of warehouse, such as ``duckdb`` or ``postgres``.
    path
        Folder or file of an embedded one, relative to the project's root.
    options
        Everything else its type needs; a secret stands as its `Secret`.
    """

    name: str
    type: str
    path: str | None = None
    options: Mapping[str, str | int | float | bool | Secret] = field(default_factory=dict, repr=False)

    def resolve(self, environment: Mapping[str, str]) -> dict[str, str | int | float | bool]:
        """Return the options with every secret looked up in `environment`.

        Raises
        ------
        ConfigError
            When a secret is not set.
        """
        return {
            key: value.reveal(environment) if isinstance(value, Secret) else value
            for key, value in self.options.items()
        }


EMBEDDED: Final = Connection("data", "duckdb", "data")
"""The connection that is always there: DuckDB over the files in the project's data folder."""


@dataclass(frozen=True, slots=True)
class Serving:
    """What the table ``[server]`` says; see `ServerDefinition`.

    Attributes
    ----------
    keys
        Whether keys are needed; None to decide by the address.
    """

    host: str
    port: int
    keys: bool | None
    requests_per_minute: int
    failed_keys_per_minute: int
    body_bytes: int
    hosts: tuple[str, ...]
    proxies: tuple[str, ...]

    @classmethod
    def of(cls, definition: ServerDefinition) -> Serving:
        """Return the table with its amounts as numbers."""
        said = definition.model_dump(exclude={"body_limit"})
        return cls(**said, body_bytes=_bytes(definition.body_limit))


@dataclass(frozen=True, slots=True)
class Settings:
    """What evenfall.toml says, every default filled in.

    Attributes
    ----------
    clock
        The date the project's clock is pinned to; None for the machine's clock.
    store_url
        SQLAlchemy URL; a relative SQLite path is taken from the project's root.
    tenant
        Whose project it is; one database may hold several.
    lookback_days
        Days re-read each night for restatements.
    window_days
        Days of the belief and drift checks.
    margin
        Relative difference below which no light turns.
    timeout_seconds, memory
        Limits of one query.
    fit_workers
        Processes that fit at the same time.
    fit_seconds, fit_memory_bytes
        Limits of one fit.
    """

    zone: ZoneInfo
    clock: date | None
    store_url: str
    connections: Mapping[str, Connection]
    currency: str = "USD"
    lookback_days: int = 14
    scheduled_hour: time = time(6)
    window_days: int = 7
    margin: float = 0.05
    timeout_seconds: float = 60.0
    memory: str = "1GB"
    fit_workers: int = 2
    fit_seconds: float = 600.0
    fit_memory_bytes: int = 4 * 2**30
    alerts: tuple[Alert, ...] = ()
    tenant: str = "default"
    server: Serving = field(default_factory=lambda: Serving.of(ServerDefinition()))

    @classmethod
    def of(cls, definition: SettingsDefinition, root: Path) -> Settings:
        """Return the settings of the project in `root`."""
        declared = {
            name: Connection(name, connection.type, connection.path, connection.options)
            for name, connection in definition.connections.items()
        }
        return cls(
            zone=parse_zone(definition.zone),
            clock=definition.clock,
            store_url=_absolute(definition.store_url, root),
            connections={EMBEDDED.name: EMBEDDED, **declared},
            currency=definition.currency,
            lookback_days=definition.lookback_days,
            scheduled_hour=time.fromisoformat(definition.scheduled_hour),
            window_days=definition.window_days,
            margin=definition.margin,
            timeout_seconds=definition.timeout_seconds,
            memory=definition.memory,
            fit_workers=definition.fit_workers,
            fit_seconds=definition.fit_seconds,
            fit_memory_bytes=_bytes(definition.fit_memory),
            alerts=definition.alerts,
            tenant=definition.tenant,
            server=Serving.of(definition.server),
        )


def _bytes(amount: str) -> int:
    return int(amount[:-2]) * {"MB": 2**20, "GB": 2**30}[amount[-2:]]


def _absolute(url: str, root: Path) -> str:
    """Return a store URL whose relative SQLite path starts at `root`."""
    path = url.removeprefix(_SQLITE)
    if not url.startswith(_SQLITE) or path in ("", ":memory:") or Path(path).is_absolute():
        return url
    return f"{_SQLITE}{(root / path).resolve()}"
