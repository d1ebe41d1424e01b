"""A graph as its editor leaves it, in the file it came from."""

from __future__ import annotations

import json
from typing import Any

import pytest

from evenfall.errors import ConfigError, EditRefused
from evenfall.registry.graph_edit import asked_place, change_graph
from evenfall.registry.yaml_text import read_yaml

SHOP = """\
# The shop.
id: shop
name: 'Shop'
nodes:
  - {slug: home, name: Home}   # where they land
  - slug: cart
    outcome: false
  - {slug: order, outcome: true, x: 400, y: 0}
edges:
  # Most take this one.
  - slug: add
    from: home
    to: cart
    p: {parameter_id: add}   # learned
    latency: {median_days: 1, t95_days: 3}
    weight_default: 0.4
  - {slug: buy, from: cart, to: order, p: {mean: 0.5, stdev: 0.1}, cost: {mean: 4, stdev: 1}}
  - {slug: pay, from: home, to: order, p: {parameter_id: pay}, cost: {parameter_id: fee}}
"""


def wanted(**changes: Any) -> dict[str, Any]:
    """Return the graph as it is, as an editor sends it."""
    nodes: dict[str, dict[str, Any]] = {slug: {"slug": slug} for slug in ("home", "cart", "order")}
    edges: dict[str, dict[str, Any]] = {
        "add": {"slug": "add", "from": "home", "to": "cart"},
        "buy": {"slug": "buy", "from": "cart", "to": "order"},
        "pay": {"slug": "pay", "from": "home", "to": "order"},
    }
    for slug, change in changes.items():
        for members in (nodes, edges):
            if slug in members:
                members[slug] |= change or {}
                if change is None:
                    del members[slug]
    return {"nodes": list(nodes.values()), "edges": list(edges.values())}


def changed(graph: dict[str, Any], text: str = SHOP, file: str = "graphs/shop.yaml") -> str:
    return change_graph(text, read_yaml(text, file), graph)


def refusals(graph: dict[str, Any]) -> list[tuple[str, str]]:
    with pytest.raises(EditRefused) as refused:
        changed(graph)
    return [(problem.path, problem.message) for problem in refused.value.problems]


def test_a_graph_sent_back_as_it_was_is_the_same_text() -> None:
    assert changed(wanted()) == SHOP


def test_a_graph_sent_back_in_another_order_is_the_same_text() -> None:
    graph = wanted()
    assert changed({name: members[::-1] for name, members in graph.items()}) == SHOP


@pytest.mark.parametrize(
    ("change", "old", "new"),
    [
        ({"home": {"x": 0.0, "y": 12.5}}, "name: Home}", "name: Home, x: 0, y: 12.5}"),
        ({"home": {"name": "Ho: me"}}, "name: Home}", 'name: "Ho: me"}'),
        ({"home": {"name": None}}, "{slug: home, name: Home}", "{slug: home}"),
        ({"order": {"x": None, "y": None}}, ", x: 400, y: 0}", "}"),
        ({"cart": {"outcome": True}}, "outcome: false", "outcome: true"),
        ({"cart": {"x": 1.0}}, "    outcome: false\n", "    outcome: false\n    x: 1\n"),
        ({"home": {"outcome": False}}, "", ""),
        ({"add": {"to": "order"}}, "    to: cart\n", "    to: order\n"),
        ({"add": {"parameter_id": "other"}}, "{parameter_id: add}", "{parameter_id: other}"),
        ({"add": {"parameter_id": None, "mean": 0.2}}, "{parameter_id: add}", "{mean: 0.2}"),
        ({"add": {"parameter_id": None}}, "    p: {parameter_id: add}   # learned\n", ""),
        ({"add": {"cost": 2.5}}, "0.4\n", "0.4\n    cost: 2.5\n"),
        ({"buy": {"parameter_id": "new"}}, "{mean: 0.5, stdev: 0.1}", "{parameter_id: new}"),
        ({"buy": {"mean": 0.6}}, "{mean: 0.5, ", "{mean: 0.6, "),
        ({"buy": {"stdev": 0.2}}, "stdev: 0.1}", "stdev: 0.2}"),
        ({"buy": {"stdev": None}}, "{mean: 0.5, stdev: 0.1}", "{mean: 0.5}"),
        ({"buy": {"mean": None}}, " p: {mean: 0.5, stdev: 0.1},", ""),
        ({"buy": {"parameter_id": None}}, "", ""),
        ({"buy": {"cost": 5.0}}, "cost: {mean: 4,", "cost: {mean: 5,"),
        ({"buy": {"cost": None}}, ", cost: {mean: 4, stdev: 1}}", "}"),
        ({"pay": {"cost": None}}, ", cost: {parameter_id: fee}}", "}"),
        ({"pay": None}, SHOP.splitlines(keepends=True)[-1], ""),
    ],
)  # fmt: skip
def test_what_is_changed_is_all_that_changes(change: dict[str, Any], old: str, new: str) -> None:
    assert changed(wanted(**change)) == SHOP.replace(old, new, 1)


