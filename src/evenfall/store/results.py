"""What each night said of each parameter: one result per parameter and night."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date
from typing import Any, Final

from sqlalchemy import bindparam, func, select

from evenfall.findings import Light
from evenfall.store.cells import finite, from_json, instant_or_none, instant_text, to_json
from evenfall.store.records import NightResult
from evenfall.store.schema import night_results, parameters
from evenfall.store.scope import Scope

__all__ = ["night_history", "results_as_of", "save_results"]

type Night = tuple[str, str]  # parameter_id, as_of

_KEY: Final = ("tenant", "parameter_id", "as_of")

_COLUMNS: Final = (
    night_results.c.parameter_id,
    night_results.c.as_of,
    night_results.c.outcome,
    night_results.c.light,
    night_results.c.detail,
    night_results.c.remedy,
    night_results.c.verdict,
    night_results.c.read_at,
    night_results.c.loaded,
    night_results.c.counted,
    night_results.c.late_not_counted,
    night_results.c.quarantined,
    night_results.c.failures,
    night_results.c.posterior_id,
    night_results.c.computed_at,
)

_OF_NIGHT: Final = select(*_COLUMNS).where(
    night_results.c.tenant == bindparam("tenant"),
    night_results.c.as_of == bindparam("night"),
    night_results.c.parameter_id.in_(bindparam("ids", expanding=True)),
)

_HISTORY: Final = (
    select(*_COLUMNS)
    .where(night_results.c.tenant == bindparam("tenant"), night_results.c.parameter_id == bindparam("one"))
    .order_by(night_results.c.as_of)
)

_LAST_NIGHT: Final = (
    select(func.max(night_results.c.as_of))
    .where(
        night_results.c.tenant == parameters.c.tenant,
        night_results.c.parameter_id == parameters.c.parameter_id,
        night_results.c.as_of <= bindparam("night"),
    )
    .correlate(parameters)
    .scalar_subquery()
)

_NEWEST: Final = (
    select(*_COLUMNS)
    .select_from(parameters)
    .join(
        night_results,
        (night_results.c.tenant == parameters.c.tenant)
        & (night_results.c.parameter_id == parameters.c.parameter_id)
        & (night_results.c.as_of == _LAST_NIGHT),
    )
    .where(parameters.c.tenant == bindparam("tenant"))
    .order_by(parameters.c.parameter_id)
)

_NEWEST_OF: Final = _NEWEST.where(parameters.c.parameter_id.in_(bindparam("ids", expanding=True)))


def results_as_of(scope: Scope, ids: Iterable[str] | None, as_of: date) -> dict[str, NightResult]:
    """Return per parameter (all when `ids` is None) its newest result at or before a night."""
    night = as_of.isoformat()
    rows = (
        scope.fetch(_NEWEST, night=night) if ids is None else scope.fetch_by_ids(_NEWEST_OF, ids, night=night)
    )
    return {row[0]: _result_of(row) for row in rows}


def night_history(scope: Scope, parameter_id: str) -> list[NightResult]:
    """Return every night's result of a parameter, the newest last."""
    return [_result_of(row) for row in scope.fetch(_HISTORY, one=parameter_id)]


def save_results(
    scope: Scope, results: Mapping[str, NightResult], computed_at: Mapping[str, str]
) -> tuple[int, set[str]]:
    """Write the results that say something new.

    Parameters
    ----------
    computed_at
        Per parameter that has a posterior tonight, the instant it was computed for.

    Returns
    -------
    written, unchanged
        How many rows are new or changed, and the parameters whose result is as it was stored.
    """
    stored = _stored(scope, results.values())
    new, changed, unchanged = [], [], set()
    for name, result in results.items():
        before = stored.get((name, result.as_of.isoformat()))
        cells = _cells(result, computed_at.get(name))
        if before is not None and name not in computed_at and before["posterior_id"] == cells["posterior_id"]:
            cells["computed_at"] = before["computed_at"]
        if before is None:
            new.append(scope.stamp() | cells)
        elif before != cells:
            changed.append(scope.stamp() | cells)
        else:
            unchanged.add(name)
    return scope.insert(night_results, new) + scope.change(night_results, _KEY, changed), unchanged


def _stored(scope: Scope, results: Iterable[NightResult]) -> dict[Night, dict[str, Any]]:
    names_of: dict[str, list[str]] = {}
    for result in results:
        names_of.setdefault(result.as_of.isoformat(), []).append(result.parameter_id)
    return {
        (row[0], row[1]): _named(row)
        for night, names in names_of.items()
        for row in scope.fetch_by_ids(_OF_NIGHT, names, night=night)
    }


def _named(row: tuple[Any, ...]) -> dict[str, Any]:
    return dict(zip((column.name for column in _COLUMNS), row, strict=True))


def _cells(result: NightResult, computed_at: str | None) -> dict[str, Any]:
    return {
        "parameter_id": result.parameter_id,
        "as_of": result.as_of.isoformat(),
        "outcome": result.outcome,
        "light": str(result.light),
        "detail": result.detail,
        "remedy": result.remedy,
        "verdict": to_json(result.verdict),
        "read_at": None if result.read_at is None else instant_text(result.read_at),
        "loaded": finite(result.loaded),
        "counted": finite(result.counted),
        "late_not_counted": finite(result.late_not_counted),
        "quarantined": finite(result.quarantined),
        "failures": result.failures,
        "posterior_id": result.posterior_id,
        "computed_at": computed_at,
    }


def _result_of(row: tuple[Any, ...]) -> NightResult:
    values = _named(row)
    del values["computed_at"]
    values["as_of"] = date.fromisoformat(values["as_of"])
    values["light"] = Light(values["light"])
    values["verdict"] = from_json(values["verdict"])
    values["read_at"] = instant_or_none(values["read_at"])
    return NightResult(**values)
