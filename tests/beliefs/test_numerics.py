"""Digits kept: every function against mpmath with 50 digits, up to 1e12 counts and far into the tails."""

import itertools

import mpmath as mp
import numpy as np
import pytest
from scipy import special, stats

from evenfall.beliefs.distributions.beta import BetaBinomial, BetaDistribution
from evenfall.beliefs.distributions.gamma import GammaDistribution, NegativeBinomial
from evenfall.beliefs.distributions.normal import StudentT
from evenfall.beliefs.families.beta import BETA
from evenfall.beliefs.numerics import stirling
from evenfall.beliefs.numerics.incomplete_beta import beta_log_tails
from evenfall.beliefs.numerics.incomplete_gamma import gamma_log_tails, gamma_quantile

TRIALS = [0, 1, 7, 1e3, 1e6, 1e9, 1e12]
PRIORS = [1e-3, 0.5, 8.0, 1e3, 1e6]
SHARES = [0.0, 1e-6, 0.3, 1.0]


@pytest.fixture(autouse=True)
def _fifty_digits():
    with mp.workdps(50):
        yield


def log_beta(a, b):
    return mp.loggamma(a) + mp.loggamma(b) - mp.loggamma(a + b)


def log_choose(n, k):
    return mp.loggamma(n + 1) - mp.loggamma(k + 1) - mp.loggamma(n - k + 1)


@pytest.mark.parametrize("n", TRIALS)
def test_log_evidence_of_a_beta_holds_1e_8_on_the_whole_grid(n):
    for share, a, b in itertools.product(SHARES, PRIORS, PRIORS):
        k = round(share * n)
        found = float(BETA.log_evidence(np.array([a, b]), np.array([n, k, 0.0])))
        n_, k_, a_, b_ = (mp.mpf(x) for x in (n, k, a, b))
        exact = log_choose(n_, k_) + log_beta(a_ + k_, b_ + n_ - k_) - log_beta(a_, b_)
        assert abs(found - exact) < 1e-8, (n, k, a, b)
        if n <= 1e6:
            assert abs(found - exact) < 1e-9, (n, k, a, b)


@pytest.mark.parametrize("n", TRIALS)
def test_posterior_mean_and_stdev_of_a_beta_hold_1e_12_on_the_whole_grid(n):
    for share, a, b in itertools.product(SHARES, PRIORS, PRIORS):
        k = round(share * n)
        law = BETA.belief(BETA.update(np.array([a, b]), np.array([n, k, 0.0])))
        n_, k_, a_, b_ = (mp.mpf(x) for x in (n, k, a, b))
        s = a_ + b_ + n_
        mean = (a_ + k_) / s
        assert abs(float(law.mean) - mean) < 1e-12
        assert abs(float(law.stdev) - mp.sqrt(mean * (1 - mean) / (s + 1))) < 1e-12


def test_the_plain_difference_of_log_betas_would_lose_the_third_digit():
    n, k, a, b = 1e12, 3e11, 8.0, 17.0
    plain = (
        special.betaln(a + k, b + n - k)
        - special.betaln(a, b)
        - special.betaln(k + 1, n - k + 1)
        - np.log(n + 1)
    )
    exact = float(BETA.log_evidence(np.array([a, b]), np.array([n, k, 0.0])))
    assert abs(plain - exact) > 1e-5


@pytest.mark.parametrize("x", [0.0, 1e-12, 1e-3, 0.5, 3.0, 15.99, 16.01, 100.0, 1e6, 1e12])
def test_the_stirling_tail_holds_1e_14(x):
    exact = mp.loggamma(mp.mpf(x) + 1) - (mp.mpf(x) * mp.log(x) if x else 0) + mp.mpf(x)
    assert abs(stirling.stirling_tail(x) - exact) < 1e-14


@pytest.mark.parametrize(
    ("x", "m"), list(itertools.product([0.0, 1e-3, 1.0, 7.0, 1e6, 1e12], [1e-6, 0.9, 1.3, 8.0, 1e12]))
)
def test_the_deviance_holds_15_digits(x, m):
    exact = (mp.mpf(x) * mp.log(mp.mpf(x) / mp.mpf(m)) if x else 0) + mp.mpf(m) - mp.mpf(x)
    assert float(stirling.deviance(x, m)) == pytest.approx(float(exact), rel=2e-15)


@pytest.mark.parametrize("x", [1e-3, 0.7, 15.9, 16.1, 1e3, 1e9])
def test_the_digamma_tail_and_the_half_step_hold_their_digits(x):
    exact = mp.digamma(mp.mpf(x)) - mp.log(x)
    assert float(stirling.digamma_tail(x)) == pytest.approx(float(exact), rel=1e-13)
    half = mp.loggamma(mp.mpf(x) + 0.5) - mp.loggamma(x) - mp.log(x) / 2
    assert abs(float(stirling.log_gamma_half_step(x)) - half) < 2e-14


