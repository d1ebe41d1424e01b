"""What every story of a run needs: the definitions, the history, the clock."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Final

from evenfall.clock import Clock, Night, PinnedClock, SystemClock
from evenfall.errors import UsageError
from evenfall.registry.files import load
from evenfall.registry.parameter import Parameter
from evenfall.registry.registry import Registry
from evenfall.registry.settings import Settings
from evenfall.store.database import Store, open_store

__all__ = ["World", "open_world", "reread"]

_EARLIEST: Final = date(1970, 1, 1)
"""Nights before it are mistakes, and too near the first day a calendar can count back from."""


@dataclass(frozen=True)
class World:
    """A project's definitions, its store and its clock."""

    registry: Registry
    store: Store
    clock: Clock

    @property
    def artifacts(self) -> Path:
        """Folder of the draws of fits."""
        return self.registry.root / ".evenfall" / "artifacts"

    @property
    def cache(self) -> Path:
        """Folder of compiled models; it may be emptied at any time."""
        return self.registry.root / ".evenfall" / "cache"

    def night(self, as_of: date | str | None = None) -> Night:
        """Return the night of `as_of`, or tonight.

        Raises
        ------
        UsageError
            When `as_of` is no date, lies in the future of the clock, or before there were such clocks.
        """
        settings = self.registry.settings
        tonight = Night.of(self.clock, settings.zone, settings.scheduled_hour)
        if as_of is None:
            return tonight
        try:
            day = date.fromisoformat(as_of) if isinstance(as_of, str) else as_of
        except ValueError:
            raise UsageError(f"{as_of!r} is not a date", remedy="write it as 2026-10-01") from None
        if day < _EARLIEST:
            raise UsageError(f"nothing was believed on {day}", remedy=f"choose {_EARLIEST} or later")
        if day > tonight.as_of:
            raise UsageError(
                f"{day} has not come yet: it is {tonight.as_of} in {settings.zone}",
                remedy="choose an earlier date, or unpin `clock` in evenfall.toml",
            )
        return Night(day, settings.zone, settings.scheduled_hour)

    def selected(self, only: str | None = None) -> tuple[Parameter, ...]:
        """Return the parameters named by `only` (an id, a template's id, or a reference), or all, by id.

        Raises
        ------
        UnknownName
            When `only` names nothing.
        """
        parameters = self.registry.parameters
        if only is None:
            return tuple(parameters[key] for key in sorted(parameters))
        chosen = [p for p in parameters.values() if only in (p.id, p.template_id, p.edge_reference)]
        return tuple(sorted(chosen, key=lambda p: p.id)) or (self.registry.parameter(only),)

    @staticmethod
    def before(night: Night) -> Night:
        """Return the night before `night`."""
        return Night(night.as_of - timedelta(days=1), night.zone, night.hour)


def open_world(root: Path, *, clock: Clock | None = None, store_url: str | None = None) -> World:
    """Return the project in `root` with its history; a broken file is read in its last good version.

    Parameters
    ----------
    clock
        What time it is; by default the project's pinned clock, else the machine's.
    store_url
        Database to use in place of the project's own, such as ``memory``.
    """
    registry = load(root)
    store = open_store(store_url or registry.settings.store_url, registry.settings.tenant)
    registry = _with_last_good(registry, store)
    return World(registry, store, clock or _clock_of(registry.settings))


def reread(world: World, root: Path) -> World:
    """Return the world with its definitions as the files say now."""
    return replace(world, registry=_with_last_good(load(root), world.store))


def _with_last_good(registry: Registry, store: Store) -> Registry:
    return load(registry.root, store.last_good_definitions()) if registry.problems else registry


def _clock_of(settings: Settings) -> Clock:
    if settings.clock is None:
        return SystemClock()
    return PinnedClock(datetime.combine(settings.clock, time(12), tzinfo=settings.zone).astimezone(UTC))
