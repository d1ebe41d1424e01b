"""Thirty nights of reweighting with an audit a week end where one fit of all the data ends.

With effective sizes of at least 4,000 on both sides, means differ by .022 sd of chance and spreads by 1.6 %:
the bands of .2 sd and 5 % are nine and three of these. Seeds are fixed; over other seeds one of the spreads
would fall outside about once in 300 runs of four figures.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import numpy as np
import pytest

from evenfall.inference.fit import Fit, FitRequest
from evenfall.inference.gates import check
from evenfall.inference.increment import log_ratio
from evenfall.inference.ladder import AUDIT_NIGHTS, NightlyFit, climb, needs_full_fit
from evenfall.inference.model import ModelSpec, load_model
from evenfall.inference.reweight import reweight

from .generators import Cells, Edge, Lag, Reading, arrivals

NIGHTS = 30
BEFORE = 5
"""Nights before the thirty, so that the last of them stands six nights from the last audit."""
FULL = FitRequest(tune=300)
DRAWS = {"nuts": 3000, "laplace": 2500}
"""Of each of four chains: what is left of them after six nights of weights is worth 4,000 or more."""


@dataclass
class Nights:
    """What a project keeps from night to night: the last full fit, what it was of, and how nights went."""

    engine: str
    base: Fit | None = None
    then: ModelSpec | None = None
    history: tuple[NightlyFit, ...] = ()

    def full(self, seed: int) -> FitRequest:
        """Return how a full fit is made."""
        return replace(FULL, engine=self.engine, seed=seed, draws=DRAWS[self.engine])

    def update(self, now: ModelSpec, seed: int) -> Fit:
        """Return tonight's fit."""
        if self.base is not None and self.then is not None and not needs_full_fit(self.history):
            fit = check(reweight(self.base, log_ratio(self.base, self.then, now)))
            if fit.passed:
                self.history += (NightlyFit(fit.rung, fit.diagnostics["k_hat"]),)
                return fit
        fit = climb(load_model(now), self.full(seed))
        assert fit.passed, fit.failures
        self.base, self.then = fit, now
        self.history += (NightlyFit(fit.rung, 0.0),)
        return fit


def effective(fit: Fit) -> float:
    figures = fit.diagnostics
    return figures["importance_ess"] if fit.weights is not None else figures["ess_bulk"]


def thirty_nights(spec: Callable[[int], ModelSpec], engine: str, names: tuple[str, ...]) -> Nights:
    """Run the nights, hold the last one against one fit of all the data, and return what the nights kept."""
    nights = Nights(engine)
    for night in range(-BEFORE, NIGHTS):
        last = nights.update(spec(night), seed=100 + night)
    batch = climb(load_model(spec(NIGHTS - 1)), nights.full(4711))
    assert batch.passed, batch.failures
    rungs = [night.rung for night in nights.history[-NIGHTS:]]
    worth = f"ESS {effective(last):.0f} and {effective(batch):.0f}"
    print(f"{engine}: {rungs.count('reweighted')} of {NIGHTS} nights reweighted, {worth}")
    assert rungs[-AUDIT_NIGHTS + 1 :] == ["reweighted"] * (AUDIT_NIGHTS - 1)
    assert effective(last) >= 4000
    assert effective(batch) >= 4000
    assert nights.base is not None
    stale = []
    for name in names:
        ours, theirs = last.summary(name), batch.summary(name)
        stale.append(abs(nights.base.summary(name).mean - theirs.mean) / theirs.stdev)
        moved, ratio = (ours.mean - theirs.mean) / theirs.stdev, ours.stdev / theirs.stdev
        print(f"{name}: means differ by {moved:+.3f} sd, sd ratio {ratio:.3f}")
        assert abs(moved) < 0.2
        assert 0.95 < ratio < 1.05
    # the band can tell: without the weights of the last six nights a mean would lie outside
    print(f"without the last six nights {max(stale):.2f} sd off")
    assert max(stale) > 0.3
    return nights