def test_new_nodes_and_edges_come_after_the_others() -> None:
    graph = wanted()
    graph["nodes"].insert(0, {"slug": "deals", "name": "Deals", "outcome": False, "x": 0.0, "y": 5.0})
    graph["edges"].insert(0, {"slug": "see", "from": "home", "to": "deals", "mean": 0.1, "stdev": 0.02})
    new = SHOP.replace("edges:\n", "  - {slug: deals, name: Deals, x: 0, y: 5}\nedges:\n")
    assert changed(graph) == new + "  - {slug: see, from: home, to: deals, p: {mean: 0.1, stdev: 0.02}}\n"


def test_a_graph_in_json_keeps_its_indent() -> None:
    whole = {"id": "g", "nodes": [{"slug": "a", "kept": [1]}], "edges": []}
    text = json.dumps(whole, indent=4).replace(
        ',\n            "kept": [\n                1\n            ]', ""
    )
    graph = {
        "nodes": [{"slug": "a", "x": 1.0}, {"slug": "b"}],
        "edges": [{"slug": "e", "from": "a", "to": "b", "parameter_id": "p"}],
    }
    meant = {
        "id": "g",
        "nodes": [{"slug": "a", "x": 1}, {"slug": "b"}],
        "edges": [{"slug": "e", "from": "a", "to": "b", "p": {"parameter_id": "p"}}],
    }
    assert changed(graph, text, "graphs/g.json") == json.dumps(meant, indent=4)


def test_a_node_that_still_has_an_edge_is_not_removed() -> None:
    assert refusals(wanted(cart=None)) == [
        ("edges[0].to", "a node that is removed still has this edge"),
        ("edges[1].from", "a node that is removed still has this edge"),
    ]


def test_a_node_goes_with_its_edges() -> None:
    text = changed(wanted(cart=None, add=None, buy=None))
    assert [node["slug"] for node in read_yaml(text, "x.yaml").at(("nodes",))] == ["home", "order"]  # type: ignore[attr-defined]


@pytest.mark.parametrize("slug", ["a.b", "", "-x", "a b", "é", "x" * 65])
def test_a_slug_that_is_none_is_refused_with_its_place(slug: str) -> None:
    graph = wanted()
    graph["nodes"].append({"slug": slug})
    assert refusals(graph) == [("nodes[3].slug", "not a slug")]


def test_a_slug_used_twice_is_refused_whatever_its_case() -> None:
    graph = wanted()
    graph["nodes"].append({"slug": "HOME"})
    graph["edges"].append({"slug": "add", "from": "home", "to": "cart"})
    assert refusals(graph) == [("nodes[3].slug", "a slug used twice"), ("edges[3].slug", "a slug used twice")]


def test_an_edge_to_nowhere_is_refused() -> None:
    assert refusals(wanted(add={"to": "card"})) == [("edges[0].to", "unknown node")]


def test_a_cost_that_is_a_parameter_is_not_overwritten() -> None:
    with pytest.raises(ConfigError, match="parameter fee"):
        changed(wanted(pay={"cost": 3.0}))


def test_a_place_in_the_file_is_told_as_the_place_in_the_request() -> None:
    graph = wanted()
    graph["edges"] = [
        {"slug": "new", "from": "home", "to": "cart", "parameter_id": "none"},
        *graph["edges"][1:],
    ]
    tree = read_yaml(SHOP, "graphs/shop.yaml")
    # The file will hold buy, pay, new; the request has new first.
    assert asked_place("edges[2].p.parameter_id", tree, graph) == "edges[0].parameter_id"
    assert asked_place("edges[0].cost.mean", tree, graph) == "edges[1].cost.mean"
    assert asked_place("name", tree, graph) == "name"
