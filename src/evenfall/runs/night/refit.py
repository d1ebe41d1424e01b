"""Fitted posteriors again: the same evidence, the same engine, the same chance."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime

import numpy as np

from evenfall.beliefs.belief import Belief
from evenfall.beliefs.cohorts import Clock, Cohorts
from evenfall.beliefs.observations import Observations
from evenfall.beliefs.posterior import UpdateRule, posterior
from evenfall.errors import StoreError
from evenfall.inference.execute import code_version, data_hash
from evenfall.inference.fit import Fit, FitRequest, WarmStart
from evenfall.inference.model import ModelSpec
from evenfall.inference.user_model import counted_days
from evenfall.runs.fitting.fitter import Fitter
from evenfall.runs.fitting.jobs import Envelope, FitJob
from evenfall.runs.fitting.keeping import belief_of, load_fit, quantities_of
from evenfall.runs.fitting.specs import cohort_arrays, family_spec
from evenfall.runs.fitting.stacking import stack
from evenfall.runs.world import World
from evenfall.store.records import EvidenceRow, FitRecord, PosteriorRecord, PriorVersion

__all__ = ["Replay", "known_then", "refit"]

_MEANS_APART = 0.2
_SPREADS_APART = 1.15
"""How far apart, in standard deviations and as a ratio, two fits worth 400 draws each may lie: 3 errors."""


class Replay:
    """A fitted posterior, and everything that is needed to fit it again."""

    def __init__(
        self,
        record: PosteriorRecord,
        fit: FitRecord,
        root: PriorVersion,
        observations: Observations,
        rows: Sequence[EvidenceRow],
    ) -> None:
        self.record, self.fit, self.root, self.observations = record, fit, root, observations
        self.rows = rows

    def spec(self, night: PosteriorRecord | FitRecord) -> ModelSpec:
        """Return the model with the evidence that was known on a night."""
        model: Mapping[str, object] = self.fit.request["model"]  # type: ignore[assignment]
        factory, options = str(model["factory"]), dict(model["options"])  # type: ignore[call-overload]
        if factory.endswith(":delay_model"):
            cohorts = _cohorts(self.rows, night, str(options["clock"]))  # type: ignore[arg-type]
            counted = cohorts.between(self.root.absorbed_until, night.as_of)
            return ModelSpec(factory, cohort_arrays(counted), options)
        seen = self.observations
        if night is not self.record:
            seen = known_then(self.rows, night).between(self.root.absorbed_until, night.as_of)
        if factory.endswith(":family_model"):
            rule = UpdateRule(self.record.half_life_days, self.record.kappa)
            again = family_spec(self.root.belief, seen, rule)
            return ModelSpec(factory, again.data, options)
        return ModelSpec(factory, counted_days(seen), options)


def refit(world: World, fitter: Fitter, replays: Sequence[Replay]) -> dict[int, PosteriorRecord]:
    """Return per posterior what its inputs give today.

    Raises
    ------
    StoreError
        When the evidence of a posterior is not what it was fitted to, or it cannot be fitted again.
    """
    jobs = [_jobs(world, replay) for replay in replays]
    envelopes = fitter.fit([job for group in jobs for job in group.values()])
    found = {}
    for replay, group in zip(replays, jobs, strict=True):
        answer = _answer(replay, {name: envelopes[job.id] for name, job in group.items()})
        figures = quantities_of(answer)[str(replay.fit.request["quantity"])]
        again = replace(
            replay.record,
            belief=belief_of(replay.root.belief, figures, _exact(replay)),
            **{name: figures[name] for name in ("mean", "stdev", "lower", "upper")},  # type: ignore[arg-type]
        )
        same_code = replay.fit.code_version == code_version()
        alike = not same_code and _within_chance(replay.record, again)
        found[replay.record.id] = replay.record if alike else again
    return found


def _answer(replay: Replay, answers: Mapping[str, Envelope]) -> Fit:
    """Return the fit, or the mixture of those of several families."""
    fits = {name: envelope.fit for name, envelope in answers.items() if envelope.fit is not None}
    if fits:
        answer = next(iter(fits.values())) if len(answers) == 1 else stack(fits)[0]
        if answer.passed:
            return answer
    why = [
        envelope.detail or "; ".join(envelope.fit.failures if envelope.fit else ())
        for envelope in answers.values()
    ]
    raise StoreError(
        f"{replay.record.parameter_id} cannot be fitted again: {why[0]}",
        remedy="fit it with `evenfall fit --refit` to see what goes wrong",
    )


def _within_chance(stored: PosteriorRecord, again: PosteriorRecord) -> bool:
    """Return whether two fits of one posterior by different arithmetic differ no more than draws do."""
    moved = abs(again.mean - stored.mean) <= _MEANS_APART * stored.stdev
    return moved and 1 / _SPREADS_APART <= again.stdev / stored.stdev <= _SPREADS_APART


def _exact(replay: Replay) -> Belief | None:
    if not str(replay.fit.request["model"]).count(":family_model"):
        return None
    rule = UpdateRule(replay.record.half_life_days, replay.record.kappa)
    return posterior([replay.root.belief], [replay.observations], [rule])[0]


def _jobs(world: World, replay: Replay) -> dict[str, FitJob]:
    """Return what to fit: one job, or one per family of lags."""
    said = replay.fit.request
    spec = replay.spec(replay.record)
    if data_hash(spec) != replay.fit.data_hash:
        raise StoreError(
            f"{replay.record.parameter_id}: the evidence known on {replay.record.as_of} is not what the fit"
            f" was made of (hash {replay.fit.data_hash[:12]})",
            remedy="the source of its model may have changed since; else restore the store from a backup",
        )
    request = FitRequest(
        **{name: said[name] for name in ("engine", "seed", "draws", "tune", "chains")},  # type: ignore[arg-type]
        max_gradients=int(str(said["max_gradients"])),
        target_accept=float(str(said["target_accept"])),
        warm=_warm(world, replay),
        options=dict(said["options"]),  # type: ignore[call-overload]
    )
    families: Mapping[str, float] = said.get("families", {})  # type: ignore[assignment]
    if families:
        names = [*families, *(name for name, _ in replay.fit.tried)]
        specs = {name: ModelSpec(spec.factory, spec.data, {**spec.options, "family": name}) for name in names}
        return {
            name: FitJob(f"{replay.record.id}#{name}", one, request) for name, one in sorted(specs.items())
        }
    base = base_model = None
    if replay.fit.base_fit is not None:
        full = world.store.fit(replay.fit.base_fit)
        base, base_model = load_fit(world.artifacts, full), replay.spec(full)
    return {"": FitJob(str(replay.record.id), spec, request, base, base_model, replay.fit.base_fit)}


def _warm(world: World, replay: Replay) -> WarmStart | None:
    """Return where the fit began, when it began at the last one's end: its answer hangs on that a little."""
    number = replay.fit.request.get("begun_from")
    if number is None:
        return None
    last = load_fit(world.artifacts, world.store.fit(int(str(number))))
    return None if last is None else last.warm


