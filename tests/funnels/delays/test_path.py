"""Arrivals along ways of several edges, against sums with a closed form and against people walking them."""

import numpy as np
import pytest
from scipy import stats

from evenfall.errors import UsageError
from evenfall.funnels.delays.families import LagShape, lag_family
from evenfall.funnels.delays.path import Leg, arrivals, chain

DAYS = np.arange(1.0, 31.0)


def leg(start, end, rate, law=None, family="gamma"):
    if law is None:
        return Leg(start, end, np.array([rate]))
    shape = LagShape.of([law.ppf(0.5)], [law.ppf(0.95)])
    return Leg(start, end, np.array([rate]), lag_family(family), shape)


@pytest.mark.parametrize(
    ("shapes", "scale"), [((1.0, 1.0), 2.0), ((2.0, 0.7, 1.5), 1.3), ((3.0, 3.0, 3.0, 3.0), 0.8)]
)
def test_gamma_waits_in_series_add_up_to_a_gamma(shapes, scale) -> None:
    legs = [leg(str(i), str(i + 1), 0.5, stats.gamma(a, scale=scale)) for i, a in enumerate(shapes)]
    found = arrivals(legs, "0", str(len(shapes)), 30).within(DAYS)[0]
    expected = 0.5 ** len(shapes) * stats.gamma(sum(shapes), scale=scale).cdf(DAYS)
    np.testing.assert_allclose(found, expected, atol=3e-5)


def test_a_single_edge_is_its_own_lag_at_any_time() -> None:
    law = stats.lognorm(0.9, scale=2.0)
    found = arrivals([leg("a", "b", 0.4, law, "lognormal")], "a", "b", 30)
    times = np.array([0.0, 0.5, 1.0, 7.25, 30.0])
    np.testing.assert_allclose(found.within(times)[0], 0.4 * law.cdf(times), atol=1e-4)
    # scipy's quadrature of the cdf over each day
    expected = [0.4 * np.mean(law.cdf(np.linspace(m, m + 1, 20_001))) for m in range(30)]
    np.testing.assert_allclose(found.daily()[0], expected, atol=1e-4)


def test_matching_moments_would_miss_what_the_convolution_finds() -> None:
    first, second = stats.lognorm(1.2, scale=1.0), stats.lognorm(0.3, scale=6.0)
    legs = [leg("a", "b", 1.0, first, "lognormal"), leg("b", "c", 1.0, second, "lognormal")]
    found = arrivals(legs, "a", "c", 30).within(DAYS)[0]
    rng = np.random.default_rng(1)
    total = first.rvs(400_000, random_state=rng) + second.rvs(400_000, random_state=rng)
    simulated = np.mean(total[:, None] <= DAYS, axis=0)
    # 400,000 people: the largest of 30 errors stays below 4.5 · .5/√400,000 = .0036 but in 1 of 5,000 seeds
    np.testing.assert_allclose(found, simulated, atol=0.0036)
    log_variance = np.log1p(total.var() / total.mean() ** 2)
    matched = stats.lognorm(np.sqrt(log_variance), scale=total.mean() * np.exp(-log_variance / 2))
    assert np.max(np.abs(matched.cdf(DAYS) - simulated)) > 0.03


def test_ways_that_branch_and_join_are_mixed() -> None:
    fast, slow, last = stats.gamma(1, scale=0.7), stats.gamma(4, scale=2), stats.weibull_min(1.4, scale=3)
    legs = [
        leg("in", "a", 0.3, fast),
        leg("in", "b", 0.5, slow),
        leg("a", "c", 0.9),
        leg("b", "c", 0.6, fast),
        leg("c", "out", 0.8, last, "weibull"),
        leg("c", "elsewhere", 0.2),
    ]
    found = arrivals(legs, "in", "out", 30).within(DAYS)[0]
    rng = np.random.default_rng(2)
    n = 400_000
    way = rng.choice(3, p=(0.3, 0.5, 0.2), size=n)
    goes = (way != 2) & (rng.random(n) < np.where(way == 0, 0.9, 0.6)) & (rng.random(n) < 0.8)
    first = np.where(way == 0, fast.rvs(n, random_state=rng), slow.rvs(n, random_state=rng))
    rest = np.where(way == 0, 0.0, fast.rvs(n, random_state=rng)) + last.rvs(n, random_state=rng)
    simulated = np.mean(goes[:, None] & ((first + rest)[:, None] <= DAYS), axis=0)
    np.testing.assert_allclose(found, simulated, atol=0.0036)


def test_a_cycle_counts_every_return() -> None:
    # At each passage of b an exponential day passes; half go round again: Σ (1/2)^n of gamma(n) arrivals at b
    step = stats.gamma(1, scale=1.0)
    legs = [leg("a", "b", 1.0, step), leg("b", "b2", 0.5), leg("b2", "b", 1.0, step), leg("b", "c", 0.4)]
    found = arrivals(legs, "a", "b", 30).within(DAYS)[0]
    expected = sum(0.5 ** (n - 1) * stats.gamma(n).cdf(DAYS) for n in range(1, 60))
    np.testing.assert_allclose(found, expected, atol=1e-4)
    np.testing.assert_allclose(arrivals(legs, "a", "c", 30).within(DAYS)[0], 0.4 * expected, atol=1e-4)


def test_edges_of_no_time_are_passed_at_once_also_in_a_cycle() -> None:
    legs = [leg("a", "b", 0.5), leg("b", "a2", 0.4), leg("a2", "b", 0.5), leg("b", "c", 0.3)]
    found = arrivals(legs, "a", "c", 5)
    # the absorbing chain: .5 · .3 / (1 − .4 · .5)
    np.testing.assert_allclose(found.within([0.0, 0.01, 5.0])[0], 0.5 * 0.3 / 0.8, rtol=1e-9)


def test_many_draws_are_as_many_single_ones() -> None:
    rng = np.random.default_rng(3)
    count = 70  # more than are computed at once
    shape = LagShape.of(rng.uniform(1, 4, count), rng.uniform(8, 20, count))
    rates = rng.uniform(0.2, 0.6, count)
    family = lag_family("log_logistic")
    whole = chain([(rates, family, shape), (rates, None, None), (rates, family, shape)], 20)
    for i in (0, 63, 64, 69):
        one = LagShape.of(shape.t50_days[i : i + 1], shape.t95_days[i : i + 1])
        rate = rates[i : i + 1]
        alone = chain([(rate, family, one), (rate, None, None), (rate, family, one)], 20)
        np.testing.assert_allclose(whole.cdf[i], alone.cdf[0], atol=1e-10)


def test_edges_that_lead_nowhere_and_nodes_that_cannot_be_reached() -> None:
    law = stats.gamma(2)
    legs = [leg("a", "b", 0.5, law), leg("a", "x", 0.4, law), leg("y", "b", 0.3, law)]
    alone = arrivals(legs[:1], "a", "b", 10).cdf
    np.testing.assert_array_equal(arrivals(legs, "a", "b", 10).cdf, alone)
    assert not arrivals(legs, "b", "a", 10).cdf.any()
    assert arrivals(legs, "a", "a", 10).cdf.min() == 1.0
    with pytest.raises(UsageError, match="known for 10 days"):
        arrivals(legs, "a", "b", 10).within(11)


def test_a_cycle_that_nobody_leaves_is_refused() -> None:
    legs = [leg("a", "b", 1.0), leg("b", "a", 1.0), leg("b", "c", 0.5)]
    with pytest.raises(UsageError, match="circles forever"):
        arrivals(legs, "a", "c", 5)
