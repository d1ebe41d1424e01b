"""Tonight's checks: belief and reality side by side, for all parameters of a chunk at once."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

import numpy as np

from evenfall.beliefs.belief import Belief
from evenfall.beliefs.observations import Observations
from evenfall.beliefs.posterior import posterior
from evenfall.monitoring.inputs import CheckInput
from evenfall.monitoring.lights import check_chunk
from evenfall.registry.settings import Settings
from evenfall.runs.night.case import Case

__all__ = ["check"]

_NIGHT = timedelta(days=1)


def check(cases: Sequence[Case], settings: Settings) -> None:
    """Compare each belief with the window, and set each case's verdict."""
    judged = [case for case in cases if case.chain is not None]
    windows = [_window(case, settings) for case in judged]
    expected = _beliefs_before(judged, windows, promoted=True)
    baseline = _beliefs_before(judged, windows, promoted=False)
    inputs = [
        _input(case, settings, window, prior, ledger)
        for case, window, prior, ledger in zip(judged, windows, expected, baseline, strict=True)
    ]
    for case, verdict in zip(judged, check_chunk(inputs), strict=True):
        case.verdict = verdict


def _window(case: Case, settings: Settings) -> Observations | None:
    """Return the rows that end within the last closed days; None without an observation source.

    A row of several days belongs to the window by its end, and the window then begins where the row does.
    """
    if case.parameter.observation_source is None:
        return None
    first = case.watermark - timedelta(days=settings.window_days)
    closed = case.observations.between(None, case.watermark)
    recent = closed.stop > np.datetime64(first)
    return Observations(closed.first[recent], closed.stop[recent], closed.sums[recent])


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
        before = case.observations.between(None, cut)
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
    window: Observations | None,
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
        window=window,
        kappa=case.rule.kappa,
        divergence_threshold=parameter.divergence_threshold,
        min_sample_size=parameter.check_min_sample_size,
        margin=settings.margin,
        stale_after=2 * max(parameter.refresh_frequency, _NIGHT),
        read_age=case.night.instant - read_at if read_at else None,
        source_down=case.skipped is not None and case.skipped.reason == "source_down",
    )
