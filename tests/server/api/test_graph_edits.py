"""Graphs edited through the API."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from tests.server.fixtures import Serve
from tests.server.small import build_small

import evenfall as ef

GRAPH = "/api/v1/graphs/default-shop"
ANY = {"If-Match": "*"}
ONE = "p needs a parameter_id or a mean"


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small project after three nights; never written to."""
    return build_small(tmp_path_factory.mktemp("built") / "shop")


@pytest.fixture
def shop(built: Path, tmp_path: Path) -> Path:
    """A copy of it to edit."""
    return shutil.copytree(built, tmp_path / "shop")


def graph(**changes: dict[str, Any] | None) -> dict[str, Any]:
    """Return the graph as it is, with changes to members by slug."""
    nodes: dict[str, dict[str, Any]] = {slug: {"slug": slug} for slug in ("home", "form", "done")}
    edges: dict[str, dict[str, Any]] = {
        "open-form": {"slug": "open-form", "from": "home", "to": "form"},
        "signup": {"slug": "signup", "from": "form", "to": "done"},
    }
    for name, change in changes.items():
        slug = name.replace("_", "-")
        members = nodes if slug in nodes else edges
        if change is None:
            del members[slug]
        else:
            members[slug] = {"slug": slug, **members.get(slug, {}), **change}
    return {"nodes": list(nodes.values()), "edges": list(edges.values())}


def test_a_moved_node_is_two_keys_in_its_line(serve: Serve, shop: Path) -> None:
    client, file = serve(shop), shop / "graphs" / "default-shop.yaml"
    before = file.read_text()
    answer = client.put(GRAPH, json=graph(home={"x": 10, "y": 20.5}), headers=ANY)
    assert answer.status_code == 200
    old = next(line for line in before.splitlines() if "slug: home" in line)
    assert file.read_text() == before.replace(old, old.replace("}", ", x: 10, y: 20.5}"))
    assert client.put(GRAPH, json=graph(), headers={"If-Match": answer.headers["ETag"]}).status_code == 200
    assert client.put(GRAPH, json=graph(home={"x": 1}), headers={"If-Match": '"other"'}).status_code == 412
    assert client.put(GRAPH, json=graph()).status_code == 428


def test_a_new_edge_with_a_parameter_is_in_the_next_answer(serve: Serve, shop: Path) -> None:
    client = serve(shop)
    new = graph(direct={"from": "home", "to": "done", "mean": 0.01})
    assert client.put(GRAPH, json=new, headers=ANY).status_code == 200
    whatif = client.app.state.served.project("default").whatif("default-shop", {"direct": 0.5})  # type: ignore[attr-defined]
    assert whatif.question.overrides.keys() == {"direct"}


@pytest.mark.parametrize(
    ("change", "field", "word"),
    [
        (graph(done=None), "edges[1].to", "removed"),
        (graph(new={"from": "home", "to": "nowhere"}), "edges[2].to", "unknown node"),
        (graph(new={"from": "home", "to": "done", "parameter_id": "no"}), "edges[2].parameter_id", "unknown"),
        (graph(new={"from": "home", "to": "done", "mean": 1.5}), "edges[2].mean", "less than or equal"),
        (graph(new={"from": "home", "to": "done", "stdev": 0.5}), "edges[2]", ONE),
        (graph(signup={"mean": 0.5, "parameter_id": "default-open"}), "edges[1]", ONE),
        ({**graph(), "nodes": [*graph()["nodes"], {"slug": "a.b"}]}, "nodes[3].slug", "not a slug"),
        ({**graph(), "nodes": [*graph()["nodes"], {"slug": "Home"}]}, "nodes[3].slug", "used twice"),
        (graph(open_form=None), "edges", "parameters/default-open.yaml needs it"),
        ({**graph(), "file": "../../evenfall.toml"}, "file", "Extra"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_422_with_its_field_and_nothing_is_written(
    serve: Serve, shop: Path, change: dict[str, Any], field: str, word: str
) -> None:
    client, file = serve(shop), shop / "graphs" / "default-shop.yaml"
    before = file.read_bytes()
    answer = client.put(GRAPH, json=change, headers=ANY)
    assert (answer.status_code, answer.json()["field"]) == (422, field)
    assert word in answer.json()["detail"]
    assert file.read_bytes() == before


def test_a_graph_that_is_none_is_404(serve: Serve, shop: Path) -> None:
    answer = serve(shop).put("/api/v1/graphs/nothing", json=graph(), headers=ANY)
    assert (answer.status_code, answer.json()["field"]) == (404, "graph_id")


def test_an_analyst_may_not_edit_a_graph(serve: Serve, shop: Path) -> None:
    with ef.open(shop) as project:
        key = project.keys.create("ada", "analyst").text
    file = shop / "graphs" / "default-shop.yaml"
    before = file.read_bytes()
    client = serve(shop, key=key, keys_required=True)
    assert client.put(GRAPH, json=graph(home={"x": 10}), headers=ANY).status_code == 403
    assert file.read_bytes() == before


def test_a_graph_is_committed_alone_when_asked(serve: Serve, shop: Path) -> None:
    def git(*arguments: str) -> str:
        command = ["git", "-C", str(shop), "-c", "user.name=owner", "-c", "user.email=o@acme.example"]
        return subprocess.run([*command, *arguments], check=True, capture_output=True, text=True).stdout

    git("init", "--quiet")
    git("add", "graphs", "parameters")
    git("commit", "--quiet", "-m", "first")
    (shop / "parameters" / "default-open.yaml").write_text(
        "id: default-open\nvalue: {mean: 0.2, stdev: 0.1}\n"
    )
    moved = {**graph(home={"x": 10}), "commit": True, "message": "Move home"}
    answer = serve(shop).put(GRAPH, json=moved, headers=ANY).json()
    assert answer["commit"] == git("rev-parse", "HEAD").strip()
    assert git("show", "--format=%s", "--name-only").split() == ["Move", "home", "graphs/default-shop.yaml"]
