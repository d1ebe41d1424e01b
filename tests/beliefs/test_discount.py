"""Evidence that fades, and the half-life the data ask for."""

from datetime import date, timedelta

import numpy as np
import pytest
from scipy import special, stats

from evenfall.beliefs import Beta, Gamma, Observations
from evenfall.beliefs.discount import discount_weights, learn_half_life, predictive_scores

START = date(2024, 3, 1)


def days(*rows):
    return Observations.of(
        (START + timedelta(i), START + timedelta(i + 1), *row, 0.0) for i, row in enumerate(rows)
    )


def drifting(rng, stdev, count, kappa=np.inf):
    """Rates whose log odds walk by `stdev` a day, started where the prior Beta(8, 17) says."""
    result = []
    for _ in range(count):
        log_odds = special.logit(rng.beta(8, 17)) + stdev * rng.normal(size=60).cumsum()
        p = special.expit(log_odds)
        p = p if np.isinf(kappa) else rng.beta(p * kappa, (1 - p) * kappa)
        result.append(days(*((200.0, float(k)) for k in rng.binomial(200, p))))
    return result


def test_weights_halve_with_every_half_life_and_count_from_until():
    seen = days((1, 0), (1, 0), (1, 0))
    np.testing.assert_allclose(discount_weights(seen, 2.0), [0.5, 2**-0.5, 1])
    np.testing.assert_allclose(discount_weights(seen, 1.0, START + timedelta(4)), [1 / 8, 1 / 4, 1 / 2])
    np.testing.assert_array_equal(discount_weights(seen, None), [1, 1, 1])
    assert discount_weights(days(), 3.0).shape == (0,)


def test_scores_are_the_one_step_ahead_predictive_masses():
    seen = days((10, 3), (20, 9), (5, 0))
    expected = stats.betabinom.logpmf(3, 10, 8, 17)
    expected += stats.betabinom.logpmf(9, 20, 8 + 1.5, 17 + 3.5)
    expected += stats.betabinom.logpmf(0, 5, 8 + 0.75 + 4.5, 17 + 1.75 + 5.5)
    assert predictive_scores([Beta(8, 17)], [seen], [1.0])[0] == pytest.approx(expected, rel=1e-12)


def test_scores_of_several_families_and_lengths_add_up():
    priors, seen = [Beta(8, 17), Gamma(3, 2), Beta(2, 2)], [days((10, 3), (20, 9)), days((2, 4)), days()]
    total = predictive_scores(priors, seen)
    each = sum(predictive_scores([p], [s]) for p, s in zip(priors, seen, strict=True) if len(s))
    np.testing.assert_allclose(total, each, rtol=1e-12)


def test_a_drifting_rate_asks_for_a_short_memory_and_a_steady_one_for_none():
    rng = np.random.default_rng(8)
    priors = [Beta(8, 17)] * 150
    assert learn_half_life(priors, drifting(rng, 0.0, 150)) is None
    assert learn_half_life(priors, drifting(rng, 0.1, 150)) == 7.0


def test_noise_between_days_is_not_taken_for_drift_once_kappa_is_known():
    rng = np.random.default_rng(9)
    priors, seen = [Beta(8, 17)] * 150, drifting(rng, 0.0, 150, kappa=30.0)
    assert learn_half_life(priors, seen) is not None
    assert learn_half_life(priors, seen, kappas=[30.0] * 150) is None


def test_ties_go_to_the_earlier_half_life():
    assert learn_half_life([Beta(8, 17)], [days((10, 3))], [None, 7.0]) is None
    assert learn_half_life([], [], [14.0, None]) == 14.0
