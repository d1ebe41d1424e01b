"""The ledger by age: who entered on which day, and how many of them converted at which age."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import bindparam, select

from evenfall.beliefs.cohorts import Clock, Cohorts
from evenfall.errors import StoreError
from evenfall.store.cells import instant_text
from evenfall.store.ledger import KNOWN_AT
from evenfall.store.schema import evidence
from evenfall.store.scope import Scope
from evenfall.store.streams import Stream, age_of, streams_of

__all__ = ["cohorts_as_of"]

type Owner = tuple[str, str]  # parameter_id, slice

_CELLS: Final = select(evidence.c.stream_id, evidence.c.first, evidence.c.size, evidence.c.total).where(
    evidence.c.stream_id.in_(bindparam("ids", expanding=True)), *KNOWN_AT
)


def cohorts_as_of(
    scope: Scope, query_hashes: Mapping[str, str], as_of: datetime, clocks: Mapping[str, Clock]
) -> dict[Owner, Cohorts]:
    """Return by (parameter, slice) the cohorts of its current query that were known at `as_of`.

    Parameters
    ----------
    clocks
        Per parameter how its query counts ages; ``elapsed`` where nothing is said.

    Raises
    ------
    StoreError
        When cells that were not read together say that more people converted than entered.

    Notes
    -----
    A cohort is observed up to its first unknown cell; cells known beyond it do not count. All cells of a
    cohort are read together and carry the same size; should they not, the largest is taken.
    """
    streams = {
        number: stream
        for number, stream in streams_of(scope, query_hashes).items()
        if age_of(stream.age) is not None
    }
    if not streams:
        return {}
    found: dict[Owner, Cohorts] = {}
    for owner, ages, (first, size, total) in _by_owner(streams, _cells(scope, streams, as_of)):
        try:
            found[owner] = _matrix(ages, first, size, total, clocks.get(owner[0], "elapsed"))
        except ValueError as impossible:
            raise StoreError(
                f"the age cells of {owner[0]} contradict each other: {impossible}",
                remedy="read its days again, all ages of a day together",
            ) from impossible
    return found


def _cells(scope: Scope, streams: Mapping[int, Stream], as_of: datetime) -> tuple[NDArray[Any], ...]:
    """Return stream number, entry day, size and conversions of every known cell, each of shape (cell,)."""
    rows = list(scope.fetch_by_ids(_CELLS, sorted(streams), as_of=instant_text(as_of)))
    number, first, size, total = zip(*rows, strict=True) if rows else ((), (), (), ())
    return (
        np.array(number, dtype=np.int64),
        np.array(first, dtype="datetime64[D]"),
        np.array(size, dtype=np.float64),
        np.array(total, dtype=np.float64),
    )


def _by_owner(
    streams: Mapping[int, Stream], cells: tuple[NDArray[Any], ...]
) -> Iterator[tuple[Owner, NDArray[np.int64], tuple[NDArray[Any], ...]]]:
    """Yield each owner with the ages, entry days, sizes and conversions of its cells."""
    owners: dict[Owner, int] = {}
    of_stream = [
        (number, owners.setdefault((stream.parameter_id, stream.slice), len(owners)), int(stream.age))
        for number, stream in sorted(streams.items())
    ]
    table = np.array(of_stream, dtype=np.int64)
    place = np.searchsorted(table[:, 0], cells[0])
    owner, age = table[place, 1], table[place, 2]
    order = np.argsort(owner, kind="stable")
    bounds = np.searchsorted(owner[order], np.arange(len(owners) + 1))
    for (name, a), b in zip(zip(owners, bounds[:-1], strict=True), bounds[1:], strict=True):
        if a < b:
            mine = order[a:b]
            yield name, age[mine], tuple(column[mine] for column in cells[1:])


def _matrix(
    age: NDArray[np.int64],
    first: NDArray[np.datetime64],
    size: NDArray[np.float64],
    total: NDArray[np.float64],
    clock: Clock,
) -> Cohorts:
    entry, row = np.unique(first, return_inverse=True)
    known = np.zeros((len(entry), int(age.max()) + 1), dtype=bool)
    known[row, age] = True
    observed = np.logical_and.accumulate(known, axis=1).sum(axis=1)
    people = np.zeros(len(entry))
    np.maximum.at(people, row, size)
    conversions = np.zeros(known.shape, dtype=np.int64)
    counts = age < observed[row]
    conversions[row[counts], age[counts]] = total[counts].astype(np.int64)
    kept = max(int(observed.max()), 1)
    return Cohorts(entry, people.astype(np.int64), conversions[:, :kept], observed.astype(np.int64), clock)
