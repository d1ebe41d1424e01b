"""Tonight's checks: belief and reality side by side, for all parameters of a chunk at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

import numpy as np
from numpy.typing import NDArray

from evenfall.beliefs.belief import Belief
from evenfall.beliefs.observations import Observations
from evenfall.beliefs.posterior import posterior
from evenfall.monitoring.inputs import CheckInput
from evenfall.monitoring.lights import check_chunk
from evenfall.registry.settings import Settings
from evenfall.runs.night.case import Case
from evenfall.runs.night.delays import immature_window
from evenfall.runs.night.watch import since_of
from evenfall.runs.world import World
from evenfall.store.records import FitRecord

__all__ = ["Looked", "check", "look"]

_NIGHT = timedelta(days=1)


@dataclass(frozen=True, eq=False)
class _Seen:
    """The window of a check, and of each of its rows the share that can have converted by now."""

    window: Observations | None
    arrived: NDArray[np.float64] | None

    @property
    def maturity(self) -> float:
        """The mean share, by people; 1 where nothing takes its time."""
        if self.window is None or self.arrived is None or not self.window.size:
            return 1.0
        return float((self.window.sums[:, 0] * self.arrived).sum() / self.window.size)


def check(cases: Sequence[Case], world: World) -> None:
    """Compare each belief with the window, and set each case's verdict."""
    judged = [case for case in cases if case.chain is not None]
    settings = world.registry.settings
    fits = _last_fits(judged, world)
    looked_at = [_window(case, settings, fits.get(case.id)) for case in judged]
    windows = [window for window, _ in looked_at]
    expected = _beliefs_before(judged, windows, promoted=True)
    baseline = _beliefs_before(judged, windows, promoted=False)
    inputs = [
        _input(case, settings, _Seen(window, share), prior, ledger)
        for case, (window, share), prior, ledger in zip(judged, looked_at, expected, baseline, strict=True)
    ]
    for case, verdict in zip(judged, check_chunk(inputs), strict=True):
        case.verdict = verdict


@dataclass(frozen=True, eq=False)
class Looked:
    """What a check of one parameter holds against what.

    Attributes
    ----------
    window
        Rows of the last mature days; None without an observation source.
    arrived : ndarray, shape (row,)
        Share of the outcomes of each row that can have arrived by now; None when all have.
    expected, baseline
        The accepted prior, and the posterior of the ledger, each from days before the window.
    """

    window: Observations | None
    arrived: NDArray[np.float64] | None
    expected: Belief | None
    baseline: Belief | None


def look(case: Case, world: World) -> Looked:
    """Return what the check of a case looked at on its night, once that is over; the case has a prior."""
    fits = world.store.latest_fits([case.id], case.night.instant) if case.cohorts is not None else {}
    window, arrived = _window(case, world.registry.settings, fits.get(case.id))
    (expected,) = _beliefs_before([case], [window], promoted=True)
    (baseline,) = _beliefs_before([case], [window], promoted=False)
    return Looked(window, arrived, expected, baseline)


def _last_fits(cases: Sequence[Case], world: World) -> dict[str, FitRecord]:
    """Return tonight's fit, else the last good one, of each case whose conversions are followed."""
    followed = [case for case in cases if case.cohorts is not None]
    if not followed:
        return {}
    before = world.before(followed[0].night).instant
    fits = world.store.latest_fits([case.id for case in followed], before)
    return fits | {case.id: case.fit for case in followed if case.fit is not None and case.fit.passed}


def _window(
    case: Case, settings: Settings, fit: FitRecord | None
) -> tuple[Observations | None, NDArray[np.float64] | None]:
    """Return the rows that end within the last closed days, and of each the share that can have converted.

    A row of several days belongs to the window by its end, and the window then begins where the row does.
    Without an observation source there is no window. Cohorts are looked at while they still convert.
    """
    if case.parameter.observation_source is None:
        return None, None
    if case.cohorts is not None and fit is not None:
        first = case.night.as_of - timedelta(days=settings.window_days)
        counted = case.cohorts.between(case.prior.root.absorbed_until, case.night.as_of)
        return immature_window(case, first, fit, counted)
    first = case.watermark - timedelta(days=settings.window_days)
    closed = case.settled.between(None, case.watermark)
    recent = closed.stop > np.datetime64(first)
    return Observations(closed.first[recent], closed.stop[recent], closed.sums[recent]), None


def _beliefs_before(
    cases: Sequence[Case], windows: Sequence[Observations | None], *, promoted: bool
) -> list[Belief | None]:
    """Return what was believed before each window: the accepted prior, or the posterior of the ledger.

    The window never enters the belief it is compared with, so an accepted posterior that absorbed days of the
    window is taken as it stood at the window's first day.
    """
    chosen: dict[int, Observations] = {}
    beliefs: list[Belief | None] = [None] * len(cases)
    for row, (case, window) in enumerate(zip(cases, windows, strict=True)):
        start = window.first.min().item() if window is not None and len(window) else None
        cut = start
        if promoted:
            beliefs[row] = case.prior.root.belief
            held = case.prior.head.absorbed_until
            on_root = case.prior.head is case.prior.root
            cut = None if on_root or held is None else (held if start is None else min(held, start))
        if cut is None:
            continue
        before = case.settled.between(None, cut)
        if len(before):
            chosen[row] = before
    updated = posterior(
        [cases[row].prior.root.belief for row in chosen],
        list(chosen.values()),
        [cases[row].rule for row in chosen],
    )
    for row, belief in zip(chosen, updated, strict=True):
        beliefs[row] = belief
    return beliefs


def _input(
    case: Case,
    settings: Settings,
    seen: _Seen,
    expected: Belief | None,
    baseline: Belief | None,
) -> CheckInput:
    parameter = case.parameter
    read_at = case.night.instant if case.was_read else (case.previous and case.previous.read_at)
    return CheckInput(
        parameter_id=case.id,
        type=parameter.type,
        expected=expected,
        baseline=baseline,
        window=seen.window,
        kappa=case.rule.kappa,
        divergence_threshold=parameter.divergence_threshold,
        min_sample_size=parameter.check_min_sample_size,
        margin=settings.margin,
        stale_after=2 * max(parameter.refresh_frequency, _NIGHT),
        read_age=case.night.instant - read_at if read_at else None,
        since=since_of(case),
        fit_failures=case.fit_failures,
        poor_fit=case.poor_fit,
        arrived=seen.arrived,
        maturity=seen.maturity,
        previous=case.current.belief if case.task.publish_due and case.current is not None else None,
        published=case.posterior.belief if case.task.publish_due and case.posterior is not None else None,
        source_down=case.skipped is not None and case.skipped.reason == "source_down",
    )
