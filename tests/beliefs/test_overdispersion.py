"""Days that scatter more than chance: the posterior with κ known, and κ learned."""

from datetime import date, timedelta

import mpmath as mp
import numpy as np
import pytest
from scipy import stats

from evenfall.beliefs import Beta, Observations, UpdateRule, summarise
from evenfall.beliefs.overdispersion import LOG_RHO_MEAN, LOG_RHO_STDEV, learn_kappa, learn_kappas
from evenfall.beliefs.posterior import posterior

START = date(2024, 3, 1)


def days(rows):
    return Observations.of(
        (START + timedelta(i), START + timedelta(i + 1), n, k, 0.0) for i, (n, k) in enumerate(rows)
    )


def simulated(rng, p, kappa, trials, count):
    rates = np.full(count, p) if np.isinf(kappa) else rng.beta(p * kappa, (1 - p) * kappa, count)
    return days(zip(np.full(count, trials), rng.binomial(trials, rates), strict=True))


def log_rising(x, k):
    """log Γ(x + k)/Γ(x) with 40 digits."""
    return mp.loggamma(x + k) - mp.loggamma(x)


def moments_by_quadrature(alpha, beta, rows, kappa, weights=None):
    """Mean and stdev of Beta × Π BetaBinomial^weight by Gauss-Legendre, with log gammas of 40 digits."""
    weights = np.ones(len(rows)) if weights is None else weights

    def log_product(p):
        p = mp.mpf(p)
        days = mp.fsum(
            w * (log_rising(p * kappa, k) + log_rising((1 - p) * kappa, n - k))
            for w, (n, k) in zip(weights, rows, strict=True)
        )
        return (alpha - 1) * mp.log(p) + (beta - 1) * mp.log1p(-p) + days

    with mp.workdps(40):
        grid = np.concatenate([np.geomspace(1e-9, 1e-3, 60), np.linspace(1e-3, 1 - 1e-6, 2000)])
        rough = stats.beta.logpdf(grid, alpha, beta)
        for w, (n, k) in zip(weights, rows, strict=True):
            rough += w * stats.betabinom.logpmf(k, n, grid * kappa, (1 - grid) * kappa)
        inside = np.flatnonzero(rough > rough.max() - 50)
        low = grid[max(inside[0] - 1, 0)] if inside[0] else 0.0
        edges = np.linspace(low, grid[min(inside[-1] + 1, len(grid) - 1)], 13)
        node, weight = np.polynomial.legendre.leggauss(24)
        half, middle = np.diff(edges)[:, None] / 2, (edges[1:] + edges[:-1])[:, None] / 2
        p, w = (middle + half * node).ravel(), (half * weight).ravel()
        heights = [log_product(x) for x in p]
        top = max(heights)
        mass = w * np.array([float(mp.exp(h - top)) for h in heights])
    mean = (mass * p).sum() / mass.sum()
    return mean, np.sqrt((mass * (p - mean) ** 2).sum() / mass.sum())


@pytest.mark.parametrize(
    ("alpha", "beta", "rows", "kappa"),
    [
        (8, 17, [(150, 52), (80, 40), (10, 0), (0, 0), (300, 60)], 50.0),
        (8, 17, [(150, 52), (80, 40)], 1.5),
        (2, 2, [(1000, 7), (1000, 2), (900, 11)], 200.0),
        (8, 17, [(1, 1), (1, 0)], 50.0),
        (3, 5, [(20, 20), (30, 30)], 10.0),
        (1, 1, [(50, 0), (70, 0)], 20.0),
        (8, 17, [(150, 52), (80, 40)], 1e7),
        (8, 17, [(200_000, 60_000), (300_000, 80_000)], 300.0),
    ],
)
def test_the_posterior_has_the_moments_of_the_product(alpha, beta, rows, kappa):
    (after,) = posterior([Beta(alpha, beta)], [days(rows)], [UpdateRule(kappa=kappa)])
    mean, stdev = moments_by_quadrature(alpha, beta, rows, kappa)
    assert after.mean == pytest.approx(mean, rel=1e-9)
    assert after.stdev == pytest.approx(stdev, rel=1e-8)


def test_discounted_days_count_as_a_power_of_their_likelihood():
    rows = [(150, 52), (80, 40), (100, 20)]
    rule = UpdateRule(kappa=30.0, half_life_days=2.0)
    (after,) = posterior([Beta(8, 17)], [days(rows)], [rule])
    mean, stdev = moments_by_quadrature(8, 17, rows, 30.0, np.array([0.5, 2**-0.5, 1.0]))
    assert after.mean == pytest.approx(mean, rel=1e-9)
    assert after.stdev == pytest.approx(stdev, rel=1e-8)


def test_with_kappa_without_bound_it_is_the_plain_update():
    rows = [(150, 52), (80, 40)]
    (after,) = posterior([Beta(8, 17)], [days(rows)], [UpdateRule(kappa=1e13)])
    np.testing.assert_allclose(after.theta, (8 + 92, 17 + 138), rtol=1e-7)


def test_without_trials_the_prior_stays_to_the_last_bit():
    (after,) = posterior([Beta(8, 17)], [days([(0, 0)])], [UpdateRule(kappa=50.0)])
    assert after.theta == (8.0, 17.0)