def beta_tail(a, b, z):
    """Log odds t at z standard deviations, and the tail beyond by quadrature of the log odds density."""
    a, b = mp.mpf(a), mp.mpf(b)
    spread = mp.sqrt(mp.polygamma(1, a) + mp.polygamma(1, b))
    t = mp.digamma(a) - mp.digamma(b) + z * spread
    constant = log_beta(a, b)

    def density(u):
        return mp.exp(-a * mp.log1p(mp.exp(-u)) - b * mp.log1p(mp.exp(u)) - constant)

    sign = -1 if z < 0 else 1
    # From z standard deviations out the density falls by one e-fold per 1/z of them.
    stops = [t + sign * spread / (1 + abs(z)) * step for step in (0, 1, 2, 4, 8, 16, 32, 64, 128, 1024)]
    tail = abs(mp.quad(density, stops))
    return t, tail, sign


@pytest.mark.parametrize(
    ("a", "b"),
    [
        (3, 2),
        (40, 7e5),
        (3e5, 7e5),
        (5e11, 5e11),
        (5e11 + 8, 5e11 + 17),
        (3e11, 7e11),
        (1e3, 1e12),
        (35, 1e12),
    ],
)
@pytest.mark.parametrize("z", [-30.0, -8.0, -2.0, -0.01, 0.1, 3.0, 12.0])
def test_both_tails_of_a_beta_hold_1e_8_of_themselves_far_out(a, b, z):
    t, tail, sign = beta_tail(a, b, z)
    x, y = float(1 / (1 + mp.exp(-t))), float(1 / (1 + mp.exp(t)))
    below, above = beta_log_tails(a, b, x, y)
    near, far = (below, above) if sign < 0 else (above, below)
    # x itself is rounded: at 1e12 counts that moves the log tail by up to |z| x sqrt(n) 1e-16 times a few.
    assert abs(float(near) - mp.log(tail)) < 1e-8 * max(1.0, abs(z))
    assert abs(np.exp(float(far)) - (1 - tail)) < 1e-8


@pytest.mark.parametrize("small", [1e-3, 0.01, 0.5, 3.0, 20.0])
def test_a_beta_with_one_huge_parameter_is_a_gamma(small):
    x = np.array([0.01, 0.5, 2.0, 30.0]) * max(small, 1.0)
    # P(X <= x) of Beta(a, 1e12) differs from that of Gamma(a, 1e12) by less than (a + x)²/1e12.
    np.testing.assert_allclose(
        BetaDistribution(small, 1e12).cdf(x / 1e12), stats.gamma.cdf(x, small), atol=2e-9
    )
    q = np.array([0.3, 0.5, 0.975])
    np.testing.assert_allclose(
        BetaDistribution(small, 1e12).quantile(q) * 1e12, stats.gamma.ppf(q, small), rtol=1e-8, atol=1e-290
    )


@pytest.mark.parametrize("a", [1e-3, 0.5, 8.0, 1e3, 1e6, 3e11, 1e12])
@pytest.mark.parametrize("b", [1e-3, 0.5, 8.0, 1e3, 1e6, 7e11])
@pytest.mark.parametrize("q", [1e-6, 0.025, 0.5, 0.975])
def test_the_quantile_of_a_beta_inverts_its_distribution_function(a, b, q):
    law = BetaDistribution(a, b)
    x = float(law.quantile(q))
    at, beyond = float(law.cdf(x)), float(law.cdf(np.nextafter(x, 1.0)))
    # Where neighbouring doubles straddle the level (rates within rounding of 0 or 1) nothing nearer exists.
    assert (
        abs(at - q) < 1e-9 or float(law.cdf(np.nextafter(x, 0.0))) <= q + 1e-9 <= beyond + 1e-9 or x < 1e-300
    )


@pytest.mark.parametrize("k", [0.5, 3.0, 99.0, 1e4, 1e6, 6e9, 1e12])
@pytest.mark.parametrize("z", [-25.0, -3.0, 0.003, 1.0, 20.0])
def test_both_tails_of_a_gamma_hold_1e_9_of_themselves_far_out(k, z):
    spread = mp.sqrt(mp.polygamma(1, k))
    t = mp.digamma(k) + mp.mpf(z) * spread
    x = float(mp.exp(t))

    def density(u):
        return mp.exp(k * u - mp.exp(u) - mp.loggamma(k))

    sign = -1 if z < 0 else 1
    fall = 1 / (1 / spread + abs(k - x))  # over which the density falls by one e-fold
    stops = [mp.log(x) + sign * fall * step for step in (0, 1, 2, 4, 8, 16, 32, 64, 128)]
    tail = abs(mp.quad(density, stops))
    near = gamma_log_tails(k, x)[0 if sign < 0 else 1]
    assert float(near) == pytest.approx(float(mp.log(tail)), rel=1e-9, abs=1e-8)


