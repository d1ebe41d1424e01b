"""The store: one database, one tenant, and everything that can be kept in it and asked of it."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import date, datetime
from functools import cached_property
from types import TracebackType
from typing import Any, Literal, Self, overload

from sqlalchemy import insert, select

from evenfall.beliefs.cohorts import Clock as AgeClock
from evenfall.beliefs.cohorts import Cohorts
from evenfall.beliefs.observations import Observations
from evenfall.clock import Clock, SystemClock
from evenfall.findings import Finding
from evenfall.store import (
    attempts,
    cohorts,
    coverage,
    definitions,
    findings,
    fits,
    hyperparameters,
    incidents,
    ledger,
    outbox,
    pointers,
    posteriors,
    priors,
    results,
    runs,
    tasks,
)
from evenfall.store import commit as committing
from evenfall.store.api_keys import ApiKeys
from evenfall.store.attempts import Attempt
from evenfall.store.cells import instant_text
from evenfall.store.engine import Transactions, make_engine
from evenfall.store.faults import reach
from evenfall.store.generation import Generation, generation_of
from evenfall.store.migrate import check_revision, found_revision, migrate
from evenfall.store.owners import this_process
from evenfall.store.pages import PagedReads
from evenfall.store.records import (
    Arrival,
    CommitReport,
    Definition,
    EvidenceRow,
    EvidenceSpan,
    FitRecord,
    Hyperparameter,
    IncidentEvent,
    IncidentRecord,
    Lease,
    NightResult,
    PosteriorRecord,
    PriorVersion,
    QueuedMessage,
    Record,
    RunAttempt,
    Task,
)
from evenfall.store.schema import tenants
from evenfall.store.scope import Scope

__all__ = ["Store", "migrate_store", "open_store"]


def open_store(url: str, tenant: str = "default", *, clock: Clock | None = None) -> Store:
    """Return the store at a URL; a new database is made and brought to the newest schema.

    Parameters
    ----------
    url
        ``memory``, ``sqlite:///path`` or ``postgresql+psycopg://…``.
    clock
        The wall clock that leases, and the wall times beside logical ones, are taken from.

    Raises
    ------
    MigrationNeeded
        When the database's schema is older or newer than this program's.
    StoreError
        When there is no such kind of database, or it holds tables that are not Evenfall's.
    """
    transactions = Transactions(make_engine(url))
    try:
        with transactions.reading() as connection:
            found = found_revision(connection)
        if found is None:
            migrate(transactions)
        else:
            check_revision(found)
        return Store(transactions, tenant, clock or SystemClock())
    except BaseException:
        transactions.close()
        raise


def migrate_store(url: str) -> tuple[str | None, str]:
    """Bring the database at a URL to the newest schema and return the revisions before and after.

    Raises
    ------
    MigrationNeeded
        When the database is newer than this program.
    """
    transactions = Transactions(make_engine(url))
    try:
        return migrate(transactions)
    finally:
        transactions.close()


class Store(PagedReads):
    """What one tenant has seen and believed.

    Questions take the instant or night they are asked for, and the answers are what was known then. Writers
    are alone; `commit` is the only way in for evidence and beliefs.
    """

    def __init__(self, transactions: Transactions, tenant: str, clock: Clock) -> None:
        self.tenant = tenant
        self._transactions = transactions
        self._clock = clock
        self._admit_tenant()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close every connection; what was kept in memory is gone."""
        self._transactions.close()

    @cached_property
    def keys(self) -> ApiKeys:
        """The tenant's API keys."""
        return ApiKeys(self._transactions, self.tenant, self._clock)

    def generation(self) -> Generation:
        """Return a value that is the same only as long as no evidence and no belief was written."""
        with self._reading() as scope:
            return generation_of(scope, self._clock.now())

    # Definitions and parameters ---------------------------------------------------------------------------

    def record_definitions(self, seen: Sequence[Definition], seen_at: datetime) -> int:
        """Write the files that are not as they were last seen and return how many those are."""
        with self._writing() as scope:
            return definitions.save_definitions(scope, seen, seen_at)

    def last_good_definitions(self) -> dict[str, str]:
        """Return per path the newest text that was accepted."""
        with self._reading() as scope:
            return definitions.last_good_definitions(scope)

    def parameter_ids(self) -> list[str]:
        """Return every parameter anything was ever written for."""
        with self._reading() as scope:
            return definitions.parameter_ids(scope)

    # The ledger -------------------------------------------------------------------------------------------

    def evidence(self, query_hashes: Mapping[str, str], as_of: datetime) -> dict[str, list[EvidenceRow]]:
        """Return per parameter the rows of its current query that were known at `as_of`, by window."""
        with self._reading() as scope:
            return ledger.evidence_as_of(scope, query_hashes, as_of)

    def observations(self, query_hashes: Mapping[str, str], as_of: datetime) -> dict[str, Observations]:
        """Return the sums of `evidence` as arrays; parameters without rows are absent, slices left out."""
        with self._reading() as scope:
            return ledger.observations_as_of(scope, query_hashes, as_of)

    def cohorts(
        self, query_hashes: Mapping[str, str], as_of: datetime, clocks: Mapping[str, AgeClock] | None = None
    ) -> dict[str, Cohorts]:
        """Return the age cells of `evidence` as arrays; parameters without are absent, slices left out.

        `clocks` says per parameter how its query counts ages, ``elapsed`` where it says nothing.
        """
        found = self.sliced_cohorts(query_hashes, as_of, clocks)
        return {name: slices[""] for name, slices in found.items() if "" in slices}

    def sliced_cohorts(
        self, query_hashes: Mapping[str, str], as_of: datetime, clocks: Mapping[str, AgeClock] | None = None
    ) -> dict[str, dict[str, Cohorts]]:
        """Return the age cells of `evidence` as arrays, per parameter and slice, the whole under ``""``."""
        by_parameter: dict[str, dict[str, Cohorts]] = {}
        with self._reading() as scope:
            found = cohorts.cohorts_as_of(scope, query_hashes, as_of, clocks or {})
        for (name, part), one in found.items():
            by_parameter.setdefault(name, {})[part] = one
        return by_parameter

    def evidence_history(self, parameter_id: str) -> list[EvidenceRow]:
        """Return every row ever written for a parameter, by query, slice, age, window and seen_at."""
        with self._reading() as scope:
            return ledger.evidence_history(scope, [parameter_id])

    def evidence_spans(self, parameter_ids: Iterable[str], as_of: datetime) -> dict[str, list[EvidenceSpan]]:
        """Return per parameter, for each query it ever had, the days that were known at `as_of`."""
        with self._reading() as scope:
            return coverage.evidence_spans(scope, parameter_ids, as_of)

    def arrivals(self, as_of: datetime, since: date, left_out: Iterable[str] = ()) -> list[Arrival]:
        """Return how the windows from `since` on grew with each reading, over all queries but `left_out`.

        Windows that a backfill, or a query's very first reading, brought along are left out.
        """
        with self._reading() as scope:
            return coverage.arrivals(scope, as_of, since, left_out)

    # Beliefs ----------------------------------------------------------------------------------------------

    def priors(self, parameter_ids: Iterable[str], as_of: datetime) -> dict[str, list[PriorVersion]]:
        """Return per parameter the prior versions seen at or before `as_of`, the newest last."""
        with self._reading() as scope:
            return priors.priors_as_of(scope, parameter_ids, as_of)

    def hyperparameters(self, as_of: datetime) -> dict[tuple[str, str], Hyperparameter]:
        """Return by (scope, name) the newest value seen at or before `as_of`."""
        with self._reading() as scope:
            return hyperparameters.hyperparameters_as_of(scope, as_of)

    @overload
    def posteriors(
        self, parameter_ids: Iterable[str], as_of: datetime, newest: Literal[True] = True
    ) -> dict[str, PosteriorRecord]: ...

    @overload
    def posteriors(
        self, parameter_ids: Iterable[str], as_of: datetime, newest: Literal[False]
    ) -> dict[str, list[PosteriorRecord]]: ...

    def posteriors(
        self, parameter_ids: Iterable[str], as_of: datetime, newest: bool = True
    ) -> dict[str, PosteriorRecord] | dict[str, list[PosteriorRecord]]:
        """Return per parameter the posterior of its last night at or before `as_of`, or all up to then."""
        with self._reading() as scope:
            if newest:
                return posteriors.newest_as_of(scope, parameter_ids, as_of)
            return posteriors.posteriors_as_of(scope, parameter_ids, as_of)

    def current(self, parameter_ids: Iterable[str], as_of: datetime) -> dict[str, PosteriorRecord]:
        """Return per parameter the posterior that was current at `as_of`; without one it is absent."""
        with self._reading() as scope:
            return pointers.current_as_of(scope, parameter_ids, as_of)

    def published(self, parameter_ids: Iterable[str], as_of: datetime) -> dict[str, datetime]:
        """Return per parameter when it last published a posterior, at or before `as_of`."""
        with self._reading() as scope:
            return pointers.published_as_of(scope, parameter_ids, as_of)

    def posterior_history(self, parameter_id: str) -> list[PosteriorRecord]:
        """Return every posterior of a parameter, the newest last."""
        with self._reading() as scope:
            return posteriors.posterior_history(scope, parameter_id)

    # Fits -------------------------------------------------------------------------------------------------

    def latest_fits(
        self, parameter_ids: Iterable[str], as_of: datetime, passed: bool = True
    ) -> dict[str, FitRecord]:
        """Return per parameter its last good fit at or before `as_of`, or its last one, good or not."""
        with self._reading() as scope:
            return fits.newest_fits(scope, parameter_ids, as_of, passed=passed)

    def last_full_fits(self, parameter_ids: Iterable[str], as_of: datetime) -> dict[str, FitRecord]:
        """Return per parameter its last good fit that is not an earlier one weighted anew."""
        with self._reading() as scope:
            return fits.newest_fits(scope, parameter_ids, as_of, full=True)

    def fit_history(self, parameter_ids: Iterable[str]) -> dict[str, list[FitRecord]]:
        """Return per parameter every fit, good or not, the newest last."""
        with self._reading() as scope:
            return fits.fit_history(scope, parameter_ids)

    def fit(self, number: int) -> FitRecord:
        """Return the fit of a number.

        Raises
        ------
        UsageError
            When there is none.
        """
        with self._reading() as scope:
            return fits.fit_of(scope, number)

    def artifacts(self) -> set[str]:
        """Return the places of all files that fits refer to, those of other tenants too."""
        with self._reading() as scope:
            return fits.artifacts_of(scope)

    # Incidents --------------------------------------------------------------------------------------------

    def incidents(
        self,
        parameter_ids: Iterable[str] | None,
        as_of: datetime,
        states: Collection[str] = ("open", "ack", "resolved"),
    ) -> list[IncidentRecord]:
        """Return incidents of some parameters (all when None) that were in one of `states` at `as_of`.

        State, acknowledgement and resolution are those of that instant; figures and message those of the
        latest night that spoke of it.
        """
        with self._reading() as scope:
            return incidents.incidents_as_of(scope, parameter_ids, as_of, states)

    def incident_events(self, incident_id: int) -> list[IncidentEvent]:
        """Return everything that happened to an incident, in order of time."""
        with self._reading() as scope:
            return incidents.events_of(scope, incident_id)

    def acknowledge_incident(self, incident_id: int, who: str, note: str, at: datetime) -> IncidentRecord:
        """Write that somebody has seen an incident and return it; the same said again writes nothing.

        Raises
        ------
        UsageError
            When there is no such incident, or it is resolved.
        """
        with self._writing() as scope:
            return incidents.acknowledge(scope, incident_id, who, note, at)

    # Nights -----------------------------------------------------------------------------------------------

    def night_results(self, parameter_ids: Iterable[str] | None, as_of: date) -> dict[str, NightResult]:
        """Return per parameter (all when None) its newest result at or before a night."""
        with self._reading() as scope:
            return results.results_as_of(scope, parameter_ids, as_of)

    def night_history(self, parameter_id: str) -> list[NightResult]:
        """Return every night's result of a parameter, the newest last."""
        with self._reading() as scope:
            return results.night_history(scope, parameter_id)

    def findings(
        self, parameter_ids: Iterable[str] | None = None, as_of: date | None = None
    ) -> list[tuple[date, Finding]]:
        """Return findings with their night, of some or all parameters, of one or all nights."""
        with self._reading() as scope:
            return findings.findings_of(scope, parameter_ids, as_of)

    def outbox(self, status: str = "pending") -> list[QueuedMessage]:
        """Return the messages of one status, the oldest first."""
        with self._reading() as scope:
            return outbox.queued_messages(scope, status)

    def commit(self, records: Sequence[Record], lease: Lease) -> CommitReport:
        """Write what a night keeps of a chunk of parameters, each whole or not at all, in one transaction.

        Writing the same records again writes nothing. A record that is refused is reported and rolled back
        alone.

        Raises
        ------
        LeaseLost
            When the run or the task was taken over; nothing is written.
        """
        with self._writing(lease) as scope:
            report = committing.commit(scope, records, lease, self._clock.now())
            reach("commit.before")
        reach("commit.after")
        return report

    # Runs -------------------------------------------------------------------------------------------------

    def start_run(
        self,
        run_key: str,
        kind: str,
        as_of: date,
        owner: str | None = None,
        plan_json: str = "{}",
        *,
        lease_seconds: float = 300,
    ) -> Lease:
        """Begin an attempt at a run and return the lease to write under; `owner` is this process by default.

        An attempt whose lease has expired, or whose owner is dead or the same, is marked abandoned and
        replaced.

        Raises
        ------
        StoreError
            When another living owner holds the run.
        """
        with self._writing() as scope:
            begun = runs.Beginning(
                run_key, kind, as_of, owner or this_process(), plan_json, lease_seconds, self._clock.now()
            )
            return runs.start_run(scope, begun)

    def heartbeat(self, lease: Lease) -> Lease:
        """Return the lease, renewed for its full length.

        Raises
        ------
        LeaseLost
            When the run or the task was taken over.
        """
        with self._writing() as scope:
            now = self._clock.now()
            expires_at = runs.extend_run(scope, lease, now)
            if lease.task is not None:
                expires_at = tasks.extend_task(scope, lease, now)
            return replace(lease, expires_at=expires_at)

    def finish_run(self, lease: Lease, status: str, summary: Mapping[str, object] | None = None) -> None:
        """End an attempt as ok, partial, failed or cancelled."""
        with self._writing() as scope:
            runs.finish_run(scope, lease, status, dict(summary or {}), self._clock.now())

    def runs(self, limit: int = 20) -> list[RunAttempt]:
        """Return the last attempts, the newest first."""
        with self._reading() as scope:
            return runs.newest_runs(scope, limit)

    def newest_attempts(self, most: int, before: int | None = None) -> list[Attempt]:
        """Return the newest attempt of each run key, the newest first, below the run number `before`."""
        with self._reading() as scope:
            return attempts.newest_by_key(scope, most, before, self._clock.now())

    def attempts(self, run_key: str) -> list[Attempt]:
        """Return every attempt at a run, the newest first."""
        with self._reading() as scope:
            return attempts.attempts_of(scope, run_key, self._clock.now())

    def count_run_keys(self) -> int:
        """Return how many different runs there were."""
        with self._reading() as scope:
            return attempts.count_keys(scope)

    def plan_of(self, run_id: int) -> dict[str, Any]:
        """Return the plan an attempt began with."""
        with self._reading() as scope:
            return attempts.plan_of(scope, run_id)

    def end_lost_run(self, run_id: int, status: str, summary: Mapping[str, object]) -> bool:
        """End an attempt whose process is gone and return whether there was one to end.

        Raises
        ------
        StoreError
            When its process still runs, or that cannot be told from here.
        """
        with self._writing() as scope:
            return attempts.end_lost_run(scope, run_id, status, summary, self._clock.now())

    def add_tasks(self, lease: Lease, new: Sequence[tuple[str, Mapping[str, object]]]) -> int:
        """Queue the tasks (name, payload) the run does not know yet and return how many those are."""
        with self._writing() as scope:
            return tasks.add_tasks(scope, lease, new)

    def claim_task(self, lease: Lease, owner: str | None = None, lease_seconds: float = 300) -> Task | None:
        """Return the next task that waits, or whose worker is gone; None when there is none to be had."""
        with self._writing() as scope:
            return tasks.claim_task(scope, lease, owner or this_process(), lease_seconds, self._clock.now())

    def finish_task(
        self, lease: Lease, status: str = "done", result: Mapping[str, object] | None = None
    ) -> None:
        """End a task as done or failed, under the lease it was claimed with."""
        with self._writing() as scope:
            tasks.finish_task(scope, lease, status, result or {}, self._clock.now())

    @contextmanager
    def _reading(self) -> Iterator[Scope]:
        with self._transactions.reading() as connection:
            yield Scope(connection, self.tenant)

    @contextmanager
    def _writing(self, lease: Lease | None = None) -> Iterator[Scope]:
        with self._transactions.writing() as connection:
            wall_at = instant_text(self._clock.now())
            yield Scope(connection, self.tenant, wall_at, None if lease is None else lease.run_id)

    def _admit_tenant(self) -> None:
        """Write the tenant down the first time its store is opened."""
        known = select(tenants.c.tenant).where(tenants.c.tenant == self.tenant)
        with self._reading() as scope:
            if scope.connection.execute(known).first():
                return
        with self._writing() as scope:
            if not scope.connection.execute(known).first():
                row = {"tenant": self.tenant, "created_at": scope.wall_at}
                scope.connection.execute(insert(tenants), row)
