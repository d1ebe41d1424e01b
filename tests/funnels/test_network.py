"""Nodes, edges and their order."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evenfall.errors import ConfigError, UnknownName
from evenfall.funnels.network import Network, network_of
from evenfall.funnels.simulate import Edge
from evenfall.registry.schemas.graph import Graph

from .paths import network

PAIRS = st.lists(st.tuples(st.integers(0, 7), st.integers(0, 7)), max_size=20)


@given(PAIRS)
def test_nodes_share_a_component_exactly_when_each_leads_to_the_other(pairs: list[tuple[int, int]]) -> None:
    """Checked against the transitive closure (Warshall)."""
    built = network(8, pairs)
    leads = np.eye(8, dtype=bool)
    for u, v in pairs:
        leads[u, v] = True
    for k in range(8):
        leads |= np.outer(leads[:, k], leads[k])
    number = {node: n for n, component in enumerate(built.components) for node in component.nodes}
    for u in range(8):
        for v in range(8):
            assert (number[u] == number[v]) == (leads[u, v] and leads[v, u])


@given(PAIRS)
def test_no_edge_leads_upstream_and_every_edge_belongs_to_one_component(pairs: list[tuple[int, int]]) -> None:
    built = network(8, pairs)
    number = {node: n for n, component in enumerate(built.components) for node in component.nodes}
    assert all(number[u] <= number[v] for u, v in pairs)
    listed = [edge for c in built.components for edge in c.entering + c.within]
    assert sorted(listed) == list(range(len(pairs)))
    for component in built.components:
        assert all(number[pairs[e][0]] == number[pairs[e][1]] for e in component.within)


def test_a_chain_of_ten_thousand_nodes_needs_no_recursion() -> None:
    built = network(10_000, [(n, n + 1) for n in range(9_999)])
    assert [c.nodes[0] for c in built.components] == list(range(10_000))


def test_an_edge_to_nowhere_names_the_nearest_node() -> None:
    with pytest.raises(UnknownName, match="did you mean order") as caught:
        Network.of(("cart", "order"), [Edge("buy", "cart", "ordr")])
    assert caught.value.path == "edge buy"


@pytest.mark.parametrize("outcomes", [["nowhere"], ["cart", "nowhere"]])
def test_an_unknown_outcome_is_refused(outcomes: list[str]) -> None:
    with pytest.raises(UnknownName, match="nowhere"):
        Network.of(("cart", "order"), [Edge("buy", "cart", "order")], outcomes)


def test_two_edges_of_one_name_are_refused_but_parallel_edges_are_not() -> None:
    with pytest.raises(ConfigError, match="two edges are called 'buy'"):
        Network.of(("a", "b"), [Edge("buy", "a", "b"), Edge("buy", "a", "b")])
    assert len(Network.of(("a", "b"), [Edge("buy", "a", "b"), Edge("get", "a", "b")]).edges) == 2


def test_ends_are_outcomes_unless_others_are_named() -> None:
    edges = [Edge("go", "a", "b"), Edge("on", "b", "c")]
    assert Network.of(("a", "b", "c"), edges).outcomes == ("c",)
    assert Network.of(("a", "b", "c"), edges, ("b",)).outcomes == ("b",)


def test_a_graph_of_a_project_becomes_a_network() -> None:
    text = """{"nodes": [{"slug": "landing"}, {"slug": "order", "outcome": true}],
               "edges": [{"slug": "buy", "from": "landing", "to": "order"}]}"""
    graph = Graph.model_validate_json(text)
    built = network_of(graph)
    assert (built.entries, built.outcomes, built.edges) == (("landing",), ("order",), ("buy",))


def test_asking_for_what_is_not_there_names_the_nearest() -> None:
    built = Network.of(("cart", "order"), [Edge("buy", "cart", "order")])
    with pytest.raises(UnknownName, match="did you mean cart"):
        built.node("cartt")
    with pytest.raises(UnknownName, match="did you mean buy"):
        built.edge("buyy")
