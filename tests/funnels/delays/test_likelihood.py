"""The factorised likelihood against scipy's laws, mpmath's integral and its own margins."""

import mpmath as mp
import numpy as np
import pytest
from scipy import special, stats
from tests.funnels.delays.simulated import cohorts

from evenfall.funnels.delays.ages import AgeCounts, log_rising
from evenfall.funnels.delays.empirical import empirical_lag, spread_excess
from evenfall.funnels.delays.families import LagShape, lag_family
from evenfall.funnels.delays.likelihood import CohortLikelihood
from evenfall.funnels.delays.overdispersed import Seen, mixed_rate

LAG = stats.lognorm(0.9, scale=3.0)
SHAPE = LagShape.of([LAG.ppf(0.5)], [LAG.ppf(0.95)])
A = np.array


def mixed(size, converted, share, p, kappa):
    so_far = Seen(A([float(size)]), A([float(converted)]), A([[share]]), A([[1 - share]]))
    return mixed_rate(so_far, A([p]), A([float(kappa)]))


def by_hypergeometric(size, converted, share, p, kappa):
    """log ∫ Beta Binomial du = C(N, D) G^D B(a + D, b)/B(a, b) 2F1(D − N, a + D; a + b + D; G), 40 digits."""
    with mp.workdps(40):
        a, b = mp.mpf(p) * kappa, (1 - mp.mpf(p)) * kappa
        ways = mp.binomial(size, converted) * mp.mpf(share) ** converted
        betas = mp.beta(a + converted, b) / mp.beta(a, b)
        return float(
            mp.log(
                ways * betas * mp.hyp2f1(converted - size, a + converted, a + b + converted, mp.mpf(share))
            )
        )


CASES = [
    (100, 7, 0.5, 0.1, 50),
    (1000, 0, 0.3, 0.05, 10),
    (1000, 0, 0.9, 0.001, 5),
    (1000, 130, 0.999, 0.1, 50),
    (1000, 1000, 1 - 1e-9, 0.99, 20),
    (2000, 5, 1e-4, 0.5, 100),
    (1000, 300, 0.9, 0.3, 10**7),
    (50, 50, 0.5, 0.5, 3),
    (30, 1, 0.7, 0.02, 0.5),
]


@pytest.mark.parametrize("case", CASES)
def test_the_scattering_rate_is_integrated_out_exactly(case):
    assert mixed(*case).value[0, 0] == pytest.approx(by_hypergeometric(*case), abs=2e-8)


@pytest.mark.parametrize(("p", "kappa"), [(0.3, 200.0), (0.31, 1e4), (0.3, 1e7)])
def test_ten_million_people_lose_no_digits(p, kappa):
    # At G = 1 the closed form is the beta-binomial; by mpmath with 40 digits.
    size, converted = 10**7, 3_000_500
    with mp.workdps(40):
        a, b = mp.mpf(p) * kappa, (1 - mp.mpf(p)) * kappa

        def log_beta(x, y):
            return mp.loggamma(x) + mp.loggamma(y) - mp.loggamma(x + y)

        ways = mp.loggamma(size + 1) - mp.loggamma(converted + 1) - mp.loggamma(size - converted + 1)
        expected = float(ways + log_beta(a + converted, b + size - converted) - log_beta(a, b))
    assert mixed(size, converted, 1.0, p, kappa).value[0, 0] == pytest.approx(expected, abs=1e-8)


def test_an_infinite_concentration_is_the_binomial():
    assert mixed(500, 40, 0.6, 0.12, 1e12).value[0, 0] == pytest.approx(
        stats.binom.logpmf(40, 500, 0.6 * 0.12), abs=1e-6
    )


@pytest.mark.parametrize("case", CASES)
def test_slopes_of_the_integral_are_those_of_its_value(case):
    size, converted, share, p, kappa = case
    found, step = mixed(*case), 1e-5

    def at(dp=0.0, dk=0.0, dg=0.0):
        new = share + dg * min(share, 1 - share)
        return mixed(size, converted, new, p + dp * p * (1 - p), kappa * np.exp(dk)).value[0, 0]

    def slope(**direction):
        name = next(iter(direction))
        return (at(**{name: step}) - at(**{name: -step})) / (2 * step)

    assert found.by_p[0, 0] * p * (1 - p) == pytest.approx(slope(dp=1), rel=1e-5, abs=1e-6)
    assert found.by_log_kappa[0, 0] == pytest.approx(slope(dk=1), rel=1e-5, abs=1e-6)
    assert found.by_share[0, 0] * min(share, 1 - share) == pytest.approx(slope(dg=1), rel=1e-5, abs=1e-6)


