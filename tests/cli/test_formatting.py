from __future__ import annotations

import math

import pytest

from evenfall.cli import formatting
from evenfall.findings import Light


@pytest.mark.parametrize("light", list(Light))
def test_every_light_has_a_sign_of_its_own_a_word_and_a_style(light):
    assert formatting.light(light) == f"{formatting.LIGHT_SIGNS[light]} {light.value}"
    assert len(set(formatting.LIGHT_SIGNS.values())) == len(Light)
    assert light in formatting.LIGHT_STYLES
    assert light in formatting.WORST_FIRST


@pytest.mark.parametrize(
    ("of_type", "mean", "stdev", "text"),
    [
        ("probability", 0.32, 0.0915, "32.0 ± 9.2 %"),
        ("probability", 0.0034214, 0.0001, "0.342 ± 0.010 %"),
        ("probability", 1e-6, 1e-7, "0.000100 ± 0.000010 %"),
        ("probability", 1.0, 0.0, "100 %"),
        ("rate", 2.4142, 0.213, "2.41 ± 0.21"),
        ("mean", -12.345, 1.5, "−12.3 ± 1.5"),
        ("duration", 1234567.0, 1200.0, "1,234,567 ± 1,200"),
        ("mean", 0.0, 0.5, "0.00 ± 0.50"),
        ("mean", 3.0, math.inf, "3.00"),
        ("mean", None, 1.0, "–"),
        ("mean", math.nan, 1.0, "–"),
    ],
)
def test_a_mean_is_shown_to_the_second_digit_of_its_spread(of_type, mean, stdev, text):
    assert formatting.spread(of_type, mean, stdev) == text


@pytest.mark.parametrize(
    ("of_type", "numbers", "text"),
    [
        ("probability", (60 / 175, 0.2745, 0.4146), "34.3 % [27.5, 41.5]"),
        ("probability", (1e-5, 0.0, 4e-5), "0.0010 % [0.0000, 0.0040]"),
        ("rate", (2.43, 2.1, 2.8), "2.43 [2.10, 2.80]"),
        ("mean", (-0.5, -1.5, 0.5), "−0.50 [−1.50, 0.50]"),
        ("duration", (35.2, None, None), "35.2"),
        ("mean", (None, 1.0, 2.0), "–"),
        ("mean", (3.0, -math.inf, math.inf), "3.00"),
    ],
)
def test_an_estimate_is_shown_with_its_interval(of_type, numbers, text):
    assert formatting.estimate(of_type, *numbers) == text


def test_a_number_that_rounds_to_zero_has_no_sign():
    assert formatting.value("mean", -0.001, 1.0) == "0.0"
    assert formatting.sigma(-0.04) == "0.0σ"


@pytest.mark.parametrize(
    ("days", "text"), [(0.0, "<1 h"), (1 / 24, "1 h"), (0.999, "23 h"), (1.0, "1 d"), (4000.0, "4,000 d")]
)
def test_an_age_is_shown_in_days_or_hours(days, text):
    assert formatting.age(days) == text


def test_what_is_unknown_is_a_dash():
    shown = [
        formatting.age(None),
        formatting.sigma(math.nan),
        formatting.value("rate", None),
        formatting.evidence(0),
    ]
    assert shown == [formatting.MISSING] * 4
