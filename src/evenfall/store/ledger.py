"""The ledger, read: what was known of each window at an instant, and everything that was ever known."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from operator import attrgetter
from typing import Any, Final

import numpy as np
from sqlalchemy import bindparam, or_, select

from evenfall.beliefs.observations import Observations
from evenfall.store.cells import instant, instant_text, window
from evenfall.store.records import EvidenceRow
from evenfall.store.schema import evidence
from evenfall.store.scope import Scope
from evenfall.store.streams import Stream, streams_of

__all__ = ["KNOWN_AT", "ROW", "evidence_as_of", "evidence_history", "evidence_row", "observations_as_of"]

KNOWN_AT: Final = (
    evidence.c.seen_at <= bindparam("as_of"),
    or_(evidence.c.superseded_at.is_(None), evidence.c.superseded_at > bindparam("as_of")),
)

_SUMS: Final = (
    evidence.c.stream_id,
    evidence.c.first,
    evidence.c.stop,
    evidence.c.size,
    evidence.c.total,
    evidence.c.squares,
)

ROW: Final = (
    *_SUMS,
    evidence.c.seen_at,
    evidence.c.version,
    evidence.c.backfilled,
    evidence.c.wall_at,
)

_OF_STREAMS: Final = evidence.c.stream_id.in_(bindparam("ids", expanding=True))

_WINNERS: Final = select(*ROW).where(_OF_STREAMS, *KNOWN_AT).order_by(evidence.c.stream_id, evidence.c.first)

_WINNING_SUMS: Final = (
    select(*_SUMS).where(_OF_STREAMS, *KNOWN_AT).order_by(evidence.c.stream_id, evidence.c.first)
)

_HISTORY: Final = (
    select(*ROW)
    .where(_OF_STREAMS)
    .order_by(evidence.c.stream_id, evidence.c.first, evidence.c.stop, evidence.c.seen_at, evidence.c.version)
)


def evidence_as_of(
    scope: Scope, query_hashes: Mapping[str, str], as_of: datetime
) -> dict[str, list[EvidenceRow]]:
    """Return per parameter the rows of its current query that were known at `as_of`, in order of window."""
    streams = streams_of(scope, query_hashes)
    rows: dict[str, list[EvidenceRow]] = {name: [] for name in query_hashes}
    for row in scope.fetch_by_ids(_WINNERS, sorted(streams), as_of=instant_text(as_of)):
        stream = streams[row[0]]
        rows[stream.parameter_id].append(evidence_row(stream, row))
    if len(streams) > len(query_hashes):
        for found in rows.values():
            found.sort(key=attrgetter("window", "slice", "age"))
    return rows


def observations_as_of(
    scope: Scope, query_hashes: Mapping[str, str], as_of: datetime
) -> dict[str, Observations]:
    """Return per parameter the sums of its whole, final evidence known at `as_of`; without any, nothing."""
    streams = {
        number: stream
        for number, stream in streams_of(scope, query_hashes).items()
        if stream.slice == "" and stream.age == "final"
    }
    rows = list(scope.fetch_by_ids(_WINNING_SUMS, sorted(streams), as_of=instant_text(as_of)))
    if not rows:
        return {}
    number, first, stop, *sums = zip(*rows, strict=True)
    firsts, stops = np.array(first, dtype="datetime64[D]"), np.array(stop, dtype="datetime64[D]")
    table = np.array(sums, dtype=np.float64).T
    starts = np.flatnonzero(np.diff(np.array(number), prepend=-1))
    ends = [*starts[1:], len(rows)]
    return {
        streams[number[a]].parameter_id: Observations(firsts[a:b], stops[a:b], table[a:b])
        for a, b in zip(starts, ends, strict=True)
    }


def evidence_history(scope: Scope, parameter_ids: Iterable[str]) -> list[EvidenceRow]:
    """Return every row ever written for parameters, by stream, window, seen_at and version."""
    streams = streams_of(scope, dict.fromkeys(parameter_ids))
    found = scope.fetch_by_ids(_HISTORY, sorted(streams))
    return [evidence_row(streams[row[0]], row) for row in found]


def evidence_row(stream: Stream, row: tuple[Any, ...]) -> EvidenceRow:
    """Return the reading that the values of `ROW` hold."""
    _, first, stop, size, total, squares, seen_at, version, backfilled, wall_at = row
    return EvidenceRow(
        stream.parameter_id,
        window(first, stop),
        size,
        total,
        squares,
        stream.query_hash,
        instant(seen_at),
        stream.slice,
        stream.age,
        version,
        backfilled,
        instant(wall_at),
    )
