"""What is kept of a case: one record, written whole or not at all, with the messages the fact is worth."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Any

from evenfall.beliefs.observations import STATISTIC_NAMES, Skipped
from evenfall.findings import Finding, Light
from evenfall.runs.night.case import Case
from evenfall.runs.night.ledger import cells_of
from evenfall.store.records import EvidenceRow, Hyperparameter, Message, NightResult, PriorVersion, Record

__all__ = ["failed_record", "keep"]

_SAID = frozenset({Light.AMBER, Light.RED, Light.STALE})
"""Lights whose findings are worth a row; green and grey are in the night's result."""


_HEALTHY = frozenset({"updated", "not_due", "no_data", "insufficient_samples"})
"""Outcomes that need no words of their own once a check has something to say."""

_WAITING = frozenset({"no_data", "insufficient_samples"})
"""Outcomes of a source that is well; windows set aside may be all that is missing."""


def keep(case: Case) -> Record:
    """Return everything tonight keeps of the case."""
    result = _result(case)
    publish = case.task.publish_due and case.posterior is not None
    return Record(
        parameter_id=case.id,
        result=result,
        evidence=tuple(_evidence(case)),
        priors=tuple(_priors(case)),
        hyperparameters=tuple(_hyperparameters(case)),
        posterior=case.posterior,
        fit=case.fit,
        publish=publish,
        findings=tuple(_findings(case)),
        messages=tuple(_deliveries(case) if publish else ()) + tuple(case.messages),
        incidents=tuple(case.incidents),
    )


def failed_record(case: Case) -> Record:
    """Return the record of a case that ended in an unexpected error: its night, and nothing half done."""
    return Record(parameter_id=case.id, result=_result(case))


def _evidence(case: Case) -> Iterator[EvidenceRow]:
    """Yield every row that was read; the store keeps those that say something new, and that the rest held."""
    if case.fetched is None or case.ledger is case.known:
        return
    shared: dict[str, Any] = {
        "query_hash": case.task.query_hash,
        "seen_at": case.night.instant,
        "backfilled": case.backfill,
    }
    for window, sums in case.fetched.rows.items():
        yield EvidenceRow(case.id, window, *sums, **shared)
    if case.fetched.cohorts is not None:
        for window, age, size, total in cells_of(case.fetched.cohorts):
            yield EvidenceRow(case.id, window, size, total, 0.0, **shared, age=str(age))
    for name, rows in case.slices.items():
        for window in case.fetched.rows:
            yield EvidenceRow(case.id, window, *rows[window], **shared, slice=name)


def _priors(case: Case) -> Iterator[PriorVersion]:
    if case.chain is not None and case.chain is not case.stored_chain:
        yield case.chain.head


def _hyperparameters(case: Case) -> Iterator[Hyperparameter]:
    if case.parameter.kappa == "learned" and case.rule.kappa is not None:
        yield Hyperparameter(case.id, "kappa", case.rule.kappa, case.night.instant)
    if case.chosen_horizon is not None:
        yield case.chosen_horizon


def _findings(case: Case) -> Iterator[Finding]:
    yield from case.findings
    if case.verdict is not None:
        yield from (finding for finding in case.verdict.findings if finding.light in _SAID)
    if case.fetched is None:
        return
    for bad in case.fetched.quarantined:
        yield Finding(
            "quarantine",
            case.id,
            Light.STALE,
            f"the read of {bad.window} is set aside: {bad.reason}",
            "mend the rows or the query; the days are read again every night",
            {},
            str(bad.window),
        )
    for warning in case.fetched.warnings:
        yield Finding("source", case.id, Light.AMBER, warning.message, warning.remedy, {}, warning.subject)


def _outcome(case: Case) -> Skipped:
    aside = case.fetched.quarantined if case.fetched is not None else ()
    if aside and (case.skipped is None or case.skipped.reason in _WAITING):
        rest = "the rest counted" if case.skipped is None else case.skipped.detail
        return Skipped("quarantined", f"{len(aside)} of {len(case.task.windows)} windows set aside; {rest}")
    if case.skipped is not None:
        return case.skipped
    if isinstance(case.candidate, Skipped) and case.candidate.reason == "config_error":
        return case.candidate  # the posterior stands on the last good prior, but somebody must mend the file
    if not case.task.publish_due:
        return Skipped("not_due", "computed and checked; the current posterior is not due for renewal yet")
    return Skipped("updated")


def _result(case: Case) -> NightResult:
    outcome, verdict, previous = _outcome(case), case.verdict, case.previous
    light = verdict.light if verdict is not None else Light.GREY
    detail, remedy = outcome.detail, outcome.remedy
    if verdict is not None and verdict.detail and outcome.reason in _HEALTHY:
        waiting = [detail] if outcome.reason == "insufficient_samples" else []
        detail, remedy = "; ".join([*waiting, verdict.detail]), verdict.remedy
    figures: dict[str, object] = dict(verdict.figures) if verdict is not None else {}
    if case.detection is not None and math.isfinite(case.detection.log_e_value):
        figures["log_e_value"] = case.detection.log_e_value
    failures = _failures(case, outcome)
    if failures:
        retried = outcome.reason == "failed" or previous is None
        figures["failed_on"] = (
            case.night.as_of.isoformat()
            if retried or previous is None
            else previous.verdict.get("failed_on", previous.as_of.isoformat())
        )
    return NightResult(
        parameter_id=case.id,
        as_of=case.night.as_of,
        outcome=outcome.reason,
        light=light,
        detail=detail,
        remedy=remedy,
        verdict=figures,
        read_at=case.night.instant if case.was_read else (previous.read_at if previous else None),
        loaded=case.count.loaded,
        counted=case.count.counted,
        late_not_counted=case.count.late_not_counted,
        quarantined=case.count.quarantined,
        failures=failures,
    )


def _failures(case: Case, outcome: Skipped) -> int:
    past = case.previous.failures if case.previous is not None else 0
    if outcome.reason == "failed":
        return past + 1
    waiting = case.task.skipped is not None and case.task.skipped.reason == "quarantined"
    return past if waiting else 0


def _deliveries(case: Case) -> Iterator[Message]:
    """Yield one message per destination of the posterior, with the columns the destination asks for."""
    destination = case.parameter.posterior_destination
    posterior = case.posterior
    if destination is None or posterior is None:
        return
    for number, target in enumerate(destination.destinations):
        yield Message(
            f"posterior|{case.id}|{case.night.as_of}|{number}|{posterior.inputs_hash[:16]}",
            target.type,
            {"destination": number, "row": _row(case)},
            case.id,
            case.night.instant,
        )


def _row(case: Case) -> Mapping[str, object]:
    assert case.posterior is not None
    posterior, prior, visited = case.posterior, case.prior.head, case.parameter.visited_filter
    names = STATISTIC_NAMES[case.parameter.type]
    return {
        "param_id": case.id,
        "observation_date": (posterior.counted_until - timedelta(days=1)).isoformat(),
        "timestamp": case.night.instant.isoformat(),
        "prior_mean": prior.mean,
        "prior_stdev": prior.stdev,
        **dict(zip(names, posterior.sums, strict=False)),
        "posterior_mean": posterior.mean,
        "posterior_stdev": posterior.stdev,
        **posterior.belief.numbers,
        "lower": posterior.lower,
        "upper": posterior.upper,
        "visited_nodes": list(visited.nodes) if visited is not None else [],
        "context_filter": dict(case.parameter.context_filter),
        "drift_alert": case.verdict is not None and case.verdict.light is Light.RED,
        "run_key": f"nightly:{case.night.as_of}",
    }
