"""Costs along paths, against all paths and closed forms."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evenfall.errors import UnknownName, UsageError
from evenfall.funnels.cost import cost_per_entry, cost_until, path_costs
from evenfall.funnels.masks import EdgeRate
from evenfall.funnels.mixing import given_mix
from evenfall.funnels.network import Network
from evenfall.funnels.propagate import Slice
from evenfall.funnels.simulate import Edge

from .paths import acyclic, network

FUNNEL = Network.of(("land", "cart", "order"), [Edge("add", "land", "cart"), Edge("buy", "cart", "order")])


def plain(suffix: str = "", **context: str) -> Slice:
    return Slice([EdgeRate(edge, edge + suffix) for edge in FUNNEL.edges], context)


def paths_to(
    pairs: list[tuple[int, int]], rates: np.ndarray, costs: np.ndarray, start: int, end: int
) -> tuple[float, float]:
    """Σ P(path)·cost(path) and Σ P(path) over the paths from start that stop when they first meet end."""
    if start == end:
        return 0.0, 1.0
    spent = arrived = 0.0
    for edge, (u, v) in enumerate(pairs):
        if u == start:
            later, probability = paths_to(pairs, rates, costs, v, end)
            spent += rates[edge] * (later + costs[edge] * probability)
            arrived += rates[edge] * probability
    return spent, arrived


@given(acyclic(6), st.data())
def test_the_cost_of_those_who_arrive_is_that_of_all_their_paths(
    graph: tuple[int, list[tuple[int, int]], np.ndarray], data: st.DataObject
) -> None:
    nodes, pairs, rates = graph
    costs = np.array([data.draw(st.floats(-5, 5)) for _ in pairs])
    start, end = data.draw(st.integers(0, nodes - 1)), data.draw(st.integers(0, nodes - 1))
    spent, arrived = cost_until(network(nodes, pairs), rates[None], np.eye(nodes)[start], costs, [f"n{end}"])
    expected = paths_to(pairs, rates, costs, start, end)
    np.testing.assert_allclose([spent[0], arrived[0]], expected, rtol=1e-9, atol=1e-11)


def test_the_cost_of_a_cycle_is_a_geometric_series() -> None:
    """Tries of 2 each succeed with .3 and are repeated with .5: 2·(.3 + .5)/(1 − .5) = 3.2 per entry."""
    built = network(2, [(0, 0), (0, 1)])
    assert cost_per_entry(built, [[0.5, 0.3]], [1, 0], [2.0, 2.0])[0] == pytest.approx(3.2, rel=1e-14)
    # those who succeed tried 1/(1 − .5) = 2 times on average
    spent, arrived = cost_until(built, [[0.5, 0.3]], [1, 0], [2.0, 2.0], ["n1"])
    assert spent[0] / arrived[0] == pytest.approx(4.0, rel=1e-14)


def test_what_an_arrival_costs_carries_those_who_were_lost() -> None:
    """Of two entries one adds (cost 1), of these a quarter buys (cost 2): .5 + .25 per entry, .125 orders."""
    (found,) = path_costs(FUNNEL, [plain()], {"add": 0.5, "buy": 0.25}, {"add": 1.0, "buy": 2.0}, draws=2)
    assert found.per_entry.mean == pytest.approx(0.75)
    assert found.per_arrival is not None
    assert found.per_arrival.mean == pytest.approx(6.0)
    assert found.on_the_way is not None
    assert found.on_the_way.mean == pytest.approx(3.0)


def test_costs_of_slices_are_mixed_before_they_are_divided() -> None:
    """a: .5 spent, .25 orders; b: .1 spent, .01 orders; 20:80 gives .18/.058 per order."""
    rates = {"add@a": 0.5, "buy@a": 0.5, "add@b": 0.1, "buy@b": 0.1}
    slices = [plain("@a", channel="a"), plain("@b", channel="b")]
    mix = given_mix({"channel=b": 80, "channel=a": 20})
    whole, a, b = path_costs(FUNNEL, slices, rates, {"add": 1.0}, mix=mix, draws=2)
    assert whole.per_arrival is not None
    assert whole.per_arrival.mean == pytest.approx(0.18 / 0.058)
    assert [part.slice for part in (whole, a, b)] == ["", "channel=a", "channel=b"]
    assert a.per_arrival is not None
    assert a.per_arrival.mean == pytest.approx(2.0)


def test_uncertain_costs_are_draws() -> None:
    price = np.array([1.0, 3.0])
    (found,) = path_costs(FUNNEL, [plain()], {"add": 0.5, "buy": 0.5}, {"add": price}, draws=2)
    assert (found.per_entry.mean, found.per_entry.median) == pytest.approx((1.0, 1.0))
    assert found.per_entry.upper > found.per_entry.lower


def test_what_nobody_reaches_has_no_price() -> None:
    (found,) = path_costs(FUNNEL, [plain()], {"add": 0.5, "buy": 0.0}, {"add": 1.0}, draws=2)
    assert (found.per_arrival, found.on_the_way) == (None, None)
    assert found.per_entry.mean == pytest.approx(0.5)


def test_impossible_costs_are_refused() -> None:
    with pytest.raises(UnknownName, match="did you mean buy"):
        path_costs(FUNNEL, [plain()], {"add": 0.5, "buy": 0.5}, {"bui": 1.0}, draws=2)
    with pytest.raises(UsageError, match="not a finite number"):
        path_costs(FUNNEL, [plain()], {"add": 0.5, "buy": 0.5}, {"buy": math.nan}, draws=2)


def test_what_is_spent_after_the_first_arrival_is_not_on_the_way() -> None:
    """a → b (.5, costs 1) and back (.4, costs 10): who arrives at b has spent 1 until then."""
    built = network(2, [(0, 1), (1, 0)])
    spent, arrived = cost_until(built, [[0.5, 0.4]], [1, 0], [1.0, 10.0], ["n1"])
    assert (spent[0], arrived[0]) == pytest.approx((0.5, 0.5), rel=1e-14)