def audited_weekly(nights: Nights) -> bool:
    """Return whether no run of reweighted nights is longer than six."""
    run = longest = 0
    for night in nights.history:
        run = run + 1 if night.rung == "reweighted" else 0
        longest = max(longest, run)
    return longest < AUDIT_NIGHTS


EDGE = Edge(0.3, Lag("lognormal", 3.0, 12.0))
HISTORY = 25
RESTATED = range(10, 13)
"""Nights on which one entry day shows a fifth fewer conversions than it had, until it is restated."""


def delay_nights(short: range = RESTATED) -> Callable[[int], ModelSpec]:
    """Return the evidence of each night on one edge, of which one day is delivered short on some nights."""
    rng = np.random.default_rng(21)
    entries = arrivals(rng, HISTORY + NIGHTS, 300)
    moments = EDGE.convert(entries, rng)

    def spec(night: int) -> ModelSpec:
        cells = Reading(HISTORY + night + 0.25, followed=30).cells(entries, moments)
        if night in short:
            cells = _short(cells, 30)
        options = {"family": "lognormal", "horizon_days": 14}
        return ModelSpec("evenfall.funnels.delays.model:delay_model", cells, options)

    return spec


def _short(cells: Cells, day: int) -> Cells:
    conversions = np.array(cells["conversions"])
    conversions[day] = conversions[day] * 4 // 5
    return {**cells, "conversions": conversions}


def rate_nights() -> Callable[[int], ModelSpec]:
    """Return the daily sums of each night of an overdispersed rate, κ = 50."""
    rng = np.random.default_rng(22)
    trials = rng.integers(80, 200, HISTORY + NIGHTS)
    successes = rng.binomial(trials, rng.beta(0.12 * 50, 0.88 * 50, len(trials)))
    sums = np.stack([trials, successes, np.zeros(len(trials))], axis=1).astype(float)

    def spec(night: int) -> ModelSpec:
        data: Mapping[str, np.ndarray] = {"sums": sums[: HISTORY + night]}
        options = {"family": "beta", "theta": [2.0, 8.0], "kappa": 50.0}
        return ModelSpec("evenfall.inference.families:family_model", data, options)

    return spec


@pytest.mark.slow
def test_thirty_nights_of_a_rate_are_one_fit_by_nuts() -> None:
    assert audited_weekly(thirty_nights(rate_nights(), "nuts", ("value",)))


@pytest.mark.slow
def test_thirty_nights_of_a_delay_are_one_fit() -> None:
    """Full fits by weighted draws around the mode, whose own weights the nights multiply."""
    assert audited_weekly(thirty_nights(delay_nights(), "laplace", ("p", "t50", "log_ratio")))


@pytest.mark.verify
@pytest.mark.filterwarnings("ignore:invalid value encountered:RuntimeWarning")  # far out, while warming up
def test_thirty_nights_of_a_delay_are_one_fit_by_nuts() -> None:
    assert audited_weekly(thirty_nights(delay_nights(), "nuts", ("p", "t50", "log_ratio")))


def test_the_same_night_twice_changes_nothing() -> None:
    spec = delay_nights()
    nights = Nights("laplace")
    first = nights.update(spec(0), seed=0)
    second, third = nights.update(spec(1), seed=1), nights.update(spec(1), seed=2)
    assert second.rung == third.rung == "reweighted"
    assert second.draws["p"] is first.draws["p"]
    np.testing.assert_array_equal(second.weights, third.weights)


def test_a_restatement_counts_and_is_gone_when_it_is_taken_back() -> None:
    """The increment compares whole evidences: once whole again, a day is as if it had never been short."""
    restated, never = delay_nights(), delay_nights(range(0))
    then = never(9)
    base = climb(load_model(then), replace(FULL, engine="laplace", seed=1, draws=300))
    during, without = (log_ratio(base, then, world(10)) for world in (restated, never))
    assert np.std(during - without) > 0.05
    after, ever = (log_ratio(base, then, world(13)) for world in (restated, never))
    np.testing.assert_array_equal(reweight(base, after).weights, reweight(base, ever).weights)
