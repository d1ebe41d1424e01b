"""What-ifs saved, replaced and taken away through the API."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from tests.server.fixtures import Serve, TestClient
from tests.server.small import build_small

import evenfall

BETTER, MINE = "/api/v1/scenarios/default-better", "/api/v1/scenarios/mine"
ASKED = {"graph": "default-shop", "overrides": {"signup": 0.4}, "note": "a: [b]\n# c"}


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small project after one night; never written to."""
    return build_small(tmp_path_factory.mktemp("built") / "shop", nights=1)


@pytest.fixture
def shop(built: Path, tmp_path: Path) -> Path:
    """A copy of it to write to."""
    return shutil.copytree(built, tmp_path / "shop")


@pytest.fixture
def client(serve: Serve, shop: Path) -> TestClient:
    return serve(shop)


def test_a_scenario_is_saved_read_and_asked(client: TestClient, shop: Path) -> None:
    saved = client.put(MINE, json=ASKED)
    assert saved.status_code == 200
    assert (shop / "scenarios" / "mine.yaml").is_file()
    read = client.get(MINE)
    assert read.json() == saved.json()
    assert read.json()["note"] == ASKED["note"]
    assert read.headers["ETag"] == saved.headers["ETag"] == f'"{saved.json()["etag"]}"'
    answer = client.post("/api/v1/whatif", json={"scenario": "mine"})
    assert answer.json()["overrides"] == ["signup := 0.4"]
    assert [one["id"] for one in client.get("/api/v1/scenarios").json()["items"]] == [
        "default-better",
        "mine",
    ]


def test_replacing_needs_the_version_that_was_seen(client: TestClient) -> None:
    seen = client.get(BETTER).headers["ETag"]
    assert client.put(BETTER, json=ASKED).status_code == 428
    assert client.put(BETTER, json=ASKED, headers={"If-Match": '"0"'}).status_code == 412
    assert client.get(BETTER).headers["ETag"] == seen
    replaced = client.put(BETTER, json=ASKED, headers={"If-Match": seen})
    assert replaced.status_code == 200
    assert replaced.headers["ETag"] != seen
    late = client.put(BETTER, json=ASKED, headers={"If-Match": seen})
    assert late.status_code == 412
    assert late.headers["ETag"] == replaced.headers["ETag"]


def test_a_version_of_a_scenario_that_is_gone_is_412(client: TestClient) -> None:
    assert client.put(MINE, json=ASKED, headers={"If-Match": '"0"'}).status_code == 412


def test_an_id_that_differs_in_case_alone_is_taken(client: TestClient) -> None:
    taken = client.put("/api/v1/scenarios/Default-Better", json=ASKED)
    assert taken.status_code == 409
    assert taken.json()["value"] == "Default-Better"


def test_a_scenario_is_taken_away_once(client: TestClient, shop: Path) -> None:
    assert client.delete(BETTER, headers={"If-Match": '"0"'}).status_code == 412
    assert client.delete(BETTER).status_code == 204
    assert not (shop / "scenarios" / "default-better.yaml").exists()
    assert client.delete(BETTER).status_code == 404
    assert client.get(BETTER).status_code == 404


@pytest.mark.parametrize(
    ("change", "field", "remedy"),
    [
        ({"graph": "default-shpo"}, "graph", "did you mean default-shop?"),
        ({"overrides": {"sign-up": 0.4}}, "overrides.sign-up", "did you mean signup?"),
        ({"select": {"defaultchannel": ["gogle"]}}, "", "did you mean google?"),
        ({"to": ["dne"]}, "to[0]", "did you mean done?"),
    ],
)
def test_names_the_graph_does_not_have_are_refused_with_the_nearest(
    client: TestClient, shop: Path, change: dict[str, object], field: str, remedy: str
) -> None:
    refused = client.put(MINE, json={**ASKED, **change})
    assert refused.status_code == 422
    assert refused.json()["remedy"] == remedy
    assert not field or refused.json()["field"].replace("to.0", "to[0]") == field
    assert not (shop / "scenarios" / "mine.yaml").exists()


@pytest.mark.parametrize(
    "name",
    ["..%2Fevenfall", "..%5Cevenfall", "%2Fetc%2Fpasswd", ".hidden", "a%00b", "a%2F..%2Fb", "-x", "x" * 65],
)
def test_a_name_that_is_no_id_reaches_no_file(client: TestClient, shop: Path, name: str) -> None:
    before = sorted(path for path in shop.parent.rglob("*") if ".evenfall" not in path.parts)
    for method in ("PUT", "GET", "DELETE"):
        body = {"json": ASKED} if method == "PUT" else {}
        assert client.request(method, f"/api/v1/scenarios/{name}", **body).status_code in (404, 405, 422)
    after = sorted(path for path in shop.parent.rglob("*") if ".evenfall" not in path.parts)
    assert after == before


def test_a_viewer_saves_nothing(serve: Serve, shop: Path) -> None:

    with evenfall.open(shop) as project:
        key = project.keys.create("vera", "viewer", None).text
    viewer = serve(shop, key=key, keys_required=True)
    assert viewer.get(BETTER).status_code == 200
    assert viewer.put(MINE, json=ASKED).status_code == 403
    assert viewer.delete(BETTER).status_code == 403
