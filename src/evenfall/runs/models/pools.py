"""One rate for all slices, slices that lean on each other, slices on their own: three models, the same units.

All three have the pooled model's likelihood and its belief about the rate: without effects over all slices,
with effects, and without effects slice by slice. A unit is one day of one slice.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray
from scipy import special

from evenfall.beliefs.belief import Belief
from evenfall.funnels.pooling.slices import Slices
from evenfall.inference.comparison.elpd import Elpd, loo, waic
from evenfall.inference.fit import Fit, FitRequest
from evenfall.inference.gates import SAMPLED
from evenfall.registry.schemas import Pooling
from evenfall.runs.fitting.jobs import FitJob
from evenfall.runs.fitting.specs import pooled_spec_of
from evenfall.runs.models.standing import slices_of
from evenfall.runs.night.case import Case

__all__ = ["WAYS", "daily_slices", "elpd_of", "pool_jobs", "way_elpds"]

type Floats = NDArray[np.float64]

WAYS: Final = ("pooled", "partially pooled", "separate")
"""One rate for all; rates drawn towards each other as far as the data allow; each on its own."""

_OWN: Final = "separate "


def daily_slices(cases: Sequence[Case]) -> tuple[Pooling, Slices]:
    """Return the slices day by day, and how they are pooled: by all that tells them apart, unless said."""
    first = cases[0].parameter
    pooling = first.pooling or Pooling(effects=tuple(sorted(first.shard)))
    _, slices = slices_of(cases, pooling.model_copy(update={"overdispersion": "learned"}))
    return pooling, slices.select(np.flatnonzero(slices.trials.sum(axis=1)))


def pool_jobs(slices: Slices, prior: Belief, pooling: Pooling, request: FitRequest) -> list[FitJob]:
    """Return the fits that the three ways need: one, one, and one for each slice."""
    alike = _without_effects(slices)
    wanted = {WAYS[0]: alike, WAYS[1]: slices}
    wanted |= {f"{_OWN}{row}": alike.select(np.array([row])) for row in range(len(slices))}
    return [FitJob(name, pooled_spec_of(part, prior, pooling), request) for name, part in wanted.items()]


def way_elpds(
    fits: Mapping[str, Fit], slices: Slices, kind: Literal["loo", "waic"]
) -> tuple[dict[str, Elpd], dict[str, str]]:
    """Return the elpd of each way over the days of all slices, and why some ways have none.

    Parameters
    ----------
    fits
        By the names of `pool_jobs`.
    """
    every = list(range(len(slices)))
    parts = {way: [(fits[way], every)] for way in WAYS[:2]}
    parts[WAYS[2]] = [(fits[f"{_OWN}{row}"], [row]) for row in every]
    found: dict[str, Elpd] = {}
    refused: dict[str, str] = {}
    for way, own in parts.items():
        failed = [fit.failures[0] for fit, _ in own if not fit.passed]
        if failed:
            refused[way] = f"its fit did not pass: {failed[0]}"
        else:
            found[way] = _joined(
                [elpd_of(fit, kind, _log_likelihood(fit, slices, rows)) for fit, rows in own]
            )
    return found, refused


def _without_effects(slices: Slices) -> Slices:
    none = np.zeros((len(slices), 0), dtype=np.int64)
    return Slices(slices.names, (), none, slices.trials, slices.successes)


def elpd_of(fit: Fit, kind: Literal["loo", "waic"] = "loo", log_likelihood: Floats | None = None) -> Elpd:
    """Return how well a fit that passed predicts its units, or those of another `log_likelihood`.

    Draws that come of no chains are independent: nobody need estimate what they are worth.
    """
    values = fit.log_likelihood if log_likelihood is None else log_likelihood
    assert values is not None, "asked of a fit whose model gives a log likelihood"
    if kind == "waic":
        return waic(values, weights=fit.weights)
    return loo(values, weights=fit.weights, relative_ess=None if fit.rung in SAMPLED else 1.0)


def _log_likelihood(fit: Fit, slices: Slices, rows: Sequence[int]) -> Floats:
    """Return that of each day with trials, slice after slice, at the draws of a fit to these slices.

    Shape (chain, draw, unit).
    """
    row, day = np.nonzero(slices.trials[list(rows)])
    n = slices.trials[list(rows)][row, day].astype(float)
    k = slices.successes[list(rows)][row, day].astype(float)
    p = fit.draws["p"][..., row]
    ways = special.gammaln(n + 1) - special.gammaln(k + 1) - special.gammaln(n - k + 1)
    if "kappa" not in fit.draws:
        return np.asarray(ways + special.xlogy(k, p) + special.xlog1py(n - k, -p))
    kappa = fit.draws["kappa"][..., None]
    return np.asarray(
        ways
        + special.betaln(kappa * p + k, kappa * (1 - p) + n - k)
        - special.betaln(kappa * p, kappa * (1 - p))
    )


def _joined(parts: Sequence[Elpd]) -> Elpd:
    """Return the elpd over the units of all parts, in their order."""
    if len(parts) == 1:
        return parts[0]
    pointwise = np.concatenate([one.pointwise for one in parts])
    starts = np.cumsum([0, *(one.pointwise.size for one in parts)])
    return replace(
        parts[0],
        value=float(pointwise.sum()),
        se=float(np.sqrt(pointwise.size * np.var(pointwise, ddof=1))),
        pointwise=pointwise,
        effective_parameters=sum(one.effective_parameters for one in parts),
        pareto_k=np.concatenate([one.pareto_k for one in parts]),
        bad=tuple(int(start + unit) for start, one in zip(starts, parts, strict=False) for unit in one.bad),
    )
