"""The definition files as they were seen, and the parameters known by name."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Final, cast

from sqlalchemy import and_, bindparam, func, select

from evenfall.store.cells import instant_text
from evenfall.store.records import Definition
from evenfall.store.schema import definition_texts, definitions, parameters
from evenfall.store.scope import Scope

__all__ = ["last_good_definitions", "make_parameters", "parameter_ids", "save_definitions"]

_NEWEST_VERSION: Final = (
    select(definitions.c.path, func.max(definitions.c.version).label("version"))
    .where(definitions.c.tenant == bindparam("tenant"))
    .group_by(definitions.c.path)
)

_ANY: Final = _NEWEST_VERSION.subquery("newest")
_GOOD: Final = _NEWEST_VERSION.where(definitions.c.good).subquery("newest_good")

_NEWEST: Final = (
    select(definitions.c.path, definitions.c.version, definitions.c.sha256, definitions.c.good)
    .join(_ANY, and_(_ANY.c.path == definitions.c.path, _ANY.c.version == definitions.c.version))
    .where(definitions.c.tenant == bindparam("tenant"))
)

_NEWEST_GOOD: Final = (
    select(definitions.c.path, definition_texts.c.text)
    .join(_GOOD, and_(_GOOD.c.path == definitions.c.path, _GOOD.c.version == definitions.c.version))
    .join(definition_texts)
    .where(definitions.c.tenant == bindparam("tenant"))
    .order_by(definitions.c.path)
)

_KNOWN_TEXTS: Final = select(definition_texts.c.sha256).where(
    definition_texts.c.tenant == bindparam("tenant"),
    definition_texts.c.sha256.in_(bindparam("ids", expanding=True)),
)

_KNOWN_PARAMETERS: Final = select(parameters.c.parameter_id).where(
    parameters.c.tenant == bindparam("tenant"),
    parameters.c.parameter_id.in_(bindparam("ids", expanding=True)),
)

_ALL_PARAMETERS: Final = (
    select(parameters.c.parameter_id)
    .where(parameters.c.tenant == bindparam("tenant"))
    .order_by(parameters.c.parameter_id)
)


def save_definitions(scope: Scope, seen: Sequence[Definition], seen_at: datetime) -> int:
    """Write the files that are not as they were last seen and return how many those are."""
    newest = {row[0]: row[1:] for row in scope.fetch(_NEWEST)}
    changed = [
        one
        for one in {one.path: one for one in seen}.values()
        if one.path not in newest or newest[one.path][1:] != (one.sha256, one.good)
    ]
    known = {row[0] for row in scope.fetch_by_ids(_KNOWN_TEXTS, {one.sha256 for one in changed})}
    texts = {one.sha256: one.text for one in changed if one.sha256 not in known}
    scope.insert(
        definition_texts,
        [{"tenant": scope.tenant, "sha256": sha256, "text": text} for sha256, text in texts.items()],
    )
    rows = [
        {
            "tenant": scope.tenant,
            "path": one.path,
            "version": newest[one.path][0] + 1 if one.path in newest else 1,
            "sha256": one.sha256,
            "good": one.good,
            "git_revision": one.git_revision,
            "seen_at": instant_text(seen_at),
            "wall_at": scope.wall_at,
        }
        for one in changed
    ]
    return scope.insert(definitions, rows)


def last_good_definitions(scope: Scope) -> dict[str, str]:
    """Return per path the newest text that was accepted."""
    return dict(cast(list[tuple[str, str]], scope.fetch(_NEWEST_GOOD)))


def make_parameters(scope: Scope, ids: Iterable[str]) -> None:
    """Write down the parameters that were never seen before."""
    ids = dict.fromkeys(ids)
    known = {row[0] for row in scope.fetch_by_ids(_KNOWN_PARAMETERS, ids)}
    rows = [
        {"tenant": scope.tenant, "parameter_id": one, "wall_at": scope.wall_at}
        for one in ids
        if one not in known
    ]
    scope.insert(parameters, rows)


def parameter_ids(scope: Scope) -> list[str]:
    """Return every parameter anything was ever written for."""
    return [row[0] for row in scope.fetch(_ALL_PARAMETERS)]
