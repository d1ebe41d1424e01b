"""Values as the rest of the program knows them: plain numbers, dates, lower-case column names."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import Decimal

__all__ = ["lower_names", "plain_rows"]


def lower_names(names: Iterable[str]) -> tuple[str, ...]:
    """Return column names in lower case; warehouses disagree about theirs."""
    return tuple(name.lower() for name in names)


def plain_rows(rows: Sequence[tuple[object, ...]]) -> list[tuple[object, ...]]:
    """Return rows without decimals: whole ones as int, others as float."""
    return [tuple(map(_plain, row)) for row in rows]


def _plain(value: object) -> object:
    if not isinstance(value, Decimal) or not value.is_finite():
        return float(value) if isinstance(value, Decimal) else value
    return int(value) if value == value.to_integral_value() else float(value)
