"""Where a parameter's numbers come from: file, commit, query, source, prior, fit."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from evenfall.clock import Night
from evenfall.errors import EvenfallError
from evenfall.registry.fallback import Names
from evenfall.registry.file_revision import file_revision
from evenfall.registry.parameter import Parameter
from evenfall.registry.schemas import EventObservations
from evenfall.runs.graph.lookup import look_up
from evenfall.runs.night.sources import shape_of
from evenfall.runs.parameter.detail import Detail
from evenfall.runs.parameter.draws import last_fit
from evenfall.runs.report import json_ready
from evenfall.runs.world import World

__all__ = ["Lineage", "LineageSource", "lineage_of"]


@dataclass(frozen=True, slots=True)
class LineageSource:
    """What is asked for evidence, and how old its last good answer is."""

    type: str
    connection: str
    read_at: datetime | None
    age_days: float | None


@dataclass(frozen=True)
class Lineage:
    """Everything a parameter's current posterior stands on.

    Attributes
    ----------
    revision, author, dirty
        Of the commit that last changed the file; None (and ``dirty``) when Git does not keep it.
    query, query_hash
        What is asked of the source, and the identity under which the ledger keeps the answers.
    prior_version, prior_origin
        Of the prior in force.
    fallback_level, answered_by
        How the parameter's own reference is answered that night, and by which parameter; None without one.
    fit_id, inputs_hash, posterior_as_of
        Of the current posterior.
    fitted
        Whether there is a fit to look at, good or not: its own, or that of the slices it is pooled with.
    """

    parameter_id: str
    file: str
    line: int
    definition_hash: str
    revision: str | None
    author: str | None
    dirty: bool
    query: str | None
    query_hash: str | None
    source: LineageSource | None
    prior_origin: str | None
    prior_version: int | None
    fallback_level: str | None
    answered_by: str | None
    fit_id: int | None
    inputs_hash: str | None
    posterior_as_of: date | None
    fitted: bool

    def as_dict(self) -> dict[str, Any]:
        """Return the lineage as JSON-ready data."""
        shown: dict[str, Any] = json_ready(self)
        return shown


def lineage_of(world: World, detail: Detail, night: Night, names: Names) -> Lineage:
    """Return where the numbers of a parameter come from, as of a night."""
    parameter, chain, current = detail.parameter, detail.chain, detail.current
    file, line, _ = parameter.locate("id")
    known = file_revision(world.registry.root, file)
    level, answered_by = _answered(world, parameter, night, names)
    source = parameter.observation_source
    return Lineage(
        parameter_id=parameter.id,
        file=file,
        line=line,
        definition_hash=parameter.definition_hash,
        revision=known.revision if known is not None else None,
        author=known.author if known is not None else None,
        dirty=known is None or known.dirty,
        query=_query(parameter),
        query_hash=_query_hash(world, parameter),
        source=None
        if source is None
        else LineageSource(source.type, source.connection, detail.row.read_at, detail.row.age_days),
        prior_origin=str(chain.head.belief.origin) if chain is not None else None,
        prior_version=chain.head.version if chain is not None else None,
        fallback_level=level,
        answered_by=answered_by,
        fit_id=current.fit_id if current is not None else None,
        inputs_hash=current.inputs_hash if current is not None else None,
        posterior_as_of=current.as_of if current is not None else None,
        fitted=last_fit(world, parameter, night) is not None,
    )


def _query(parameter: Parameter) -> str | None:
    """Return the query as written; of an event table what is counted in it."""
    source = parameter.observation_source
    if source is None:
        return None
    if isinstance(source, EventObservations):
        return f"{source.attempt} then {source.success} per {source.unit} in {source.table}"
    return source.text


def _query_hash(world: World, parameter: Parameter) -> str | None:
    if parameter.observation_source is None:
        return None
    try:
        return shape_of(parameter, world.registry).query_hash
    except EvenfallError:  # a query that cannot be read has no identity; the row says what is wrong with it
        return None


def _answered(
    world: World, parameter: Parameter, night: Night, names: Names
) -> tuple[str | None, str | None]:
    if parameter.edge_reference is None:
        return None, None
    try:
        answer = look_up(world, parameter.edge_reference, night.as_of, names=names)
    except EvenfallError:  # nothing answers it that night
        return None, None
    return answer.level, answer.parameter_id
