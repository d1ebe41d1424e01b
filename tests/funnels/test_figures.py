"""Figures of draws."""

from __future__ import annotations

import numpy as np
import pytest

from evenfall.funnels.figures import summarise_draws, summarise_rows


@pytest.mark.parametrize("draws", [1, 2, 3, 7, 41, 4000])
@pytest.mark.parametrize("level", [0.5, 0.9, 0.95])
def test_intervals_are_the_quantiles_of_numpy_to_the_last_digit(draws: int, level: float) -> None:
    rows = np.random.default_rng(draws).beta(2, 5, (20, draws)) * 1e6
    tail = 0.5 * (1.0 - level)
    expected = np.quantile(rows, (tail, 0.5, 1.0 - tail), axis=1).T
    found = summarise_rows(rows, level)
    assert [[one.lower, one.median, one.upper] for one in found] == expected.tolist()
    assert [one.mean for one in found] == [float(row.mean()) for row in rows]
    assert [summarise_draws(row, level) for row in rows] == found


def test_what_does_not_vary_has_no_width() -> None:
    figure = summarise_draws(np.full(5, 0.3))
    assert (figure.lower, figure.median, figure.upper) == (0.3, 0.3, 0.3)
