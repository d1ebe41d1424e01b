"""What the page of a graph shows, against what single parameters and worked mixtures say."""

from __future__ import annotations

import math

import pytest

from evenfall.errors import UnknownName
from evenfall.findings import Light
from evenfall.runs.graph.picture import EdgePicture, GraphPicture

from ..shop import Shop
from .test_whatif import BY_CHANNEL, CHANNEL, state

GRAPH = """\
id: shop
name: The shop
nodes: [{slug: land, x: 4, y: 5}, {slug: cart}, {slug: order, outcome: true}]
edges:
  - {slug: add, from: land, to: cart, cost: {mean: 2, stdev: 0.1}}
  - {slug: buy, from: cart, to: order, p: {parameter_id: buy}}
  - {slug: skip, from: land, to: order, p: {mean: 0.05}}
"""


@pytest.fixture
def shop(shop: Shop) -> Shop:
    """Google brings 300 of whom 150 go on, Facebook 100 of whom 20 do."""
    shop.write("graphs/shop.yaml", GRAPH)
    shop.write("contexts/channel.yaml", CHANNEL)
    shop.write("parameters/add.yaml", BY_CHANNEL)
    state(shop, "buy", 0.4, stdev=0.05)
    for channel, trials, successes in (("google", 300, 150), ("facebook", 100, 20)):
        shop.sell(2, trials, successes, edge="add", channel=channel)
    shop.night()
    return shop


def edges(picture: GraphPicture) -> dict[str, EdgePicture]:
    return {edge.slug: edge for edge in picture.edges}


def test_slices_are_mixed_by_the_traffic_that_came(shop: Shop) -> None:
    """Shares 301/402 and 101/402 of the two posterior means; counts are added."""
    add = edges(shop.project.picture("shop"))["add"]
    google, facebook = (shop.row(f"add[channel={name}]") for name in ("google", "facebook"))
    assert google.posterior_mean is not None
    assert facebook.posterior_mean is not None
    mixed = (301 * google.posterior_mean + 101 * facebook.posterior_mean) / 402
    assert add.stdev is not None
    assert add.mean == pytest.approx(mixed, abs=4 * add.stdev / math.sqrt(4000))
    assert (add.n, add.observed) == (400, 170 / 400)
    assert add.expected == pytest.approx((0.5, 0.1 * math.hypot(0.75, 0.25)))
    assert add.parameters == ("add[channel=facebook]", "add[channel=google]")
    assert add.cost == 2


def test_an_edge_of_one_parameter_shows_its_belief_and_no_draws_of_it(shop: Shop) -> None:
    buy, row = edges(shop.project.picture("shop"))["buy"], shop.row("buy")
    assert (buy.mean, buy.stdev) == pytest.approx((row.prior_mean, row.prior_stdev), rel=1e-12)
    assert buy.n == 0
    assert buy.observed is None


def test_a_number_in_the_graph_is_certain_and_grey(shop: Shop) -> None:
    skip = edges(shop.project.picture("shop"))["skip"]
    assert (skip.mean, skip.lower, skip.upper) == (0.05, 0.05, 0.05)
    assert skip.light is Light.GREY
    assert skip.parameters == ()


def test_an_edge_has_the_light_of_its_worst_parameter(shop: Shop) -> None:
    rows = [shop.row(f"add[channel={name}]") for name in ("google", "facebook")]
    order = ["red", "amber", "stale", "grey", "green"]
    worst = min(rows, key=lambda row: order.index(row.light))
    add = edges(shop.project.picture("shop"))["add"]
    assert add.light is worst.light
    assert add.detail == worst.detail


def test_contexts_have_the_shares_that_were_counted(shop: Shop) -> None:
    (channel,) = shop.project.picture("shop").contexts
    assert [value["id"] for value in channel["values"]] == ["google", "facebook"]
    assert [value["share"] for value in channel["values"]] == pytest.approx([301 / 402, 101 / 402])


def test_nodes_keep_the_place_their_file_gives_them(shop: Shop) -> None:
    told = shop.project.picture("shop").as_dict()
    assert told["nodes"][0] == {"slug": "land", "name": None, "outcome": False, "x": 4.0, "y": 5.0}
    assert told["edges"][0]["from"] == "land"


def test_a_graph_that_cannot_be_walked_still_shows_its_parameters(shop: Shop) -> None:
    """Two entries: nobody says how traffic divides over them."""
    shop.write("graphs/shop.yaml", GRAPH.replace("nodes: [", "nodes: [{slug: alone}, "))
    picture = shop.project.picture("shop")
    assert "entries must begin at one node" in picture.note
    found = edges(picture)
    assert found["buy"].mean == pytest.approx(0.4)
    assert found["add"].mean is None
    assert found["add"].n == 400


def test_an_earlier_night_is_shown_as_it_was(shop: Shop) -> None:
    before = shop.project.picture("shop").as_dict()
    night = shop.today
    shop.tomorrow(2)
    assert shop.project.picture("shop", night).as_dict() == before


def test_an_unknown_graph_lists_the_nearest(shop: Shop) -> None:
    with pytest.raises(UnknownName, match="shpo"):
        shop.project.picture("shpo")
