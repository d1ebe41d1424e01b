"""What numbers would mean as a belief, against scipy's own laws."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from evenfall.beliefs.feasibility import feasibility

LOGNORMAL = stats.lognorm(0.2, scale=math.exp(1 + 0.5**2 / 2))


@pytest.mark.parametrize(
    ("distribution", "numbers", "law", "worth"),
    [
        ("beta", {"mean": 0.55, "stdev": 0.025}, stats.beta(217.25, 177.75), 395.0),
        ("beta", {"alpha": 8, "beta": 17}, stats.beta(8, 17), 25.0),
        ("gamma", {"mean": 3, "stdev": 1.5}, stats.gamma(4, scale=0.75), 4 / 3),
        ("normal", {"mean": 62, "stdev": 2.5, "noise_sigma": 15}, stats.norm(62, 2.5), 36.0),
        ("lognormal", {"mu": 1, "sigma": 0.2, "noise_sigma": 0.5}, LOGNORMAL, 6.25),
        ("normal", {"mu": 5, "sigma": 2, "noise_shape": 3, "noise_scale": 60}, stats.t(6, 5, 2), 5.0),
    ],
)  # fmt: skip
def test_a_belief_is_shown_with_its_figures_and_its_curve(
    distribution: str, numbers: dict[str, float], law: stats.rv_continuous, worth: float
) -> None:
    shown = feasibility(distribution, numbers)
    assert shown.feasible
    assert (shown.mean, shown.stdev) == pytest.approx((law.mean(), law.std()), rel=1e-9)
    assert (shown.lower, shown.upper) == pytest.approx(tuple(law.ppf([0.025, 0.975])), rel=1e-9)
    assert shown.observations == pytest.approx(worth, rel=1e-9)
    assert len(shown.x) == len(shown.density) == 100
    x = np.array(shown.x, dtype=float)
    assert np.array(shown.density, dtype=float) == pytest.approx(law.pdf(x), rel=1e-8)
    assert law.cdf(x[[0, -1]]) == pytest.approx([0.0005, 0.9995], rel=1e-6)


def test_a_stdev_that_no_rate_can_have_names_the_largest_one() -> None:
    shown = feasibility("beta", {"mean": 0.5, "stdev": 0.6})
    assert not shown.feasible
    assert "no rate with mean 0.5 has stdev 0.6" in shown.message
    # alpha = beta = 0.01, the least there may be: variance 1/(4·(2·0.01 + 1)).
    assert f"{math.sqrt(0.25 / 1.02):.6g}" in shown.remedy
    assert (shown.x, shown.mean, shown.numbers) == ((), None, None)


@pytest.mark.parametrize(
    ("numbers", "about"),
    [
        ({}, "lacks"),
        ({"mean": 0.5}, "lacks stdev"),
        ({"mean": 0.5, "alpha": 2}, "lacks beta"),
        ({"mu": 1}, "no number"),
    ],
)
def test_numbers_that_are_not_complete_yet_say_what_is_missing(numbers: dict[str, float], about: str) -> None:
    shown = feasibility("beta", numbers)
    assert not shown.feasible
    assert about in shown.message
    assert shown.remedy


KEYS = (
    "mean",
    "stdev",
    "alpha",
    "beta",
    "mu",
    "sigma",
    "shape",
    "rate",
    "noise_sigma",
    "noise_shape",
    "noise_scale",
)


@given(
    st.sampled_from(["beta", "normal", "gamma", "lognormal"]),
    st.dictionaries(st.sampled_from(KEYS), st.floats(allow_nan=False, allow_infinity=False), max_size=5),
)
def test_whatever_is_typed_gets_an_answer_of_finite_numbers(
    distribution: str, numbers: dict[str, float]
) -> None:
    shown = feasibility(distribution, numbers)
    assert shown.feasible or shown.message
    figures = (
        shown.mean,
        shown.stdev,
        shown.lower,
        shown.upper,
        shown.observations,
        *shown.x,
        *shown.density,
    )
    assert all(figure is None or math.isfinite(figure) for figure in figures)
