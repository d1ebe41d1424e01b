from __future__ import annotations

from datetime import date

import numpy as np
import pytest

from evenfall.beliefs.cube import NEVER, Cube, Visited
from evenfall.errors import UnknownName
from evenfall.funnels.pooling.slices import ABSENT, Effect, Slices, cube_slices, with_interactions
from evenfall.window import DayWindow


def cube() -> Cube:
    rng = np.random.default_rng(3)
    rows = 60
    trials = rng.integers(1, 9, rows)
    return Cube(
        nodes=("blog", "price"),
        contexts=("channel", "device"),
        values=(("google", None, "mail"), ("phone", "desk")),
        span=DayWindow(date(2026, 3, 1), date(2026, 3, 5)),
        day=np.datetime64("2026-03-01") + rng.integers(0, 4, rows).astype("timedelta64[D]"),
        mask=rng.integers(0, 4, rows).astype(np.uint64),
        codes=np.stack([rng.integers(0, 3, rows), rng.integers(0, 2, rows)], axis=1),
        age_days=np.full(rows, NEVER),
        trials=trials,
        successes=rng.binomial(trials, 0.3),
    )


def test_slices_of_a_cube_hold_the_counts_that_a_lookup_finds() -> None:
    counts = cube()
    slices = cube_slices(counts, ["channel", "device"], ["blog"])
    assert slices.trials.sum() == counts.trials.sum()
    for row, (channel, device, visited) in enumerate(slices.codes):
        value = None if channel == ABSENT else slices.effects[0].values[channel]
        blog = frozenset({"blog"})
        found = counts.lookup(
            Visited(all=blog) if visited == 0 else Visited(none=blog),
            {"channel": value, "device": slices.effects[1].values[device]},
        )
        np.testing.assert_array_equal(slices.trials[row], found.sums[:, 0])
        np.testing.assert_array_equal(slices.successes[row], found.sums[:, 1])
    assert "visited(blog)" in slices.names[-1]


def test_a_context_the_cube_does_not_hold_is_refused() -> None:
    with pytest.raises(UnknownName, match="channel"):
        cube_slices(cube(), ["chanel"])


def test_an_interaction_has_a_value_for_every_pair_that_occurs() -> None:
    slices = with_interactions(cube_slices(cube(), ["channel", "device"]), [("channel", "device")])
    both = slices.effects[2]
    for codes in slices.codes:
        if codes[0] == ABSENT:
            assert codes[2] == ABSENT
        else:
            first, second = (slices.effects[i].values[codes[i]] for i in range(2))
            assert both.values[codes[2]] == f"{first}:{second}"
    with pytest.raises(UnknownName, match="device"):
        with_interactions(slices, [("channel", "devise")])


def test_more_successes_than_trials_are_refused() -> None:
    one = np.zeros((1, 1), dtype=np.int64)
    with pytest.raises(ValueError, match="successes"):
        Slices(("a",), (Effect("channel", ("a",)),), one, one, one + 1)
