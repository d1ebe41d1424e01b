"""What the tests put into a store, and how they look at what came of it."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from itertools import count
from typing import Any

from sqlalchemy import select

from evenfall.beliefs.belief import Belief, Origin
from evenfall.findings import Finding, Light
from evenfall.store.database import Store
from evenfall.store.records import (
    CommitReport,
    Definition,
    EvidenceRow,
    FitRecord,
    Hyperparameter,
    IncidentRecord,
    Lease,
    Message,
    NightResult,
    PosteriorRecord,
    PriorVersion,
    Record,
)
from evenfall.store.schema import metadata
from evenfall.window import DayWindow

FIRST = date(2025, 1, 1)
LATE = datetime(2030, 1, 1, tzinfo=UTC)
P = "checkout[channel=google]"
ELSEWHERE = ("elsewhere:1:0", "elsewhere:2:0")


class HandClock:
    """A wall clock that moves when told to."""

    def __init__(self) -> None:
        self.instant = datetime(2026, 1, 1, tzinfo=UTC)

    def now(self) -> datetime:
        return self.instant

    def pass_seconds(self, seconds: float) -> None:
        self.instant += timedelta(seconds=seconds)


def night(n: int) -> datetime:
    return datetime(2025, 1, 1, 6, tzinfo=UTC) + timedelta(days=n)


def day(n: int, days: int = 1) -> DayWindow:
    return DayWindow(FIRST + timedelta(days=n), FIRST + timedelta(days=n + days))


def reading(of: int, size: float, total: float, seen: int, **more: Any) -> EvidenceRow:
    values = {"parameter_id": P, "window": day(of), "squares": 0.0, "query_hash": "q1"} | more
    return EvidenceRow(size=size, total=total, seen_at=night(seen), **values)


def beta(alpha: float, b: float, kind: str = "manual") -> Belief:
    return Belief("beta", ("alpha", "beta"), (alpha, b), Origin(kind, "parameters/checkout.yaml:3"))


def prior(alpha: float, seen: int, **more: Any) -> PriorVersion:
    values = {"parameter_id": P, "version": 0, "mean": 0.32, "stdev": 0.09, "reason": "declared"} | more
    values = {"root": 0, "absorbed_until": None, "definition_hash": "d1", "belief": beta(alpha, 17)} | values
    return PriorVersion(seen_at=night(seen), **values)


def posterior(inputs: str, seen: int, **more: Any) -> PosteriorRecord:
    values = {
        "parameter_id": P,
        "as_of": night(seen).date(),
        "prior_version": 0,
        "belief": beta(60, 115, "posterior"),
        "mean": 60 / 175,
        "stdev": 0.0358,
        "lower": 0.2745,
        "upper": 0.4146,
        "sums": (150.0, 52.0, 0.0),
        "counted_until": night(seen).date(),
        "watermark": night(seen - 1).date(),
        "kappa": None,
        "half_life_days": 30.5,
        "query_hash": "q1",
        "definition_hash": "d1",
    } | more
    return PosteriorRecord(inputs_hash=inputs, seen_at=night(seen), **values)


def record(seen: int, *, parameter_id: str = P, result: dict[str, Any] | None = None, **parts: Any) -> Record:
    said: dict[str, Any] = {"outcome": "updated", "light": Light.GREEN} | (result or {})
    return Record(parameter_id, NightResult(parameter_id, night(seen).date(), **said), **parts)


def full(seen: int, *, parameter_id: str = P, total: float = 52.0, inputs: str = "h1") -> Record:
    """Return a record with something for every table."""
    return record(
        seen,
        parameter_id=parameter_id,
        result={"verdict": {"sigma": 0.376, "n": 150}, "read_at": night(seen), "loaded": 150, "counted": 150},
        evidence=(reading(0, 150, total, seen, parameter_id=parameter_id),),
        priors=(prior(8, seen, parameter_id=parameter_id),),
        hyperparameters=(Hyperparameter(parameter_id, "kappa", 50.0, night(seen)),),
        posterior=posterior(inputs, seen, parameter_id=parameter_id),
        publish=True,
        findings=(Finding("drift", parameter_id, Light.RED, "it drifts", "look", {"sigma": 4.1}),),
        messages=(Message(f"{parameter_id}|{seen}", "sheets", {"mean": 0.34}, parameter_id, night(seen)),),
    )


_run_numbers = count()


def save(store: Store, *records: Record, lease: Lease | None = None) -> CommitReport:
    held = lease or store.start_run(f"run-{next(_run_numbers)}", "nightly", FIRST)
    return store.commit(records, held)


def contents(store: Store) -> dict[str, list[tuple[Any, ...]]]:
    """Return every row of the tenant in every table but those that say who is at work."""
    with store._reading() as scope:
        return {
            table.name: sorted(
                (
                    tuple(row)
                    for row in scope.connection.execute(select(table).where(table.c.tenant == store.tenant))
                ),
                key=repr,
            )
            for table in metadata.sorted_tables
            if table.name not in ("runs", "tasks")
        }


def definition(path: str, content: str, good: bool = True) -> Definition:
    return Definition(path, f"sha of {content}", content, good, "abc123")


CHUNKS = (["p0", "p1", "p2"], ["p3", "p4", "p5"])


def run_two_nights(store: Store) -> None:
    """Keep two nights of six parameters, in chunks, as a nightly run does."""
    for n in (1, 2):
        lease = store.start_run(f"night-{n}", "nightly", FIRST)
        for names in CHUNKS:
            records = [full(n, parameter_id=name, total=float(n), inputs=f"h{n}") for name in names]
            assert not store.commit(records, lease).failed
        store.finish_run(lease, "ok")


def fit(inputs: str, seen: int, **more: Any) -> FitRecord:
    values: dict[str, Any] = {
        "parameter_id": P,
        "engine": "auto",
        "rung": "laplace",
        "passed": True,
        "data_hash": "data",
        "definition_hash": "d1",
        "code_version": "0.4",
        "seed": 2**62 + 1,
    } | more
    return FitRecord(as_of=night(seen).date(), inputs_hash=inputs, seen_at=night(seen), **values)


def incident(opened: int, **more: Any) -> IncidentRecord:
    values: dict[str, Any] = {"parameter_id": P, "kind": "divergence"} | more
    return IncidentRecord(opened_on=night(opened).date(), opened_at=night(opened), **values)
