"""One parameter on its way through a night; every station fills in what it is there for."""

from __future__ import annotations

import traceback
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date

from evenfall.beliefs.belief import Belief
from evenfall.beliefs.cohorts import Clock, Cohorts
from evenfall.beliefs.observations import Observations, Skipped
from evenfall.beliefs.posterior import UpdateRule
from evenfall.clock import Night
from evenfall.findings import Finding, Light
from evenfall.monitoring.detector import Detection
from evenfall.monitoring.lights import Verdict
from evenfall.registry.parameter import Parameter
from evenfall.registry.schemas import EventObservations
from evenfall.runs.night.chain import Chain, chain_of
from evenfall.runs.night.ledger import Count, Sums, rows_of
from evenfall.runs.night.plan import Task
from evenfall.runs.night.sources import Reading
from evenfall.runs.world import World
from evenfall.store.records import (
    FitRecord,
    Hyperparameter,
    IncidentRecord,
    Message,
    NightResult,
    PosteriorRecord,
)
from evenfall.window import DayWindow

__all__ = ["Case", "is_sliced", "recall"]


@dataclass
class Case:
    """What is known of one parameter tonight.

    Attributes
    ----------
    candidate
        What the prior's source says tonight, or why it says nothing.
    chain
        The prior in force.
    known, ledger
        Evidence before and after tonight's read, by interval.
    known_cohorts, cohorts
        The same by age, before and after, where conversions take their time.
    known_slices, slices
        The same by slice and interval, where the source tells slices apart.
    fit, fit_failures, poor_fit
        What a fit of the parameter came to, why it may not be published, and what it does not reproduce.
    horizon_days
        Within which delayed conversions count; 0 where conversions are not followed.
    chosen_horizon
        The same, where tonight chose it for good.
    settled
        Evidence whose outcomes are known, as formulas take it: of cohorts, those followed for the horizon.
    detection, has_returned
        Whether it has changed, and whether a change of before is over.
    incidents_before, incidents
        As they stood before tonight, and what tonight says of them.
    messages
        What is to be told of its incidents.
    skipped
        Why no posterior comes out, once that is known; the checks still run.
    """

    task: Task
    parameter: Parameter
    night: Night
    previous: NightResult | None = None
    current: PosteriorRecord | None = None
    candidate: tuple[Belief, date | None] | Skipped | None = None
    chain: Chain | None = None
    stored_chain: Chain | None = None
    known: Mapping[DayWindow, Sums] = field(default_factory=dict)
    ledger: Mapping[DayWindow, Sums] = field(default_factory=dict)
    known_cohorts: Cohorts | None = None
    cohorts: Cohorts | None = None
    known_slices: Mapping[str, Mapping[DayWindow, Sums]] = field(default_factory=dict)
    slices: Mapping[str, Mapping[DayWindow, Sums]] = field(default_factory=dict)
    fetched: Reading | None = None
    count: Count = field(default_factory=lambda: Count(0, 0, 0, 0))
    rule: UpdateRule = field(default_factory=UpdateRule)
    observations: Observations = field(default_factory=lambda: Observations.of(()))
    watermark: date = date.min
    posterior: PosteriorRecord | None = None
    fit: FitRecord | None = None
    fit_failures: tuple[str, ...] = ()
    poor_fit: str = ""
    horizon_days: float = 0.0
    chosen_horizon: Hyperparameter | None = None
    verdict: Verdict | None = None
    settled: Observations = field(default_factory=lambda: Observations.of(()))
    detection: Detection | None = None
    has_returned: bool = False
    incidents_before: list[IncidentRecord] = field(default_factory=list)
    incidents: list[IncidentRecord] = field(default_factory=list)
    messages: list[Message] = field(default_factory=list)
    skipped: Skipped | None = None
    findings: list[Finding] = field(default_factory=list)

    @property
    def id(self) -> str:
        """The parameter's id."""
        return self.parameter.id

    @property
    def backfill(self) -> bool:
        """Whether tonight's read is a backfill, whose arrival says nothing about how late events are."""
        return "backfill" in self.task.why

    @property
    def was_read(self) -> bool:
        """Whether the source answered tonight, be it with no rows."""
        skipped = self.fetched.skipped if self.fetched is not None else None
        return self.fetched is not None and (skipped is None or skipped.reason == "no_data")

    @property
    def open_change(self) -> IncidentRecord | None:
        """The incident of a change that was open before tonight."""
        still = (one for one in self.incidents_before if one.kind == "change" and one.state != "resolved")
        return next(still, None)

    @property
    def counted_until(self) -> date:
        """The first day that is not counted; there must be evidence."""
        last: date = self.observations.stop.max().item()
        return last

    @property
    def prior(self) -> Chain:
        """The prior in force, once it is resolved."""
        assert self.chain is not None, f"{self.id}: asked for its prior before it was resolved"
        return self.chain

    def note(
        self, check: str, message: str, remedy: str = "", *, light: Light = Light.AMBER, subject: str = ""
    ) -> None:
        """Add a finding that is not a comparison of belief and data."""
        self.findings.append(Finding(check, self.id, light, message, remedy, {}, subject))

    def fail(self, error: Exception) -> None:
        """End the case with the traceback of an unexpected error."""
        text = "".join(traceback.format_exception(error))
        self.skipped = Skipped("failed", text, "see the traceback; run again with --retry-failed once mended")


