"""The worked examples of the documentation, to the digits they are printed with."""

from datetime import date, timedelta

import numpy as np
import pytest

from evenfall.beliefs import Beta, Observations, UpdateRule, summarise
from evenfall.beliefs.divergence import observed_sigma, predictive_z
from evenfall.beliefs.posterior import posterior


def one_day(trials, successes):
    day = date(2024, 3, 1)
    return Observations.of([(day, day + timedelta(1), trials, successes, 0)])


def test_beta_8_17_after_52_of_150_is_beta_60_115():
    (after,) = posterior([Beta(8, 17)], [one_day(150, 52)], [UpdateRule()])
    assert after.theta == (60.0, 115.0)
    figures = summarise([after])
    assert round(float(figures.mean[0]), 6) == 0.342857
    assert (round(float(figures.lower[0]), 4), round(float(figures.upper[0]), 4)) == (0.2745, 0.4146)


def test_beta_8_17_has_a_stdev_of_0915_not_06():
    assert round(Beta(8, 17).stdev, 4) == 0.0915


@pytest.mark.parametrize(("successes", "z", "sigma"), [(52, 0.376, 0.69), (68, 1.881, 3.280)])
def test_distance_from_32_percent_give_or_take_6(successes, z, sigma):
    belief = Beta(mean=0.32, stdev=0.06)
    predictive, _ = predictive_z([belief], [one_day(150, successes)], [None])
    observed = observed_sigma([belief], np.array([[150.0, successes, 0.0]]))
    assert predictive[0] == pytest.approx(z, abs=0.0005)
    assert observed[0] == pytest.approx(sigma, abs=0.005)
