"""Versions of what was believed before the evidence."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime
from typing import Any, Final

from sqlalchemy import bindparam, select

from evenfall.beliefs.belief import Belief, Origin
from evenfall.store.cells import finite, from_json, instant, instant_text, to_json
from evenfall.store.records import PriorVersion
from evenfall.store.schema import prior_versions
from evenfall.store.scope import Scope

__all__ = ["belief_columns", "belief_of", "priors_as_of", "save_priors"]

_COLUMNS: Final = (
    prior_versions.c.parameter_id,
    prior_versions.c.version,
    prior_versions.c.family,
    prior_versions.c.numbers,
    prior_versions.c.origin_kind,
    prior_versions.c.origin_detail,
    prior_versions.c.mean,
    prior_versions.c.stdev,
    prior_versions.c.reason,
    prior_versions.c.root,
    prior_versions.c.absorbed_until,
    prior_versions.c.definition_hash,
    prior_versions.c.seen_at,
)

_ALL: Final = (
    select(*_COLUMNS)
    .where(
        prior_versions.c.tenant == bindparam("tenant"),
        prior_versions.c.parameter_id.in_(bindparam("ids", expanding=True)),
    )
    .order_by(prior_versions.c.parameter_id, prior_versions.c.seen_at, prior_versions.c.version)
)

_AS_OF: Final = _ALL.where(prior_versions.c.seen_at <= bindparam("as_of"))


def belief_columns(belief: Belief) -> dict[str, str]:
    """Return the columns that hold a belief."""
    return {
        "family": belief.family,
        "numbers": to_json({key: finite(number) for key, number in belief.numbers.items()}),
        "origin_kind": belief.origin.kind,
        "origin_detail": belief.origin.detail,
    }


def belief_of(family: str, numbers: str, origin_kind: str, origin_detail: str) -> Belief:
    """Return the belief that the columns hold."""
    by_name = from_json(numbers)
    return Belief(family, tuple(by_name), tuple(by_name.values()), Origin(origin_kind, origin_detail))


def priors_as_of(scope: Scope, ids: Iterable[str], as_of: datetime) -> dict[str, list[PriorVersion]]:
    """Return per parameter the versions seen at or before `as_of`, the newest last."""
    found: dict[str, list[PriorVersion]] = {name: [] for name in ids}
    for row in scope.fetch_by_ids(_AS_OF, list(found), as_of=instant_text(as_of)):
        found[row[0]].append(_version_of(row))
    return found


def save_priors(scope: Scope, new: Mapping[str, Sequence[PriorVersion]]) -> tuple[int, dict[str, list[int]]]:
    """Write the versions that say something new, with the next numbers.

    Returns
    -------
    written, versions
        How many rows are new, and per parameter the version number each of its given priors has in the store.
    """
    wanted = {name: priors for name, priors in new.items() if priors}
    stored: dict[str, list[PriorVersion]] = {name: [] for name in wanted}
    for row in scope.fetch_by_ids(_ALL, wanted):
        stored[row[0]].append(_version_of(row))
    rows: list[dict[str, Any]] = []
    versions: dict[str, list[int]] = {}
    for name, priors in wanted.items():
        chain = _Chain(stored[name])
        versions[name] = [chain.add(prior) for prior in priors]
        rows += [_row_of(scope, prior) for prior in chain.added]
    return scope.insert(prior_versions, rows), versions


class _Chain:
    """The versions of one parameter, growing."""

    def __init__(self, stored: Sequence[PriorVersion]) -> None:
        self.versions = list(stored)
        self.added: list[PriorVersion] = []

    def add(self, prior: PriorVersion) -> int:
        """Return the number of a version; it is new unless the newest one of its time says the same."""
        earlier = [one for one in self.versions if one.seen_at <= prior.seen_at]
        newest = max(earlier, key=lambda one: (one.seen_at, one.version), default=None)
        if newest is not None and _says(newest) == _says(replace(prior, root=prior.root or newest.root)):
            return newest.version
        number = max((one.version for one in self.versions), default=0) + 1
        is_root = prior.reason in ("declared", "fallback")
        inherited = newest.root if newest is not None else number
        numbered = replace(prior, version=number, root=number if is_root else prior.root or inherited)
        self.versions.append(numbered)
        self.added.append(numbered)
        return number


def _says(prior: PriorVersion) -> tuple[object, ...]:
    return (
        prior.belief,
        prior.mean,
        prior.stdev,
        prior.reason,
        prior.root,
        prior.absorbed_until,
        prior.definition_hash,
    )


def _row_of(scope: Scope, prior: PriorVersion) -> dict[str, Any]:
    return {
        **scope.stamp(),
        **belief_columns(prior.belief),
        "parameter_id": prior.parameter_id,
        "version": prior.version,
        "mean": finite(prior.mean),
        "stdev": finite(prior.stdev),
        "reason": prior.reason,
        "root": prior.root,
        "absorbed_until": None if prior.absorbed_until is None else prior.absorbed_until.isoformat(),
        "definition_hash": prior.definition_hash,
        "seen_at": instant_text(prior.seen_at),
    }


def _version_of(row: tuple[Any, ...]) -> PriorVersion:
    parameter_id, version, *belief, mean, stdev, reason, root, absorbed, definition_hash, seen_at = row
    return PriorVersion(
        parameter_id,
        version,
        belief_of(*belief),
        mean,
        stdev,
        reason,
        root,
        None if absorbed is None else date.fromisoformat(absorbed),
        definition_hash,
        instant(seen_at),
    )