def known_then(rows: Sequence[EvidenceRow], night: PosteriorRecord | FitRecord) -> Observations:
    """Return the whole sums as a night knew them."""
    chosen = _latest([row for row in rows if row.age == "final" and not row.slice], night)
    return Observations.of(
        (row.window.first, row.window.stop, row.size, row.total, row.squares) for row in chosen
    )


def _latest(rows: Sequence[EvidenceRow], night: PosteriorRecord | FitRecord) -> list[EvidenceRow]:
    """Return of each interval and age the row a night knew: seen by then, and written by then.

    A night that ran late wrote rows with an earlier logical time than nights that had run before it; what
    those nights computed did not know them.
    """
    written = night.wall_at
    known: dict[object, tuple[tuple[datetime, int], EvidenceRow]] = {}
    for row in rows:
        later = row.wall_at is not None and written is not None and row.wall_at > written
        if row.seen_at > night.seen_at or later:
            continue
        rank, place = (row.seen_at, row.version), (row.window, row.age)
        if place not in known or known[place][0] < rank:
            known[place] = (rank, row)
    return [row for _, row in known.values()]


def _cohorts(rows: Sequence[EvidenceRow], night: PosteriorRecord | FitRecord, clock: Clock) -> Cohorts:
    """Return the cohorts as a night knew them."""
    cells = _latest([row for row in rows if row.age != "final" and not row.slice], night)
    entries = sorted({row.window.first for row in cells})
    place = {entry: number for number, entry in enumerate(entries)}
    ages = 1 + max((int(row.age) for row in cells), default=-1)
    counts = np.full((len(entries), ages), -1, dtype=np.int64)
    size = np.zeros(len(entries), dtype=np.int64)
    for row in cells:
        counts[place[row.window.first], int(row.age)] = int(row.total)
        size[place[row.window.first]] = int(row.size)
    observed = np.where((counts < 0).any(axis=1), np.argmax(counts < 0, axis=1), ages)
    counts[np.arange(ages) >= observed[:, None]] = 0
    return Cohorts(np.array(entries, dtype="datetime64[D]"), size, counts, observed, clock)
