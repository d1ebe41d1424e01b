"""All parameters of a shop by light and words, and how long what was read stays true."""

from __future__ import annotations

from tests.runs.shop import Shop

from evenfall.runs.listing import Listing

TAGGED = "metadata: {tags: [core]}\nposterior_destination: {write_frequency: 1d}"


def names(listing: Listing, **asked: str) -> list[str]:
    return [row.id for row in listing.choose(**asked)]


def busy(shop: Shop) -> None:
    """Let two parameters stand: one as it is believed, and one far off."""
    shop.define("signup", rest=TAGGED)
    shop.define("checkout")
    for back in range(1, 4):
        shop.sell(back, 200, 64)  # Beta(8, 17): mean 0.32
        shop.sell(back, 400, 320, edge="checkout")
    shop.night()


def test_rows_say_what_the_status_says(shop: Shop) -> None:
    busy(shop)
    listing = shop.project.parameters()
    status = shop.project.status()
    assert [one.row for one in listing.rows] == list(status.rows)
    assert listing.counts == {"green": 1, "amber": 0, "red": 1, "grey": 0, "stale": 0}


def test_light_words_and_tag_choose_together(shop: Shop) -> None:
    busy(shop)
    listing = shop.project.parameters()
    assert names(listing) == ["checkout", "signup"]
    assert names(listing, light="red") == ["checkout"]
    assert names(listing, q="SIGN core") == ["signup"]
    assert names(listing, tag="core") == ["signup"]
    assert names(listing, tag="core", light="red") == []


def test_a_night_that_ran_meanwhile_is_seen(shop: Shop) -> None:
    shop.define()
    shop.sell(1, 40, 13)
    assert shop.project.parameters().rows[0].row.posterior_mean is None
    shop.night()
    assert shop.project.parameters().rows[0].row.posterior_mean == 21 / 65


def test_nothing_new_is_nothing_read(shop: Shop) -> None:
    busy(shop)
    assert shop.project.parameters() is shop.project.parameters()


def test_an_earlier_night_is_told_as_it_was(shop: Shop) -> None:
    shop.define()
    shop.sell(1, 40, 13)
    shop.night()
    first = shop.today
    shop.sell(0, 100, 10)
    shop.tomorrow()
    assert shop.project.parameters().rows[0].row.size == 140
    assert shop.project.parameters(first).rows[0].row.size == 40


def test_definitions_read_again_are_listed_anew(shop: Shop) -> None:
    busy(shop)
    shop.project.parameters()
    shop.define("added")
    assert names(shop.project.parameters()) == ["added", "checkout", "signup"]


def test_an_edge_names_its_graph(shop: Shop) -> None:
    shop.write(
        "graphs/shop.yaml",
        "id: shop\nnodes: [{slug: a}, {slug: b}]\nedges: [{slug: join, from: a, to: b}]\n",
    )
    shop.define(rest="edge_reference: e.join.p.mean")
    shop.define("alone")
    rows = {row.id: row.place for row in shop.project.parameters().rows}
    assert rows["signup"] == ("join", "shop")
    assert rows["alone"] == (None, None)
