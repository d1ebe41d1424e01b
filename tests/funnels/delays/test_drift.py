"""A wandering rate, followed: coverage by simulation, and laws where there is nothing to follow."""

import numpy as np
import pytest
from scipy import special, stats

from evenfall.errors import UsageError
from evenfall.funnels.delays.drift import filter_drift

STEPS = (0.0, 0.01, 0.02, 0.03)


def walk(rng, step, *, days=126, per_day=300, rate=0.2, kappa=None):
    """Return trials and successes of a rate whose logit takes a step a day, and the rate at the end."""
    rates = special.expit(special.logit(rate) + np.cumsum(rng.normal(0, step, days)))
    trials = rng.poisson(per_day, days)
    own = rates if kappa is None else rng.beta(rates * kappa, (1 - rates) * kappa)
    return trials, rng.binomial(trials, own), rates[-1]


def covered(step, worlds, seed, **how):
    """Return the share of worlds in which the 95 % interval holds the rate at the end."""
    rng = np.random.default_rng(seed)
    hits = 0
    for _ in range(worlds):
        trials, successes, rate = walk(rng, step, **how)
        lower, upper = filter_drift(trials, successes, kappa=how.get("kappa")).interval()
        hits += lower <= rate <= upper
    return hits / worlds


def test_the_interval_holds_the_rate_that_drifts() -> None:
    # 40 worlds at .95: below 34 in one of 500 seeds
    assert covered(0.02, 40, 1) >= 0.85


@pytest.mark.verify
@pytest.mark.parametrize("step", STEPS)
def test_the_coverage_of_drifting_rates_is_near_its_level(step: float) -> None:
    found = covered(step, 400, 2, days=180)
    print(f"logit drift {step:g} per day: coverage {found:.3f}")
    # 400 worlds tell a coverage of .95 to ± .011; a rate that stands still is covered more often
    assert found > 0.95 - 4 * 0.011
    assert found < 0.995 or step == 0.0


@pytest.mark.verify
def test_the_coverage_holds_with_scattering_days() -> None:
    found = covered(0.02, 300, 3, kappa=40.0)
    print(f"kappa 40: coverage {found:.3f}")
    assert found > 0.95 - 4 * 0.0126


def test_a_rate_that_stands_still_is_answered_almost_as_if_that_were_known() -> None:
    rng = np.random.default_rng(4)
    trials, successes, _ = walk(rng, 0.0, days=140)
    found = filter_drift(trials, successes)
    fixed = stats.beta(1 + successes.sum(), 1 + (trials - successes).sum())
    assert found.mean == pytest.approx(fixed.mean(), abs=4 * fixed.std())
    assert found.stdev < 4 * fixed.std()
    assert found.log_bayes_factor < 1
    assert found.step < 0.01


def test_a_single_week_without_drift_is_a_beta() -> None:
    trials, successes = np.array([30, 0, 50]), np.array([9, 0, 20])
    found = filter_drift(trials, successes, prior=(2.0, 3.0))
    fixed = stats.beta(2 + 29, 3 + 51)
    assert found.mean == pytest.approx(fixed.mean(), rel=5e-3)
    # drift within half a week adds a little: √(3.5) · .02 of the logit, against 1/√(n p q)
    assert fixed.std() <= found.stdev * 1.001
    assert found.stdev < 1.05 * fixed.std()
    assert found.quantile(0.5) == pytest.approx(fixed.median(), rel=5e-3)


def test_strong_drift_is_seen_and_followed() -> None:
    rng = np.random.default_rng(5)
    trials = np.full(140, 2000)
    rates = special.expit(np.linspace(-2.0, 0.0, 140))
    found = filter_drift(trials, rng.binomial(trials, rates))
    assert found.log_bayes_factor > 20
    lower, upper = found.interval()
    assert lower < 0.5 < upper
    assert np.all(np.diff(found.weeks[:, 1]) > 0)
    assert found.step > 0.01


def test_evidence_does_not_depend_on_days_without_trials() -> None:
    rng = np.random.default_rng(6)
    trials, successes, _ = walk(rng, 0.01, days=28)
    quiet = np.concatenate([np.zeros(7, dtype=int), trials])
    found = filter_drift(quiet, np.concatenate([np.zeros(7, dtype=int), successes]))
    again = filter_drift(trials, successes)
    assert found.mean == pytest.approx(again.mean, rel=1e-2)
    with pytest.raises(UsageError, match="by day"):
        filter_drift(np.zeros(5), np.zeros(5))
