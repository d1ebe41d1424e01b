"""Reads of bounded size, for pages and programs that ask all day: one posterior, a piece of a long table."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Protocol

from sqlalchemy import bindparam, func, literal, select, union_all

from evenfall.store.cells import instant, instant_text
from evenfall.store.ledger import ROW, evidence_row
from evenfall.store.posteriors import COLUMNS, record_of
from evenfall.store.records import EvidenceRow, PosteriorRecord
from evenfall.store.schema import (
    current_posteriors,
    evidence,
    incident_events,
    posteriors,
    prior_versions,
    runs,
)
from evenfall.store.scope import Scope
from evenfall.store.streams import streams_of

__all__ = ["PagedReads", "ParameterValue"]

_LATEST: Final = (
    select(*COLUMNS)
    .join(current_posteriors, current_posteriors.c.posterior_id == posteriors.c.id)
    .where(
        current_posteriors.c.tenant == bindparam("tenant"),
        current_posteriors.c.parameter_id == bindparam("one"),
        current_posteriors.c.published_at <= bindparam("as_of"),
    )
    .order_by(current_posteriors.c.published_at.desc(), current_posteriors.c.id.desc())
    .limit(1)
)

_DECLARED: Final = (
    select(
        prior_versions.c.seen_at.label("at"),
        prior_versions.c.mean,
        prior_versions.c.stdev,
        prior_versions.c.reason.label("what"),
        prior_versions.c.origin_kind,
        prior_versions.c.origin_detail,
        literal(None).label("fit_id"),
        prior_versions.c.version.label("number"),
        runs.c.run_key,
    )
    .outerjoin(runs, runs.c.id == prior_versions.c.run_id)
    .where(
        prior_versions.c.tenant == bindparam("tenant"),
        prior_versions.c.parameter_id == bindparam("one"),
        prior_versions.c.seen_at <= bindparam("as_of"),
        prior_versions.c.reason.in_(("declared", "fallback")),
    )
)

_PUBLISHED: Final = (
    select(
        current_posteriors.c.published_at.label("at"),
        posteriors.c.mean,
        posteriors.c.stdev,
        literal("posterior").label("what"),
        posteriors.c.origin_kind,
        posteriors.c.origin_detail,
        posteriors.c.fit_id,
        current_posteriors.c.id.label("number"),
        runs.c.run_key,
    )
    .join(posteriors, posteriors.c.id == current_posteriors.c.posterior_id)
    .outerjoin(runs, runs.c.id == current_posteriors.c.run_id)
    .where(
        current_posteriors.c.tenant == bindparam("tenant"),
        current_posteriors.c.parameter_id == bindparam("one"),
        current_posteriors.c.published_at <= bindparam("as_of"),
    )
)

_PUBLICATIONS: Final = select(current_posteriors.c.published_at).where(
    current_posteriors.c.tenant == bindparam("tenant"),
    current_posteriors.c.parameter_id == bindparam("one"),
    current_posteriors.c.published_at <= bindparam("as_of"),
)

_VALUES: Final = union_all(_DECLARED, _PUBLISHED).subquery()
_VALUES_COUNT: Final = select(func.count()).select_from(_VALUES)
_VALUES_PAGE: Final = (
    select(_VALUES)
    .order_by(_VALUES.c.at.desc(), _VALUES.c.what.desc(), _VALUES.c.number.desc())
    .limit(bindparam("limit"))
    .offset(bindparam("offset"))
)

_LEDGER: Final = (
    evidence.c.stream_id.in_(bindparam("ids", expanding=True)),
    evidence.c.seen_at <= bindparam("as_of"),
)
_LEDGER_COUNT: Final = select(func.count()).select_from(evidence).where(*_LEDGER)
_LEDGER_PAGE: Final = (
    select(*ROW)
    .where(*_LEDGER)
    .order_by(
        evidence.c.first.desc(),
        evidence.c.stop.desc(),
        evidence.c.stream_id,
        evidence.c.seen_at.desc(),
        evidence.c.version.desc(),
    )
    .limit(bindparam("limit"))
    .offset(bindparam("offset"))
)

_PULSE: Final = select(
    select(func.coalesce(func.max(posteriors.c.id), 0)).scalar_subquery(),
    select(func.coalesce(func.max(current_posteriors.c.id), 0)).scalar_subquery(),
    select(func.coalesce(func.max(incident_events.c.id), 0)).scalar_subquery(),
    select(func.coalesce(func.max(runs.c.id), 0)).scalar_subquery(),
    select(func.count()).select_from(runs).where(runs.c.status == "running").scalar_subquery(),
)


@dataclass(frozen=True, slots=True)
class ParameterValue:
    """One value a parameter took: what its source stated, or a posterior that became current.

    Attributes
    ----------
    source
        sheets, sql, manual, webhook, posterior or fallback.
    who
        The run that brought it, such as ``nightly:2026-10-01``.
    detail
        Where it is from: a file and line, a query, the fit a posterior stands on.
    """

    timestamp: datetime
    mean: float
    stdev: float
    source: str
    who: str
    detail: str


class _Reader(Protocol):
    """A store that can open a snapshot."""

    def _reading(self) -> AbstractContextManager[Scope]: ...


class PagedReads:
    """The part of the store that answers many small questions at once; `Store` inherits it."""

    def latest_posterior(self: _Reader, parameter_id: str, as_of: datetime) -> PosteriorRecord | None:
        """Return the posterior of one parameter that was current at `as_of`: one query along an index."""
        with self._reading() as scope:
            rows = scope.fetch(_LATEST, one=parameter_id, as_of=instant_text(as_of))
        return record_of(rows[0]) if rows else None

    def publications(self: _Reader, parameter_id: str, as_of: datetime) -> frozenset[datetime]:
        """Return the instants up to `as_of` at which a posterior of one parameter became current."""
        with self._reading() as scope:
            rows = scope.fetch(_PUBLICATIONS, one=parameter_id, as_of=instant_text(as_of))
        return frozenset(instant(at) for (at,) in rows)

    def parameter_values(
        self: _Reader, parameter_id: str, as_of: datetime, limit: int, offset: int = 0
    ) -> tuple[list[ParameterValue], int]:
        """Return a piece of the values a parameter took up to `as_of`, the newest first, and how many."""
        binds = {"one": parameter_id, "as_of": instant_text(as_of)}
        with self._reading() as scope:
            total = scope.fetch(_VALUES_COUNT, **binds)[0][0]
            rows = scope.fetch(_VALUES_PAGE, **binds, limit=limit, offset=offset)
        return [_value_of(row) for row in rows], total

    def evidence_page(
        self: _Reader, parameter_id: str, as_of: datetime, limit: int, offset: int = 0
    ) -> tuple[list[EvidenceRow], int]:
        """Return a piece of the readings of a parameter up to `as_of`, and how many there are.

        The newest windows come first, and of each window the newest reading.
        """
        binds = {"as_of": instant_text(as_of)}
        with self._reading() as scope:
            streams = streams_of(scope, {parameter_id: None})
            ids = sorted(streams)
            if not ids:
                return [], 0
            total = scope.fetch(_LEDGER_COUNT, ids=ids, **binds)[0][0]
            rows = scope.fetch(_LEDGER_PAGE, ids=ids, limit=limit, offset=offset, **binds)
        return [evidence_row(streams[row[0]], row) for row in rows], total

    def pulse(self: _Reader) -> tuple[int, ...]:
        """Return numbers that are others once a run has begun, ended or published, or people have acted."""
        with self._reading() as scope:
            return tuple(scope.connection.execute(_PULSE).one())


def _value_of(row: Sequence[Any]) -> ParameterValue:
    at, mean, stdev, what, origin_kind, origin_detail, fit_id, _, run_key = row
    source = origin_kind if what == "declared" else what
    detail = f"fit {fit_id}; prior {origin_detail}" if fit_id is not None else origin_detail
    return ParameterValue(instant(at), mean, stdev, source, run_key or "", detail)
