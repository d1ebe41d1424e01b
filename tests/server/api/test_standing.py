"""Incidents, findings, sources, the overview, and the questions of the command line, over HTTP."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from tests.server.fixtures import Serve, TestClient
from tests.server.small import build_small

import evenfall
from evenfall.store.records import IncidentRecord, Record

SLICE = "default-signup[defaultchannel=google]"


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small project after three nights, one of which opened an incident; never written to."""
    root = build_small(tmp_path_factory.mktemp("built") / "shop")
    with evenfall.open(root) as project:
        store, night = project.world.store, project.world.night()
        opened = IncidentRecord(SLICE, "change", night.as_of, night.instant, message="lower than it was")
        result = store.night_results([SLICE], night.as_of)[SLICE]
        lease = store.start_run("test", "nightly", night.as_of)
        store.commit([Record(SLICE, result, incidents=(opened,))], lease)
        store.finish_run(lease, "ok")
    return root


@pytest.fixture
def client(serve: Serve, built: Path) -> TestClient:
    return serve(built)


def test_incidents_are_listed_by_state(client: TestClient) -> None:
    found = client.get("/api/v1/incidents").json()
    assert {one["parameter_id"] for one in found["items"]} == {SLICE}
    assert {one["state"] for one in found["items"]} == {"open"}
    assert client.get("/api/v1/incidents", params={"state": "acknowledged"}).json()["total"] == 0
    assert client.get("/api/v1/incidents", params={"state": "gone"}).status_code == 422


def test_whoever_acknowledges_is_the_caller(serve: Serve, built: Path, tmp_path: Path) -> None:
    shop = shutil.copytree(built, tmp_path / "shop")
    with evenfall.open(shop) as project:
        ada, vera = (project.keys.create(*who, None).text for who in (("ada", "analyst"), ("vera", "viewer")))
    analyst, viewer = (serve(shop, key=key, keys_required=True) for key in (ada, vera))
    (first, *_) = analyst.get("/api/v1/incidents").json()["items"]
    place = f"/api/v1/incidents/{first['id']}/ack"
    assert viewer.post(place, json={}).status_code == 403
    seen = analyst.post(place, json={"note": "rolled back"}).json()
    assert (seen["state"], seen["acked_by"], seen["note"]) == ("acknowledged", "ada", "rolled back")
    listed = analyst.get("/api/v1/incidents", params={"state": "acknowledged"}).json()["items"]
    assert [one["id"] for one in listed] == [first["id"]]


def test_an_incident_that_is_not_there_is_404(client: TestClient) -> None:
    answer = client.post("/api/v1/incidents/999/ack", json={})
    assert answer.status_code == 404
    assert answer.json()["value"] == 999


def test_findings_are_those_of_a_night_and_a_light(client: TestClient) -> None:
    every = client.get("/api/v1/findings").json()
    red = client.get("/api/v1/findings", params={"light": "red"}).json()
    assert 0 < red["total"] < every["total"]
    assert {one["light"] for one in red["items"]} == {"red"}
    assert {one["as_of"] for one in every["items"]} == {"2026-03-05"}
    turned = [client.get("/api/v1/findings", params={"limit": 1}).json()]
    while turned[-1]["next"]:
        turned.append(
            client.get("/api/v1/findings", params={"limit": 1, "cursor": turned[-1]["next"]}).json()
        )
    assert [one for page in turned for one in page["items"]] == every["items"]


def test_sources_say_how_old_what_was_read_is(client: TestClient) -> None:
    (source,) = client.get("/api/v1/sources").json()["items"]
    assert (source["connection"], source["type"], source["parameters"]) == ("data", "duckdb", 2)
    assert source["state"] == "fresh"


def test_the_overview_counts_what_the_lists_hold(client: TestClient) -> None:
    told = client.get("/api/v1/health").json()
    rows = client.get("/api/v1/parameters").json()
    assert told["counts"] == rows["counts"]
    assert told["incidents"] == {"open": client.get("/api/v1/incidents").json()["total"], "acknowledged": 0}
    assert told["incidents"]["open"] == 1
    assert told["last_night"]["state"] == "completed"


def test_references_are_resolved_as_the_project_resolves_them(client: TestClient, built: Path) -> None:
    reference = "e.signup.context(defaultchannel='google').p.mean"
    with evenfall.open(built) as project:
        expected = project.resolve(reference).as_dict()
    assert client.get("/api/v1/resolve", params={"ref": reference}).json() == expected
    unknown = client.get("/api/v1/resolve", params={"ref": "e.sgnup.p.mean"})
    assert unknown.status_code == 404
    assert "signup" in unknown.json()["remedy"]


def test_two_slices_are_compared(client: TestClient) -> None:
    sides = {"a": "defaultchannel=google", "b": "defaultchannel=direct"}
    compared = client.get("/api/v1/compare", params=sides).json()
    assert compared["target"] == "done"
    assert compared["p_b_greater"] == 1.0
    assert client.get("/api/v1/compare", params={**sides, "b": "e.signup"}).status_code == 422


def test_an_edge_that_takes_no_time_has_no_forecast(client: TestClient) -> None:
    answer = client.get("/api/v1/forecast", params={"ref": "e.signup"})
    assert answer.status_code == 422
    assert answer.json()["detail"]


def test_a_funnel_is_asked_of_a_table_the_project_has(serve: Serve, built: Path, tmp_path: Path) -> None:
    """Of three users two go on to the second step, within the hour."""
    shop = shutil.copytree(built, tmp_path / "shop")
    lines = ["user_id,event_type,created_at"]
    lines += [f"u{user},visit,2026-03-01T10:00:00" for user in range(3)]
    lines += [f"u{user},order,2026-03-01T10:30:00" for user in range(2)]
    (shop / "data" / "clicks.csv").write_text("\n".join(lines) + "\n")
    client = serve(shop)
    (table,) = client.get("/api/v1/funnel/tables").json()["items"]
    assert (table["connection"], table["table"], table["events"]) == ("data", "clicks", ["order", "visit"])
    assert table["columns"] == {"user": "user_id", "event": "event_type", "time": "created_at"}
    asked = {"table": "clicks", "steps": ["visit", "order"], "window": "1h"}
    answer = client.post("/api/v1/funnel", json=asked).json()
    assert answer["entries"] == 3
    assert [step["count"] for step in answer["steps"]] == [3, 2]
    wrong = client.post("/api/v1/funnel", json={**asked, "table": "click"})
    assert wrong.status_code == 422
    assert wrong.json()["remedy"] == "did you mean clicks?"
