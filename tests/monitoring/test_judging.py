from __future__ import annotations

import numpy as np
import pytest

from evenfall.findings import Light
from evenfall.monitoring.judging import grade

INF, NAN = float("inf"), float("nan")


@pytest.mark.parametrize(
    ("sigma", "effect", "light"),
    [
        (1.999, 1.0, Light.GREEN),
        (2.0, 1.0, Light.AMBER),
        (-2.999, 1.0, Light.AMBER),
        (3.0, 1.0, Light.RED),
        (-3.0, -1.0, Light.RED),
        (9.0, 0.0499, Light.GREEN),
        (9.0, -0.0499, Light.GREEN),
        (9.0, 0.05, Light.RED),
        (INF, 1.0, Light.RED),
        (-INF, -1.0, Light.RED),
        (NAN, 1.0, Light.GREY),
        (NAN, 0.0, Light.GREY),
        (4.0, NAN, Light.RED),
        (4.0, INF, Light.RED),
    ],
)
def test_amber_begins_at_the_threshold_red_one_sigma_further_and_both_need_the_margin(sigma, effect, light):
    assert grade(np.array([sigma]), np.array([effect]), np.array([2.0]), np.array([0.05])) == [light]


def test_each_parameter_is_graded_by_its_own_threshold_and_margin():
    sigma = np.array([2.5, 2.5, 2.5, 2.5])
    effect = np.array([0.1, 0.1, 0.1, 0.1])
    threshold = np.array([1.0, 2.0, 3.0, 1.0])
    margin = np.array([0.05, 0.05, 0.05, 0.2])
    assert grade(sigma, effect, threshold, margin) == [Light.RED, Light.AMBER, Light.GREEN, Light.GREEN]