@pytest.mark.parametrize(("rows", "kappa"), [([(100, 0)] * 3, 50.0), ([(10**12, 3 * 10**11)] * 4, 1e6)])
def test_extreme_counts_give_a_finite_belief(rows, kappa):
    (after,) = posterior([Beta(0.01, 5)], [days(rows)], [UpdateRule(kappa=kappa)])
    assert np.isfinite(after.theta).all()
    assert after.mean == pytest.approx(0.3 if rows[0][1] else 0.0, abs=0.01)


def test_the_order_of_the_days_and_of_the_parameters_changes_nothing():
    rng = np.random.default_rng(1)
    seen = [simulated(rng, 0.3, 40.0, 100, count) for count in (5, 40, 1, 17)]
    rules = [UpdateRule(kappa=kappa) for kappa in (40.0, 3.0, 200.0, 40.0)]
    together = posterior([Beta(8, 17)] * 4, seen, rules)
    for i in range(4):
        shuffled = days([tuple(row[:2]) for row in rng.permutation(seen[i].sums)])
        (alone,) = posterior([Beta(8, 17)], [shuffled], [rules[i]])
        np.testing.assert_allclose(alone.theta, together[i].theta, rtol=1e-9)


def test_neighbours_with_more_days_change_no_digit_beyond_rounding():
    # a block of parameters is filled up with days without trials; they must say nothing at all
    rng = np.random.default_rng(20260925)
    alone = [simulated(rng, 0.6, 80.0, 250, count) for count in range(7, 31)]
    prior, rule = Beta(180.0, 130.0), UpdateRule(kappa=80.0)
    together = posterior([prior] * len(alone), alone, [rule] * len(alone))
    for seen, beside in zip(alone, together, strict=True):
        (single,) = posterior([prior], [seen], [rule])
        np.testing.assert_allclose(beside.theta, single.theta, rtol=1e-14)


def test_intervals_cover_where_plain_counting_does_not():
    rng = np.random.default_rng(20240301)
    count, kappa = 2000, 50.0
    truth = rng.beta(8, 17, count)
    seen = [simulated(rng, p, kappa, 100, 30) for p in truth]
    cover = {}
    for name, rule in (("plain", UpdateRule()), ("overdispersed", UpdateRule(kappa=kappa))):
        figures = summarise(posterior([Beta(8, 17)] * count, seen, [rule] * count))
        cover[name] = ((figures.lower < truth) & (truth < figures.upper)).mean()
    # Monte Carlo standard errors .010 and .005; four of them on either side: false alarm 1e-4.
    assert cover["plain"] < 0.85
    assert 0.93 <= cover["overdispersed"] <= 0.97


@pytest.mark.parametrize("kappa", [5.0, 50.0, 500.0])
def test_kappa_is_recovered_from_its_days(kappa):
    rng = np.random.default_rng(3)
    found = np.array(learn_kappas([simulated(rng, 0.3, kappa, 400, 60) for _ in range(60)]), float)
    # The sd of log κ from 60 days is about sqrt(2/60) = .18, so the mean of 60 has .024; the prior and the
    # sampling noise of 400 trials at κ = 500 add up to 0.2.
    assert np.log(found).mean() == pytest.approx(np.log(kappa), abs=0.2)


def test_binomial_days_give_a_kappa_that_barely_matters():
    rng = np.random.default_rng(4)
    kappa = learn_kappa(simulated(rng, 0.3, np.inf, 400, 60))
    assert kappa is not None
    assert kappa > 2000


def test_learned_kappa_is_the_posterior_mean_of_log_rho_by_quadrature():
    rng = np.random.default_rng(5)
    seen = simulated(rng, 0.3, 30.0, 80, 12)
    n, k = seen.sums[:, 0], seen.sums[:, 1]
    log_rho, p = np.linspace(-14, -0.05, 400), np.linspace(5e-4, 1 - 5e-4, 1000)
    kappa = np.expm1(-log_rho)[:, None]
    log_mass = sum(
        stats.betabinom.logpmf(kk, nn, p * kappa, (1 - p) * kappa) for nn, kk in zip(n, k, strict=True)
    )
    marginal = np.exp(log_mass - log_mass.max()).sum(axis=1)
    mass = marginal * stats.norm.pdf(log_rho, LOG_RHO_MEAN, LOG_RHO_STDEV)
    expected = np.expm1(-(mass * log_rho).sum() / mass.sum())
    assert learn_kappa(seen) == pytest.approx(expected, rel=1e-3)


def test_learning_kappa_twice_or_among_others_gives_the_same_number():
    rng = np.random.default_rng(6)
    seen = [simulated(rng, 0.3, 40.0, 100, count) for count in (30, 9, 50)]
    assert learn_kappas(seen) == learn_kappas(seen)
    np.testing.assert_allclose(learn_kappas(seen), [learn_kappa(one) for one in seen], rtol=1e-9)


def test_a_handful_of_days_teaches_no_kappa():
    assert learn_kappa(days([(100, 30)] * 6)) is None
    assert learn_kappa(days([(1, 1)] * 50)) is None
    assert learn_kappas([]) == []
