from __future__ import annotations

import math
from datetime import date, timedelta

import pytest

from evenfall.monitoring.wording import age, count, day, decimals, quantity, sigmas


@pytest.mark.parametrize(
    ("resolution", "significant", "expected"),
    [(3.7, 1, 0), (3.7, 2, 1), (0.99, 1, 1), (1.0, 1, 0), (0.042, 1, 2), (250.0, 2, 0), (1e-30, 1, 12)],
)
def test_decimals_end_at_the_last_digit_the_resolution_leaves_meaningful(resolution, significant, expected):
    assert decimals(resolution, significant) == expected


@pytest.mark.parametrize("resolution", [0.0, -1.0, math.nan, math.inf])
def test_a_resolution_that_says_nothing_gives_three_decimals(resolution):
    assert decimals(resolution) == 3


@pytest.mark.parametrize(
    ("kind", "value", "resolution", "text"),
    [
        ("probability", 0.55, 0.037, "55 %"),
        ("probability", 0.0034214, 0.0001, "0.34 %"),
        ("probability", 1e-6, 1e-7, "0.00010 %"),
        ("rate", 2.4142, 0.2, "2.4 per unit"),
        ("mean", -12.345, 0.5, "-12.3"),
        ("duration", 1234567.8, 1000.0, "1,234,568"),
        ("mean", math.nan, 1.0, "unknown"),
        ("duration", math.inf, 1.0, "unknown"),
    ],
)
def test_each_type_is_shown_in_its_own_unit(kind, value, resolution, text):
    assert quantity(kind, value, resolution) == text


def test_counts_are_grouped_and_exposure_keeps_one_decimal():
    assert [count(892), count(1_000_000_000_000), count(1204.0), count(0.5)] == [
        "892",
        "1,000,000,000,000",
        "1,204",
        "0.5",
    ]


def test_sigmas_lose_their_sign_and_infinity_is_said_in_words():
    assert [sigmas(-3.195), sigmas(0.04), sigmas(-math.inf)] == ["3.2σ", "0.0σ", "off the scale"]


def test_a_day_does_not_depend_on_the_locale():
    assert [day(date(2025, 11, 3)), day(date(2024, 2, 29))] == ["3 Nov", "29 Feb"]


@pytest.mark.parametrize(
    ("span", "text"),
    [
        (timedelta(days=3, hours=5), "3 days"),
        (timedelta(days=1), "1 day"),
        (timedelta(hours=1, minutes=59), "1 hour"),
        (timedelta(minutes=1), "1 minute"),
        (timedelta(0), "0 minutes"),
    ],
)
def test_an_age_is_said_in_the_unit_that_matters(span, text):
    assert age(span) == text
