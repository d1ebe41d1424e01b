"""How far observations lie from a belief."""

from datetime import date, timedelta

import mpmath as mp
import numpy as np
import pytest
from scipy import stats

from evenfall.beliefs import Beta, Gamma, LogNormal, Normal, Observations
from evenfall.beliefs.divergence import observed_sigma, overdispersed_variance, predictive_z

START = date(2024, 3, 1)


def days(*rows):
    return Observations.of(
        (START + timedelta(i), START + timedelta(i + 1), *row, *(0.0,) * (3 - len(row)))
        for i, row in enumerate(rows)
    )


def z_of(belief, *rows, kappa=None):
    z, mid_p = predictive_z([belief], [days(*rows)], [kappa])
    return float(z[0]), float(mid_p[0])


def test_z_of_a_rate_is_the_distance_over_the_beta_binomial_stdev():
    law = stats.betabinom(150, 8, 17)
    assert z_of(Beta(8, 17), (150, 68))[0] == pytest.approx((68 - law.mean()) / law.std(), rel=1e-12)


def test_mid_p_of_a_rate_counts_half_of_the_observed_mass():
    law = stats.betabinom(150, 8, 17)
    assert z_of(Beta(8, 17), (150, 68))[1] == pytest.approx(law.cdf(67) + law.pmf(68) / 2, abs=1e-12)


def test_overdispersed_variance_is_that_of_simulated_days():
    rng = np.random.default_rng(20240301)
    trials, kappa, draws = np.array([30.0, 200.0, 75.0]), 40.0, 400_000
    p = rng.beta(8, 17, draws)[:, None]
    rates = rng.beta(p * kappa, (1 - p) * kappa, size=(draws, 3))
    totals = rng.binomial(trials.astype(int), rates).sum(axis=1)
    # The standard error of a variance is about sqrt(2/draws) of it; 5 of them: false alarm 6e-7.
    assert overdispersed_variance(8, 17, trials, kappa) == pytest.approx(
        totals.var(), rel=5 * np.sqrt(2 / draws)
    )


def test_overdispersed_variance_is_exact_for_single_trials_and_for_one_day():
    # One trial a day cannot scatter more than chance, so the days are one beta-binomial sample whatever κ.
    alone = overdispersed_variance(8, 17, np.ones(3), 4.0)
    assert alone == pytest.approx(stats.betabinom(3, 8, 17).var(), rel=1e-12)
    # One day: the variance given p averaged over p, plus that of the mean 20 p.
    kappa, rate = 4.0, stats.beta(8, 17)
    within = rate.expect(lambda p: stats.betabinom(20, p * kappa, (1 - p) * kappa).var(), epsabs=1e-12)
    assert overdispersed_variance(8, 17, np.array([20.0]), kappa) == pytest.approx(
        within + 400 * rate.var(), rel=1e-9
    )


def test_overdispersion_brings_z_nearer_and_vanishes_with_a_huge_kappa():
    plain, _ = z_of(Beta(80, 170), (75, 34), (75, 34))
    spread, _ = z_of(Beta(80, 170), (75, 34), (75, 34), kappa=20.0)
    none, mid_p = z_of(Beta(80, 170), (75, 34), (75, 34), kappa=1e12)
    assert abs(spread) < abs(plain)
    assert none == pytest.approx(plain, rel=1e-8)
    assert mid_p == pytest.approx(z_of(Beta(80, 170), (150, 68))[1], abs=1e-7)


def test_mid_p_with_overdispersion_is_that_of_simulated_days():
    rng = np.random.default_rng(7)
    draws, kappa = 400_000, 25.0
    p = rng.beta(8, 17, draws)[:, None]
    totals = rng.binomial(60, rng.beta(p * kappa, (1 - p) * kappa, size=(draws, 5))).sum(axis=1)
    simulated = (totals < 120).mean() + (totals == 120).mean() / 2
    _, mid_p = z_of(Beta(8, 17), *[(60, 24)] * 5, kappa=kappa)
    # Matched in mean and variance, not in shape: within a hundredth (Monte Carlo error 0.0007).
    assert mid_p == pytest.approx(simulated, abs=0.01)


