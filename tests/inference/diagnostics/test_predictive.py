"""Predictive checks: right models pass at the stated rate, wrong ones are told, discreteness is handled."""

import numpy as np
import pytest

from evenfall.errors import UsageError
from evenfall.findings import Light
from evenfall.inference.diagnostics.predictive import predictive_check


def _normal_fit(rng, y, draws=500):
    """Return data simulated from the posterior of a normal mean with known unit noise and a N(0, 1) prior."""
    variance = 1 / (1 + y.size)
    mu = rng.normal(np.sum(y) * variance, np.sqrt(variance), size=(draws, 1))
    return rng.normal(mu, 1.0, size=(draws, y.size))


def test_a_right_model_is_called_poor_no_more_often_than_stated():
    # 400 data sets from the prior: five per cent is 20; more than 34 has probability below 0.001.
    rng = np.random.default_rng(1)
    alarms = 0
    for _ in range(400):
        y = rng.normal(rng.normal(), 1.0, size=20)
        alarms += bool(predictive_check(y, _normal_fit(rng, y, 300)).poor)
    assert alarms <= 34


def test_a_fit_with_a_parameter_per_unit_is_not_called_poor():
    # Every 50 % interval holds its unit: the fit has seen the data, which is no misfit.
    rng = np.random.default_rng(2)
    y = rng.normal(0, 5, size=50)
    found = predictive_check(y, rng.normal(y, np.sqrt(2), size=(1000, 50)))
    assert found.coverage(0.5) == 1.0
    assert found.poor == ()


def test_overdispersed_counts_are_seen_as_too_many_outside():
    rng = np.random.default_rng(3)
    y = rng.negative_binomial(2, 2 / (2 + 10), size=60).astype(float)
    simulated = rng.poisson(rng.gamma(np.sum(y), 1 / 60, size=(1000, 1)), size=(1000, 60)).astype(float)
    found = predictive_check(y, simulated)
    assert {"sd", "outside 90%", "outside 50%"} <= set(found.poor)
    finding = found.finding("checkout")
    assert finding.light is Light.AMBER
    assert "sd" in finding.message
    assert finding.remedy
    assert finding.figures["coverage 90%"] == found.coverage(0.9) < 0.9


def test_a_right_model_has_a_green_finding():
    rng = np.random.default_rng(4)
    y = rng.normal(0.3, 1.0, size=40)
    assert predictive_check(y, _normal_fit(rng, y)).finding("checkout").light is Light.GREEN


def test_few_simulations_are_said_to_be_too_few():
    rng = np.random.default_rng(5)
    y = rng.normal(size=10) + 100
    found = predictive_check(y, rng.normal(size=(50, 10)))
    assert not found.decidable
    assert found.finding("checkout").light is Light.GREY


def test_mid_p_counts_ties_by_half():
    # Observed total 1 among simulated 0, 1, 1, 2 and itself: (1 above + (2 + 1) / 2) / 5.
    found = predictive_check(
        np.array([1.0]), np.array([[0.0], [1.0], [1.0], [2.0]]), statistics={"sum": lambda d: d.sum(axis=-1)}
    )
    assert found.rows[0].p == pytest.approx(2.5 / 5)
    assert found.rows[0].p_tested == 1.0


def test_the_pit_of_rare_counts_is_uniform_when_the_model_is_right():
    # Kolmogorov-Smirnov distance of 5000 uniform values stays below 1.95 / sqrt(5000) with probability 0.999.
    rng = np.random.default_rng(6)
    y, simulated = rng.poisson(0.3, size=5000), rng.poisson(0.3, size=(400, 5000))
    pit = np.sort(predictive_check(y, simulated).pit)
    grid = np.arange(1, 5001) / 5000
    assert np.max(np.abs(pit - grid)) < 1.95 / np.sqrt(5000)
    again = np.sort(predictive_check(y, simulated).pit)
    np.testing.assert_array_equal(pit, again)


def test_intervals_cover_units_as_often_as_they_say():
    # Coverage of 4000 independent units: standard error 0.008 at 0.5 and 0.005 at 0.9; four of them.
    rng = np.random.default_rng(7)
    found = predictive_check(rng.normal(size=4000), rng.normal(size=(1000, 4000)))
    assert found.coverage(0.5) == pytest.approx(0.5, abs=0.032)
    assert found.coverage(0.9) == pytest.approx(0.9, abs=0.02)
    # Quantiles of the standard normal: 0.6745 and 1.6449, each with a standard error of 0.06 at most.
    np.testing.assert_allclose(np.mean(found.intervals[0.5], axis=0), [-0.6745, 0.6745], atol=0.01)
    np.testing.assert_allclose(np.mean(found.intervals[0.9], axis=0), [-1.6449, 1.6449], atol=0.01)


def test_a_shifted_model_is_told_by_its_mean():
    rng = np.random.default_rng(8)
    found = predictive_check(rng.normal(1.0, 1.0, size=50), rng.normal(size=(1000, 50)))
    assert "mean" in found.poor
    assert found.rows[0].p < 0.01


@pytest.mark.parametrize(
    ("observed", "simulated"),
    [
        (np.zeros(3), np.zeros((10, 4))),
        (np.zeros((3, 1)), np.zeros((10, 3))),
        (np.zeros(0), np.zeros((10, 0))),
        (np.array([1.0, np.nan]), np.zeros((10, 2))),
        (np.zeros(2), np.full((10, 2), np.inf)),
    ],
)
def test_data_that_do_not_belong_together_are_refused(observed, simulated):
    with pytest.raises(UsageError):
        predictive_check(observed, simulated)
