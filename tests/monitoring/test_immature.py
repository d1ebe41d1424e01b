from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import pytest
import scipy.stats

from evenfall.beliefs.observations import Observations
from evenfall.findings import Light
from evenfall.monitoring.comparison import compare
from evenfall.monitoring.immature import immature_moments, immature_z
from evenfall.monitoring.lights import check_chunk

FIRST = date(2025, 11, 3)


def days(trials, successes) -> Observations:
    return Observations.of(
        (FIRST + timedelta(days=i), FIRST + timedelta(days=i + 1), float(n), float(k), 0.0)
        for i, (n, k) in enumerate(zip(trials, successes, strict=True))
    )


@pytest.mark.parametrize("kappa", [None, 25.0])
def test_the_moments_are_those_of_simulated_cohorts(kappa):
    # 400,000 draws: the mean within 4 and the variance within 5 standard errors (of the variance: sqrt(2/N))
    rng = np.random.default_rng(1)
    trials, arrived, draws = np.array([400.0, 300.0, 500.0]), np.array([1.0, 0.7, 0.2]), 400_000
    p = rng.beta(30.0, 70.0, (draws, 1))
    own = p if kappa is None else rng.beta(kappa * p, kappa * (1 - p), (draws, 3))
    seen = rng.binomial(trials.astype(int), arrived * own).sum(axis=1)
    mean, variance = immature_moments(30.0, 70.0, trials, arrived, kappa)
    assert mean == pytest.approx(seen.mean(), abs=4 * seen.std() / draws**0.5)
    assert variance == pytest.approx(seen.var(), rel=5 * (2 / draws) ** 0.5)


def test_with_everything_arrived_it_is_the_usual_distance(make):
    prior, window = make.belief("beta", 98.9, 80.9), days([300, 292, 300], [125, 120, 130])
    for kappa in (None, 50.0):
        plain = compare([make.input(prior, window, kappa=kappa)], [prior])
        full = compare([make.input(prior, window, kappa=kappa, arrived=np.ones(3))], [prior])
        for name in ("sigma_predictive", "sigma_observed", "mid_p", "observed", "effect"):
            np.testing.assert_allclose(getattr(full, name), getattr(plain, name), rtol=1e-8)


def test_one_share_for_all_is_a_thinned_rate_with_its_exact_mid_p(make):
    # a known rate: p·f binomial, by scipy
    prior = make.belief("beta", 3e7, 7e7)
    law = scipy.stats.binom(1000, 0.3 * 0.5)
    z, mid_p = immature_z(prior, days([1000], [130]), np.array([0.5]), None)
    assert mid_p == pytest.approx(law.cdf(129) + law.pmf(130) / 2, rel=1e-4)
    assert z == pytest.approx((130 - law.mean()) / law.std(), rel=1e-4)


def test_outcomes_still_on_their_way_are_no_divergence(make):
    prior = make.belief("beta", 3000.0, 7000.0)
    arrived = np.array([1.0, 0.9, 0.7, 0.5, 0.3])
    window = days([400] * 5, np.round(400 * 0.3 * arrived))
    [taken_as_final, arriving] = check_chunk(
        [make.input(prior, window, prior), make.input(prior, window, prior, arrived=arrived, maturity=0.68)]
    )
    assert taken_as_final.light is Light.RED
    assert arriving.light is Light.GREEN
    assert arriving.figures["observed"] == pytest.approx(0.3, abs=0.002)


def test_when_nothing_can_have_arrived_there_is_no_distance(make):
    z, mid_p = immature_z(make.belief("beta", 3.0, 7.0), days([10], [0]), np.zeros(1), None)
    assert np.isnan(z)
    assert np.isnan(mid_p)


def test_shares_must_belong_to_the_rows_of_the_window(make):
    with pytest.raises(ValueError, match="2 shares for a window of 1 rows"):
        make.input(make.belief("beta", 3, 7), days([10], [3]), arrived=np.ones(2))
