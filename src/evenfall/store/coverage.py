"""Questions about the ledger as a whole: which days it holds, and how late days arrive."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime
from typing import Any, Final

from sqlalchemy import (
    ColumnElement,
    Date,
    Integer,
    Select,
    and_,
    bindparam,
    cast,
    exists,
    func,
    not_,
    or_,
    select,
)

from evenfall.store.cells import instant, instant_text
from evenfall.store.ledger import KNOWN_AT
from evenfall.store.records import Arrival, EvidenceSpan
from evenfall.store.schema import evidence, evidence_streams
from evenfall.store.scope import Scope

__all__ = ["arrivals", "evidence_spans"]

_WHOLE: Final = (
    evidence_streams.c.tenant == bindparam("tenant"),
    evidence_streams.c.slice == "",
    evidence_streams.c.age == "final",
)

_FINAL: Final = evidence_streams.alias("final")

# A query that only counts by age has no whole sums: the days it knows are those whose youngest cell it knows.
_YOUNGEST: Final = (
    evidence_streams.c.tenant == bindparam("tenant"),
    evidence_streams.c.slice == "",
    evidence_streams.c.age == "0",
    not_(
        exists().where(
            _FINAL.c.tenant == evidence_streams.c.tenant,
            _FINAL.c.parameter_id == evidence_streams.c.parameter_id,
            _FINAL.c.query_hash == evidence_streams.c.query_hash,
            _FINAL.c.slice == "",
            _FINAL.c.age == "final",
        )
    ),
)

_DAYS_ON_SQLITE: Final = cast(func.julianday(evidence.c.stop) - func.julianday(evidence.c.first), Integer)
_DAYS_ON_POSTGRESQL: Final = cast(cast(evidence.c.stop, Date) - cast(evidence.c.first, Date), Integer)


def _spans(days: ColumnElement[int]) -> Select[Any]:
    return (
        select(
            evidence_streams.c.parameter_id,
            evidence_streams.c.query_hash,
            func.min(evidence.c.first),
            func.max(evidence.c.stop),
            func.sum(days),
        )
        .join(evidence, evidence.c.stream_id == evidence_streams.c.id)
        .where(
            or_(and_(*_WHOLE), and_(*_YOUNGEST)),
            evidence_streams.c.parameter_id.in_(bindparam("ids", expanding=True)),
            *KNOWN_AT,
        )
        .group_by(evidence_streams.c.id, evidence_streams.c.parameter_id, evidence_streams.c.query_hash)
        .order_by(evidence_streams.c.id)
    )


_SPANS: Final = {"sqlite": _spans(_DAYS_ON_SQLITE), "postgresql": _spans(_DAYS_ON_POSTGRESQL)}

_OF_WINDOW: Final = [evidence.c.stream_id, evidence.c.first, evidence.c.stop]
_IN_TIME: Final = [evidence.c.seen_at, evidence.c.version]

_READINGS: Final = (
    select(
        evidence.c.stop,
        evidence.c.seen_at,
        evidence.c.backfilled,
        func.abs(
            evidence.c.size
            - func.lag(evidence.c.size, 1, 0.0).over(partition_by=_OF_WINDOW, order_by=_IN_TIME)
        ).label("added"),
        func.first_value(evidence.c.backfilled)
        .over(partition_by=_OF_WINDOW, order_by=_IN_TIME)
        .label("backfilled_first"),
        func.min(evidence.c.seen_at).over(partition_by=_OF_WINDOW).label("first_seen_at"),
        func.min(evidence.c.seen_at).over(partition_by=evidence.c.stream_id).label("loaded_at"),
    )
    .join(evidence_streams, evidence_streams.c.id == evidence.c.stream_id)
    .where(
        *_WHOLE,
        evidence.c.seen_at <= bindparam("as_of"),
        evidence.c.first >= bindparam("since"),
        evidence_streams.c.query_hash.not_in(bindparam("left_out", expanding=True)),
    )
    .subquery("readings")
)

_ARRIVALS: Final = (
    select(_READINGS.c.stop, _READINGS.c.seen_at, func.sum(_READINGS.c.added))
    .where(
        not_(_READINGS.c.backfilled),
        not_(_READINGS.c.backfilled_first),
        _READINGS.c.first_seen_at > _READINGS.c.loaded_at,
    )
    .group_by(_READINGS.c.stop, _READINGS.c.seen_at)
    .order_by(_READINGS.c.stop, _READINGS.c.seen_at)
)


def evidence_spans(
    scope: Scope, parameter_ids: Iterable[str], as_of: datetime
) -> dict[str, list[EvidenceSpan]]:
    """Return per parameter, for each query it ever had, the days that were known at `as_of`.

    Each day counts once: whole sums say which days are known, and for a query without any its age cells 0.
    """
    spans: dict[str, list[EvidenceSpan]] = {name: [] for name in parameter_ids}
    query = _SPANS[scope.connection.dialect.name]
    rows = scope.fetch_by_ids(query, list(spans), as_of=instant_text(as_of))
    for name, query_hash, first, stop, days in rows:
        span = EvidenceSpan(query_hash, date.fromisoformat(first), date.fromisoformat(stop), int(days))
        spans[name].append(span)
    return spans


def arrivals(scope: Scope, as_of: datetime, since: date, left_out: Iterable[str] = ()) -> list[Arrival]:
    """Return how the windows from `since` on grew, over all queries but `left_out`, by last day and instant.

    Two kinds of window are left out, for their first reading does not say when the data came: those a
    backfill read first, and those that a query's very first reading brought along. So are age cells: a cell
    is read when the cohort has lived through it, which says nothing of how late events arrive.
    """
    rows = scope.fetch(
        _ARRIVALS, as_of=instant_text(as_of), since=since.isoformat(), left_out=sorted(left_out)
    )
    return [Arrival(date.fromisoformat(stop), instant(seen_at), added) for stop, seen_at, added in rows]
