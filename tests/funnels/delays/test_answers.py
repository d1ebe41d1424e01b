"""What may be said: the horizon, maturity, the refusal to extrapolate, and what the data do not identify."""

import numpy as np
import pytest
from scipy import stats
from tests.funnels.delays.simulated import cohorts

from evenfall.funnels.delays.answers import (
    NOT_IDENTIFIED,
    EventualRate,
    Refused,
    default_horizon,
    describe,
    eventual_rate,
    maturity,
    overlap,
    stacked_eventual_rate,
)
from evenfall.funnels.delays.model import delay_model
from evenfall.inference.comparison.stacking import stacking_weights
from evenfall.inference.engines.laplace import LaplaceEngine
from evenfall.inference.fit import FitRequest

# Half of this lag lies within 40 days; of the other one 99 %.
SLOW, FAST = stats.lognorm(1.0, scale=40.0), stats.lognorm(0.9, scale=5.0)
FAMILIES = ("lognormal", "weibull", "log_logistic")


def fitted(data, family="lognormal", **options):
    model = delay_model(data, {"family": family, "horizon_days": 20, **options})
    return LaplaceEngine().fit(model, FitRequest(seed=1, draws=1000)), model


def best_fit(fit, model):
    return model.log_likelihood(fit.points.reshape(-1, 3)).sum(axis=1).max()


@pytest.fixture(scope="module")
def half_seen():
    data = cohorts(np.random.default_rng(5), SLOW, 0.3, days=40, size=100)
    return {family: fitted(data, family) for family in FAMILIES}


@pytest.fixture(scope="module")
def seen():
    data = cohorts(np.random.default_rng(6), FAST, 0.3, days=90, size=400)
    return {family: fitted(data, family) for family in FAMILIES}


def test_at_half_of_the_lag_families_fit_alike_and_disagree_on_what_is_to_come(half_seen):
    best = {
        name: model.log_likelihood(fit.points.reshape(-1, 3)).sum(axis=1).max()
        for name, (fit, model) in half_seen.items()
    }
    eventual = {name: fit.summary("p_eventual").median for name, (fit, _) in half_seen.items()}
    assert max(best.values()) - min(best.values()) < 4
    assert max(eventual.values()) / min(eventual.values()) > 1.25


@pytest.mark.parametrize("family", FAMILIES)
def test_at_half_of_the_lag_no_family_may_answer_the_eventual_rate(half_seen, family):
    refused = eventual_rate(*half_seen[family])
    assert isinstance(refused, Refused)
    assert "horizon" in refused.remedy


@pytest.mark.parametrize("family", FAMILIES)
def test_at_half_of_the_lag_the_rate_within_a_seen_horizon_is_right_in_every_family(half_seen, family):
    # 20 days were seen by half of the cohorts. Truth 0.3 F(20) = 0.073.
    found = half_seen[family][0].summary("p")
    assert found.lower < 0.3 * SLOW.cdf(20) < found.upper


def test_a_lag_that_bends_too_early_is_still_refused():
    # Cohorts that convert evenly over all the ages seen, under a prior that insists on a short lag.
    data = {
        "entry": np.arange(30), "size": np.full(30, 500), "observed": np.full(30, 20),
        "conversions": np.full((30, 20), 3),
    }  # fmt: skip
    prior = {
        "log_t50": {"mean": 2.25, "stdev": 0.01},
        "log_log_ratio": {"mean": -0.5, "stdev": 0.01},
    }
    fit, model = fitted(data, "weibull", prior=prior)
    assert fit.summary("observed_mass").mean > 0.9
    refused = eventual_rate(fit, model)
    assert isinstance(refused, Refused)
    assert refused.reason == "still converting"


def test_nobody_converted_is_an_answer_too():
    data = {
        "entry": np.arange(5), "size": np.full(5, 10), "observed": np.arange(5, 0, -1),
        "conversions": np.zeros((5, 5), dtype=int),
    }  # fmt: skip
    fit, model = fitted(data, "weibull")
    assert isinstance(eventual_rate(fit, model), Refused)
    assert default_horizon(data["conversions"], data["observed"]).from_data is False


