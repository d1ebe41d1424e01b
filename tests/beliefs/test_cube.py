"""A cube of counts: every condition is a lookup, and the lookups obey the laws of probability."""

from __future__ import annotations

from datetime import date, timedelta
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evenfall.beliefs.cube import MAX_NODES, NEVER, Cube, Visited
from evenfall.errors import UnknownName
from evenfall.window import DayWindow

FIRST = date(2026, 3, 1)
SPAN = DayWindow(FIRST, FIRST + timedelta(days=4))
NODES = ("home", "pricing", "demo")
CHANNELS = ("google", "bing", None)

Row = tuple[int, int, int, int, int]  # day, mask, channel, age, trials


def cube_of(rows: list[Row], nodes: tuple[str, ...] = NODES) -> Cube:
    table = np.array(rows, dtype=np.int64).reshape(-1, 5)
    day, mask, channel, age, trials = table.T
    return Cube(
        nodes=nodes,
        contexts=("channel",),
        values=(CHANNELS,),
        span=SPAN,
        day=np.datetime64(FIRST) + day.astype("timedelta64[D]"),
        mask=mask.astype(np.uint64),
        codes=channel.reshape(-1, 1),
        age_days=age,
        trials=trials,
        successes=np.where(age == NEVER, 0, trials),
    )


rows = st.lists(
    st.tuples(
        st.integers(0, 3),
        st.integers(0, 7),
        st.integers(0, 2),
        st.integers(NEVER, 2),
        st.integers(1, 1_000_000),
    ),
    max_size=30,
)
nodes = st.frozensets(st.sampled_from(NODES))
conditions = st.builds(Visited, nodes, st.lists(nodes, max_size=2).map(tuple), nodes)
contexts = st.sampled_from([{}, {"channel": "google"}, {"channel": ("bing", None)}, {"channel": "yahoo"}])


def exactly(mask: int) -> Visited:
    seen = frozenset(node for i, node in enumerate(NODES) if mask >> i & 1)
    return Visited(all=seen, none=frozenset(NODES) - seen)


def total(
    cube: Cube, visited: Visited | None = None, context: dict[str, object] | None = None
) -> tuple[int, int]:
    trials, successes, _ = cube.lookup(visited, context).total().tolist()  # type: ignore[arg-type]
    return int(trials), int(successes)


@given(rows, conditions, contexts)
def test_a_lookup_counts_the_rows_that_meet_the_condition(
    rows: list[Row], visited: Visited, context: dict[str, object]
) -> None:
    wanted = context.get("channel", CHANNELS)
    values = (wanted,) if isinstance(wanted, str) else tuple(wanted)  # type: ignore[arg-type]
    expected = np.zeros((4, 3))
    for day, mask, channel, age, trials in rows:
        seen = {node for i, node in enumerate(NODES) if mask >> i & 1}
        met = visited.all <= seen and not visited.none & seen and all(group & seen for group in visited.any)
        if met and CHANNELS[channel] in values:
            expected[day] += (trials, trials if age != NEVER else 0, 0)
    found = cube_of(rows).lookup(visited, context)  # type: ignore[arg-type]
    assert found.sums.tolist() == expected.tolist()
    assert found.first.tolist() == list(SPAN)


@given(rows, contexts)
def test_the_rate_is_the_masks_rates_weighted_by_how_often_they_occur(
    rows: list[Row], context: dict[str, object]
) -> None:
    """P(success) = Σ P(mask)·P(success | mask), exactly, in fractions."""
    cube = cube_of(rows)
    trials, successes = total(cube, context=context)
    parts = [total(cube, exactly(mask), context) for mask in range(8)]
    assert sum(n for n, _ in parts) == trials
    if trials:
        mixed = sum(Fraction(n, trials) * Fraction(k, n) for n, k in parts if n)
        assert mixed == Fraction(successes, trials)


@given(rows, nodes, nodes)
def test_or_is_both_alone_less_both_together(
    rows: list[Row], one: frozenset[str], other: frozenset[str]
) -> None:
    cube = cube_of(rows)
    either = np.array(total(cube, Visited(any=(one | other,))))
    both = np.array(total(cube, Visited(any=(one, other))))
    apart = np.array(total(cube, Visited(any=(one,)))) + np.array(total(cube, Visited(any=(other,))))
    assert (either == apart - both).all()


@given(rows, conditions)
def test_ages_add_up_to_the_successes(rows: list[Row], visited: Visited) -> None:
    cube = cube_of(rows)
    ages, daily = cube.by_age(visited), cube.lookup(visited).sums
    assert ages.trials.tolist() == daily[:, 0].tolist()
    assert ages.successes.sum(axis=1).tolist() == daily[:, 1].tolist()
    found = sum(row[4] for row in rows if row[3] == 2)
    assert cube.by_age().successes[:, 2:3].sum() == found


@given(rows, contexts)
def test_masks_are_the_lookups_of_exactly_their_nodes(rows: list[Row], context: dict[str, object]) -> None:
    cube = cube_of(rows)
    masks = cube.by_mask(context)  # type: ignore[arg-type]
    found = {
        int(mask): (int(n), int(k))
        for mask, n, k in zip(masks.mask, masks.trials, masks.successes, strict=True)
    }
    for mask in range(8):
        assert found.get(mask, (0, 0)) == total(cube, exactly(mask), context)


def test_nothing_meets_an_empty_group() -> None:
    cube = cube_of([(0, 7, 0, 0, 5)])
    assert total(cube, Visited(any=(frozenset(),))) == (0, 0)
    assert total(cube, Visited()) == (5, 5)


def test_all_63_nodes_have_a_bit_of_their_own() -> None:
    many = tuple(f"n{i}" for i in range(MAX_NODES))
    cube = cube_of([(0, 1 << i, 0, NEVER, i + 1) for i in range(MAX_NODES)], many)
    for i, node in enumerate(many):
        assert total(cube, Visited(all=frozenset({node}))) == (i + 1, 0)
    with pytest.raises(ValueError, match="at most 63 nodes, not 64"):
        cube_of([], (*many, "one more"))


def test_an_unknown_node_or_context_is_named_with_the_nearest() -> None:
    cube = cube_of([])
    for visited in (
        Visited(all=frozenset({"pricng"})),
        Visited(none=frozenset({"pricng"})),
        Visited(any=(frozenset({"pricng"}),)),
    ):
        with pytest.raises(UnknownName, match="did you mean pricing"):
            cube.lookup(visited)
    with pytest.raises(UnknownName, match="did you mean channel"):
        cube.lookup(None, {"chanel": "google"})


def test_an_empty_cube_answers_every_day_with_zero() -> None:
    cube = cube_of([])
    assert (
        cube.lookup(Visited(all=frozenset({"home"})), {"channel": "google"}).sums.tolist() == [[0, 0, 0]] * 4
    )
    assert cube.by_age().successes.shape == (4, 0)
    assert len(cube.by_mask().mask) == 0


def test_a_row_outside_the_days_that_were_read_is_refused() -> None:
    for day in (-1, 4):
        with pytest.raises(ValueError, match="outside"):
            cube_of([(day, 0, 0, 0, 1)])


def test_counts_far_beyond_a_float_s_whole_numbers_are_not_lost() -> None:
    cube = cube_of([(day, 0, 0, NEVER, 10**12) for day in range(4)])
    assert total(cube) == (4 * 10**12, 0)
