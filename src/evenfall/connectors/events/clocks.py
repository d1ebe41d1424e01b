"""Times as whole microseconds: what each dialect calls them, and where the zone changes its clock."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final, Literal
from zoneinfo import ZoneInfo

from sqlglot import exp

from evenfall.errors import QueryRefused

__all__ = [
    "DAY",
    "EPOCHS",
    "Epoch",
    "Reading",
    "epoch_of",
    "instants",
    "microseconds",
    "number",
    "wall_times",
]

type Reading = Literal["wall", "instant"]
"""Whether a column holds wall times of the project's zone, or instants."""

_MICROSECOND: Final = timedelta(microseconds=1)
_SECOND: Final = 1_000_000
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_ZONED_TEXT: Final = re.compile(r"(Z|z|[+-]\d\d:\d\d)$")
_EARLIEST, _LATEST = 1e8, 1e11
"""Seconds since 1970 that a number may be: 1973 to 5138. Milliseconds and Julian days lie outside."""


@dataclass(frozen=True, slots=True)
class Epoch:
    """How one dialect turns a time into microseconds since 1970.

    Attributes
    ----------
    read
        Given the type of a column and one of its values, what it holds; None when it holds no time.
    convert
        The expression of the microseconds, given the column's expression, its type and what it holds.
    """

    read: Callable[[str, object], Reading | None]
    convert: Callable[[exp.Expr, str, Reading], exp.Expr]


def microseconds(length: timedelta) -> int:
    """Return a length as whole microseconds."""
    return length // _MICROSECOND


DAY: Final = microseconds(timedelta(days=1))


def number(value: int) -> exp.Expr:
    """Return a whole number as an expression."""
    return exp.Literal.number(value) if value >= 0 else exp.paren(exp.Neg(this=exp.Literal.number(-value)))


def instants(clock: exp.Expr, reading: Reading, zone: ZoneInfo, first: datetime, stop: datetime) -> exp.Expr:
    """Return the microseconds of the instants of a column.

    A wall time that the autumn repeats is taken as the first of the two.
    """
    if reading == "instant":
        return clock.copy()
    # The wall times of a change are those of the later offset; until there the earlier offset reads them.
    changes = [(at + max(before, after), before) for at, before, after in _changes(zone, first, stop)]
    return exp.paren(exp.Sub(this=clock.copy(), expression=_offset(clock, changes, zone, stop)))


def wall_times(
    clock: exp.Expr, reading: Reading, zone: ZoneInfo, first: datetime, stop: datetime
) -> exp.Expr:
    """Return the microseconds of the wall times of a column in `zone`."""
    if reading == "wall":
        return clock.copy()
    changes = [(at, before) for at, before, _ in _changes(zone, first, stop)]
    return exp.paren(exp.Add(this=clock.copy(), expression=_offset(clock, changes, zone, stop)))


def _offset(clock: exp.Expr, changes: list[tuple[int, int]], zone: ZoneInfo, stop: datetime) -> exp.Expr:
    """Return the offset of the zone: before each change the one that held until then, else the last."""
    last = number(_offset_at(zone, stop))
    if not changes:
        return last
    cases = exp.Case()
    for until, offset in changes:
        cases = cases.when(exp.LT(this=clock.copy(), expression=number(until)), number(offset))
    return exp.paren(cases.else_(last))


def _changes(zone: ZoneInfo, first: datetime, stop: datetime) -> list[tuple[int, int, int]]:
    """Return the clock changes in [first, stop]: instant, offset before, offset after, in microseconds."""
    found, step = [], timedelta(hours=6)
    start = first
    while start < stop:
        end = min(start + step, stop)
        before, after = _offset_at(zone, start), _offset_at(zone, end)
        if before != after:
            low, high = start, end
            while high - low > timedelta(seconds=1):
                middle = low + (high - low) // 2
                low, high = (middle, high) if _offset_at(zone, middle) == before else (low, middle)
            seconds = round((high - _EPOCH).total_seconds())
            found.append((seconds * _SECOND, before, after))
        start = end
    return found


