"""The graph edited on the page and kept in the project's file, comments and all."""

from __future__ import annotations

from pathlib import Path

from playwright.sync_api import expect
from ruamel.yaml import YAML
from tests.journeys.browser.watching import Watched


def test_a_step_is_added_connected_undone_and_saved_with_the_comments_kept(
    changing: Watched, own_project: Path
) -> None:
    file = own_project / "graphs" / "acme.yaml"
    before = file.read_text()
    page = changing.open("/#/graph/acme")
    page.get_by_test_id("edit-toggle").click()
    expect(page.get_by_test_id("save-graph")).to_be_disabled()

    page.get_by_test_id("add-node").click()
    page.get_by_test_id("slug").fill("gift-card")
    page.get_by_test_id("slug").press("Enter")
    expect(page.get_by_test_id("node-gift-card")).to_be_visible()
    page.get_by_test_id("node-outcome").check()

    page.get_by_test_id("add-edge").click()
    page.get_by_test_id("slug").fill("buy-gift")
    page.get_by_test_id("slug").press("Enter")
    page.get_by_test_id("edge-from").select_option("cart")
    page.get_by_test_id("edge-to").select_option("gift-card")
    page.get_by_test_id("edge-parameter").select_option("write-review")
    changing.shot("graph-edit-light")
    page.get_by_test_id("undo").click()
    page.get_by_test_id("redo").click()
    assert file.read_text() == before

    page.get_by_test_id("save-graph").click()
    expect(page.get_by_test_id("save-graph")).to_have_count(0)
    changing.settle()
    after = file.read_text()
    said = YAML(typ="safe").load(after)
    added = [node for node in said["nodes"] if node["slug"] == "gift-card"]
    assert added[0]["outcome"] is True
    edge = next(edge for edge in said["edges"] if edge["slug"] == "buy-gift")
    assert (edge["from"], edge["to"]) == ("cart", "gift-card")
    assert edge["p"]["parameter_id"] == "write-review"
    kept = [line for line in before.splitlines() if line.strip()]
    assert [line for line in kept if line not in after.splitlines()] == []
    expect(page.get_by_test_id("node-gift-card")).to_be_visible()
    expect(page.get_by_test_id("edge-buy-gift")).to_be_visible()


def test_a_step_is_moved_by_dragging_and_stays_there(changing: Watched, own_project: Path) -> None:
    page = changing.open("/#/graph/acme")
    page.get_by_test_id("edit-toggle").click()
    node = page.get_by_test_id("node-wishlist")
    box = node.bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.mouse.down()
    page.mouse.move(box["x"] + 100, box["y"] + 90, steps=8)
    page.mouse.up()
    page.get_by_test_id("save-graph").click()
    expect(page.get_by_test_id("save-graph")).to_have_count(0)
    said = YAML(typ="safe").load((own_project / "graphs" / "acme.yaml").read_text())
    moved = next(node for node in said["nodes"] if node["slug"] == "wishlist")
    assert {"x", "y"} <= set(moved)
    assert all("x" not in node for node in said["nodes"] if node["slug"] != "wishlist")


def test_what_was_not_saved_can_be_discarded(changing: Watched, own_project: Path) -> None:
    before = (own_project / "graphs" / "acme.yaml").read_text()
    page = changing.open("/#/graph/acme")
    page.get_by_test_id("edit-toggle").click()
    page.get_by_test_id("edge-browse").click()
    page.get_by_test_id("remove-edge").click()
    expect(page.get_by_test_id("edge-browse")).to_have_count(0)
    page.get_by_test_id("discard-graph").click()
    expect(page.get_by_test_id("edge-browse")).to_be_visible()
    assert (own_project / "graphs" / "acme.yaml").read_text() == before