def recall(tasks: Sequence[Task], night: Night, world: World) -> list[Case]:
    """Return a case per task, with what the store knew of its parameter before tonight."""
    ids = [task.parameter_id for task in tasks]
    before, store = world.before(night), world.store
    previous = store.night_results(ids, before.as_of)
    current = store.current(ids, before.instant)
    priors = store.priors(ids, night.instant)
    hashes = {task.parameter_id: task.query_hash for task in tasks if task.query_hash}
    evidence = store.observations(hashes, night.instant)
    cohorts = _cohorts(hashes, night, world)
    slices = _slices(hashes, night, world)
    cases = []
    for task in tasks:
        chain = chain_of(priors.get(task.parameter_id, ()))
        known = rows_of(evidence.get(task.parameter_id))
        cases.append(
            Case(
                task=task,
                parameter=world.registry.parameters[task.parameter_id],
                night=night,
                previous=previous.get(task.parameter_id),
                current=current.get(task.parameter_id),
                chain=chain,
                stored_chain=chain,
                known=known,
                ledger=known,
                known_cohorts=cohorts.get(task.parameter_id),
                cohorts=cohorts.get(task.parameter_id),
                known_slices=slices.get(task.parameter_id, {}),
                slices=slices.get(task.parameter_id, {}),
                skipped=task.skipped,
            )
        )
    return cases


def _cohorts(hashes: Mapping[str, str], night: Night, world: World) -> dict[str, Cohorts]:
    parameters = world.registry.parameters
    followed = {name: digest for name, digest in hashes.items() if parameters[name].is_cohort}
    clocks: dict[str, Clock] = {
        name: "elapsed" if isinstance(parameters[name].observation_source, EventObservations) else "calendar"
        for name in followed
    }
    return world.store.cohorts(followed, night.instant, clocks) if followed else {}


def _slices(
    hashes: Mapping[str, str], night: Night, world: World
) -> dict[str, dict[str, dict[DayWindow, Sums]]]:
    parameters = world.registry.parameters
    sliced = {name: digest for name, digest in hashes.items() if is_sliced(parameters[name])}
    found: dict[str, dict[str, dict[DayWindow, Sums]]] = {}
    for name, rows in (world.store.evidence(sliced, night.instant) if sliced else {}).items():
        for row in rows:
            if row.slice and row.age == "final":
                part = found.setdefault(name, {}).setdefault(row.slice, {})
                part[row.window] = (row.size, row.total, row.squares)
    return found


def is_sliced(parameter: Parameter) -> bool:
    """Return whether the parameter's source tells slices apart that are no parameters of their own."""
    return parameter.pooling is not None and isinstance(parameter.observation_source, EventObservations)
