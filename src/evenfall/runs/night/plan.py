"""What a night will do, decided before anything is done: frozen, printable, then applied."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from functools import cached_property
from typing import Any

from evenfall.beliefs.observations import Skipped
from evenfall.clock import Night
from evenfall.connectors.events.questions import EventQuery
from evenfall.errors import EvenfallError
from evenfall.registry.parameter import Parameter
from evenfall.registry.time_expression import resolve_time
from evenfall.runs.night.chain import chain_of
from evenfall.runs.night.ledger import rows_of
from evenfall.runs.night.sources import Shape, shape_of
from evenfall.runs.night.windows import Span, days_to_read, missing_windows, tumbling_to_read
from evenfall.runs.report import json_ready
from evenfall.runs.world import World
from evenfall.store.records import EvidenceSpan, NightResult, PriorVersion
from evenfall.window import DayWindow, local_day

__all__ = ["NightPlan", "Task", "plan_night", "run_key_of"]

CHUNK = 500
"""Parameters that share a transaction: enough for bulk writes, few enough to lose little to a kill."""

POISON_AFTER = 3
"""Nights in a row a parameter may fail before it is tried less and less often."""


@dataclass(frozen=True, slots=True)
class Task:
    """What the night does for one parameter.

    Attributes
    ----------
    windows
        The windows to read, in order; empty when nothing is to be read tonight.
    why
        How many of them for which reason: missing, lookback, backfill.
    missing
        Those that the ledger does not hold yet.
    query_hash
        Identity of the observation query; only ledger rows of this query count.
    publish_due
        Whether the night's posterior becomes the current one.
    skipped
        Why nothing can be done for the parameter, if so.
    """

    parameter_id: str
    windows: tuple[DayWindow, ...] = ()
    why: Mapping[str, int] = field(default_factory=dict)
    query_hash: str = ""
    shape: Shape | None = None
    publish_due: bool = True
    missing: tuple[DayWindow, ...] = ()
    skipped: Skipped | None = None


@dataclass(frozen=True)
class NightPlan:
    """The stages of one night (or of a backfill as seen from it), before any effect."""

    kind: str
    run_key: str
    night: Night
    tasks: tuple[Task, ...]

    @cached_property
    def ids(self) -> frozenset[str]:
        """The parameters it is for."""
        return frozenset(task.parameter_id for task in self.tasks)

    @property
    def chunks(self) -> tuple[tuple[Task, ...], ...]:
        """The tasks in groups that are read, computed and kept as one; what one read answers stays whole."""
        groups: dict[object, list[Task]] = {}
        for task in self.tasks:
            groups.setdefault(_read_with(task), []).append(task)
        chunks: list[list[Task]] = [[]]
        for group in groups.values():
            if len(chunks[-1]) >= CHUNK:
                chunks.append([])
            chunks[-1] += group
        return tuple(tuple(chunk) for chunk in chunks if chunk)

    def summary(self) -> dict[str, Any]:
        """Return what is kept of the plan with its run: per parameter the span and number of its reads."""
        return {**self._head(), "tasks": [_task_in_short(task) for task in self.tasks]}

    def as_dict(self) -> dict[str, Any]:
        """Return the plan as JSON-ready data."""
        return {**self._head(), "tasks": [_task_as_dict(task) for task in self.tasks]}

    def _head(self) -> dict[str, Any]:
        return {
            "kind": self.kind,
            "run_key": self.run_key,
            "as_of": self.night.as_of.isoformat(),
            "logical_clock": self.night.instant.isoformat(),
            "zone": str(self.night.zone),
        }

    def __str__(self) -> str:
        due = sum(task.publish_due and task.skipped is None for task in self.tasks)
        reads = sum(len(task.windows) for task in self.tasks)
        when = f"{self.night.zone}, logical clock {self.night.instant:%F %H:%M}Z"
        count = f"{len(self.tasks)} parameters, {reads} windows to read, {due} posteriors due"
        lines = [f"{self.kind} of {self.night.as_of} ({when}): {count}"]
        return "\n".join(lines + [f"  {_line(task)}" for task in self.tasks])


def _read_with(task: Task) -> object:
    """Return what one read answers: a question to an event table, else a template or a single parameter."""
    if task.shape is not None and isinstance(task.shape.query, EventQuery):
        return task.shape.query.question
    return task.parameter_id.partition("[")[0]


def _task_in_short(task: Task) -> dict[str, Any]:
    spanned = [task.windows[0].first.isoformat(), task.windows[-1].stop.isoformat()] if task.windows else None
    return {
        "parameter_id": task.parameter_id,
        "read": spanned,
        "windows": len(task.windows),
        "publish_due": task.publish_due,
        "skipped": task.skipped.reason if task.skipped is not None else None,
    }


def _line(task: Task) -> str:
    if task.skipped is not None:
        return f"{task.parameter_id}: {task.skipped.reason}: {task.skipped.detail}"
    if not task.windows:
        read = "nothing to read"
    else:
        why = ", ".join(f"{count} {reason}" for reason, count in task.why.items())
        read = f"read {DayWindow(task.windows[0].first, task.windows[-1].stop)} ({why})"
    return f"{task.parameter_id}: {read}; {'update' if task.publish_due else 'check only, update not due'}"


def _task_as_dict(task: Task) -> dict[str, Any]:
    skipped = None if task.skipped is None else {"reason": task.skipped.reason, "detail": task.skipped.detail}
    return {
        "parameter_id": task.parameter_id,
        "windows": json_ready(task.windows),
        "why": dict(task.why),
        "query_hash": task.query_hash,
        "publish_due": task.publish_due,
        "skipped": skipped,
    }


@dataclass(frozen=True)
class _Past:
    """What the store knew of the parameters before tonight; of `priors` and `spans`, tonight's included.

    Attributes
    ----------
    spans
        Days in the ledger by now.
    held
        Days in the ledger before tonight: a night that is run again reads what it read the first time.
    """

    results: Mapping[str, NightResult]
    published: Mapping[str, datetime]
    priors: Mapping[str, list[PriorVersion]]
    spans: Mapping[str, list[EvidenceSpan]]
    held: Mapping[str, list[EvidenceSpan]]


def plan_night(
    world: World,
    night: Night,
    *,
    only: str | None = None,
    retry_failed: bool = False,
    backfill: DayWindow | None = None,
) -> NightPlan:
    """Return what `night` will do, without doing any of it.

    Parameters
    ----------
    only
        An id, a template's id or a reference; all parameters when None.
    retry_failed
        Try parameters again that are waiting out their back-off.
    backfill
        Read exactly these days, whatever the ledger holds of them.
    """
    parameters = world.selected(only)
    past = _recall(world, night, [parameter.id for parameter in parameters])
    planner = _Planner(world, night, past, retry_failed, backfill)
    kind = "nightly" if backfill is None else "backfill"
    tasks = tuple(planner.plan(parameter) for parameter in parameters)
    return NightPlan(kind, run_key_of(night, only, backfill), night, tasks)


def run_key_of(night: Night, only: str | None = None, backfill: DayWindow | None = None) -> str:
    """Return what a run is known by: the same night of the same parameters is the same run.

    Examples
    --------
    >>> from zoneinfo import ZoneInfo
    >>> run_key_of(Night(date(2026, 10, 1), ZoneInfo("UTC")), only="checkout")
    'nightly:2026-10-01:checkout'
    """
    kind = "nightly" if backfill is None else "backfill"
    part = "" if backfill is None else f":{backfill.first}:{backfill.stop}"
    return f"{kind}:{night.as_of}{part}" + (f":{only}" if only else "")


def _recall(world: World, night: Night, ids: list[str]) -> _Past:
    before = world.before(night)
    return _Past(
        results=world.store.night_results(ids, before.as_of),
        published=world.store.published(ids, before.instant),
        priors=world.store.priors(ids, night.instant),
        spans=world.store.evidence_spans(ids, night.instant),
        held=world.store.evidence_spans(ids, before.instant),
    )


@dataclass(frozen=True)
class _Planner:
    """Plans one parameter after the other for one night."""

    world: World
    night: Night
    past: _Past
    retry_failed: bool
    backfill: DayWindow | None

    def plan(self, parameter: Parameter) -> Task:
        """Return what the night does for a parameter."""
        previous = self.past.results.get(parameter.id)
        refusal = _refusal(parameter, previous, self.night, self.retry_failed)
        if refusal is not None:
            return Task(parameter.id, skipped=refusal)
        due = _publish_due(parameter, self.past.published.get(parameter.id), self.night)
        if parameter.observation_source is None:
            return Task(parameter.id, publish_due=due)
        try:
            shape = shape_of(parameter, self.world.registry)
            windows, held = self._windows(parameter, shape)
        except EvenfallError as refused:
            return Task(parameter.id, skipped=Skipped("config_error", refused.message, refused.remedy))
        missing = missing_windows(windows, held)
        counts = {"missing": len(missing), "lookback": len(windows) - len(missing)}
        if self.backfill is not None:
            counts = {"backfill": len(windows)}
        why = {reason: count for reason, count in counts.items() if count}
        if missing and self.past.spans.get(parameter.id) != self.past.held.get(parameter.id):
            missing = missing_windows(missing, self._known(parameter, shape, self.past.spans, self.night))
        return Task(parameter.id, windows, why, shape.query_hash, shape, due, missing)

    def _windows(
        self, parameter: Parameter, shape: Shape
    ) -> tuple[tuple[DayWindow, ...], Collection[DayWindow]]:
        """Return the windows to read, and those the ledger held before tonight."""
        span = self._span(parameter, shape)
        if self.backfill is not None:
            stop = min(self.backfill.stop, span.end)
            span = Span(self.backfill.first, self.backfill.first, stop)
        elif not _read_due(parameter, self.past.results.get(parameter.id), self.night):
            return (), ()
        held = self._known(parameter, shape, self.past.held, self.world.before(self.night))
        if shape.daily:
            return days_to_read(span, held), held
        return tumbling_to_read(span, held, shape.length), held

    def _span(self, parameter: Parameter, shape: Shape) -> Span:
        """Return the days the parameter's source may be asked for tonight.

        The bound window covers whole local days: its start and its end are rounded down to midnight. A day
        whose outcomes have a horizon is asked for once the horizon of its last attempt has passed.
        """
        night, zone = self.night, self.night.zone
        expressions = getattr(parameter.observation_source, "parameters", {})
        end = local_day(night.data_end - shape.horizon, zone)
        if "end_date" in expressions:
            end = min(end, local_day(resolve_time(expressions["end_date"], night.instant, zone), zone))
        again = max(self.world.registry.settings.lookback_days, shape.followed)
        lookback = end - timedelta(days=again)
        if "start_date" in expressions:
            lookback = local_day(resolve_time(expressions["start_date"], night.instant, zone), zone)
        seen = [span.first for span in self.past.spans.get(parameter.id, ())]
        absorbed_until = _absorbed_until(parameter, self.past)
        if absorbed_until is not None:
            seen.append(absorbed_until)
        return Span(min([*seen, lookback]), lookback, end)

    def _known(
        self, parameter: Parameter, shape: Shape, spans: Mapping[str, list[EvidenceSpan]], night: Night
    ) -> Collection[DayWindow]:
        """Return the windows of the current query known as of a night; without gaps, one span is all."""
        current = [span for span in spans.get(parameter.id, ()) if span.query_hash == shape.query_hash]
        if not current:
            return ()
        (span,) = current
        whole = DayWindow(span.first, span.stop)
        if shape.daily and span.days == len(whole):
            return (whole,)
        found = self.world.store.observations({parameter.id: shape.query_hash}, night.instant)
        return list(rows_of(found.get(parameter.id)))


def _refusal(
    parameter: Parameter, previous: NightResult | None, night: Night, retry_failed: bool
) -> Skipped | None:
    if previous is None or retry_failed or previous.failures < POISON_AFTER:
        return None
    wait = timedelta(days=min(2 ** (previous.failures - POISON_AFTER), 32))
    failed_on = date.fromisoformat(str(previous.verdict.get("failed_on", previous.as_of.isoformat())))
    if night.as_of - failed_on >= wait:
        return None
    return Skipped(
        "quarantined",
        f"failed {previous.failures} nights in a row, last on {failed_on}; tried again on {failed_on + wait}",
        "mend what the last failure names, or run with --retry-failed",
    )


def _publish_due(parameter: Parameter, published: datetime | None, night: Night) -> bool:
    """Return whether a posterior is due; one with the inputs of an older one was published all the same."""
    if published is None:
        return True
    return (night.as_of - local_day(published, night.zone)) >= parameter.write_frequency


def _read_due(parameter: Parameter, previous: NightResult | None, night: Night) -> bool:
    if previous is None or previous.read_at is None:
        return True
    last = local_day(previous.read_at, night.zone)
    return (night.as_of - last) >= parameter.refresh_frequency


def _absorbed_until(parameter: Parameter, past: _Past) -> date | None:
    """Return the first day that the prior's root has not absorbed: as written, else as it was last known."""
    source, written = parameter.prior_source, parameter.declared_prior()
    if written is not None and (source is None or source.type in ("static", "posterior_history")):
        return written[1]
    chain = chain_of(past.priors.get(parameter.id, ()))
    return chain.root.absorbed_until if chain is not None else None
