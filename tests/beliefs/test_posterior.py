"""The exact update of many parameters at once."""

from datetime import date, timedelta

import numpy as np
import pytest

from evenfall.beliefs import Beta, Gamma, LogNormal, Normal, Observations, UpdateRule
from evenfall.beliefs.posterior import posterior

START = date(2024, 3, 1)


def days(*rows):
    return Observations.of(
        (START + timedelta(i), START + timedelta(i + 1), *row) for i, row in enumerate(rows)
    )


def test_mixed_families_come_back_in_their_order():
    priors = [
        Gamma(3, 2),
        Beta(8, 17),
        Normal(1, 2, noise_sigma=3),
        Beta(2, 2),
        LogNormal(0, 1, noise_sigma=1),
    ]
    seen = [days((10, 30, 0)), days((150, 52, 0)), days((9, 18, 99)), days((10, 1, 0)), days()]
    after = posterior(priors, seen, [UpdateRule()] * 5)
    assert [belief.family for belief in after] == ["gamma", "beta", "normal", "beta", "lognormal"]
    assert after[0].theta == (33, 12)
    assert after[1].theta == (60, 115)
    # precision 1/4 + 9/9 = 1.25; mean (1/4 + 18/9)/1.25
    assert after[2].theta == pytest.approx((1.8, np.sqrt(0.8), 3), rel=1e-14)
    assert after[3].theta == (3, 11)
    assert after[4].theta == (0, 1, 1)


def test_the_origin_of_a_posterior_names_that_of_its_prior():
    (after,) = posterior([Beta(8, 17)], [days((10, 3, 0))], [UpdateRule()])
    assert str(after.origin) == "posterior (manual)"


def test_unknown_noise_follows_the_textbook_update():
    x = np.array([1.0, 2.5, 4.0, 4.5])
    mu, sigma, shape, scale = 1.0, 0.5, 3.0, 4.0
    (after,) = posterior(
        [Normal(mu, sigma, noise_shape=shape, noise_scale=scale)],
        [days((4, x.sum(), (x**2).sum()))],
        [UpdateRule()],
    )
    strength = scale / (shape * sigma**2)
    mean, mean_sq = x.mean(), ((x - x.mean()) ** 2).sum()
    new_strength, new_shape = strength + 4, shape + 2
    new_scale = scale + 0.5 * mean_sq + 0.5 * strength * 4 * (mean - mu) ** 2 / new_strength
    expected = (
        (strength * mu + x.sum()) / new_strength,
        np.sqrt(new_scale / (new_shape * new_strength)),
        new_shape,
        new_scale,
    )
    assert after.theta == pytest.approx(expected, rel=1e-13)


def test_counts_are_exact_in_any_order():
    rng = np.random.default_rng(0)
    rows = [(float(n), float(n // 3), 0.0) for n in rng.integers(1, 10**9, 200)]
    (after,) = posterior([Beta(8, 17)], [days(*rows)], [UpdateRule()])
    successes = sum(int(row[1]) for row in rows)
    trials = sum(int(row[0]) for row in rows)
    assert after.theta == (8 + successes, 17 + trials - successes)


def test_sums_of_floats_do_not_depend_on_the_order_of_the_rows():
    rng = np.random.default_rng(1)
    x = rng.normal(1e3, 1, 60)
    rows = [(1.0, value, value**2) for value in x]
    prior = [Normal(1000, 1, noise_shape=2, noise_scale=2)]
    first, second = (posterior(prior, [days(*order)], [UpdateRule()])[0] for order in (rows, rows[::-1]))
    assert first.theta == second.theta


@pytest.mark.parametrize(
    ("until", "weights"), [(None, (0.25, 0.5, 1)), (START + timedelta(5), (1 / 16, 1 / 8, 1 / 4))]
)
def test_discounting_weighs_each_day_by_its_age(until, weights):
    rows = [(100, 10, 0), (200, 60, 0), (50, 30, 0)]
    rule = UpdateRule(half_life_days=1.0, until=until)
    (after,) = posterior([Beta(8, 17)], [days(*rows)], [rule])
    successes = sum(w * row[1] for w, row in zip(weights, rows, strict=True))
    failures = sum(w * (row[0] - row[1]) for w, row in zip(weights, rows, strict=True))
    assert after.theta == pytest.approx((8 + successes, 17 + failures), rel=1e-14)


@pytest.mark.parametrize("name", ["half_life_days", "kappa"])
@pytest.mark.parametrize("value", [0.0, -1.0, float("nan")])
def test_a_rule_that_means_nothing_is_refused(name, value):
    with pytest.raises(ValueError, match=name):
        UpdateRule(**{name: value})


def test_lists_of_different_lengths_are_refused():
    with pytest.raises(ValueError, match="zip"):
        posterior([Beta(1, 1)], [days()], [UpdateRule()] * 2)


def test_no_parameters_have_no_posteriors():
    assert posterior([], [], []) == []


@pytest.mark.parametrize("rows", [[(0, 0, 0)], [(5, 5, 0)], [(1e12, 3, 0)], [(1e12, 1e12, 0)]])
def test_edges_of_counts_stay_finite(rows):
    (after,) = posterior([Beta(0.01, 0.01)], [days(*rows)], [UpdateRule()])
    assert np.isfinite([*after.theta, after.mean, after.stdev]).all()
