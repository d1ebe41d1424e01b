"""Posteriors, never changed once written."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date, datetime
from typing import Any, Final

from sqlalchemy import bindparam, func, select

from evenfall.store.cells import finite, instant, instant_text
from evenfall.store.priors import belief_columns, belief_of
from evenfall.store.records import PosteriorRecord
from evenfall.store.schema import night_results, parameters, posteriors
from evenfall.store.scope import Scope

__all__ = ["COLUMNS", "newest_as_of", "posterior_history", "posteriors_as_of", "record_of", "save_posteriors"]

COLUMNS: Final = (
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
    posteriors.c.wall_at,
    posteriors.c.fit_id,
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

_NEWEST: Final = (
    select(*COLUMNS)
    .select_from(parameters)
    .join(posteriors, posteriors.c.id == _LAST_NAMED)
    .where(
        parameters.c.tenant == bindparam("tenant"),
        parameters.c.parameter_id.in_(bindparam("ids", expanding=True)),
    )
)

_ALL: Final = (
    select(*COLUMNS)
    .where(
        posteriors.c.tenant == bindparam("tenant"),
        posteriors.c.parameter_id.in_(bindparam("ids", expanding=True)),
        posteriors.c.seen_at <= bindparam("as_of"),
    )
    .order_by(posteriors.c.parameter_id, posteriors.c.seen_at, posteriors.c.id)
)

_LAST_ID: Final = select(func.coalesce(func.max(posteriors.c.id), 0))
_END_OF_TIME: Final = "9999"
_BELIEF: Final = ("family", "numbers", "origin_kind", "origin_detail")


def newest_as_of(scope: Scope, ids: Iterable[str], as_of: datetime) -> dict[str, PosteriorRecord]:
    """Return per parameter the posterior that its last night at or before `as_of` computed."""
    found = scope.fetch_by_ids(_NEWEST, ids, as_of=instant_text(as_of))
    return {row[0]: record_of(row) for row in found}


def posteriors_as_of(scope: Scope, ids: Iterable[str], as_of: datetime) -> dict[str, list[PosteriorRecord]]:
    """Return per parameter all posteriors seen at or before `as_of`, the newest last."""
    found: dict[str, list[PosteriorRecord]] = {name: [] for name in ids}
    for row in scope.fetch_by_ids(_ALL, list(found), as_of=instant_text(as_of)):
        found[row[0]].append(record_of(row))
    return found


def posterior_history(scope: Scope, parameter_id: str) -> list[PosteriorRecord]:
    """Return every posterior of a parameter, the newest last."""
    return [record_of(row) for row in scope.fetch_by_ids(_ALL, [parameter_id], as_of=_END_OF_TIME)]


def save_posteriors(scope: Scope, new: Mapping[str, PosteriorRecord]) -> tuple[int, dict[str, int]]:
    """Write the posteriors whose inputs are not those of the newest one of their time.

    Returns
    -------
    written, ids
        How many rows are new, and per parameter the number of its posterior in the store.
    """
    ids: dict[str, int] = {}
    for seen_at, names in _by_instant(new).items():
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


def record_of(row: tuple[Any, ...]) -> PosteriorRecord:
    """Return the posterior that the values of `COLUMNS` hold."""
    values = dict(zip((column.name for column in COLUMNS), row, strict=True))
    values["belief"] = belief_of(*(values.pop(name) for name in _BELIEF))
    values["sums"] = tuple(values.pop(name) for name in ("size", "total", "squares"))
    for name in ("as_of", "counted_until", "watermark"):
        values[name] = date.fromisoformat(values[name])
    for name in ("seen_at", "wall_at"):
        values[name] = instant(values[name])
    return PosteriorRecord(**values)


def _by_instant(new: Mapping[str, PosteriorRecord]) -> dict[datetime, list[str]]:
    names: dict[datetime, list[str]] = {}
    for name, record in new.items():
        names.setdefault(record.seen_at, []).append(name)
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
        "mean": finite(record.mean),
        "stdev": finite(record.stdev),
        "lower": finite(record.lower),
        "upper": finite(record.upper),
        "size": finite(size),
        "total": finite(total),
        "squares": finite(squares),
        "counted_until": record.counted_until.isoformat(),
        "watermark": record.watermark.isoformat(),
        "kappa": None if record.kappa is None else finite(record.kappa),
        "half_life_days": None if record.half_life_days is None else finite(record.half_life_days),
        "query_hash": record.query_hash,
        "definition_hash": record.definition_hash,
        "inputs_hash": record.inputs_hash,
        "seen_at": instant_text(record.seen_at),
        "fit_id": record.fit_id,
    }
