"""Fits, never changed once written; those that failed their gate are kept beside those that passed."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping
from datetime import date, datetime
from typing import Any, Final

from sqlalchemy import ColumnElement, Select, bindparam, func, select

from evenfall.errors import StoreError, UsageError
from evenfall.store.cells import finite, from_json, instant, instant_text, to_json
from evenfall.store.records import FitRecord, PosteriorRecord
from evenfall.store.schema import fits, parameters
from evenfall.store.scope import Scope

__all__ = ["artifacts_of", "check_fits", "fit_history", "fit_of", "newest_fits", "save_fits"]

_COLUMNS: Final = (
    fits.c.parameter_id,
    fits.c.as_of,
    fits.c.engine,
    fits.c.rung,
    fits.c.passed,
    fits.c.failures,
    fits.c.tried,
    fits.c.data_hash,
    fits.c.definition_hash,
    fits.c.inputs_hash,
    fits.c.code_version,
    fits.c.seed,
    fits.c.base_fit,
    fits.c.request,
    fits.c.diagnostics,
    fits.c.quantities,
    fits.c.artifact,
    fits.c.artifact_sha256,
    fits.c.seconds,
    fits.c.gradients,
    fits.c.seen_at,
    fits.c.id,
    fits.c.wall_at,
)


def _newest(*conditions: ColumnElement[bool]) -> Select[Any]:
    last = (
        select(fits.c.id)
        .where(
            fits.c.tenant == parameters.c.tenant,
            fits.c.parameter_id == parameters.c.parameter_id,
            fits.c.seen_at <= bindparam("as_of"),
            *conditions,
        )
        .order_by(fits.c.seen_at.desc(), fits.c.id.desc())
        .limit(1)
        .correlate(parameters)
        .scalar_subquery()
    )
    return (
        select(*_COLUMNS)
        .select_from(parameters)
        .join(fits, fits.c.id == last)
        .where(
            parameters.c.tenant == bindparam("tenant"),
            parameters.c.parameter_id.in_(bindparam("ids", expanding=True)),
        )
    )


_NEWEST: Final = _newest()
_LAST_GOOD: Final = _newest(fits.c.passed)
_LAST_FULL: Final = _newest(fits.c.passed, fits.c.rung != "reweighted")

_HISTORY: Final = (
    select(*_COLUMNS)
    .where(
        fits.c.tenant == bindparam("tenant"),
        fits.c.parameter_id.in_(bindparam("ids", expanding=True)),
    )
    .order_by(fits.c.parameter_id, fits.c.seen_at, fits.c.id)
)

_BY_NUMBER: Final = select(*_COLUMNS).where(
    fits.c.tenant == bindparam("tenant"), fits.c.id.in_(bindparam("ids", expanding=True))
)

_LAST_ID: Final = select(func.coalesce(func.max(fits.c.id), 0))

# Tenants of one database may share the folder of artifacts, so nobody's file is anybody's to sweep.
_ARTIFACTS: Final = select(fits.c.artifact).where(fits.c.artifact.is_not(None)).distinct()


def newest_fits(
    scope: Scope, ids: Iterable[str], as_of: datetime, *, passed: bool = True, full: bool = False
) -> dict[str, FitRecord]:
    """Return per parameter its newest fit at or before `as_of`.

    Parameters
    ----------
    passed
        Only fits that passed their gate.
    full
        Only fits that passed and are not draws of an earlier one weighted anew.
    """
    query = _LAST_FULL if full else _LAST_GOOD if passed else _NEWEST
    found = scope.fetch_by_ids(query, ids, as_of=instant_text(as_of))
    return {row[0]: _record_of(row) for row in found}


def fit_history(scope: Scope, ids: Iterable[str]) -> dict[str, list[FitRecord]]:
    """Return per parameter every fit, the newest last."""
    found: dict[str, list[FitRecord]] = {name: [] for name in ids}
    for row in scope.fetch_by_ids(_HISTORY, list(found)):
        found[row[0]].append(_record_of(row))
    return found


def fit_of(scope: Scope, number: int) -> FitRecord:
    """Return the fit of a number.

    Raises
    ------
    UsageError
        When there is none.
    """
    for row in scope.fetch_by_ids(_BY_NUMBER, [number]):
        return _record_of(row)
    raise UsageError(f"the store has no fit number {number}", remedy="ask for the fits of the parameter")


def artifacts_of(scope: Scope) -> set[str]:
    """Return every artifact that a fit of any tenant refers to."""
    return {row[0] for row in scope.connection.execute(_ARTIFACTS)}


def save_fits(scope: Scope, new: Mapping[str, FitRecord]) -> tuple[int, dict[str, int]]:
    """Write the fits whose inputs are not those of the newest one at their time.

    Returns
    -------
    written, ids
        How many rows are new, and per parameter the number of its fit in the store.
    """
    names_at: dict[datetime, list[str]] = {}
    for name, record in new.items():
        names_at.setdefault(record.seen_at, []).append(name)
    ids: dict[str, int] = {}
    for seen_at, names in names_at.items():
        for name, stored in newest_fits(scope, names, seen_at, passed=False).items():
            if stored.inputs_hash == new[name].inputs_hash:
                ids[name] = stored.id
    last = scope.connection.execute(_LAST_ID).scalar_one() if new else 0
    rows = []
    for name, record in new.items():
        if name not in ids:
            ids[name] = last = last + 1
            rows.append(_row_of(scope, record, last))
    return scope.insert(fits, rows), ids


def check_fits(scope: Scope, given: Iterable[PosteriorRecord]) -> None:
    """See that posteriors stand only on fits of their own parameter that passed.

    Raises
    ------
    StoreError
        When one does not.
    """
    owners = {one.fit_id: one.parameter_id for one in given if one.fit_id is not None}
    stored = {row[-2]: _record_of(row) for row in scope.fetch_by_ids(_BY_NUMBER, owners)}
    for number, name in owners.items():
        found = stored.get(number)
        if found is None or found.parameter_id != name:
            raise StoreError(
                f"the posterior of {name} names fit {number}, which is not one of its fits",
                remedy="save the fit in the same record, or name a stored one",
            )
        if not found.passed:
            raise StoreError(
                f"the posterior of {name} names fit {number}, which its gate refused",
                remedy="keep the last good posterior",
            )


def _record_of(row: tuple[Any, ...]) -> FitRecord:
    values = dict(zip((column.name for column in _COLUMNS), row, strict=True))
    values["as_of"] = date.fromisoformat(values["as_of"])
    values["failures"] = tuple(json.loads(values["failures"]))
    values["tried"] = tuple((rung, why) for rung, why in json.loads(values["tried"]))
    values["request"] = from_json(values["request"])
    values["diagnostics"] = _figures(from_json(values["diagnostics"]))
    quantities = from_json(values["quantities"])
    values["quantities"] = {name: _figures(figures) for name, figures in quantities.items()}
    for name in ("seen_at", "wall_at"):
        values[name] = instant(values[name])
    return FitRecord(**values)


def _figures(words: Mapping[str, float | str]) -> dict[str, float]:
    return {name: float(figure) for name, figure in words.items()}


def _words(figures: Mapping[str, float]) -> dict[str, float | str]:
    """Return figures as JSON can say them: what is not finite as text, for a failed fit speaks of it."""
    return {name: float(one) if math.isfinite(one) else str(float(one)) for name, one in figures.items()}


def _row_of(scope: Scope, record: FitRecord, number: int) -> dict[str, Any]:
    words = {name: _words(figures) for name, figures in record.quantities.items()}
    return {
        **scope.stamp(),
        "id": number,
        "parameter_id": record.parameter_id,
        "as_of": record.as_of.isoformat(),
        "engine": record.engine,
        "rung": record.rung,
        "passed": record.passed,
        "failures": json.dumps(record.failures, ensure_ascii=False),
        "tried": json.dumps(record.tried, ensure_ascii=False),
        "data_hash": record.data_hash,
        "definition_hash": record.definition_hash,
        "inputs_hash": record.inputs_hash,
        "code_version": record.code_version,
        "seed": record.seed,
        "base_fit": record.base_fit,
        "request": to_json(record.request),
        "diagnostics": to_json(_words(record.diagnostics)),
        "quantities": to_json(words),
        "artifact": record.artifact,
        "artifact_sha256": record.artifact_sha256,
        "seconds": finite(record.seconds),
        "gradients": record.gradients,
        "seen_at": instant_text(record.seen_at),
    }
