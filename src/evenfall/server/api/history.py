"""The past of one parameter as tables: the values it took, and everything that was read of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date, datetime
from typing import Annotated, Any, Final, Literal

from fastapi import APIRouter, Query, Response
from pydantic import BaseModel, ConfigDict, Field

from evenfall.server.api.asked import AsOf, ParameterId, looked, turned
from evenfall.server.paging import Page, Paging
from evenfall.server.problems import Refused
from evenfall.server.security import Opened, Viewer
from evenfall.server.tables import csv_answer

__all__ = ["router"]

router = APIRouter(prefix="/api/v1/parameters", tags=["parameters"])

_MOST: Final = 1_000_000
"""Rows of a file: what memory holds and a spreadsheet opens."""

_CSV: dict[int | str, dict[str, Any]] = {
    200: {"content": {"text/csv": {"schema": {"type": "string"}}}, "description": "JSON, or a CSV file"}
}
Format = Annotated[Literal["json", "csv"], Query(description="`csv` for all rows as a file.")]


class Value(BaseModel):
    """A value the parameter took."""

    model_config = ConfigDict(
        from_attributes=True,
        json_schema_extra={
            "examples": [
                {
                    "timestamp": "2026-10-01T06:00:00Z",
                    "mean": 0.433,
                    "stdev": 0.0052,
                    "source": "posterior",
                    "who": "nightly:2026-10-01",
                    "detail": "manual (parameters/checkout.yaml:14)",
                }
            ]
        },
    )

    timestamp: datetime
    mean: float
    stdev: float
    source: str = Field(description="sheets, sql, manual, webhook, posterior or fallback.")
    who: str = Field(description="The run that brought it.")
    detail: str


class Reading(BaseModel):
    """What one read of the source said of one interval."""

    first: date
    stop: date
    age: str = Field(description="`final`, or the age cell of a cohort in days.")
    slice: str
    size: float = Field(description="Trials, exposure or n.")
    total: float = Field(description="Successes, events or sum.")
    squares: float
    query_hash: str
    seen_at: datetime
    version: int
    backfilled: bool


@router.get("/{parameter_id}/history", summary="Values it took", response_model=Page[Value], responses=_CSV)
def history(
    _: Viewer,
    project: Opened,
    parameter_id: ParameterId,
    turning: Paging,
    *,
    format: Format = "json",  # noqa: A002 - the word in the address
    as_of: AsOf = None,
) -> Response | Page[Value]:
    """Return what sources stated and posteriors that became current, the newest first."""
    look = looked(project, parameter_id, as_of)
    if format == "csv":
        return _file(look.values, Value.model_validate, Value, f"{look.parameter.id}-history")
    found, following, total = turned(turning, look.values)
    return Page[Value](items=[Value.model_validate(row) for row in found], next=following, total=total)


@router.get(
    "/{parameter_id}/ledger", summary="What was read of it", response_model=Page[Reading], responses=_CSV
)
def ledger(
    _: Viewer,
    project: Opened,
    parameter_id: ParameterId,
    turning: Paging,
    *,
    format: Format = "json",  # noqa: A002 - the word in the address
    as_of: AsOf = None,
) -> Response | Page[Reading]:
    """Return every reading of every interval, the newest intervals first."""
    look = looked(project, parameter_id, as_of)
    if format == "csv":
        return _file(look.ledger, _reading, Reading, f"{look.parameter.id}-ledger")
    found, following, total = turned(turning, look.ledger)
    return Page[Reading](items=[_reading(row) for row in found], next=following, total=total)


def _file(
    read: Callable[[int], tuple[Sequence[Any], int]],
    shown: Callable[[Any], BaseModel],
    kind: type[BaseModel],
    name: str,
) -> Response:
    """Return all rows as a CSV file; refused where there are more than fit into one, never cut short."""
    rows, total = read(_MOST)
    if total > len(rows):
        raise Refused(
            422,
            f"a file holds {_MOST:,} rows, and there are {total:,}",
            field="format",
            value="csv",
            remedy="read them in pages of JSON",
        )
    cells = (shown(row).model_dump(mode="json") for row in rows)
    return csv_answer(cells, list(kind.model_fields), name)


def _reading(row: Any) -> Reading:
    facts = {name: getattr(row, name) for name in Reading.model_fields if name not in ("first", "stop")}
    return Reading(first=row.window.first, stop=row.window.stop, **facts)