def likelihood(data, clock="elapsed", family="lognormal"):
    return CohortLikelihood(lag_family(family), clock, data["size"], data["conversions"], data["observed"])


def test_both_factors_make_the_multinomial_of_ages_and_not_yet():
    data = cohorts(np.random.default_rng(3), LAG, 0.3, days=12, size=200)
    found = likelihood(data).values(SHAPE, A([0.27]), None, None)[0]
    for i, seen in enumerate(data["observed"]):
        d = data["conversions"][i, :seen]
        shares = 0.27 * np.diff(LAG.cdf(np.arange(seen + 1)))
        whole = stats.multinomial.logpmf([*d, 200 - d.sum()], 200, [*shares, 1 - shares.sum()])
        constant = special.gammaln(d.sum() + 1) - special.gammaln(d + 1).sum()
        assert found[i] == pytest.approx(whole - constant, abs=1e-9)


def test_a_concentration_over_ages_is_the_dirichlet_multinomial():
    data = cohorts(np.random.default_rng(4), LAG, 0.3, days=12, size=200, spread=30)
    scattered = likelihood(data).values(SHAPE, A([0.3]), None, A([30.0]))[0]
    plain = likelihood(data).values(SHAPE, A([0.3]), None, None)[0]
    for i, seen in enumerate(data["observed"]):
        d = data["conversions"][i, :seen]
        if d.sum() == 0:
            continue
        shares = np.diff(LAG.cdf(np.arange(seen + 1))) / LAG.cdf(seen)
        expected = stats.dirichlet_multinomial.logpmf(d, 30.0 * shares, d.sum()) - stats.multinomial.logpmf(
            d, d.sum(), shares / shares.sum()
        )
        assert scattered[i] - plain[i] == pytest.approx(expected, abs=1e-9)


def test_a_large_concentration_over_ages_is_the_multinomial():
    counts = AgeCounts(A([[3.0, 0.0, 2.0], [1.0, 1.0, 0.0]]))
    shares, seen = A([[0.5, 0.3, 0.1]]), A([[0.9, 0.8]])
    plain, scattered = counts.multinomial(shares, seen), counts.dirichlet(shares, seen, A([1e9]))
    np.testing.assert_allclose(scattered.value, plain.value, atol=1e-7)
    np.testing.assert_allclose(scattered.by_shares, plain.by_shares, rtol=1e-6)


def test_rising_factorials_keep_their_digits():
    with mp.workdps(40):
        expected = [
            float(mp.loggamma(mp.mpf(x) + k) - mp.loggamma(x)) for x, k in [(1e8, 3), (1e-5, 7), (1e5, 1e7)]
        ]
    np.testing.assert_allclose(log_rising(A([1e8, 1e-5, 1e5]), A([3.0, 7.0, 1e7])), expected, rtol=1e-12)


def test_cohorts_of_which_nothing_is_known_say_nothing():
    data = cohorts(np.random.default_rng(3), LAG, 0.3, days=12, size=200)
    data["observed"] = np.where(np.arange(12) == 11, 0, data["observed"])
    data["conversions"][11] = 0
    assert likelihood(data).values(SHAPE, A([0.3]), A([50.0]), A([50.0]))[0, 11] == 0


def test_a_conversion_before_the_onset_is_impossible():
    data = {"size": A([10]), "conversions": A([[1, 2, 0]]), "observed": A([3])}
    late = LagShape.of([4.0], [9.0], [1.5])
    assert likelihood(data).values(late, A([0.3]), None, None)[0, 0] == -np.inf


def test_the_lag_without_a_family_agrees_with_the_lag_that_made_the_data():
    # Standard errors of about 0.004 with 18,000 conversions; five of them allowed.
    data = cohorts(np.random.default_rng(7), LAG, 0.3, days=60, size=1000)
    found = empirical_lag(data["conversions"], data["observed"]).cdf
    expected = LAG.cdf(np.arange(1, 61)) / LAG.cdf(60)
    np.testing.assert_allclose(found[:40], expected[:40], atol=0.02)


def test_scatter_over_ages_is_seen_where_it_is_and_only_there():
    rng = np.random.default_rng(11)
    # 60 data sets at 3 standard errors: a false alarm of the test has probability below 0.05.
    none = [spread_excess(**_ages(cohorts(rng, LAG, 0.3, days=60, size=300))) for _ in range(30)]
    some = [spread_excess(**_ages(cohorts(rng, LAG, 0.3, days=60, size=300, spread=40))) for _ in range(30)]
    assert sum(x > 3 for x in none) <= 2
    assert abs(np.mean(none)) < 0.8
    assert min(some) > 3


def _ages(data):
    return {"conversions": data["conversions"], "observed": data["observed"]}
