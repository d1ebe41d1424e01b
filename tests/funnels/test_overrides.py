"""Rates that are set."""

from __future__ import annotations

import math

import numpy as np
import pytest

from evenfall.beliefs.cube import Visited
from evenfall.errors import UsageError
from evenfall.funnels.masks import EdgeRate, expand
from evenfall.funnels.overrides import SELECTING, Override, set_rows

from .paths import network


@pytest.mark.parametrize(
    ("mean", "stdev", "reason"),
    [
        (1.2, 0.0, "cannot be set to 1.2"),
        (-0.1, 0.0, "cannot be set to -0.1"),
        (math.nan, 0.0, "cannot be set to nan"),
        (0.5, -0.1, "stdev of -0.1"),
        (0.5, math.nan, "stdev of nan"),
        (0.1, 0.4, "cannot be set so"),
    ],
)
def test_a_value_that_is_no_rate_is_refused(mean: float, stdev: float, reason: str) -> None:
    with pytest.raises(UsageError, match=reason):
        Override("buy", mean, stdev)


def test_an_uncertain_value_follows_its_beta_law_in_the_ranks_of_the_old_draws() -> None:
    """.3 ± .05 from 4,000 evenly spread ranks."""
    built = network(2, [(0, 1)])
    expansion = expand(built, [EdgeRate("e0", "e0")], [1, 0])
    old = np.random.default_rng(1).beta(2, 3, 4000)
    (new,), setter = set_rows([old], expansion, {}, [Override("e0", 0.3, 0.05)], seed=0)
    assert new.mean() == pytest.approx(0.3, abs=1e-4)
    assert new.std() == pytest.approx(0.05, rel=2e-3)
    np.testing.assert_array_equal(old.argsort(), new.argsort())
    assert setter == [0]


def test_two_uncertain_values_in_place_of_certain_ones_are_independent() -> None:
    built = network(3, [(0, 1), (1, 2)])
    expansion = expand(built, [EdgeRate("e0", "e0"), EdgeRate("e1", "e1")], [1, 0, 0])
    overrides = [Override("e0", 0.3, 0.05), Override("e1", 0.3, 0.05)]
    new, _ = set_rows([np.full(4000, 0.2)] * 2, expansion, {}, overrides, seed=0)
    assert abs(np.corrcoef(new)[0, 1]) < 3 / math.sqrt(4000)


def test_the_later_of_two_overrides_wins() -> None:
    built = network(2, [(0, 1)])
    expansion = expand(built, [EdgeRate("e0", "e0")], [1, 0])
    new, setter = set_rows(
        [np.full(2, 0.5)], expansion, {}, [Override("e0", 0.1), Override("e0", 0.2)], seed=0
    )
    assert new[0].tolist() == [0.2, 0.2]
    assert setter == [1]


def test_an_override_lies_within_a_slice_that_fixes_more() -> None:
    override = Override("buy", 0.1, context={"channel": "google"})
    assert override.within({"channel": "google", "device": "mobile"})
    assert not override.within({"channel": "bing", "device": "mobile"})
    with pytest.raises(UsageError, match="not split by channel"):
        override.within({"device": "mobile"})


def test_an_override_says_what_it_sets_where() -> None:
    visited = Visited(frozenset({"b", "a"}), (frozenset({"c", "d"}),), frozenset({"e"}))
    override = Override("buy", 0.25, 0.05, {"channel": "google"}, visited)
    assert str(override) == "buy := 0.25 ± 0.05 where channel=google visited(a,b) visitedAny(c,d) exclude(e)"
    assert "not intervening" in SELECTING
