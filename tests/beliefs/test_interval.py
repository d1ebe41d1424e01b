"""Equal-tailed and shortest intervals."""

import numpy as np
import pytest
from scipy import optimize, stats

from evenfall.beliefs.distributions.beta import BetaDistribution
from evenfall.beliefs.distributions.gamma import GammaDistribution
from evenfall.beliefs.distributions.normal import NormalDistribution
from evenfall.beliefs.interval import equal_tailed, highest_density


def test_equal_tails_leave_the_same_mass_on_either_side():
    low, high = equal_tailed(BetaDistribution(np.array([60.0, 8.0]), np.array([115.0, 17.0])))
    np.testing.assert_allclose(low, stats.beta.ppf(0.025, [60, 8], [115, 17]), rtol=1e-12)
    np.testing.assert_allclose(high, stats.beta.ppf(0.975, [60, 8], [115, 17]), rtol=1e-12)


@pytest.mark.parametrize("level", [0.5, 0.8, 0.95])
@pytest.mark.parametrize(
    ("law", "expected"),
    [
        (BetaDistribution(np.float64(8), np.float64(17)), stats.beta(8, 17)),
        (BetaDistribution(np.float64(1.3), np.float64(40)), stats.beta(1.3, 40)),
        (GammaDistribution(np.float64(3), np.float64(2)), stats.gamma(3, scale=0.5)),
    ],
)
def test_the_highest_density_interval_is_the_shortest(law, expected, level):
    low, high = (float(end) for end in highest_density(law, level))
    shortest = optimize.minimize_scalar(
        lambda below: expected.ppf(below + level) - expected.ppf(below),
        bounds=(0, 1 - level),
        method="bounded",
        options={"xatol": 1e-12},
    ).fun
    assert high - low == pytest.approx(shortest, rel=1e-9)
    assert expected.cdf(high) - expected.cdf(low) == pytest.approx(level, abs=1e-10)
    assert expected.logpdf(low) == pytest.approx(expected.logpdf(high), abs=1e-6)


def test_of_a_symmetric_law_both_intervals_agree():
    law = NormalDistribution(np.array([0.0, 3.0]), np.array([1.0, 2.0]))
    np.testing.assert_allclose(highest_density(law, 0.9), equal_tailed(law, 0.9), atol=1e-9)


@pytest.mark.parametrize(
    ("alpha", "beta", "low", "high"),
    [
        (1, 5, 0, stats.beta.ppf(0.9, 1, 5)),
        (5, 1, stats.beta.ppf(0.1, 5, 1), 1),
        (0.5, 3, 0, stats.beta.ppf(0.9, 0.5, 3)),
    ],
)
def test_a_density_that_only_falls_or_rises_has_its_interval_at_the_end(alpha, beta, low, high):
    law = BetaDistribution(np.float64(alpha), np.float64(beta))
    np.testing.assert_allclose(highest_density(law, 0.9), (low, high), atol=1e-12)


def test_of_two_peaks_at_the_ends_the_shorter_side_is_given():
    low, high = highest_density(BetaDistribution(np.float64(0.3), np.float64(0.6)), 0.8)
    assert low == pytest.approx(0, abs=1e-15)
    assert high == pytest.approx(stats.beta.ppf(0.8, 0.3, 0.6), abs=1e-12)
