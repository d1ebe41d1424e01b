"""Tonight's watch: what has changed since when, which incidents open or end, and who is told."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date, datetime

import numpy as np

from evenfall.clock import Night
from evenfall.funnels.delays.drift import filter_drift
from evenfall.monitoring.alarms import Alarm, detector_alarm, threshold_alarm
from evenfall.monitoring.detector import detect
from evenfall.monitoring.histories import DetectorInput
from evenfall.monitoring.incidents import (
    SOURCE_DOWN,
    Incident,
    IncidentChange,
    Notice,
    Signal,
    notices,
    step,
)
from evenfall.monitoring.returning import returned
from evenfall.registry.schemas.fit import Alert
from evenfall.registry.settings import Settings
from evenfall.runs.night.case import Case
from evenfall.runs.world import World
from evenfall.store.records import IncidentRecord, Message

__all__ = ["CHANGE", "detect_changes", "since_of", "watch"]

CHANGE = "change"
"""Kind of the incident of a parameter that is no longer what it was."""


def detect_changes(cases: Sequence[Case], world: World) -> None:
    """Look at each case's settled days for a change, its open incident left out of what is normal."""
    _recall(cases, world)
    seen = [case for case in cases if case.chain is not None and len(case.settled)]
    inputs = [_input(case, world.registry.settings) for case in seen]
    for case, detection in zip(seen, detect(inputs), strict=True):
        case.detection = detection
    open_ones = [(case, one) for case, one in zip(seen, inputs, strict=True) if case.open_change is not None]
    for (case, _), back in zip(open_ones, returned([one for _, one in open_ones]), strict=True):
        case.has_returned = back


def watch(cases: Sequence[Case], world: World) -> None:
    """Open, keep and resolve the incidents of a chunk, and write the messages that this is worth."""
    if not cases:
        return
    settings, night = world.registry.settings, cases[0].night
    by_id = {case.id: case for case in cases}
    signals = [signal for case in cases for signal in _signals(case, settings)]
    previous = [_incident(record) for case in cases for record in case.incidents_before]
    changes = step(night.as_of, signals, previous)
    for change in changes:
        case = by_id[change.incident.parameter_id]
        case.incidents.append(_record(change, case))
    for notice in notices(changes):
        first = by_id[notice.parameter_ids[0]]
        first.messages += _messages(notice, [by_id[name] for name in notice.parameter_ids], settings, night)


def _recall(cases: Sequence[Case], world: World) -> None:
    """Set the incidents of each case as they stood before tonight."""
    if not cases:
        return
    before = world.before(cases[0].night).instant
    by_id = {case.id: case for case in cases}
    for record in world.store.incidents(list(by_id), before):
        by_id[record.parameter_id].incidents_before.append(record)


def _input(case: Case, settings: Settings) -> DetectorInput:
    over = [
        record
        for record in case.incidents_before
        if record.kind == CHANGE and record.state == "resolved" and record.resolved_on is not None
    ]
    spans = tuple((one.since or one.opened_on, one.resolved_on) for one in over if one.resolved_on)
    still = case.open_change
    closed = case.settled.between(None, case.watermark if case.cohorts is None else None)
    return DetectorInput(
        parameter_id=case.id,
        type=case.parameter.type,
        prior=case.prior.root.belief,
        observations=closed,
        kappa=case.rule.kappa,
        kappa_learned=case.parameter.kappa == "learned",
        margin=settings.margin,
        run_length_years=case.parameter.alarm_run_length_years,
        baseline_until=(still.since or still.opened_on) if still is not None else None,
        watch_from=max((stop for _, stop in spans), default=None),
        left_out=spans,
    )


def _signals(case: Case, settings: Settings) -> Iterator[Signal]:
    """Yield what tonight says of a case: that its source is down, that it has changed."""
    source = getattr(case.parameter.observation_source, "connection", "")
    if case.fetched is not None:
        skipped = case.fetched.skipped
        down = skipped is not None and skipped.reason == "source_down"
        message = f"{source} could not be read: {skipped.detail}" if down and skipped is not None else ""
        yield Signal(case.id, SOURCE_DOWN, alarmed=down, calm=not down, source=source, message=message)
    alarm = _alarm(case, settings)
    if alarm is not None:
        calm = not alarm.raised if alarm.rule == "threshold" else case.has_returned
        yield Signal(
            case.id,
            CHANGE,
            alarm.raised,
            calm=calm,
            source="",
            since=alarm.since,
            message=_message(case, alarm),
        )