def test_a_lag_seen_whole_is_answered(seen):
    answer = eventual_rate(*seen["lognormal"])
    assert isinstance(answer, EventualRate)
    assert answer.observed_mass > 0.95
    spread = np.sqrt((answer.weights * (answer.draws - answer.mean) ** 2).sum())
    assert abs(answer.mean - 0.3) < 4 * spread


def test_the_average_over_families_is_as_wide_as_their_disagreement(half_seen):
    fits = {name: fit for name, (fit, _) in half_seen.items()}
    pointwise = np.stack(
        [model.log_likelihood(fit.points[0, :1]).ravel() for fit, model in half_seen.values()]
    )
    assert len(stacking_weights(pointwise)) == 3
    even = stacked_eventual_rate(fits, dict.fromkeys(FAMILIES, 1 / 3))
    means = [stacked_eventual_rate({name: fits[name]}, {name: 1.0}).mean for name in FAMILIES]
    assert even.weights.sum() == pytest.approx(1.0)
    assert even.mean == pytest.approx(np.mean(means))
    variance = (even.weights * (even.draws - even.mean) ** 2).sum()
    assert variance > np.var(means)


def test_the_default_horizon_is_the_first_day_with_95_percent():
    mature = {"conversions": np.array([[50, 30, 14, 2, 4, 0]]), "observed": np.array([6])}
    assert default_horizon(**mature).days == 4  # 50, 80, 94, 96 of 100


def test_the_default_horizon_of_a_long_history_is_that_of_its_lag():
    data = cohorts(np.random.default_rng(8), FAST, 0.3, days=120, size=500)
    found = default_horizon(data["conversions"], data["observed"])
    assert found.days == pytest.approx(np.ceil(FAST.ppf(0.95)), abs=2)


def test_maturity_is_the_share_of_the_horizon_already_shown(seen):
    fit, model = seen["lognormal"]
    z = fit.points.reshape(-1, 3)[:200]
    whole, week = maturity(model, z), maturity(model, z, window_days=7)
    truth = FAST.cdf(np.arange(1, 8)) / FAST.cdf(20)
    assert week == pytest.approx(truth.mean(), abs=0.03)
    assert week < 0.5 < whole < 1


def test_overlap_is_that_of_two_normals():
    # Quantiles instead of draws; closed form for N(0, 1) and N(1.5, 1): 2 Φ(−0.75).
    grid = stats.norm.ppf((np.arange(20_000) + 0.5) / 20_000)
    assert overlap(grid + 1.5, grid) == pytest.approx(2 * stats.norm.cdf(-0.75), abs=0.01)
    assert overlap(grid, grid) == pytest.approx(1.0, abs=1e-12)
    # N(0, 0.6²) in N(0, 1): densities cross at x² = log(1/.36)·.36/.64.
    x = np.sqrt(np.log(1 / 0.36) * 0.36 / 0.64)
    expected = 1 - 2 * (stats.norm.cdf(x / 0.6) - stats.norm.cdf(x))
    assert overlap(0.6 * grid, grid) == pytest.approx(expected, abs=0.01)
    assert expected == pytest.approx(NOT_IDENTIFIED, abs=0.01)


def test_what_the_prior_says_is_flagged_and_never_a_bare_point():
    # Two weeks of a lag whose median is 100 days: that it is slow is seen, what comes of it is not.
    data = cohorts(np.random.default_rng(5), stats.lognorm(1.0, scale=100), 0.3, days=15, size=100)
    fit, model = fitted(data, "lognormal", horizon_days=200)
    found = describe(fit, model)
    assert found["t50"].identified
    assert not found["p"].identified
    assert not found["p_eventual"].identified
    assert "not identified" in str(found["p_eventual"])
    assert found["p_eventual"].summary.upper - found["p_eventual"].summary.lower > 0.5
