"""What is seen of requests: a line each, and counters; never a secret."""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families
from tests.server.fixtures import Serve, TestClient

import evenfall
from evenfall.runs import listing
from evenfall.server.api import metrics as figures


def samples(client: TestClient, **headers: str) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    answer = client.get("/metrics", headers=headers)
    assert answer.status_code == 200, answer.text
    assert answer.headers["Content-Type"].startswith("text/plain")
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
    }


def count(seen: dict[tuple[str, tuple[tuple[str, str], ...]], float], route: str, status: int) -> float:
    labels = (("method", "GET"), ("route", route), ("status", str(status)))
    return seen.get(("evenfall_requests_total", labels), 0.0)


def test_requests_are_counted_by_route_and_status_not_by_id(serve: Serve, starter: Path) -> None:
    client = serve(starter)
    for path in ("/api/v1/me", "/api/v1/me", "/nowhere/1", "/nowhere/2", "/%2e%2e/x"):
        client.get(path)
    for n in range(3):
        client.get(f"/api/v1/parameters/none-{n}")
    seen = samples(client)
    assert count(seen, "/api/v1/me", 200) == 2
    assert count(seen, "(none)", 404) == 3
    assert count(seen, "/api/v1/parameters/{parameter_id}", 404) == 3
    assert seen["evenfall_request_seconds_count", (("method", "GET"), ("route", "/api/v1/me"))] == 2
    assert "none-1" not in client.get("/metrics").text


def test_parameters_are_counted_by_light_and_the_night_has_an_age(serve: Serve, starter: Path) -> None:
    client = serve(starter)
    before = samples(client)
    with evenfall.open(starter) as project:
        project.nightly().apply()
        lights = [str(row.light) for row in project.status().rows]
    assert not any(name == "evenfall_last_night_age_seconds" for name, _ in before)
    after = samples(serve(starter))
    tenant = ("tenant", "default")
    for light in ("green", "amber", "red", "grey", "stale"):
        assert after["evenfall_parameters", (("light", light), tenant)] == lights.count(light)
    assert 0 <= after["evenfall_last_night_age_seconds", (tenant,)] < 60


def test_the_store_is_asked_for_lights_once_in_ten_seconds(
    serve: Serve, starter: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [1000.0]
    monkeypatch.setattr(figures.time, "monotonic", lambda: now[0])
    client = serve(starter)
    grey = ("evenfall_parameters", (("light", "grey"), ("tenant", "default")))
    before = samples(client)[grey]
    (starter / "parameters" / "extra.yaml").write_text(
        "id: extra\ntype: probability\nvalue: {mean: 0.5, stdev: 0.1}\n"
    )
    client.app.state.served.note_change("default")  # type: ignore[attr-defined]
    now[0] += 9
    assert samples(client)[grey] == before
    now[0] += 2
    assert samples(client)[grey] == before + 1


def test_parameters_are_read_again_when_something_was_written_and_not_before(
    serve: Serve, starter: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    now, read, rows = [1000.0], [], listing._rows

    def reading(*given: Any) -> Any:
        read.append(given)
        return rows(*given)

    monkeypatch.setattr(figures.time, "monotonic", lambda: now[0])
    monkeypatch.setattr(listing, "_rows", reading)
    client = serve(starter)
    for _ in range(3):
        samples(client)
        now[0] += 60
    assert len(read) == 1
    with evenfall.open(starter) as project:
        project.nightly().apply()
    samples(client)
    assert len(read) == 2


def test_with_keys_the_figures_need_one(serve: Serve, starter: Path) -> None:
    with evenfall.open(starter) as project:
        key = project.keys.create("prometheus").text
    client = serve(starter, keys_required=True)
    assert client.get("/metrics").status_code == 401
    assert samples(client, Authorization=f"Bearer {key}")


def test_a_request_is_one_line_of_json_without_its_key_query_or_body(
    serve: Serve, starter: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with evenfall.open(starter) as project:
        key = project.keys.create("ada", "admin").text
    client = serve(starter, key=key, keys_required=True)
    with caplog.at_level(logging.INFO, "evenfall.server"):
        client.get("/api/v1/me?token=hunter2")
        client.post("/api/v1/keys", json={"member": "hunter2 "})
        client.get("/a%0Ab")
    lines = [json.loads(record.getMessage()) for record in caplog.records if record.name == "evenfall.server"]
    assert [(line["method"], line["status"]) for line in lines] == [("GET", 200), ("POST", 422), ("GET", 404)]
    assert (lines[0]["member"], lines[0]["tenant"], lines[0]["route"]) == ("ada", "default", "/api/v1/me")
    assert "hunter2" not in caplog.text
    assert key.split("_")[2] not in caplog.text
    assert all("\n" not in record.getMessage() for record in caplog.records)