@pytest.mark.parametrize(
    ("belief", "rows", "law", "total"),
    [
        (Gamma(9, 3), [(2, 9), (3, 14)], stats.nbinom(9, 3 / 8), 23),
        (Normal(2, 0.5, noise_sigma=3), [(5, 30, 300)], stats.norm(10, np.sqrt(5 * 9 + 25 * 0.25)), 30),
        (
            Normal(2, 0.5, noise_shape=3, noise_scale=12),
            [(5, 30, 300)],
            stats.t(6, 10, np.sqrt(5 * 4 + 25 * 0.25)),
            30,
        ),
        (LogNormal(1, 0.5, noise_sigma=0.7), [(4, 9, 25)], stats.norm(4, np.sqrt(4 * 0.49 + 4)), 9),
    ],
)
def test_z_of_other_families_is_the_normal_score_of_the_mid_p(belief, rows, law, total):
    discrete = hasattr(law, "pmf") and isinstance(law.dist, stats.rv_discrete)
    expected = law.cdf(total - 1) + law.pmf(total) / 2 if discrete else law.cdf(total)
    z, mid_p = z_of(belief, *rows)
    assert mid_p == pytest.approx(expected, rel=1e-9)
    assert z == pytest.approx(stats.norm.ppf(expected), rel=1e-9)


@pytest.mark.parametrize("distance", [-60.0, -30.0, 30.0, 60.0])
def test_z_stays_exact_and_finite_thirty_and_sixty_standard_deviations_out(distance):
    belief = Normal(0, 3, noise_sigma=4)
    total = distance * np.sqrt(16 + 9)
    assert z_of(belief, (1, total, total**2))[0] == pytest.approx(distance, rel=1e-12)


@pytest.mark.parametrize(("events", "tail"), [(5, "below"), (12_000, "above")])
def test_z_of_a_count_far_out_is_right_to_nine_digits(events, tail):
    with mp.workdps(40):
        size, shape, rate = 1000, mp.mpf(900), mp.mpf(300)
        p = rate / (rate + size)

        def mass(x):
            return mp.exp(
                mp.loggamma(x + shape)
                - mp.loggamma(x + 1)
                - mp.loggamma(shape)
                + shape * mp.log(p)
                + x * mp.log(1 - p)
            )

        others = range(events) if tail == "below" else range(events + 1, events + 3000)
        mid = mass(events) / 2 + mp.fsum(mass(x) for x in others)
        score = float(mp.findroot(lambda z: mp.log(mp.ncdf(-z)) - mp.log(mid), 30.0))
    z, _ = z_of(Gamma(900, 300), (size, events))
    assert abs(z) > 25
    assert z == pytest.approx(score if tail == "above" else -score, rel=1e-9)


def test_without_observations_there_is_no_distance():
    z, mid_p = predictive_z([Beta(8, 17), Gamma(2, 2)], [days(), days((0, 0))], [None, None])
    assert np.isnan(z).all()
    assert np.isnan(mid_p).all()


def test_observed_sigma_leaves_out_the_doubt_of_the_belief():
    beliefs = [
        Beta(8, 17),
        Gamma(6, 2),
        Normal(2, 9, noise_sigma=4),
        Normal(2, 9, noise_shape=3, noise_scale=3),
    ]
    x = np.array([1.0, 3.0, 4.0, 8.0])
    sums = np.array([[100, 40, 0], [10, 36, 0], [16, 40, 400], [4, x.sum(), (x**2).sum()]])
    expected = [
        abs(0.4 - 0.32) / np.sqrt(0.4 * 0.6 / 100),
        abs(3.6 - 3) / (6 / 10),
        abs(2.5 - 2) / (4 / 4),
        abs(4 - 2) / (x.std(ddof=1) / 2),
    ]
    np.testing.assert_allclose(observed_sigma(beliefs, sums), expected, rtol=1e-12)


def test_observed_sigma_of_all_or_no_successes_is_infinite_and_of_nothing_undefined():
    sums = np.array([[10.0, 10.0, 0.0], [10.0, 0.0, 0.0], [0.0, 0.0, 0.0]])
    sigma = observed_sigma([Beta(8, 17)] * 3, sums)
    assert sigma[0] == sigma[1] == np.inf
    assert np.isnan(sigma[2])
