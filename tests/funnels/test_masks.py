"""Conditions on what was visited before: states, and the law of total probability over them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evenfall.beliefs.cube import Visited
from evenfall.errors import ConfigError, UnknownName, UsageError
from evenfall.funnels.masks import EdgeRate, expand, holds
from evenfall.funnels.network import Network
from evenfall.funnels.reach import arrivals
from evenfall.funnels.simulate import Edge

from .paths import acyclic, network, walk_all_paths

BLOG = Visited(all=frozenset({"blog"}))
SHOP = Network.of(
    ("land", "blog", "cart", "order"),
    [
        Edge("read", "land", "blog"),
        Edge("skip", "land", "cart"),
        Edge("on", "blog", "cart"),
        Edge("buy", "cart", "order"),
    ],
)
RATES = [
    *(EdgeRate(edge, edge) for edge in ("read", "skip", "on")),
    EdgeRate("buy", "buy-after-blog", BLOG),
    EdgeRate("buy", "buy"),
]


@pytest.mark.parametrize(
    ("condition", "visited", "answer"),
    [
        (None, "", True),
        (Visited(), "a", True),
        (Visited(all=frozenset("ab")), "a", False),
        (Visited(all=frozenset("ab")), "abc", True),
        (Visited(none=frozenset("a")), "bc", True),
        (Visited(none=frozenset("a")), "ab", False),
        (Visited(any=(frozenset("ab"), frozenset("cd"))), "ac", True),
        (Visited(any=(frozenset("ab"), frozenset("cd"))), "ab", False),
        (Visited(all=frozenset("a"), any=(frozenset("bc"),), none=frozenset("d")), "ac", True),
        (Visited(all=frozenset("a"), any=(frozenset("bc"),), none=frozenset("d")), "acd", False),
    ],
)
def test_conditions_are_all_any_and_none(condition: Visited | None, visited: str, answer: bool) -> None:
    assert holds(condition, frozenset(visited)) is answer


def test_only_those_who_visited_before_take_the_conditional_rate() -> None:
    expansion = expand(SHOP, RATES, [1, 0, 0, 0])
    assert sorted(expansion.network.nodes) == ["blog", "cart", "cart|blog", "land", "order", "order|blog"]
    assert dict(zip(expansion.network.edges, expansion.rate, strict=True)) == {
        "read": "read",
        "skip": "skip",
        "on": "on",
        "buy": "buy",
        "buy|blog": "buy-after-blog",
    }


def test_a_visit_is_before_the_attempt_only_once_the_node_is_left() -> None:
    """At the blog itself, on the first visit, nobody has visited the blog before; on the second he has."""
    loop = Network.of(("blog", "order"), [Edge("again", "blog", "blog"), Edge("buy", "blog", "order")])
    rates = [EdgeRate("again", "again"), EdgeRate("buy", "later", BLOG), EdgeRate("buy", "first")]
    expansion = expand(loop, rates, [1, 0])
    numbers = {"again": 0.5, "first": 0.1, "later": 0.3}
    found = arrivals(
        expansion.network, [[numbers[name] for name in expansion.rate]], expansion.unfold([1.0, 0.0])
    )
    # one first visit (.1), then .5/(1 − .5) = 1 later visit in all (.3)
    assert expansion.collapse(found)[0] == pytest.approx([2.0, 0.4], abs=1e-15)


@given(acyclic(6), st.data())
def test_total_probability_over_masks_is_that_of_all_paths(
    graph: tuple[int, list[tuple[int, int]], np.ndarray], data: st.DataObject
) -> None:
    """Arrivals per node, and per node and mask, each to 1e-12; rates depend on random conditions."""
    nodes, pairs, rates = graph
    names = st.frozensets(st.integers(0, nodes - 1), max_size=2)
    condition = data.draw(st.tuples(names, names, names))
    edge = data.draw(st.integers(0, len(pairs) - 1))
    factor = data.draw(st.floats(0.0, 1.0))
    start = data.draw(st.integers(0, nodes - 1))
    built = network(nodes, pairs)
    after = Visited(*(_slugs(part) for part in condition[:1]), (_slugs(condition[1]),), _slugs(condition[2]))
    after = after if condition[1] else Visited(after.all, (), after.none)
    listed = [EdgeRate(f"e{edge}", "special", after), *(EdgeRate(e, e) for e in built.edges)]
    expansion = expand(built, listed, np.eye(nodes)[start])
    numbers = {**dict(zip(built.edges, rates.tolist(), strict=True)), "special": rates[edge] * factor}
    found = arrivals(
        expansion.network,
        [[numbers[name] for name in expansion.rate]],
        expansion.unfold(np.eye(nodes)[start]),
    )

    def rate(number: int, before: frozenset[int]) -> float:
        everything, some, nothing = condition
        special = everything <= before and not (nothing & before) and (not some or bool(some & before))
        return float(rates[number]) * (factor if number == edge and special else 1.0)

    mentioned = condition[0] | condition[1] | condition[2]
    total, per_state = np.zeros(nodes), dict.fromkeys(expansion.network.nodes, 0.0)

    def see(node: int, before: frozenset[int], probability: float) -> None:
        total[node] += probability
        mask = ",".join(sorted(_slugs(before & mentioned)))
        per_state[f"n{node}|{mask}" if mask else f"n{node}"] += probability

    walk_all_paths(pairs, start, rate, see)
    np.testing.assert_allclose(expansion.collapse(found)[0], total, rtol=0, atol=1e-12)
    np.testing.assert_allclose(found[0], list(per_state.values()), rtol=0, atol=1e-12)


def _slugs(positions: frozenset[int]) -> frozenset[str]:
    return frozenset(f"n{position}" for position in positions)


def test_the_marginal_rate_is_the_mixture_over_masks() -> None:
    """.5 read (.9 go on) and buy at .4, .5 skip and buy at .2: P(order) = .5·.9·.4 + .5·.2 = .28."""
    expansion = expand(SHOP, RATES, [1, 0, 0, 0])
    numbers = {"read": 0.5, "skip": 0.5, "on": 0.9, "buy": 0.2, "buy-after-blog": 0.4}
    found = arrivals(
        expansion.network, [[numbers[name] for name in expansion.rate]], expansion.unfold([1.0, 0, 0, 0])
    )
    assert expansion.collapse(found)[0, 3] == pytest.approx(0.28, abs=1e-15)
    assert expansion.states("order") == ["order", "order|blog"] or len(expansion.states("order")) == 2


def test_without_conditions_nothing_unfolds() -> None:
    expansion = expand(SHOP, [EdgeRate(edge, edge) for edge in SHOP.edges], [1, 0, 0, 0])
    assert sorted(expansion.network.nodes) == sorted(SHOP.nodes)


def test_an_edge_without_a_rate_for_some_is_refused_and_says_for_whom() -> None:
    rates = [rate for rate in RATES if rate.edge != "buy"]
    with pytest.raises(ConfigError, match="the edge buy has no rate after blog"):
        expand(SHOP, [*rates, EdgeRate("buy", "buy", Visited(none=frozenset({"blog"})))], [1, 0, 0, 0])


def test_a_condition_on_an_unknown_node_names_the_nearest() -> None:
    with pytest.raises(UnknownName, match="did you mean blog"):
        expand(SHOP, [*RATES, EdgeRate("buy", "x", Visited(all=frozenset({"blogg"})))], [1, 0, 0, 0])


def test_too_many_states_are_refused_before_the_memory_is_full() -> None:
    nodes = 20
    pairs = [(u, v) for u in range(nodes) for v in range(nodes) if u != v]
    everything = Visited(any=(frozenset(f"n{n}" for n in range(nodes)),))
    built = network(nodes, pairs)
    rates = [EdgeRate("e0", "x", everything), *(EdgeRate(e, "y") for e in built.edges)]
    with pytest.raises(UsageError, match="100,000 states"):
        expand(built, rates, np.eye(nodes)[0])
