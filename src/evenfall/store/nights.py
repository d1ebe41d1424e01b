"""What each night said of each parameter: one result, and findings."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from typing import Any, Final

from sqlalchemy import bindparam, func, select, update

from evenfall.findings import Finding, Light
from evenfall.store.instants import from_json, instant_or_none, instant_text, to_json
from evenfall.store.records import NightResult
from evenfall.store.schema import findings, night_results, parameters
from evenfall.store.scope import Scope

__all__ = ["findings_of", "night_history", "results_as_of", "save_findings", "save_results"]

type Night = tuple[str, str]  # parameter_id, as_of

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

_CHANGED_COLUMNS: Final = [column.name for column in _COLUMNS[2:]] + ["run_id", "wall_at"]

_CHANGE: Final = (
    update(night_results)
    .where(
        night_results.c.tenant == bindparam("key_tenant"),
        night_results.c.parameter_id == bindparam("key_parameter"),
        night_results.c.as_of == bindparam("key_night"),
    )
    .values({name: bindparam(name) for name in _CHANGED_COLUMNS})
)

_FINDING_COLUMNS: Final = (
    findings.c.parameter_id,
    findings.c.as_of,
    findings.c.check_name,
    findings.c.subject,
    findings.c.light,
    findings.c.message,
    findings.c.remedy,
    findings.c.figures,
    findings.c.withdrawn_at,
)

_FINDINGS: Final = (
    select(*_FINDING_COLUMNS)
    .where(findings.c.tenant == bindparam("tenant"))
    .order_by(findings.c.as_of, findings.c.parameter_id, findings.c.check_name, findings.c.subject)
)

_FINDINGS_OF_NIGHT: Final = _FINDINGS.where(
    findings.c.as_of == bindparam("night"), findings.c.parameter_id.in_(bindparam("ids", expanding=True))
)

_CHANGE_FINDING: Final = (
    update(findings)
    .where(
        findings.c.tenant == bindparam("key_tenant"),
        findings.c.parameter_id == bindparam("key_parameter"),
        findings.c.as_of == bindparam("key_night"),
        findings.c.check_name == bindparam("key_check"),
        findings.c.subject == bindparam("key_subject"),
    )
    .values(
        {
            name: bindparam(name)
            for name in ("light", "message", "remedy", "figures", "withdrawn_at", "run_id", "wall_at")
        }
    )
)


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


def save_results(scope: Scope, results: Sequence[tuple[NightResult, str | None]]) -> int:
    """Write results, each with the instant its posterior was computed at; return how many are new or changed."""
    given = {(one.parameter_id, one.as_of.isoformat()): _cells(one, at) for one, at in results}
    stored: dict[Night, tuple[Any, ...]] = {}
    for night, names in _by_night(given).items():
        for name, as_of, *cells in scope.fetch_by_ids(_OF_NIGHT, names, night=night):
            stored[name, as_of] = tuple(cells)
    new = [
        {**scope.stamp(), "parameter_id": name, "as_of": night, **_named(cells)}
        for (name, night), cells in given.items()
        if (name, night) not in stored
    ]
    stamp = {"run_id": scope.run_id, "wall_at": scope.wall_at, "key_tenant": scope.tenant}
    changed = [
        {**stamp, "key_parameter": name, "key_night": night, **_named(cells)}
        for (name, night), cells in given.items()
        if stored.get((name, night), cells) != cells
    ]
    if changed:
        scope.connection.execute(_CHANGE, changed)
    return scope.insert(night_results, new) + len(changed)


def findings_of(
    scope: Scope, ids: Iterable[str] | None = None, as_of: date | None = None
) -> list[tuple[date, Finding]]:
    """Return findings with the night they belong to, of some or all parameters, of one or all nights."""
    query = _FINDINGS.where(findings.c.withdrawn_at.is_(None))
    binds: dict[str, object] = {}
    if as_of is not None:
        query = query.where(findings.c.as_of == bindparam("night"))
        binds["night"] = as_of.isoformat()
    if ids is not None:
        query = query.where(findings.c.parameter_id.in_(bindparam("ids", expanding=True)))
        found = sorted(scope.fetch_by_ids(query, ids, **binds), key=lambda row: row[1::-1])
    else:
        found = [tuple(row) for row in scope.fetch(query, **binds)]
    return [(date.fromisoformat(row[1]), _finding_of(row)) for row in found]


def save_findings(scope: Scope, said: Mapping[tuple[str, date], Sequence[Finding]]) -> int:
    """Write what was found of (parameter, night), the whole of it; return how many findings are new.

    What an earlier run of the same night had found and this one does not is kept, marked as withdrawn.
    """
    given = {
        (name, as_of.isoformat(), one.check, one.subject): _finding_cells(one)
        for (name, as_of), ones in said.items()
        for one in ones
    }
    stored: dict[tuple[str, str, str, str], tuple[Any, ...]] = {}
    for night, names in _by_night((name, as_of.isoformat()) for name, as_of in said).items():
        for row in scope.fetch_by_ids(_FINDINGS_OF_NIGHT, names, night=night):
            stored[tuple(row[:4])] = tuple(row[4:])
    withdrawn = {
        key: (*cells[:-1], scope.wall_at)
        for key, cells in stored.items()
        if key not in given and cells[-1] is None
    }
    changed = {key: cells for key, cells in given.items() if stored.get(key, cells) != cells} | withdrawn
    if changed:
        scope.connection.execute(_CHANGE_FINDING, [_finding_change(scope, *one) for one in changed.items()])
    new = [_finding_row(scope, key, cells) for key, cells in given.items() if key not in stored]
    return scope.insert(findings, new)


def _by_night(keys: Iterable[Night]) -> dict[str, list[str]]:
    names: dict[str, list[str]] = {}
    for name, night in keys:
        names.setdefault(night, []).append(name)
    return names


def _cells(result: NightResult, computed_at: str | None) -> tuple[Any, ...]:
    return (
        result.outcome,
        str(result.light),
        result.detail,
        result.remedy,
        to_json(result.verdict),
        None if result.read_at is None else instant_text(result.read_at),
        float(result.loaded),
        float(result.counted),
        float(result.late_not_counted),
        float(result.quarantined),
        result.failures,
        result.posterior_id,
        computed_at,
    )


def _named(cells: tuple[Any, ...]) -> dict[str, Any]:
    return {column.name: cell for column, cell in zip(_COLUMNS[2:], cells, strict=True)}


def _result_of(row: tuple[Any, ...]) -> NightResult:
    values = dict(zip((column.name for column in _COLUMNS), row, strict=True))
    del values["computed_at"]
    values["as_of"] = date.fromisoformat(values["as_of"])
    values["light"] = Light(values["light"])
    values["verdict"] = from_json(values["verdict"])
    values["read_at"] = instant_or_none(values["read_at"])
    return NightResult(**values)


def _finding_cells(one: Finding) -> tuple[Any, ...]:
    return (str(one.light), one.message, one.remedy, to_json(one.figures), None)


def _finding_row(scope: Scope, key: tuple[str, str, str, str], cells: tuple[Any, ...]) -> dict[str, Any]:
    names = [column.name for column in _FINDING_COLUMNS]
    return {**scope.stamp(), **dict(zip(names, (*key, *cells), strict=True))}


def _finding_change(scope: Scope, key: tuple[str, str, str, str], cells: tuple[Any, ...]) -> dict[str, Any]:
    names = [column.name for column in _FINDING_COLUMNS[4:]]
    keys = ("key_parameter", "key_night", "key_check", "key_subject")
    return {
        "key_tenant": scope.tenant,
        "run_id": scope.run_id,
        "wall_at": scope.wall_at,
        **dict(zip(keys, key, strict=True)),
        **dict(zip(names, cells, strict=True)),
    }


def _finding_of(row: Sequence[Any]) -> Finding:
    parameter_id, _, check, subject, light, message, remedy, figures, _ = row
    return Finding(check, parameter_id, Light(light), message, remedy, from_json(figures), subject)
