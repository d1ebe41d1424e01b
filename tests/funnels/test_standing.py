"""What moves when a rate is set is computed anew, and nothing else; the digits are those of a full answer."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evenfall.beliefs.cube import Visited
from evenfall.errors import ConfigError, UnknownName
from evenfall.funnels.masks import EdgeRate
from evenfall.funnels.network import Network
from evenfall.funnels.overrides import Override
from evenfall.funnels.reach import arrivals, flow_on
from evenfall.funnels.standing import Moved, Slice, Standing

from .paths import network

DRAWS = 7


@st.composite
def graphs(draw: st.DrawFn) -> tuple[Network, dict[str, np.ndarray]]:
    """Any graph, cycles, loops and parallel edges included, that leaves a way out of every node."""
    nodes = draw(st.integers(2, 6))
    node = st.integers(0, nodes - 1)
    pairs = draw(st.lists(st.tuples(node, node), min_size=1, max_size=12))
    built = network(nodes, pairs)
    rng = np.random.default_rng(draw(st.integers(0, 10**6)))
    leaving = np.bincount(built.origins, minlength=nodes)
    rates = rng.random((DRAWS, len(pairs))) * 0.95 / leaving[built.origins]
    return built, dict(zip(built.edges, np.ascontiguousarray(rates.T), strict=True))


def standing(built: Network, rows: dict[str, np.ndarray], rates: Sequence[EdgeRate] = ()) -> Standing:
    """Return the slice of everybody, entering at n0."""
    part = Slice(rates or [EdgeRate(edge, edge) for edge in built.edges])
    return Standing.of(built, part, rows, draws=DRAWS, start={"n0": 1.0})


def by_state(moved: Moved) -> np.ndarray:
    return np.stack([np.zeros(DRAWS) if row is None else row for row in moved.arrived]).T


def afresh(moved: Moved) -> np.ndarray:
    """Return the arrivals of everything computed from the start."""
    start = np.zeros(len(moved.expansion.node))
    for state, row in moved.begin.items():
        start[state] = row[0]
    return arrivals(moved.expansion.network, moved.matrix(), start)


@settings(deadline=None)
@given(graphs(), st.data())
def test_arrivals_after_a_change_are_those_of_a_full_answer_to_the_last_digit(
    graph: tuple[Network, dict[str, np.ndarray]], data: st.DataObject
) -> None:
    built, rows = graph
    one = standing(built, rows)
    edge = data.draw(st.sampled_from(built.edges))
    value = data.draw(st.floats(0.0, 1.0)) * float(rows[edge].min())
    np.testing.assert_array_equal(by_state(one.base), afresh(one.base))
    moved = one.moved([Override(edge, value)])
    np.testing.assert_array_equal(by_state(moved), afresh(moved))


def test_what_lies_upstream_of_a_change_is_not_computed_anew() -> None:
    built = network(4, [(0, 1), (1, 2), (2, 3)])
    one = standing(built, {edge: np.full(DRAWS, 0.5) for edge in built.edges})
    moved = one.moved([Override("e1", 0.25)])
    kept = [old is new for old, new in zip(one.base.arrived, moved.arrived, strict=True)]
    assert kept == [True, True, False, False]
    assert moved.arrivals([3])[0, 0] == 0.5 * 0.25 * 0.5


def test_a_slice_is_left_as_it_was_by_every_question() -> None:
    built = network(3, [(0, 1), (1, 0), (1, 2)])
    rows = {edge: np.full(DRAWS, rate) for edge, rate in zip(built.edges, (0.5, 0.4, 0.3), strict=True)}
    one = standing(built, rows)
    before = by_state(one.base)
    one.moved([Override("e1", 0.9)])
    one.moved([Override("e0", 0.1), Override("e2", 0.1, 0.05)])
    np.testing.assert_array_equal(by_state(one.base), before)
    np.testing.assert_array_equal(by_state(one.moved([])), before)


def test_siblings_in_which_nothing_is_set_are_joined_once() -> None:
    """n1 leaves nobody over: .7 + .6 in expectation; what is set at n0 does not touch its edges."""
    built = network(4, [(0, 1), (1, 2), (1, 3)])
    rng = np.random.default_rng(5)
    rows = {"e0": np.full(DRAWS, 0.5), "e1": rng.beta(7, 3, DRAWS), "e2": rng.beta(3, 3, DRAWS)}
    one = standing(built, rows)
    moved = one.moved([Override("e0", 0.25)])
    assert [finding.subject for finding in moved.findings] == ["n1"]
    assert moved.rates[1].base is one.base.rates[1].base
    np.testing.assert_array_equal(moved.rates[1], one.base.rates[1])


def test_a_visit_that_only_an_override_speaks_of_is_told_apart() -> None:
    """Half come by n1 and half do not; of those who did, .9 go on in place of .2: .5 · .9 + .5 · .2."""
    built = network(4, [(0, 1), (0, 2), (1, 2), (2, 3)])
    rates = dict(zip(built.edges, (0.5, 0.5, 1.0, 0.2), strict=True))
    one = standing(built, {edge: np.full(DRAWS, rate) for edge, rate in rates.items()})
    moved = one.moved([Override("e3", 0.9, visited=Visited(all=frozenset({"n1"})))])
    assert moved.arrivals([3])[:, 0] == pytest.approx(0.55)
    assert moved.changed == {0}


def test_a_rate_that_was_not_drawn_is_named() -> None:
    with pytest.raises(UnknownName, match="e0"):
        standing(network(2, [(0, 1)]), {"f0": np.full(DRAWS, 0.5)})


def test_a_cycle_that_an_override_closes_is_named() -> None:
    built = network(3, [(0, 1), (1, 0), (1, 2)])
    rows = {"e0": np.full(DRAWS, 1.0), "e1": np.full(DRAWS, 0.5), "e2": np.zeros(DRAWS)}
    one = standing(built, rows)
    with pytest.raises(ConfigError, match="nobody leaves the cycle of n0, n1"):
        one.moved([Override("e1", 1.0)])


def test_entries_flow_on_from_where_nobody_was() -> None:
    """Two enter at n1 and half of them go on; n0 and its edge take no part."""
    built = network(3, [(0, 1), (1, 2)])
    rates = [np.full(DRAWS, 0.9), np.full(DRAWS, 0.5)]
    none, entered, gone_on = flow_on(built, rates, [None] * 3, {1: np.full(DRAWS, 2.0)})
    assert none is None
    assert entered is not None
    assert gone_on is not None
    assert (entered == 2.0).all()
    assert (gone_on == 1.0).all()
