"""The ledger, written: new readings are put where they belong, in bulk for a chunk of parameters."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import date, datetime, timedelta
from functools import cache
from itertools import pairwise
from typing import Any, Final

from sqlalchemy import Connection, Dialect, bindparam, insert, select

from evenfall.errors import AlreadyAbsorbed, StoreError
from evenfall.store.cells import instant_text
from evenfall.store.records import EvidenceRow
from evenfall.store.schema import evidence, evidence_reads
from evenfall.store.scope import Scope
from evenfall.store.slotting import Kept, slot
from evenfall.store.spans import pack, unpack
from evenfall.store.streams import Stream, age_of, make_streams

__all__ = ["save_evidence"]

type Days = tuple[str, str]
type Reading = tuple[
    str, str, str, tuple[float, float, float], bool
]  # first, stop, seen_at, sums, backfilled
type Histories = dict[Days, list[Kept]]

_DAY: Final = timedelta(days=1)

_KEPT: Final = (
    select(
        evidence.c.stream_id,
        evidence.c.first,
        evidence.c.stop,
        evidence.c.seen_at,
        evidence.c.version,
        evidence.c.size,
        evidence.c.total,
        evidence.c.squares,
        evidence.c.superseded_at,
        evidence.c.backfilled,
    )
    .where(
        evidence.c.stream_id.in_(bindparam("ids", expanding=True)),
        evidence.c.first < bindparam("until"),
        evidence.c.stop > bindparam("since"),
    )
    .order_by(evidence.c.stream_id, evidence.c.first, evidence.c.stop, evidence.c.seen_at, evidence.c.version)
)

_CONFIRMED: Final = (
    select(
        evidence_reads.c.stream_id, evidence_reads.c.seen_at, evidence_reads.c.part, evidence_reads.c.windows
    )
    .where(
        evidence_reads.c.stream_id.in_(bindparam("ids", expanding=True)),
        evidence_reads.c.seen_at >= bindparam("since"),
    )
    .order_by(evidence_reads.c.stream_id, evidence_reads.c.seen_at, evidence_reads.c.part)
)


def save_evidence(scope: Scope, rows: Iterable[EvidenceRow]) -> int:
    """Write the readings that say something new and return how many rows that took.

    Raises
    ------
    AlreadyAbsorbed
        When a window shares days with another window of the same stream.
    StoreError
        When a sum is not a finite number.
    """
    by_stream = _readings(rows)
    if not by_stream:
        return 0
    numbers = make_streams(scope, by_stream)
    by_number = {numbers[stream]: readings for stream, readings in by_stream.items()}
    kept, confirmed = _kept(scope, by_number), _confirmed(scope, by_number)
    names = {numbers[stream]: stream for stream in by_stream}
    plan = _Plan()
    for number, readings in by_number.items():
        histories = kept.get(number, {})
        _check_disjoint(names[number], histories, readings)
        plan.place(number, readings, histories, confirmed.get(number, {}))
    return plan.write(scope)


def _readings(rows: Iterable[EvidenceRow]) -> dict[Stream, list[Reading]]:
    by_stream: dict[Stream, list[Reading]] = defaultdict(list)
    converted: dict[tuple[str, str, str, date, datetime], float] = defaultdict(float)
    for row in rows:
        sums = (float(row.size), float(row.total), float(row.squares))
        if not math.isfinite(sums[0] + sums[1] + sums[2]):
            raise StoreError(
                f"the evidence of {row.parameter_id} for {row.window} is not finite: {sums}",
                remedy="quarantine the window",
            )
        if row.age != "final":
            cohort = (row.parameter_id, row.query_hash, row.slice, row.window.first, row.seen_at)
            converted[cohort] += row.total
            _check_cell(row, converted[cohort])
        first, stop = row.window.first.isoformat(), row.window.stop.isoformat()
        reading = (first, stop, instant_text(row.seen_at), sums, row.backfilled)
        by_stream[Stream(row.parameter_id, row.query_hash, row.slice, row.age)].append(reading)
    return by_stream


def _check_cell(row: EvidenceRow, converted: float) -> None:
    """Refuse what is no age cell of people who entered on one day, `converted` of them up to this cell."""
    if not (row.total >= 0 and converted <= row.size and row.size % 1 == row.total % 1 == 0):
        raise StoreError(
            f"the evidence of {row.parameter_id} says that of {row.size:g} people who entered on "
            f"{row.window.first} {row.total:g} converted at age {row.age}, and {converted:g} so far: people "
            "are whole, and cannot convert twice",
            remedy="count each person once, at the age of the first conversion",
        )
    if age_of(row.age) is None or row.window.first + _DAY != row.window.stop:
        raise StoreError(
            f"the evidence of {row.parameter_id} for {row.window} has the age {row.age!r}",
            remedy="count by the day of entry and by whole ages 0, 1, … or make the age final",
        )


def _kept(scope: Scope, by_number: dict[int, list[Reading]]) -> dict[int, Histories]:
    """Return all kept readings of every window that shares a day with the new ones."""
    since = min(reading[0] for readings in by_number.values() for reading in readings)
    until = max(reading[1] for readings in by_number.values() for reading in readings)
    kept: dict[int, Histories] = {}
    for row in scope.fetch_by_ids(_KEPT, by_number, since=since, until=until):
        number, first, stop, seen_at, version, size, total, squares, superseded_at, backfilled = row
        one = Kept(seen_at, version, (size, total, squares), superseded_at, backfilled)
        kept.setdefault(number, {}).setdefault((first, stop), []).append(one)
    return kept


def _confirmed(scope: Scope, by_number: dict[int, list[Reading]]) -> dict[int, dict[Days, list[str]]]:
    """Return when windows were read again, at or after the new readings, and said what was known."""
    since = min(reading[2] for readings in by_number.values() for reading in readings)
    confirmed: dict[int, dict[Days, list[str]]] = {}
    for number, seen_at, _, windows in scope.fetch_by_ids(_CONFIRMED, by_number, since=since):
        for days in unpack(windows):
            confirmed.setdefault(number, {}).setdefault(days, []).append(seen_at)
    return confirmed


def _check_disjoint(stream: Stream, histories: Histories, readings: Sequence[Reading]) -> None:
    windows = sorted({*histories, *(reading[:2] for reading in readings)})
    for (first, stop), (next_first, next_stop) in pairwise(windows):
        if next_first < stop:
            raise AlreadyAbsorbed(
                f"{stream.parameter_id}: the window [{next_first}, {next_stop}) shares days with "
                f"[{first}, {stop}), and the ledger can count only one of them",
                remedy="read whole windows that do not overlap, or ask per day",
            )


class _Plan:
    """What a chunk of readings changes, gathered so that it can be written in three statements."""

    def __init__(self) -> None:
        self.added: list[tuple[int, str, str, Kept]] = []
        self.ended: list[tuple[int, str, str, Kept]] = []
        self.confirmed: dict[tuple[int, str], list[Days]] = defaultdict(list)

    def place(
        self, number: int, readings: Sequence[Reading], histories: Histories, confirmed: dict[Days, list[str]]
    ) -> None:
        """Put a stream's readings into the histories of their windows."""
        for first, stop, seen_at, sums, backfilled in readings:
            days = (first, stop)
            at = confirmed.get(days, ())
            result = slot(histories.setdefault(days, []), at, seen_at, sums, backfilled)
            self.added += [(number, first, stop, kept) for kept in result.added]
            self.ended += [(number, first, stop, kept) for kept in result.ended]
            if result.confirms:
                confirmed.setdefault(days, []).append(seen_at)
                confirmed[days].sort()
                self.confirmed[number, seen_at].append(days)

    def write(self, scope: Scope) -> int:
        """Write what was gathered and return how many rows of evidence are new."""
        _insert_evidence(scope, self.added)
        ends = [
            {
                "stream_id": number,
                "first": first,
                "stop": stop,
                "version": kept.version,
                "superseded_at": kept.superseded_at,
            }
            for number, first, stop, kept in self.ended
        ]
        scope.change(evidence, ("stream_id", "first", "stop", "version"), ends)
        self._write_confirmed(scope)
        return len(self.added)

    def _write_confirmed(self, scope: Scope) -> None:
        since = min((seen_at for _, seen_at in self.confirmed), default="")
        parts: dict[tuple[int, str], int] = {}
        if self.confirmed:
            numbers = sorted({number for number, _ in self.confirmed})
            for number, seen_at, part, _ in scope.fetch_by_ids(_CONFIRMED, numbers, since=since):
                parts[number, seen_at] = part
        rows: list[dict[str, Any]] = [
            {
                "stream_id": number,
                "seen_at": seen_at,
                "part": parts.get((number, seen_at), 0) + 1,
                "tenant": scope.tenant,
                "windows": pack(windows),
                "wall_at": scope.wall_at,
            }
            for (number, seen_at), windows in self.confirmed.items()
        ]
        scope.insert(evidence_reads, rows)


def _insert_evidence(scope: Scope, added: Sequence[tuple[int, str, str, Kept]]) -> None:
    """Hand plain tuples to the driver: at 300,000 rows the way through dictionaries costs seconds."""
    rows = [
        (
            number,
            first,
            stop,
            kept.version,
            scope.tenant,
            *kept.sums,
            kept.seen_at,
            kept.superseded_at,
            kept.backfilled,
            scope.run_id,
            scope.wall_at,
        )
        for number, first, stop, kept in added
    ]
    if rows:
        _execute_many(scope.connection, rows)


def _execute_many(connection: Connection, rows: list[tuple[Any, ...]]) -> None:
    sql, positional = _insert_sql(connection.dialect)
    if positional:
        connection.exec_driver_sql(sql, rows)
    else:
        names = evidence.c.keys()
        connection.exec_driver_sql(sql, [dict(zip(names, row, strict=True)) for row in rows])


@cache
def _insert_sql(dialect: Dialect) -> tuple[str, bool]:
    return str(insert(evidence).compile(dialect=dialect)), dialect.positional
