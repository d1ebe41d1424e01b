"""Posteriors, never changed once written, and which of them is current."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date, datetime
from typing import Any, Final

from sqlalchemy import Select, bindparam, func, select

from evenfall.store.instants import instant, instant_text
from evenfall.store.priors import belief_columns, belief_of
from evenfall.store.records import PosteriorRecord
from evenfall.store.schema import current_posteriors, night_results, parameters, posteriors
from evenfall.store.scope import Scope

__all__ = [
    "current_as_of",
    "newest_as_of",
    "posterior_history",
    "posteriors_as_of",
    "published_as_of",
    "save_pointers",
    "save_posteriors",
]

_COLUMNS: Final = (
    posteriors.c.parameter_id,
    posteriors.c.as_of,
    posteriors.c.prior_version,
    posteriors.c.family,
    posteriors.c.numbers,
    posteriors.c.origin_kind,
    posteriors.c.origin_detail,
    posteriors.c.mean,
    posteriors.c.stdev,
    posteriors.c.lower,
    posteriors.c.upper,
    posteriors.c.size,
    posteriors.c.total,
    posteriors.c.squares,
    posteriors.c.counted_until,
    posteriors.c.watermark,
    posteriors.c.kappa,
    posteriors.c.half_life_days,
    posteriors.c.query_hash,
    posteriors.c.definition_hash,
    posteriors.c.inputs_hash,
    posteriors.c.seen_at,
    posteriors.c.id,
)

_THESE: Final = (
    parameters.c.tenant == bindparam("tenant"),
    parameters.c.parameter_id.in_(bindparam("ids", expanding=True)),
)

# A night whose inputs had not changed writes no posterior but says which one it computed again; so the newest
# posterior of an instant is the one its last night names, in whatever order the nights were run.
_LAST_NAMED: Final = (
    select(night_results.c.posterior_id)
    .where(
        night_results.c.tenant == parameters.c.tenant,
        night_results.c.parameter_id == parameters.c.parameter_id,
        night_results.c.computed_at <= bindparam("as_of"),
    )
    .order_by(night_results.c.computed_at.desc(), night_results.c.as_of.desc())
    .limit(1)
    .correlate(parameters)
    .scalar_subquery()
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

_NEWEST: Final = (
    select(*_COLUMNS).select_from(parameters).join(posteriors, posteriors.c.id == _LAST_NAMED).where(*_THESE)
)

_CURRENT: Final = (
    select(*_COLUMNS)
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

_ALL: Final = (
    select(*_COLUMNS)
    .where(
        posteriors.c.tenant == bindparam("tenant"),
        posteriors.c.parameter_id.in_(bindparam("ids", expanding=True)),
        posteriors.c.seen_at <= bindparam("as_of"),
    )
    .order_by(posteriors.c.parameter_id, posteriors.c.seen_at, posteriors.c.id)
)

_LAST_ID: Final = select(func.coalesce(func.max(posteriors.c.id), 0))
_LAST_POINTER_ID: Final = select(func.coalesce(func.max(current_posteriors.c.id), 0))
_END_OF_TIME: Final = "9999"
_BELIEF: Final = ("family", "numbers", "origin_kind", "origin_detail")


def newest_as_of(scope: Scope, ids: Iterable[str], as_of: datetime) -> dict[str, PosteriorRecord]:
    """Return per parameter the posterior that its last night at or before `as_of` computed."""
    return _by_parameter(scope, _NEWEST, ids, instant_text(as_of))


def current_as_of(scope: Scope, ids: Iterable[str], as_of: datetime) -> dict[str, PosteriorRecord]:
    """Return per parameter the posterior that was current at `as_of`."""
    return _by_parameter(scope, _CURRENT, ids, instant_text(as_of))


def published_as_of(scope: Scope, ids: Iterable[str], as_of: datetime) -> dict[str, datetime]:
    """Return per parameter when it last published a posterior, at or before `as_of`."""
    found = scope.fetch_by_ids(_POINTERS, ids, as_of=instant_text(as_of))
    return {name: instant(published_at) for name, published_at, _ in found}


def posteriors_as_of(scope: Scope, ids: Iterable[str], as_of: datetime) -> dict[str, list[PosteriorRecord]]:
    """Return per parameter all posteriors seen at or before `as_of`, the newest last."""
    found: dict[str, list[PosteriorRecord]] = {name: [] for name in ids}
    for row in scope.fetch_by_ids(_ALL, list(found), as_of=instant_text(as_of)):
        found[row[0]].append(_record_of(row))
    return found


def posterior_history(scope: Scope, parameter_id: str) -> list[PosteriorRecord]:
    """Return every posterior of a parameter, the newest last."""
    return [_record_of(row) for row in scope.fetch_by_ids(_ALL, [parameter_id], as_of=_END_OF_TIME)]


def save_posteriors(scope: Scope, new: Mapping[str, PosteriorRecord]) -> tuple[int, dict[str, int]]:
    """Write the posteriors whose inputs are not those of the newest one of their time.

    Returns
    -------
    written, ids
        How many rows are new, and per parameter the number of its posterior in the store.
    """
    ids: dict[str, int] = {}
    for seen_at, names in _by_instant({name: record.seen_at for name, record in new.items()}).items():
        for name, stored in newest_as_of(scope, names, seen_at).items():
            if stored.inputs_hash == new[name].inputs_hash:
                ids[name] = stored.id
    last = scope.connection.execute(_LAST_ID).scalar_one()
    rows = []
    for name, record in new.items():
        if name not in ids:
            ids[name] = last = last + 1
            rows.append(_row_of(scope, record, last))
    return scope.insert(posteriors, rows), ids


def save_pointers(scope: Scope, new: Mapping[str, tuple[datetime, int]]) -> int:
    """Write which posteriors become current, and when; a night that says it twice writes it once."""
    said: set[tuple[str, datetime, int]] = set()
    for published_at, names in _by_instant({name: at for name, (at, _) in new.items()}).items():
        found = scope.fetch_by_ids(_POINTERS, names, as_of=instant_text(published_at))
        said.update((name, instant(at), posterior_id) for name, at, posterior_id in found)
    last = scope.connection.execute(_LAST_POINTER_ID).scalar_one()
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


def _by_parameter(
    scope: Scope, query: Select[Any], ids: Iterable[str], as_of: str
) -> dict[str, PosteriorRecord]:
    return {row[0]: _record_of(row) for row in scope.fetch_by_ids(query, ids, as_of=as_of)}


def _by_instant(instants: Mapping[str, datetime]) -> dict[datetime, list[str]]:
    names: dict[datetime, list[str]] = {}
    for name, at in instants.items():
        names.setdefault(at, []).append(name)
    return names


def _row_of(scope: Scope, record: PosteriorRecord, number: int) -> dict[str, Any]:
    size, total, squares = record.sums
    return {
        **scope.stamp(),
        **belief_columns(record.belief),
        "id": number,
        "parameter_id": record.parameter_id,
        "as_of": record.as_of.isoformat(),
        "prior_version": record.prior_version,
        "mean": float(record.mean),
        "stdev": float(record.stdev),
        "lower": float(record.lower),
        "upper": float(record.upper),
        "size": float(size),
        "total": float(total),
        "squares": float(squares),
        "counted_until": record.counted_until.isoformat(),
        "watermark": record.watermark.isoformat(),
        "kappa": None if record.kappa is None else float(record.kappa),
        "half_life_days": None if record.half_life_days is None else float(record.half_life_days),
        "query_hash": record.query_hash,
        "definition_hash": record.definition_hash,
        "inputs_hash": record.inputs_hash,
        "seen_at": instant_text(record.seen_at),
    }


def _record_of(row: tuple[Any, ...]) -> PosteriorRecord:
    values = dict(zip((column.name for column in _COLUMNS), row, strict=True))
    values["belief"] = belief_of(*(values.pop(name) for name in _BELIEF))
    values["sums"] = tuple(values.pop(name) for name in ("size", "total", "squares"))
    for name in ("as_of", "counted_until", "watermark"):
        values[name] = date.fromisoformat(values[name])
    values["seen_at"] = instant(values["seen_at"])
    return PosteriorRecord(**values)
