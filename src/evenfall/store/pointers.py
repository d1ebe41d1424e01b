"""Which posterior is current: a pointer with its history."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Final

from sqlalchemy import bindparam, func, select

from evenfall.store.cells import instant, instant_text
from evenfall.store.posteriors import COLUMNS, record_of
from evenfall.store.records import PosteriorRecord
from evenfall.store.schema import current_posteriors, parameters, posteriors
from evenfall.store.scope import Scope

__all__ = ["current_as_of", "published_as_of", "save_pointers"]

_THESE: Final = (
    parameters.c.tenant == bindparam("tenant"),
    parameters.c.parameter_id.in_(bindparam("ids", expanding=True)),
)

_LAST_POINTER: Final = (
    select(current_posteriors.c.id)
    .where(
        current_posteriors.c.tenant == parameters.c.tenant,
        current_posteriors.c.parameter_id == parameters.c.parameter_id,
        current_posteriors.c.published_at <= bindparam("as_of"),
    )
    .order_by(current_posteriors.c.published_at.desc(), current_posteriors.c.id.desc())
    .limit(1)
    .correlate(parameters)
    .scalar_subquery()
)

_CURRENT: Final = (
    select(*COLUMNS)
    .select_from(parameters)
    .join(current_posteriors, current_posteriors.c.id == _LAST_POINTER)
    .join(posteriors, posteriors.c.id == current_posteriors.c.posterior_id)
    .where(*_THESE)
)

_POINTERS: Final = (
    select(parameters.c.parameter_id, current_posteriors.c.published_at, current_posteriors.c.posterior_id)
    .select_from(parameters)
    .join(current_posteriors, current_posteriors.c.id == _LAST_POINTER)
    .where(*_THESE)
)

_LAST_ID: Final = select(func.coalesce(func.max(current_posteriors.c.id), 0))


def current_as_of(scope: Scope, ids: Iterable[str], as_of: datetime) -> dict[str, PosteriorRecord]:
    """Return per parameter the posterior that was current at `as_of`."""
    found = scope.fetch_by_ids(_CURRENT, ids, as_of=instant_text(as_of))
    return {row[0]: record_of(row) for row in found}


def published_as_of(scope: Scope, ids: Iterable[str], as_of: datetime) -> dict[str, datetime]:
    """Return per parameter when it last published a posterior, at or before `as_of`."""
    found = scope.fetch_by_ids(_POINTERS, ids, as_of=instant_text(as_of))
    return {name: instant(published_at) for name, published_at, _ in found}


def save_pointers(scope: Scope, new: Mapping[str, tuple[datetime, int]]) -> int:
    """Write which posteriors become current, and when; a night that says it twice writes it once.

    A night writes its pointer even where the one before names the same posterior: should a night between the
    two be run later, its pointer must not outlast its own night.
    """
    names_at: dict[datetime, list[str]] = {}
    for name, (at, _) in new.items():
        names_at.setdefault(at, []).append(name)
    said: set[tuple[str, datetime, int]] = set()
    for at, names in names_at.items():
        found = scope.fetch_by_ids(_POINTERS, names, as_of=instant_text(at))
        said.update((name, instant(since), posterior_id) for name, since, posterior_id in found)
    last = scope.connection.execute(_LAST_ID).scalar_one()
    fresh = [(name, at, one) for name, (at, one) in new.items() if (name, at, one) not in said]
    rows = [
        {
            **scope.stamp(),
            "id": last + i,
            "parameter_id": name,
            "published_at": instant_text(at),
            "posterior_id": posterior_id,
        }
        for i, (name, at, posterior_id) in enumerate(fresh, 1)
    ]
    return scope.insert(current_posteriors, rows)
