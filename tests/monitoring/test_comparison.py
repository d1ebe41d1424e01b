from __future__ import annotations

import math

import mpmath
import numpy as np
import pytest
import scipy.stats

from evenfall.monitoring.comparison import compare


def beta_of(mean, stdev):
    """Return (alpha, beta) with the mean and stdev: a + b = m(1 − m)/s² − 1."""
    strength = mean * (1 - mean) / stdev**2 - 1
    return mean * strength, (1 - mean) * strength


@pytest.mark.parametrize(
    ("successes", "predictive", "observed"),
    # by hand with mpmath from z = (k − nm)/sqrt(n·m(1−m)(a+b+n)/(a+b+1)) and |p − m|/sqrt(p(1 − p)/n)
    [(52, 0.3757, 0.6863), (68, 1.8807, 3.2803)],
)
def test_the_worked_example_of_a_probability_has_both_sigma_kinds(make, successes, predictive, observed):
    prior = make.belief("beta", *beta_of(0.32, 0.06))
    compared = compare([make.input(prior, make.week(150, successes))], [prior])
    assert compared.sigma_predictive[0] == pytest.approx(predictive, abs=5e-4)
    assert compared.sigma_observed[0] == pytest.approx(observed, abs=5e-4)
    assert compared.effect[0] == pytest.approx((successes / 150 - 0.32) / 0.32)


def test_a_probability_is_the_beta_binomial_distance_and_its_exact_mid_p(make):
    a, b, n, k = mpmath.mpf("98.9"), mpmath.mpf("80.9"), 892, 375
    mean = a / (a + b)
    z = (k - n * mean) / mpmath.sqrt(n * mean * (1 - mean) * (a + b + n) / (a + b + 1))
    reference = scipy.stats.betabinom(n, float(a), float(b))
    prior = make.belief("beta", float(a), float(b))
    compared = compare([make.input(prior, make.week(n, k))], [prior])
    assert compared.sigma_predictive[0] == pytest.approx(float(z), rel=1e-9)
    assert compared.mid_p[0] == pytest.approx(reference.cdf(k - 1) + reference.pmf(k) / 2, rel=1e-6)
    assert compared.expected[0] == pytest.approx(float(mean))
    assert compared.observed[0] == pytest.approx(375 / 892)


def test_overdispersion_brings_the_same_window_closer(make):
    prior = make.belief("beta", 98.9, 80.9)
    window = make.week(892, 375)
    compared = compare([make.input(prior, window), make.input(prior, window, kappa=50.0)], [prior, prior])
    # one row of 892 trials: Var = n·E·(1 + (n−1)ρ) + n²V with ρ = 1/51
    a, b, n = 98.9, 80.9, 892
    mean = a / (a + b)
    between, inside = mean * (1 - mean) / (a + b + 1), mean * (1 - mean) * (a + b) / (a + b + 1)
    variance = n * inside * (1 + (n - 1) / 51) + n**2 * between
    assert compared.sigma_predictive[1] == pytest.approx((375 - n * mean) / math.sqrt(variance), rel=1e-6)
    assert abs(compared.sigma_predictive[1]) < abs(compared.sigma_predictive[0])


def test_a_rate_is_the_normal_score_of_the_negative_binomial_mid_p(make):
    prior = make.belief("gamma", 40.0, 20.0)
    window = make.week(120.0, 300.0)
    reference = scipy.stats.nbinom(40, 20 / (20 + 120))
    mid_p = reference.cdf(299) + reference.pmf(300) / 2
    compared = compare([make.input(prior, window)], [prior])
    assert compared.mid_p[0] == pytest.approx(mid_p, rel=1e-6)
    assert compared.sigma_predictive[0] == pytest.approx(scipy.stats.norm.ppf(mid_p), abs=1e-6)
    assert compared.observed[0] == pytest.approx(2.5)
    assert compared.effect[0] == pytest.approx(0.25)


def test_a_mean_is_measured_in_prior_standard_deviations(make):
    prior = make.belief("normal", 0.0, 0.5, 2.0)
    narrow = make.belief("normal", 0.1, 0.01, 2.0)
    window = make.week(400, 120.0, 2000.0)
    item = make.input(prior, window, narrow)
    compared = compare([item, item], [prior, narrow])
    # Σx ~ N(nμ, n²σ² + n·noise²): sd sqrt(160000·.25 + 400·4)
    expected = (120 - 0) / math.sqrt(400**2 * 0.25 + 400 * 4)
    assert compared.sigma_predictive[0] == pytest.approx(expected, rel=1e-6)
    assert compared.sigma_observed[0] == pytest.approx(0.3 / (2 / 20), rel=0.2)
    assert compared.effect[0] == pytest.approx(0.3 / 0.5)
    assert compared.effect[1] == pytest.approx(0.2 / 0.5)


def test_the_prior_sigma_of_an_unknown_noise_is_the_yardstick_of_a_mean(make):
    prior = make.belief("normal-inverse-gamma", 10.0, 2.0, 3.0, 12.0)
    compared = compare([make.input(prior, make.week(200, 2200.0, 25000.0))], [prior])
    assert compared.effect[0] == pytest.approx(0.5)


def test_a_duration_is_compared_on_the_log_scale_and_shown_in_its_own_unit(make):
    mu, sigma, noise, n, location = 1.0, 0.1, 0.8, 400, 1.25
    prior = make.belief("lognormal", mu, sigma, noise)
    compared = compare([make.input(prior, make.week(n, n * location, n * (location**2 + 0.5)))], [prior])
    expected = n * (location - mu) / math.sqrt(n**2 * sigma**2 + n * noise**2)
    assert compared.sigma_predictive[0] == pytest.approx(expected, rel=1e-6)
    assert compared.observed[0] == pytest.approx(math.exp(location + noise**2 / 2))
    assert compared.expected[0] == pytest.approx(math.exp(mu + sigma**2 / 2 + noise**2 / 2))


def test_a_chunk_of_mixed_families_answers_each_as_if_it_stood_alone(make):
    beliefs = [
        make.belief("gamma", 40.0, 20.0),
        make.belief("beta", 98.9, 80.9),
        make.belief("lognormal", 1.0, 0.1, 0.8),
        make.belief("normal", 0.0, 0.5, 2.0),
        make.belief("beta", 8.0, 17.0),
    ]
    windows = [
        make.week(120.0, 300.0),
        make.week(892, 375),
        make.week(400, 500.0, 800.0),
        make.week(400, 120.0, 2000.0),
        make.week(150, 52),
    ]
    inputs = [make.input(prior, window) for prior, window in zip(beliefs, windows, strict=True)]
    together = compare(inputs, beliefs)
    alone = [compare([item], [prior]) for item, prior in zip(inputs, beliefs, strict=True)]
    for figure in ("sigma_predictive", "sigma_observed", "mid_p", "expected", "stdev", "observed", "effect"):
        single = np.array([getattr(one, figure)[0] for one in alone])
        np.testing.assert_allclose(getattr(together, figure), single, rtol=1e-12)