def _offset_at(zone: ZoneInfo, instant: datetime) -> int:
    offset = instant.astimezone(zone).utcoffset()
    assert offset is not None, "a zone always has an offset"
    return microseconds(offset)


def _call(name: str, *arguments: exp.Expr) -> exp.Expr:
    return exp.Anonymous(this=name, expressions=list(arguments))


def _seconds(value: object) -> Reading | None:
    within = isinstance(value, int | float) and _EARLIEST < value < _LATEST
    return "instant" if within else None


def _duckdb_read(kind: str, value: object) -> Reading | None:
    if kind == "TIMESTAMP WITH TIME ZONE":
        return "instant"
    if kind.startswith("TIMESTAMP") or kind == "DATE":
        return "wall"
    return _seconds(value)


def _duckdb_convert(column: exp.Expr, kind: str, reading: Reading) -> exp.Expr:
    if kind.startswith("TIMESTAMP") or kind == "DATE":
        wanted = column if reading == "instant" else exp.cast(column, exp.DType.TIMESTAMP)
        return _call("epoch_us", wanted)
    # Whole microseconds of the years in question are exact as a double; a product of integers overflows.
    product = exp.Mul(this=exp.cast(column, exp.DType.DOUBLE), expression=number(_SECOND))
    return exp.cast(product, exp.DType.BIGINT)


def _sqlite_read(kind: str, value: object) -> Reading | None:
    if kind != "text":
        return _seconds(value)
    text = str(value)
    try:
        zoned = datetime.fromisoformat(text).tzinfo is not None
    except ValueError:
        return None
    if not zoned:
        return "wall"
    return "instant" if _ZONED_TEXT.search(text) else None


def _sqlite_convert(column: exp.Expr, kind: str, reading: Reading) -> exp.Expr:
    """Return seconds by the engine's own function and the fraction from the text, which it would round."""
    million = number(_SECOND)
    if kind != "text":
        product = exp.Mul(this=exp.paren(column), expression=million)
        return exp.cast(_call("round", product), exp.DType.BIGINT)
    whole = _call("substr", column, number(1), number(19))
    rest = _call("substr", column, number(20))
    if reading == "instant":
        zone_at = exp.Sub(this=_call("length", column), expression=number(5))
        suffix = exp.Case().when(
            exp.In(
                this=_call("upper", _call("substr", column, number(-1))),
                expressions=[exp.Literal.string("Z")],
            ),
            exp.Literal.string("Z"),
        )
        whole = exp.DPipe(this=whole, expression=exp.paren(suffix.else_(_call("substr", column, zone_at))))
    fraction = exp.cast(exp.DPipe(this=exp.Literal.string("0"), expression=rest), exp.DType.DOUBLE)
    micros = exp.cast(_call("round", exp.Mul(this=fraction, expression=million.copy())), exp.DType.BIGINT)
    seconds = exp.cast(_call("strftime", exp.Literal.string("%s"), whole), exp.DType.BIGINT)
    return exp.paren(exp.Add(this=exp.Mul(this=seconds, expression=million), expression=micros))


EPOCHS: Final[Mapping[str, Epoch]] = {
    "duckdb": Epoch(_duckdb_read, _duckdb_convert),
    "sqlite": Epoch(_sqlite_read, _sqlite_convert),
}
"""By dialect; a warehouse that gets an entry here can be asked for events."""


def epoch_of(dialect: str) -> Epoch:
    """Return how a dialect reads times.

    Raises
    ------
    QueryRefused
        When this version does not know it.
    """
    if dialect not in EPOCHS:
        raise QueryRefused(
            f"events cannot be counted in {dialect} yet",
            remedy=f"write a query, or use {' or '.join(EPOCHS)}",
        )
    return EPOCHS[dialect]
