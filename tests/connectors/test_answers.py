"""What rows can and cannot be evidence, by type of parameter."""

from __future__ import annotations

import math
from decimal import Decimal

import pytest

from evenfall.beliefs.observations import STATISTIC_NAMES
from evenfall.connectors.answers import Sums, checked_sums


def checked(parameter_type: str, *row: object) -> Sums:
    names = STATISTIC_NAMES[parameter_type]
    return checked_sums(parameter_type, {name: [value] for name, value in zip(names, row, strict=True)})


@pytest.mark.parametrize(
    ("parameter_type", "row", "sums"),
    [
        ("probability", (10, 3), [10, 3, 0]),
        ("probability", (10, None), [10, 0, 0]),  # SUM over no success is NULL
        ("probability", (0, None), [0, 0, 0]),
        ("probability", (None, None), [0, 0, 0]),  # SUM over no row at all
        ("probability", (10.0, 10.0), [10, 10, 0]),
        ("probability", (10**12, 1), [1e12, 1, 0]),
        ("rate", (12.5, 3), [12.5, 3, 0]),
        ("rate", (12.5, None), [12.5, 0, 0]),
        ("rate", (0, 0), [0, 0, 0]),
        ("mean", (3, -6.0, 14.0), [3, -6, 14]),
        (
            "mean",
            (1, 0.1, 0.1 * 0.1),
            [1, 0.1, 0.1 * 0.1],
        ),  # equality in Cauchy and Schwarz, but for rounding
        ("mean", (0, None, None), [0, 0, 0]),
        ("duration", (2, 1.5, 2.25), [2, 1.5, 2.25]),
    ],
)
def test_what_can_be_counted_is(parameter_type: str, row: tuple[object, ...], sums: list[float]) -> None:
    answer = checked(parameter_type, *row)
    assert answer.bad == {}
    assert answer.values[0].tolist() == sums


@pytest.mark.parametrize(
    ("parameter_type", "row", "word"),
    [
        ("probability", (10, 11), "successes exceed trials"),
        ("probability", (-1, 0), "trials is negative"),
        ("probability", (10, -1), "successes is negative"),
        ("probability", (10.5, 1), "trials is not a whole number"),
        ("probability", (10, 0.5), "successes is not a whole number"),
        ("probability", (math.nan, 1), "not a finite number"),
        ("probability", (math.inf, 1), "not a finite number"),
        ("probability", ("10", 1), "trials is not a number"),
        ("probability", (10, "x"), "successes is not a number"),
        ("probability", (10, True), "successes is not a number"),
        ("probability", (Decimal("NaN"), 1), "trials is not a number"),
        ("probability", (None, 3), "trials is NULL"),
        ("rate", (0, 3), "events without exposure"),
        ("rate", (-2.0, 0), "exposure is negative"),
        ("rate", (2.0, 1.5), "events is not a whole number"),
        ("mean", (3, None, 5.0), "sum is NULL"),
        ("mean", (3, 1.0, None), "sum_squares is NULL"),
        ("mean", (2.5, 1.0, 5.0), "n is not a whole number"),
        ("mean", (0, 1.0, 1.0), "a sum without observations"),
        ("mean", (3, 6.0, 11.9), "sum_squares is below"),  # at least 6² / 3 = 12
        ("mean", (3, 1.0, -1.0), "sum_squares is negative"),
        ("duration", (2, 1e200, 1.0), "sum_squares is below"),
    ],
)
def test_what_cannot_be_is_named_and_counts_nothing(
    parameter_type: str, row: tuple[object, ...], word: str
) -> None:
    answer = checked(parameter_type, *row)
    assert word in answer.bad[0]
    assert answer.values[0].tolist() == [0, 0, 0]


def test_the_size_of_a_bad_row_is_kept_for_the_account() -> None:
    assert checked("probability", 10, 11).sizes.tolist() == [10]
    assert checked("probability", math.nan, 1).sizes.tolist() == [0]


def test_one_bad_row_leaves_the_others_alone() -> None:
    answer = checked_sums("probability", {"trials": [10, 10, 5], "successes": [3, 11, None]})
    assert list(answer.bad) == [1]
    assert answer.values.tolist() == [[10, 3, 0], [0, 0, 0], [5, 0, 0]]


def test_no_row_gives_no_sums() -> None:
    assert checked_sums("probability", {"trials": [], "successes": []}).values.shape == (0, 3)
