"""Log evidence, Bayes factors and their default reference."""

import numpy as np
import pytest
from scipy import stats

from evenfall.beliefs import Beta, Gamma, LogNormal, Normal
from evenfall.beliefs.belief import Belief, Origin
from evenfall.beliefs.evidence import log_bayes_factor, log_evidence, widen
from evenfall.beliefs.families.beta import BETA
from evenfall.errors import UsageError


def test_evidence_of_mixed_families_comes_back_in_order():
    x = np.array([1.0, 2.5, 4.0])
    beliefs = [Beta(8, 17), Normal(2, 1, noise_sigma=2), Gamma(3, 2)]
    sums = np.array([[150, 52, 0], [3, x.sum(), (x**2).sum()], [10, 30, 0]])
    joint = stats.multivariate_normal(np.full(3, 2.0), 4 * np.eye(3) + 1.0).logpdf(x)
    expected = [stats.betabinom.logpmf(52, 150, 8, 17), joint, stats.nbinom.logpmf(30, 3, 2 / 12)]
    np.testing.assert_allclose(log_evidence(beliefs, sums), expected, rtol=1e-11)


def test_a_bayes_factor_above_zero_speaks_against_the_prior():
    prior, uniform = np.array([[32.0, 68.0]] * 2), np.ones((2, 2))
    against, agreeing = log_bayes_factor(BETA, prior, uniform, np.array([[150, 120, 0], [150, 48, 0.0]]))
    assert against > np.log(100)
    assert agreeing < 0


def test_more_rows_than_a_block_holds_give_what_each_gives_alone():
    rng = np.random.default_rng(2)
    theta, trials = rng.uniform(1, 50, (70_000, 2)), rng.integers(0, 500, 70_000)
    sums = np.column_stack([trials, trials // 3, np.zeros(70_000)])
    found = log_bayes_factor(BETA, theta, np.ones_like(theta), sums)
    for i in (0, 65_535, 65_536, 69_999):
        assert found[i] == log_bayes_factor(BETA, theta[i], np.ones(2), sums[i])


@pytest.mark.parametrize(
    ("belief", "theta"),
    [
        (Beta(10, 19), (2, 3)),
        (Gamma(10, 9), (2, 1)),
        (Normal(2, 1, noise_sigma=5), (2, 3, 5)),
        (LogNormal(0, 0.5, noise_sigma=1), (0, 1.5, 1)),
        (Normal(2, 1, noise_shape=3, noise_scale=4), (2, 3, 3, 4)),
    ],
)
def test_the_reference_is_the_ninth_root_of_the_density(belief, theta):
    assert widen(belief).theta == pytest.approx(theta, rel=1e-14)


def test_a_ninth_of_the_log_density_is_that_of_the_reference_up_to_a_constant():
    p = np.array([0.1, 0.4, 0.8])
    gap = stats.beta.logpdf(p, 10, 19) / 9 - stats.beta.logpdf(p, *widen(Beta(10, 19)).theta)
    np.testing.assert_allclose(gap, gap[0], rtol=1e-12)


def test_a_family_without_a_rule_is_refused_by_name():
    with pytest.raises(UsageError, match="cauchy"):
        widen(Belief("cauchy", ("x",), (1.0,), Origin("manual")))
