"""Findings of the checks, by parameter, night, check and subject."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from typing import Any, Final

from sqlalchemy import bindparam, select

from evenfall.findings import Finding, Light
from evenfall.store.cells import from_json, to_json
from evenfall.store.schema import findings
from evenfall.store.scope import Scope

__all__ = ["findings_of", "save_findings"]

_KEY: Final = ("tenant", "parameter_id", "as_of", "check_name", "subject")

_COLUMNS: Final = (
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

_ALL: Final = (
    select(*_COLUMNS)
    .where(findings.c.tenant == bindparam("tenant"))
    .order_by(findings.c.as_of, findings.c.parameter_id, findings.c.check_name, findings.c.subject)
)

_STANDING: Final = _ALL.where(findings.c.withdrawn_at.is_(None))
_IN_NIGHT: Final = findings.c.as_of == bindparam("night")
_OF_PARAMETERS: Final = findings.c.parameter_id.in_(bindparam("ids", expanding=True))


def findings_of(
    scope: Scope, ids: Iterable[str] | None = None, as_of: date | None = None
) -> list[tuple[date, Finding]]:
    """Return findings with the night they belong to, of some or all parameters, of one or all nights."""
    query, binds = _STANDING, {}
    if as_of is not None:
        query, binds = query.where(_IN_NIGHT), {"night": as_of.isoformat()}
    if ids is None:
        rows = scope.fetch(query, **binds)
    else:
        found = scope.fetch_by_ids(query.where(_OF_PARAMETERS), ids, **binds)
        rows = sorted(found, key=lambda row: (row[1], row[0], *row[2:4]))
    return [(date.fromisoformat(row[1]), _finding_of(row)) for row in rows]


def save_findings(scope: Scope, said: Mapping[tuple[str, date], Sequence[Finding]]) -> int:
    """Write all that was found of (parameter, night) and return how many findings are new or changed.

    What an earlier run of the same night had found and this one does not is kept, marked as withdrawn.
    """
    given = [
        _cells(name, as_of.isoformat(), one) for (name, as_of), several in said.items() for one in several
    ]
    stored = {_key(cells): cells for cells in _stored(scope, said)}
    keys = {_key(cells) for cells in given}
    new = {_key(cells): scope.stamp() | cells for cells in given if _key(cells) not in stored}
    changed = [cells for cells in given if stored.get(_key(cells), cells) != cells]
    withdrawn = [
        cells | {"withdrawn_at": scope.wall_at}
        for key, cells in stored.items()
        if key not in keys and cells["withdrawn_at"] is None
    ]
    rewritten = scope.change(findings, _KEY, [scope.stamp() | cells for cells in changed + withdrawn])
    return scope.insert(findings, list(new.values())) + rewritten


def _stored(scope: Scope, nights: Iterable[tuple[str, date]]) -> list[dict[str, Any]]:
    names_of: dict[str, list[str]] = {}
    for name, as_of in nights:
        names_of.setdefault(as_of.isoformat(), []).append(name)
    names = [column.name for column in _COLUMNS]
    return [
        dict(zip(names, row, strict=True))
        for night, ids in names_of.items()
        for row in scope.fetch_by_ids(_ALL.where(_IN_NIGHT, _OF_PARAMETERS), ids, night=night)
    ]


def _key(cells: Mapping[str, Any]) -> tuple[Any, ...]:
    return (cells["parameter_id"], cells["as_of"], cells["check_name"], cells["subject"])


def _cells(name: str, night: str, one: Finding) -> dict[str, Any]:
    return {
        "parameter_id": name,
        "as_of": night,
        "check_name": one.check,
        "subject": one.subject,
        "light": str(one.light),
        "message": one.message,
        "remedy": one.remedy,
        "figures": to_json(one.figures),
        "withdrawn_at": None,
    }


def _finding_of(row: tuple[Any, ...]) -> Finding:
    parameter_id, _, check, subject, light, message, remedy, figures, _ = row
    return Finding(check, parameter_id, Light(light), message, remedy, from_json(figures), subject)
