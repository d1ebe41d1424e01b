"""What a run says when it is over, and what a project's numbers look like on a given day."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, fields, is_dataclass
from datetime import date, datetime
from typing import Any

from evenfall.findings import Light
from evenfall.store.records import EvidenceRow, NightResult, PosteriorRecord, PriorVersion
from evenfall.window import DayWindow

__all__ = [
    "PARTIAL_OUTCOMES",
    "Gap",
    "History",
    "NightReport",
    "RebuildReport",
    "Status",
    "StatusRow",
    "json_ready",
]

PARTIAL_OUTCOMES = frozenset({"failed", "source_down", "quarantined", "config_error"})
"""Outcomes that make a night partial; the others are what a healthy night may say."""


def json_ready(value: object) -> Any:
    """Return `value` with dates, windows, tuples and records as JSON has them."""
    match value:
        case DayWindow():
            return [value.first.isoformat(), value.stop.isoformat()]
        case datetime() | date():
            return value.isoformat()
        case Mapping():
            return {str(key): json_ready(item) for key, item in value.items()}
        case list() | tuple():
            return [json_ready(item) for item in value]
        case _ if is_dataclass(value):
            return {each.name: json_ready(getattr(value, each.name)) for each in fields(value)}
        case _:
            return value


class _Report:
    """A frozen report that can show itself as JSON-ready data."""

    def as_dict(self) -> dict[str, Any]:
        """Return the report as JSON-ready data."""
        shown: dict[str, Any] = json_ready(self)
        return shown


@dataclass(frozen=True)
class NightReport(_Report):
    """What a night or a backfill did.

    Attributes
    ----------
    results
        One per parameter, by id.
    written
        Rows written per kind; all zero when the night had been run before and nothing changed.
    failures
        Traceback text per parameter that failed unexpectedly.
    config_problems
        Number of problems in the project's files; their last good versions were used.
    """

    run_key: str
    as_of: date
    results: tuple[NightResult, ...]
    written: Mapping[str, int]
    failures: Mapping[str, str]
    config_problems: int = 0

    @property
    def counts(self) -> dict[str, int]:
        """How many parameters had which outcome."""
        return dict(sorted(Counter(result.outcome for result in self.results).items()))

    @property
    def exit_code(self) -> int:
        """0 when all went well, 2 when some parameters did not, 1 when nothing came of any.

        Of a parameter with days set aside, whose other days were counted, something came.
        """
        bad = [result for result in self.results if result.outcome in PARTIAL_OUTCOMES]
        if bad and len(bad) == len(self.results) and not any(result.counted for result in bad):
            return 1
        return 2 if bad or self.config_problems else 0

    def as_dict(self) -> dict[str, Any]:
        """Return the report as JSON-ready data, with its counts and exit code."""
        return {**super().as_dict(), "counts": self.counts, "exit_code": self.exit_code}


@dataclass(frozen=True)
class StatusRow(_Report):
    """One parameter as it stands: prior, evidence, posterior, light."""

    parameter_id: str
    name: str
    type: str
    light: Light
    outcome: str
    prior_mean: float | None = None
    prior_stdev: float | None = None
    prior_origin: str = ""
    posterior_mean: float | None = None
    posterior_stdev: float | None = None
    lower: float | None = None
    upper: float | None = None
    size: float = 0.0
    total: float = 0.0
    observed: float | None = None
    sigma: float | None = None
    read_at: datetime | None = None
    age_days: float | None = None
    detail: str = ""
    remedy: str = ""
    config_error: str = ""


@dataclass(frozen=True)
class Status(_Report):
    """All parameters as they stood at the end of a night."""

    as_of: date
    rows: tuple[StatusRow, ...]

    @property
    def red(self) -> bool:
        """Whether anything is red."""
        return any(row.light is Light.RED for row in self.rows)


@dataclass(frozen=True)
class Gap(_Report):
    """Windows of a parameter that the next night will read for the first time."""

    parameter_id: str
    windows: tuple[DayWindow, ...]
    reason: str


@dataclass(frozen=True)
class History(_Report):
    """Everything kept of one parameter, oldest first."""

    parameter_id: str
    priors: tuple[PriorVersion, ...]
    posteriors: tuple[PosteriorRecord, ...]
    evidence: tuple[EvidenceRow, ...]
    nights: tuple[NightResult, ...]


@dataclass(frozen=True)
class Difference(_Report):
    """A stored posterior that its inputs do not give again.

    Attributes
    ----------
    stored, rebuilt
        Its family's numbers, mean, stdev, lower, upper, and the sums it counted, in this order.
    """

    parameter_id: str
    as_of: date
    stored: tuple[float, ...]
    rebuilt: tuple[float, ...]


@dataclass(frozen=True)
class RebuildReport(_Report):
    """What recomputing the stored posteriors from prior version and ledger gave.

    Attributes
    ----------
    max_difference
        Largest relative difference of any number, stored against rebuilt.
    """

    checked: int
    differing: tuple[Difference, ...]
    max_difference: float

    @property
    def exit_code(self) -> int:
        """0 when every posterior was rebuilt to 1e-12, else 1."""
        return 1 if self.differing else 0
