"""One parameter with everything its page begins with, read in a handful of bounded queries."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from evenfall.clock import Night
from evenfall.registry.parameter import Parameter
from evenfall.registry.schemas import Numbers
from evenfall.runs.graph.known import Known
from evenfall.runs.incidents import worst_incidents
from evenfall.runs.night.chain import Chain, chain_of
from evenfall.runs.places import Place
from evenfall.runs.report import StatusRow, json_ready
from evenfall.runs.status import row_of
from evenfall.runs.world import World
from evenfall.store.records import IncidentRecord, PosteriorRecord, PriorVersion

__all__ = ["Detail", "detail_of", "etag_of"]


@dataclass(frozen=True, eq=False)
class Detail:
    """One parameter as it stood at the end of a night.

    Attributes
    ----------
    incident
        The one that is open, if there is one.
    etag
        Identity of its file and its current posterior; it changes when either does.
    """

    parameter: Parameter
    row: StatusRow
    priors: Sequence[PriorVersion]
    current: PosteriorRecord | None
    incident: IncidentRecord | None
    etag: str

    @property
    def chain(self) -> Chain | None:
        """The prior in force."""
        return chain_of(self.priors)

    def facts(self, place: Place | None) -> dict[str, Any]:
        """Return, JSON-ready, what is to be known beside its definition and its numbers."""
        parameter, incident = self.parameter, self.incident
        said = parameter.metadata
        posteriors = {} if self.current is None else {parameter.id: self.current}
        return {
            "etag": self.etag,
            "tags": list(said.tags) if said is not None else [],
            "description": said.description if said is not None else None,
            "distribution": parameter.distribution,
            "editable": _editable(parameter),
            "refresh_frequency": _refresh(parameter),
            "incident": None if incident is None else incident.id,
            "since": None if incident is None else json_ready(incident.since or incident.opened_on),
            "level": Known(posteriors, {parameter.id: list(self.priors)}).standing(parameter),
            "edge": None if place is None else place.edge,
            "graph": None if place is None else place.graph,
            "template_id": parameter.template_id,
        }


def detail_of(world: World, parameter: Parameter, night: Night) -> Detail:
    """Return a parameter as it stood at the end of a night."""
    one, store = [parameter.id], world.store
    current = store.latest_posterior(parameter.id, night.instant)
    priors = store.priors(one, night.instant)[parameter.id]
    result = store.night_results(one, night.as_of).get(parameter.id)
    return Detail(
        parameter,
        row_of(parameter, chain_of(priors), current, result, night.instant),
        priors,
        current,
        worst_incidents(world, one, night).get(parameter.id),
        etag_of(world, parameter, current),
    )


def etag_of(world: World, parameter: Parameter, current: PosteriorRecord | None) -> str:
    """Return the identity of a parameter's file together with its current posterior."""
    file = world.registry.sources.get(parameter.file)
    parts = (file.sha256 if file is not None else parameter.definition_hash, str(current and current.id))
    return hashlib.sha256(":".join(parts).encode()).hexdigest()[:32]


def _editable(parameter: Parameter) -> Mapping[str, Any]:
    """Return the numbers that stand in the file, by the block they stand in; None for a block it lacks."""
    update = parameter.bayesian_update
    prior = update.prior if update is not None else None
    return {
        "prior": _written(prior, parameter.distribution),
        "value": _written(parameter.value),
    }


def _written(numbers: Numbers | None, distribution: str = "") -> dict[str, Any] | None:
    if numbers is None or not numbers.states_a_belief:
        return None
    return {**({"distribution": distribution} if distribution else {}), **numbers.numbers}


def _refresh(parameter: Parameter) -> str:
    source = parameter.observation_source
    return (source.refresh_frequency if source is not None else None) or "1d"
