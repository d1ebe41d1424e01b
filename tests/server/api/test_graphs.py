"""Graphs, contexts and what-ifs, asked through the API."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.server.fixtures import Serve, TestClient
from tests.server.small import build_small

import evenfall

GRAPH = "/api/v1/graphs/default-shop"
GOOGLE, DIRECT = ({"defaultchannel": [value]} for value in ("google", "direct"))


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small project after three nights; never written to."""
    return build_small(tmp_path_factory.mktemp("built") / "shop", hostile="<b>Shop</b>")


@pytest.fixture
def client(serve: Serve, shop: Path) -> TestClient:
    return serve(shop)


def test_contexts_hold_what_the_file_says(client: TestClient) -> None:
    found = client.get("/api/v1/contexts/defaultchannel").json()
    assert [value["id"] for value in found["values"]] == ["google", "direct"]
    assert found["mece"] is True
    listed = client.get("/api/v1/contexts", params={"limit": 1}).json()
    assert listed["total"] == 6  # five are known from the start
    assert listed["next"]


def test_an_unknown_context_is_404_with_the_nearest(client: TestClient) -> None:
    problem = client.get("/api/v1/contexts/defaultchannels")
    assert problem.status_code == 404
    assert problem.json()["remedy"].startswith("did you mean defaultchannel")


def test_graphs_are_listed_with_their_size(client: TestClient) -> None:
    (row,) = client.get("/api/v1/graphs").json()["items"]
    assert row == {"id": "default-shop", "name": "<b>Shop</b>", "nodes": 3, "edges": 2}


def test_a_graph_has_the_version_that_an_edit_of_it_asks_for(client: TestClient) -> None:
    answer = client.get(GRAPH)
    assert answer.headers["ETag"] == f'"{answer.json()["etag"]}"'
    assert answer.json()["file"] == "graphs/default-shop.yaml"
    graph = {"nodes": [{"slug": slug} for slug in ("home", "form", "done")], "edges": []}
    stale = client.put(GRAPH, json=graph, headers={"If-Match": '"0"'})
    assert stale.status_code == 412
    assert stale.headers["ETag"] == answer.headers["ETag"]


def test_an_edge_of_slices_is_mixed_by_its_traffic(client: TestClient) -> None:
    """Half come by each channel; the counts of both slices are added."""
    found = client.get(GRAPH).json()
    _, signup = found["edges"]
    slices = [client.get(f"/api/v1/parameters/{name}").json() for name in signup["parameters"]]
    assert len(slices) == 2
    assert signup["mean"] == pytest.approx(sum(one["posterior_mean"] for one in slices) / 2, abs=0.004)
    assert signup["n"] == sum(one["size"] for one in slices)
    assert signup["observed"] == sum(one["total"] for one in slices) / signup["n"]
    assert signup["light"] == "red"
    shares = [value["share"] for value in found["contexts"][0]["values"]]
    assert shares == pytest.approx([0.5, 0.5], abs=0.01)


def test_an_unknown_graph_is_404_with_the_nearest(client: TestClient) -> None:
    problem = client.get("/api/v1/graphs/default-shopp")
    assert problem.status_code == 404
    assert problem.json()["field"] == "graph_id"
    assert problem.json()["remedy"] == "did you mean default-shop?"


def test_a_whatif_is_answered_as_the_project_answers_it(client: TestClient, shop: Path) -> None:
    asked = {"overrides": {"open-form": {"mean": 0.3, "stdev": 0.01}}, "select": GOOGLE}
    with evenfall.open(shop) as project:
        expected = project.whatif(**asked).as_dict()
    assert client.post("/api/v1/whatif", json=asked).json() == expected


def test_unticking_a_context_changes_the_outcome(client: TestClient) -> None:
    """Google's visitors sign up a third as often."""
    means = [
        client.post("/api/v1/whatif", json={"select": select}).json()["mixed"][0]["after"]["mean"]
        for select in ({}, GOOGLE, DIRECT)
    ]
    assert means[1] < means[0] < means[2]


@pytest.mark.parametrize(
    ("asked", "status", "words"),
    [
        ({"overrides": {"open-fom": 0.5}}, 404, "did you mean open-form?"),
        ({"overrides": {"open-form": 1.5}}, 422, ""),
        ({"overrides": {"open-form": "0.5x"}}, 422, ""),
        ({"select": {"defaultchannel": ["gogle"]}}, 404, "did you mean google?"),
        ({"graph": "default-shap"}, 404, "did you mean default-shop?"),
        ({"override": {}}, 422, ""),
        ({"as_of": "2100-01-01"}, 422, "choose an earlier date"),
    ],
)
def test_a_question_that_does_not_hold_says_what_would(
    client: TestClient, asked: dict[str, object], status: int, words: str
) -> None:
    answer = client.post("/api/v1/whatif", json=asked)
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    assert words in answer.json()["remedy"] + answer.json()["detail"]
