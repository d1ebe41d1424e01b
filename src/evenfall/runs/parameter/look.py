"""One parameter as of a night, to be asked for whatever its page shows."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from typing import TYPE_CHECKING, Any

from evenfall.clock import Night
from evenfall.registry.fallback import Names
from evenfall.registry.parameter import Parameter
from evenfall.runs.parameter.detail import Detail, detail_of
from evenfall.runs.places import Place
from evenfall.runs.report import json_ready
from evenfall.runs.world import World
from evenfall.store.pages import ParameterValue
from evenfall.store.records import EvidenceRow

if TYPE_CHECKING:
    from evenfall.runs.parameter.band import Band
    from evenfall.runs.parameter.curves import Curves
    from evenfall.runs.parameter.lineage import Lineage

__all__ = ["Look", "finite_json"]


@dataclass(frozen=True, eq=False)
class Look:
    """A parameter as it stood at the end of a night; every question reads only what it needs."""

    world: World
    parameter: Parameter
    night: Night
    place: Place | None
    names: Names

    @cached_property
    def detail(self) -> Detail:
        """Its definition, numbers, light and incident."""
        return detail_of(self.world, self.parameter, self.night)

    def facts(self) -> dict[str, Any]:
        """Return, JSON-ready, what is to be known beside its definition and its numbers."""
        return self.detail.facts(self.place)

    def curves(self) -> Curves:
        """Return prior, posterior and likelihood of the last window over one grid."""
        from evenfall.runs.parameter.curves import curves_of  # noqa: PLC0415 - loads numerics

        chain = self.detail.chain
        prior = chain.head.belief if chain is not None else None
        return curves_of(self.world, self.parameter, self.night, prior, self.detail.current)

    def band(self, first: date | None = None, stop: date | None = None) -> Band:
        """Return what was believed night after night, from `first` up to, not including, `stop`."""
        from evenfall.runs.parameter.band import band_of  # noqa: PLC0415 - for its page only

        return band_of(self.world, self.parameter, self.night, first, stop)

    def values(self, limit: int, offset: int = 0) -> tuple[list[ParameterValue], int]:
        """Return a piece of the values it took, the newest first, and how many there are."""
        return self.world.store.parameter_values(self.parameter.id, self.night.instant, limit, offset)

    def ledger(self, limit: int, offset: int = 0) -> tuple[list[EvidenceRow], int]:
        """Return a piece of everything read of it, the newest windows first, and how many rows there are."""
        return self.world.store.evidence_page(self.parameter.id, self.night.instant, limit, offset)

    def lineage(self) -> Lineage:
        """Return where its numbers come from."""
        from evenfall.runs.parameter.lineage import lineage_of  # noqa: PLC0415 - loads warehouses

        return lineage_of(self.world, self.detail, self.night, self.names)

    def fit(self) -> dict[str, Any] | None:
        """Return its last fit, else that of the slices it is pooled with, JSON-ready; None without one."""
        from evenfall.runs.models.showing import last_fits  # noqa: PLC0415 - loads numerics

        found = last_fits(self.world, self.parameter.id, self.night.as_of).fits
        chosen = next((one for one in found if one.parameter_id == self.parameter.id), (*found, None)[0])
        return None if chosen is None else finite_json(json_ready(chosen))

    def trace(self, quantity: str | None = None) -> dict[str, Any]:
        """Return the draws of a quantity of its last fit, chain by chain, at most a thousand of each."""
        from evenfall.runs.parameter.draws import drawn_of, trace_of  # noqa: PLC0415 - loads numerics

        return trace_of(drawn_of(self.world, self.parameter, self.night, quantity))

    def ranks(self, quantity: str | None = None) -> dict[str, Any]:
        """Return how the ranks of each chain's draws spread."""
        from evenfall.runs.parameter.draws import drawn_of, ranks_of  # noqa: PLC0415 - loads numerics

        return ranks_of(drawn_of(self.world, self.parameter, self.night, quantity))

    def predictive(self) -> dict[str, Any]:
        """Return whether what it predicts looks like what was seen."""
        from evenfall.runs.parameter.predictive import predictive_of  # noqa: PLC0415 - loads numerics

        found: dict[str, Any] = finite_json(predictive_of(self.world, self.parameter, self.night))
        return found


def finite_json(value: Any) -> Any:
    """Return JSON-ready data with None for numbers that are not finite, which JSON does not know."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {key: finite_json(item) for key, item in value.items()}
    return [finite_json(item) for item in value] if isinstance(value, list) else value