@pytest.mark.parametrize("k", [0.01, 3.0, 1e4, 1e8, 1e12])
def test_the_quantile_of_a_gamma_inverts_its_distribution_function(k):
    q = np.array([1e-2, 0.025, 0.5, 0.975]) if k < 1 else np.array([1e-6, 0.025, 0.5, 0.975])
    np.testing.assert_allclose(np.exp(gamma_log_tails(k, gamma_quantile(k, q))[0]), q, atol=1e-9)


@pytest.mark.parametrize("dof", [0.5, 3.0, 40.0, 1e4, 1e8, 1e12])
@pytest.mark.parametrize("t", [-30.0, -4.0, -0.1, 0.0, 2.0])
def test_the_tails_and_density_of_student_t_hold_1e_9(dof, t):
    law, nu = StudentT(0.0, 1.0, dof), mp.mpf(dof)

    def density(u):
        constant = mp.loggamma((nu + 1) / 2) - mp.loggamma(nu / 2) - mp.log(nu * mp.pi) / 2
        return mp.exp(constant - (nu + 1) / 2 * mp.log1p(u * u / nu))

    assert float(law.log_density(t)) == pytest.approx(float(mp.log(density(mp.mpf(t)))), rel=1e-11)
    start = mp.mpf(abs(t))
    if dof < 10:
        tail = mp.quad(lambda v: density(mp.sinh(v)) * mp.cosh(v), mp.linspace(mp.asinh(start), 200, 40))
    else:
        fall = 1 / (1 + start)
        stops = [start + fall * step for step in (0, 1, 2, 4, 8, 16, 32, 64, 128, 256, 1024, 1e4, 1e6)]
        tail = mp.quad(density, stops)
    smaller = law.log_tails(t)[0 if t <= 0 else 1]
    assert float(smaller) == pytest.approx(float(mp.log(tail)), rel=1e-9)


@pytest.mark.parametrize("q", [1e-6, 0.025, 0.5, 0.9])
@pytest.mark.parametrize("dof", [0.5, 3.0, 1e4, 1e8, 1e12])
def test_the_quantile_of_student_t_inverts_its_distribution_function(dof, q):
    law = StudentT(0.0, 1.0, dof)
    assert float(law.cdf(law.quantile(q))) == pytest.approx(q, abs=1e-9)


@pytest.mark.parametrize("n", [1, 100, 101, 700])
@pytest.mark.parametrize(("a", "b"), [(0.02, 3000.0), (8.0, 17.0), (0.3, 0.3), (4000.0, 20.0)])
def test_tails_of_a_beta_binomial_are_the_sums_of_its_masses(n, a, b):
    k = np.arange(n + 1.0)
    law = BetaBinomial(np.float64(n), np.float64(a), np.float64(b))
    log_mass = law.log_density(k)
    below = np.logaddexp.accumulate(log_mass)
    above = np.logaddexp.accumulate(log_mass[::-1])[::-1]
    found_below, found_above = law.log_tails(k)
    np.testing.assert_allclose(np.exp(found_below), np.exp(below), atol=1e-12)
    within = below > -600
    np.testing.assert_allclose(found_below[within], below[within], rtol=1e-9, atol=1e-9)
    within = above[1:] > -600
    np.testing.assert_allclose(found_above[:-1][within], above[1:][within], rtol=1e-9, atol=1e-9)
    assert found_above[-1] == -np.inf


@pytest.mark.parametrize(
    "law",
    [
        BetaBinomial(np.float64(700), np.float64(8), np.float64(17)),
        NegativeBinomial(np.float64(12.5), np.float64(3), np.float64(0.4)),
    ],
)
def test_the_quantile_of_a_count_is_the_first_count_that_reaches_the_level(law):
    for q in (1e-9, 0.025, 0.5, 0.975, 1 - 1e-9):
        k = float(law.quantile(q))
        assert law.cdf(k) >= q
        assert k == 0 or law.cdf(k - 1) < q


def test_densities_at_and_beyond_the_ends_of_their_range():
    rate = BetaDistribution(np.array([0.5, 1.0, 2.0]), np.array([3.0, 3.0, 3.0]))
    np.testing.assert_allclose(rate.log_density(0.0), [np.inf, np.log(3), -np.inf])
    np.testing.assert_array_equal(rate.log_density(1.5), [-np.inf] * 3)
    events = GammaDistribution(np.array([0.5, 1.0, 2.0]), np.array([3.0, 3.0, 3.0]))
    np.testing.assert_allclose(events.log_density(0.0), [np.inf, np.log(3), -np.inf])
    np.testing.assert_array_equal(events.log_density(-1.0), [-np.inf] * 3)
    assert events.cdf(-1.0).tolist() == [0, 0, 0]
