"""Shares of slices and what may be added."""

from __future__ import annotations

import math

import numpy as np
import pytest

from evenfall.errors import UsageError
from evenfall.funnels.mixing import (
    assumed_mix,
    check_slices,
    given_mix,
    measured_mix,
    mix_slices,
    slice_label,
)


def test_measured_shares_follow_the_dirichlet_law_of_entries_plus_one() -> None:
    """Means (n + 1)/(N + 3), sds of Dirichlet marginals; 3 standard errors at a fixed seed."""
    mix = measured_mix({"a": 9.0, "b": 29.0, "c": 0.0})
    drawn = mix.draw(40_000, np.random.default_rng(5))
    expected = np.array([10, 30, 1]) / 41
    stdev = np.sqrt(expected * (1 - expected) / 42)
    assert mix.shares == pytest.approx(expected.tolist())
    assert (np.abs(drawn.mean(axis=0) - expected) <= 3 * stdev / 200).all()
    np.testing.assert_allclose(drawn.std(axis=0), stdev, rtol=0.05)
    np.testing.assert_allclose(drawn.sum(axis=1), 1.0, rtol=1e-14)


def test_a_given_mix_is_certain_and_needs_not_add_up_to_one() -> None:
    drawn = given_mix({"a": 20, "b": 80}).draw(3, np.random.default_rng(0))
    np.testing.assert_allclose(drawn, [[0.2, 0.8]] * 3, rtol=1e-15)


def test_equal_shares_say_that_they_are_assumed() -> None:
    mix = assumed_mix(["a", "b", "c", "d"])
    assert (mix.source, mix.shares) == ("assumed", (0.25,) * 4)


@pytest.mark.parametrize("shares", [{}, {"a": -1.0}, {"a": math.nan}, {"a": math.inf}, {"a": 0.0, "b": 0.0}])
def test_impossible_shares_are_refused(shares: dict[str, float]) -> None:
    with pytest.raises(UsageError, match=r"mix|share"):
        given_mix(shares)


def test_mixing_is_the_weighted_sum_draw_by_draw() -> None:
    values = np.array([[[0.25], [0.5]], [[0.01], [0.0]]])  # slice, draw, target
    weights = np.array([[0.5, 0.5], [0.2, 0.8]])
    np.testing.assert_allclose(mix_slices(values, weights), [[0.13], [0.1]], rtol=1e-15)


def test_values_of_one_dimension_and_joint_slices_can_be_added() -> None:
    check_slices([{"channel": "a"}, {"channel": "b"}], mece=["channel"])
    joint = [{"channel": c, "device": d} for c in "ab" for d in "xy"]
    check_slices(joint, mece=["channel", "device"])
    check_slices([{}])


@pytest.mark.parametrize(
    ("contexts", "reason"),
    [
        ([{"channel": "a"}, {"device": "x"}], "channel and device each add up"),
        ([{}, {"device": "x"}], "device and everybody each add up"),
        ([{"channel": "a"}, {"channel": "a", "device": "x"}], "channel and channel×device"),
        ([{"channel": "a"}, {"channel": "a"}], "channel=a stands twice"),
        ([{"tag": "a"}, {"tag": "b"}], r"values of tag can overlap \(mece: false\)"),
    ],
)
def test_slices_that_are_no_parts_of_one_whole_are_refused(
    contexts: list[dict[str, str]], reason: str
) -> None:
    with pytest.raises(UsageError, match=reason):
        check_slices(contexts, mece=["channel", "device"])


def test_labels_are_written_like_the_ids_of_shards() -> None:
    assert slice_label({"device": "mobile", "channel": "google"}) == "channel=google,device=mobile"
    assert slice_label({}) == ""
