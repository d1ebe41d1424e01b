"""Everything one night keeps of many parameters, in one transaction, each parameter whole or not at all."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import date, datetime
from typing import Final

from sqlalchemy.exc import DataError, IntegrityError, InterfaceError, NotSupportedError, ProgrammingError

from evenfall.errors import EvenfallError, StoreError
from evenfall.findings import Finding
from evenfall.store.cells import instant_text
from evenfall.store.definitions import make_parameters
from evenfall.store.faults import reach
from evenfall.store.findings import save_findings
from evenfall.store.fits import check_fits, save_fits
from evenfall.store.hyperparameters import save_hyperparameters
from evenfall.store.incidents import save_incidents
from evenfall.store.outbox import save_messages
from evenfall.store.pointers import save_pointers
from evenfall.store.posteriors import save_posteriors
from evenfall.store.priors import save_priors
from evenfall.store.readings import save_evidence
from evenfall.store.records import CommitReport, FitRecord, Lease, PosteriorRecord, PriorVersion, Record
from evenfall.store.results import save_results
from evenfall.store.runs import extend_run
from evenfall.store.scope import Scope
from evenfall.store.tasks import check_task

__all__ = ["commit"]

_REFUSALS: Final = (
    EvenfallError,
    ArithmeticError,
    AttributeError,
    TypeError,
    ValueError,
    DataError,
    IntegrityError,
    InterfaceError,
    NotSupportedError,
    ProgrammingError,
)
"""What one bad record can cause. A database that fails as a whole raises others and stops the commit."""


def commit(scope: Scope, records: Sequence[Record], lease: Lease, now: datetime) -> CommitReport:
    """Write records under a lease; a record that is refused takes nothing of the others with it.

    Raises
    ------
    LeaseLost
        When the run, or the task the lease is for, was taken over; nothing is written.
    """
    extend_run(scope, lease, now)
    if lease.task is not None:
        check_task(scope, lease)
    written: Counter[str] = Counter()
    failed: dict[str, EvenfallError] = {}
    for batch in _rounds(records):
        kept = [record for record in batch if record.parameter_id not in failed]
        try:
            with scope.connection.begin_nested():
                written += _save(scope, kept)
        except _REFUSALS:
            counts, refused = _save_one_by_one(scope, kept)
            written += counts
            failed |= refused
    return CommitReport({table: count for table, count in written.items() if count}, failed)


def _rounds(records: Sequence[Record]) -> Iterator[list[Record]]:
    """Yield the records so that no parameter comes twice at once: its nights build on one another."""
    nth: Counter[str] = Counter()
    rounds: list[list[Record]] = []
    for record in records:
        if nth[record.parameter_id] == len(rounds):
            rounds.append([])
        rounds[nth[record.parameter_id]].append(record)
        nth[record.parameter_id] += 1
    yield from rounds


def _save_one_by_one(
    scope: Scope, records: Sequence[Record]
) -> tuple[Counter[str], dict[str, EvenfallError]]:
    written: Counter[str] = Counter()
    failed: dict[str, EvenfallError] = {}
    for record in records:
        try:
            with scope.connection.begin_nested():
                written += _save(scope, [record])
        except _REFUSALS as refusal:
            failed[record.parameter_id] = _named(record.parameter_id, refusal)
    return written, failed


def _named(parameter_id: str, refusal: Exception) -> EvenfallError:
    if isinstance(refusal, EvenfallError):
        return refusal
    error = StoreError(
        f"the record of {parameter_id} cannot be stored: {getattr(refusal, 'orig', None) or refusal}",
        remedy="nothing of it was written; the other parameters are not touched",
    )
    error.__cause__ = refusal
    return error


def _save(scope: Scope, records: Sequence[Record]) -> Counter[str]:
    """Write one record per parameter, table by table, and return how many rows are new."""
    make_parameters(scope, (record.parameter_id for record in records))
    written: Counter[str] = Counter()
    reach("ledger.before")
    written["evidence"] = save_evidence(scope, (row for record in records for row in record.evidence))
    reach("ledger.after")
    written["hyperparameters"] = save_hyperparameters(
        scope, (one for record in records for one in record.hyperparameters)
    )
    counts, unchanged = _save_beliefs(scope, records)
    written += counts
    written["findings"] = save_findings(scope, _said(records, unchanged))
    written["incidents"] = save_incidents(scope, (one for record in records for one in record.incidents))
    reach("outbox.before")
    written["outbox"] = save_messages(scope, (one for record in records for one in record.messages))
    reach("outbox.after")
    return written


def _said(records: Sequence[Record], unchanged: set[str]) -> dict[tuple[str, date], Sequence[Finding]]:
    """Return the findings of each (parameter, night), but of records that say nothing of their night.

    A record with the stored result and no findings came for something else, such as a prior; it withdraws
    nothing.
    """
    return {
        (record.parameter_id, record.result.as_of): record.findings
        for record in records
        if record.findings or record.parameter_id not in unchanged
    }


def _save_beliefs(scope: Scope, records: Sequence[Record]) -> tuple[Counter[str], set[str]]:
    """Write priors, posteriors, pointers and results; return counts and whose result was stored before."""
    written: Counter[str] = Counter()
    given = {record.parameter_id: record.priors for record in records}
    written["prior_versions"], versions = save_priors(scope, given)
    written["fits"], fit_ids = _save_fits(scope, records)
    reach("posterior.before")
    posteriors = {
        record.parameter_id: _with_prior(
            _with_fit(record.posterior, record.fit, fit_ids), record.priors, versions
        )
        for record in records
        if record.posterior is not None
    }
    check_fits(scope, posteriors.values())
    written["posteriors"], ids = save_posteriors(scope, posteriors)
    published = {record.parameter_id for record in records if record.publish} & posteriors.keys()
    pointers = {name: (posteriors[name].seen_at, ids[name]) for name in sorted(published)}
    written["current_posteriors"] = save_pointers(scope, pointers)
    reach("posterior.after")
    results = {
        record.parameter_id: replace(
            record.result, posterior_id=ids.get(record.parameter_id, record.result.posterior_id)
        )
        for record in records
    }
    computed_at = {name: instant_text(one.seen_at) for name, one in posteriors.items()}
    written["night_results"], unchanged = save_results(scope, results, computed_at)
    return written, unchanged


def _save_fits(scope: Scope, records: Sequence[Record]) -> tuple[int, dict[str, int]]:
    reach("fit.before")
    saved = save_fits(scope, {one.parameter_id: one.fit for one in records if one.fit is not None})
    reach("fit.after")
    return saved


def _with_fit(posterior: PosteriorRecord, fit: FitRecord | None, ids: dict[str, int]) -> PosteriorRecord:
    """Return the posterior with the number of the fit that came with it, if it passed and none is named."""
    if posterior.fit_id is not None or fit is None or not fit.passed:
        return posterior
    return replace(posterior, fit_id=ids[posterior.parameter_id])


def _with_prior(
    posterior: PosteriorRecord, priors: Sequence[PriorVersion], versions: dict[str, list[int]]
) -> PosteriorRecord:
    """Return the posterior with the number of the prior it was computed from.

    Prior version 0 means: the newest one saved with it that is not itself a promotion of this posterior.
    """
    if posterior.prior_version:
        return posterior
    numbered = list(zip(priors, versions.get(posterior.parameter_id, ()), strict=True))
    own = [number for prior, number in numbered if prior.reason != "promoted"]
    if not numbered:
        raise StoreError(
            f"the posterior of {posterior.parameter_id} names no prior version",
            remedy="save the prior with it, or name a stored version",
        )
    return replace(posterior, prior_version=own[-1] if own else numbered[-1][1])
