"""Streams of evidence: one number for each (parameter, query, slice, age), so that rows can be small."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final, NamedTuple

from sqlalchemy import bindparam, func, select

from evenfall.store.schema import evidence_streams
from evenfall.store.scope import Scope

__all__ = ["Stream", "age_of", "make_streams", "streams_of"]


class Stream(NamedTuple):
    """The identity that all rows of a stream share."""

    parameter_id: str
    query_hash: str
    slice: str
    age: str


def age_of(text: str) -> int | None:
    """Return the number of the age cell that a stream's age names; None for whole, final sums."""
    return int(text) if text.isascii() and text.isdigit() else None


_OF_PARAMETERS: Final = select(
    evidence_streams.c.id,
    evidence_streams.c.parameter_id,
    evidence_streams.c.query_hash,
    evidence_streams.c.slice,
    evidence_streams.c.age,
).where(
    evidence_streams.c.tenant == bindparam("tenant"),
    evidence_streams.c.parameter_id.in_(bindparam("ids", expanding=True)),
)

_LAST_ID: Final = select(func.coalesce(func.max(evidence_streams.c.id), 0))


def streams_of(scope: Scope, query_hashes: Mapping[str, str | None]) -> dict[int, Stream]:
    """Return the streams of parameters by number; a query hash of None means any query."""
    found = ((row[0], Stream(*row[1:])) for row in scope.fetch_by_ids(_OF_PARAMETERS, query_hashes))
    return {
        number: stream
        for number, stream in found
        if query_hashes[stream.parameter_id] in (None, stream.query_hash)
    }


def make_streams(scope: Scope, wanted: Iterable[Stream]) -> dict[Stream, int]:
    """Return the numbers of streams, giving one to each that is new."""
    wanted = dict.fromkeys(wanted)
    known = streams_of(scope, dict.fromkeys(stream.parameter_id for stream in wanted))
    numbers = {stream: number for number, stream in known.items()}
    new = [stream for stream in wanted if stream not in numbers]
    if new:
        last = scope.connection.execute(_LAST_ID).scalar_one()
        numbers.update((stream, last + i) for i, stream in enumerate(new, 1))
        rows = [{"id": numbers[stream], "tenant": scope.tenant, **stream._asdict()} for stream in new]
        scope.insert(evidence_streams, rows)
    return numbers