def _alarm(case: Case, settings: Settings) -> Alarm | None:
    if case.parameter.alarm == "detector":
        return None if case.detection is None else detector_alarm(case.detection, case.parameter.type)
    figures = case.verdict.figures if case.verdict is not None else {}
    sigma, effect = figures.get("sigma_predictive"), figures.get("effect")
    if not isinstance(sigma, float | int) or not isinstance(effect, float | int):
        return None
    return threshold_alarm(
        case.id,
        sigma=sigma,
        effect=effect,
        threshold=case.parameter.divergence_threshold,
        margin=settings.margin,
        ringing=case.open_change is not None,
        window_days=settings.window_days,
    )


def _message(case: Case, alarm: Alarm) -> str:
    """Return the alarm's sentence, with the light's beside it where that says how far from belief it is."""
    if not alarm.raised or case.verdict is None or not case.verdict.detail:
        return alarm.message
    return f"{alarm.message}; {case.verdict.detail}"


def _incident(record: IncidentRecord) -> Incident:
    calm, source = record.figures.get("calm_nights", 0), record.figures.get("source", "")
    return Incident(
        parameter_id=record.parameter_id,
        kind=record.kind,
        opened_on=record.opened_on,
        since=record.since,
        state="resolved" if record.state == "resolved" else "ack" if record.state == "ack" else "open",
        source=str(source),
        message=record.message,
        calm_nights=int(str(calm)),
        resolved_on=record.resolved_on,
    )


def _record(change: IncidentChange, case: Case) -> IncidentRecord:
    incident, instant = change.incident, case.night.instant
    figures: dict[str, object] = {"calm_nights": incident.calm_nights, "source": incident.source}
    if case.detection is not None and incident.kind == CHANGE:
        found = case.detection
        figures |= {
            "before": found.baseline_mean,
            "now": found.current_mean,
            "direction": found.direction,
            "log_e_value": found.log_e_value if np.isfinite(found.log_e_value) else None,
        }
        if case.parameter.type == "probability":
            figures |= _level_now(case)
    resolved = change.what == "resolved"
    return IncidentRecord(
        parameter_id=incident.parameter_id,
        kind=incident.kind,
        opened_on=incident.opened_on,
        opened_at=_opened_at(incident, case, instant),
        state="resolved" if resolved else "open",
        since=incident.since,
        message=incident.message,
        figures=figures,
        resolved_on=incident.resolved_on,
        resolved_at=instant if resolved else None,
        seen_at=instant,
    )


def _level_now(case: Case) -> dict[str, object]:
    """Return where a drifting rate stands at the end of its last settled day, by a weekly local level."""
    prior = case.prior.root.belief.numbers
    days = case.settled.between(None, case.watermark if case.cohorts is None else None)
    if not days.size:
        return {}
    drift = filter_drift(
        days.sums[:, 0], days.sums[:, 1], kappa=case.rule.kappa, prior=(prior["alpha"], prior["beta"])
    )
    lower, upper = drift.interval()
    return {"level": drift.mean, "level_lower": lower, "level_upper": upper, "step_per_day": drift.step}


def _opened_at(incident: Incident, case: Case, instant: datetime) -> datetime:
    for record in case.incidents_before:
        if (record.kind, record.opened_on) == (incident.kind, incident.opened_on):
            return record.opened_at
    return instant


def _messages(notice: Notice, cases: Sequence[Case], settings: Settings, night: Night) -> list[Message]:
    """Return one message per route: those of the parameters a notice speaks of, else the project's."""
    routes: dict[str, tuple[Alert, str, int]] = {}
    for case in cases:
        for number, alert in enumerate(case.parameter.alerts):
            routes.setdefault(repr(alert.model_dump()), (alert, case.id, number))
    if not routes:
        routes = {str(n): (alert, "", n) for n, alert in enumerate(settings.alerts)}
    return [
        Message(
            _key(notice, night.as_of, owner, number),
            alert.type,
            {
                "what": notice.what,
                "kind": notice.kind,
                "text": notice.message,
                "parameters": list(notice.parameter_ids),
                "route": {"parameter": owner, "alert": number},
            },
            notice.parameter_ids[0],
            night.instant,
        )
        for alert, owner, number in routes.values()
    ]


def _key(notice: Notice, as_of: date, owner: str, number: int) -> str:
    subject = notice.source or notice.parameter_ids[0]
    return f"incident|{notice.what}|{notice.kind}|{subject}|{as_of}|{owner}|{number}"


def since_of(case: Case) -> date | None:
    """Return the day since when a case is off, for the sentences of its light."""
    if case.open_change is not None:
        return case.open_change.since
    return case.detection.since if case.detection is not None and case.detection.alarmed else None
