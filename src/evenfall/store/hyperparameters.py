"""Versions of the numbers learned from the ledger."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any, Final

from sqlalchemy import bindparam, select

from evenfall.store.cells import finite, instant, instant_text
from evenfall.store.records import Hyperparameter
from evenfall.store.schema import hyperparameters
from evenfall.store.scope import Scope

__all__ = ["hyperparameters_as_of", "save_hyperparameters"]

_COLUMNS: Final = (
    hyperparameters.c.scope,
    hyperparameters.c.name,
    hyperparameters.c.value,
    hyperparameters.c.seen_at,
    hyperparameters.c.version,
)

_AS_OF: Final = (
    select(*_COLUMNS)
    .where(hyperparameters.c.tenant == bindparam("tenant"), hyperparameters.c.seen_at <= bindparam("as_of"))
    .order_by(
        hyperparameters.c.scope, hyperparameters.c.name, hyperparameters.c.seen_at, hyperparameters.c.version
    )
)

_OF_SCOPES: Final = select(*_COLUMNS).where(
    hyperparameters.c.tenant == bindparam("tenant"),
    hyperparameters.c.scope.in_(bindparam("ids", expanding=True)),
)


def hyperparameters_as_of(scope: Scope, as_of: datetime) -> dict[tuple[str, str], Hyperparameter]:
    """Return by (scope, name) the newest value seen at or before `as_of`."""
    return {(row[0], row[1]): _of(row) for row in scope.fetch(_AS_OF, as_of=instant_text(as_of))}


def save_hyperparameters(scope: Scope, new: Iterable[Hyperparameter]) -> int:
    """Write the values that differ from what was known at their time and return how many those are."""
    given = list(new)
    versions: dict[tuple[str, str], list[Hyperparameter]] = {}
    for row in scope.fetch_by_ids(_OF_SCOPES, {one.scope for one in given}):
        versions.setdefault((row[0], row[1]), []).append(_of(row))
    rows = []
    for one in given:
        stored = versions.setdefault((one.scope, one.name), [])
        earlier = [other for other in stored if other.seen_at <= one.seen_at]
        newest = max(earlier, key=lambda other: (other.seen_at, other.version), default=None)
        if newest is not None and newest.value == one.value:
            continue
        version = max((other.version for other in stored), default=0) + 1
        stored.append(Hyperparameter(one.scope, one.name, one.value, one.seen_at, version))
        rows.append(
            {
                **scope.stamp(),
                "scope": one.scope,
                "name": one.name,
                "version": version,
                "value": finite(one.value),
                "seen_at": instant_text(one.seen_at),
            }
        )
    return scope.insert(hyperparameters, rows)


def _of(row: tuple[Any, ...]) -> Hyperparameter:
    where, name, value, seen_at, version = row
    return Hyperparameter(where, name, value, instant(seen_at), version)
