"""What every story of a run needs: the definitions, the history, the clock."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

from evenfall.clock import Clock, Night
from evenfall.errors import UsageError
from evenfall.registry.model import Parameter, Registry
from evenfall.store.database import Store

__all__ = ["World"]


@dataclass(frozen=True)
class World:
    """A project's definitions, its store and its clock."""

    registry: Registry
    store: Store
    clock: Clock

    def night(self, as_of: date | str | None = None) -> Night:
        """Return the night of `as_of`, or tonight.

        Raises
        ------
        UsageError
            When `as_of` is no date, or lies in the future of the clock.
        """
        settings = self.registry.settings
        tonight = Night.of(self.clock, settings.zone, settings.scheduled_hour)
        if as_of is None:
            return tonight
        try:
            day = date.fromisoformat(as_of) if isinstance(as_of, str) else as_of
        except ValueError:
            raise UsageError(f"{as_of!r} is not a date", remedy="write it as 2026-10-01") from None
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
