"""Draws of rates."""

from __future__ import annotations

import math

import numpy as np
import pytest

from evenfall.beliefs.constructors import Beta, Gamma
from evenfall.errors import UnknownName, UsageError
from evenfall.funnels.draws import draw_rates, stream


def test_draws_have_the_moments_of_the_belief() -> None:
    """Beta(8, 17): mean .32, sd .0915; 3 standard errors of 40,000 draws."""
    values = draw_rates({"a": Beta(8, 17)}, 40_000, seed=3).values[:, 0]
    assert values.mean() == pytest.approx(0.32, abs=3 * 0.0915 / 200)
    assert values.std() == pytest.approx(0.0915, rel=0.02)


def test_a_rate_draws_the_same_whoever_else_is_there() -> None:
    alone = draw_rates({"b": Beta(2, 3)}, 50, seed=3)
    among = draw_rates({"a": Beta(1, 1), "b": Beta(2, 3), "c": 0.5}, 50, seed=3)
    np.testing.assert_array_equal(among.values[:, among.columns(["b"])], alone.values)


def test_two_rates_of_one_belief_are_independent() -> None:
    values = draw_rates({"a": Beta(2, 3), "b": Beta(2, 3)}, 40_000, seed=3).values
    assert abs(np.corrcoef(values.T)[0, 1]) < 3 / 200


def test_another_seed_is_another_world() -> None:
    assert stream(0, "a").random() != stream(1, "a").random()
    assert stream(0, "a").random() == stream(0, "a").random()


def test_a_number_is_certain() -> None:
    assert (draw_rates({"a": 1.0}, 4, seed=0).values == 1.0).all()


@pytest.mark.parametrize("number", [-0.1, 1.1, math.nan])
def test_a_number_outside_its_range_is_refused(number: float) -> None:
    with pytest.raises(UsageError, match="a is"):
        draw_rates({"a": number}, 4, seed=0)


def test_a_rate_of_events_is_no_probability() -> None:
    with pytest.raises(UsageError, match="believed as gamma"):
        draw_rates({"a": Gamma(2, 3)}, 4, seed=0)


def test_an_unknown_rate_names_the_nearest() -> None:
    with pytest.raises(UnknownName, match="did you mean checkout"):
        draw_rates({"checkout": 0.1}, 1, seed=0).columns(["chekout"])
