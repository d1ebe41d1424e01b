"""What a stranger, a neighbour, a page of another site and a careless name can try, each refused."""

from __future__ import annotations

import csv
import io
import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from fastapi import FastAPI
from tests.server.fixtures import Serve, TestClient
from tests.server.small import build_small

import evenfall as ef

SCRIPT = "<img src=x onerror=alert(1)>"
ROLES = ("viewer", "analyst", "editor", "admin")

NEEDED = {
    "POST /api/v1/funnel": "viewer",
    "POST /api/v1/parameters/feasibility": "viewer",
    "POST /api/v1/parameters/validate": "viewer",
    "POST /api/v1/whatif": "viewer",
    "PUT /api/v1/scenarios/{scenario_id}": "analyst",
    "DELETE /api/v1/scenarios/{scenario_id}": "analyst",
    "POST /api/v1/parameters/{parameter_id}/refresh": "analyst",
    "POST /api/v1/incidents/{incident_id}/ack": "analyst",
    "PUT /api/v1/graphs/{graph_id}": "editor",
    "PATCH /api/v1/parameters/{parameter_id}": "editor",
    "POST /api/v1/parameters/{parameter_id}/accept": "editor",
    "POST /api/v1/runs": "editor",
    "DELETE /api/v1/runs/{run_key}": "editor",
    "GET /api/v1/keys": "admin",
    "POST /api/v1/keys": "admin",
    "DELETE /api/v1/keys/{prefix}": "admin",
}
"""The role each act needs, as the roles are documented; whatever only reads is a viewer's."""


@dataclass(frozen=True)
class Tenant:
    """A project of one tenant, and a key of every role."""

    name: str
    root: Path
    keys: dict[str, str]

    def ids(self) -> dict[str, str]:
        """Return what names something of this tenant alone, by the resource whose paths it stands in."""
        return {
            "contexts": f"{self.name}channel",
            "graphs": f"{self.name}-shop",
            "parameters": f"{self.name}-signup[{self.name}channel=google]",
            "scenarios": f"{self.name}-better",
            "keys": self.keys["viewer"].split("_")[1],
            "runs": "nightly:2026-03-05",
            "incidents": "1",
        }

    def headers(self, role: str) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.keys[role]}"}


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tenants")
    build_small(folder / "acme", tenant="acme", hostile=SCRIPT)
    build_small(folder / "globex", tenant="globex", nights=2)
    return folder


@pytest.fixture
def tenants(built: Path, tmp_path: Path) -> tuple[Tenant, Tenant]:
    made = []
    for name in ("acme", "globex"):
        root = tmp_path / name
        shutil.copytree(built / name, root)
        with ef.open(root) as project:
            keys = {role: project.keys.create(f"{name}-{role}", role).text for role in ROLES}
        made.append(Tenant(name, root, keys))
    return made[0], made[1]


@pytest.fixture
def client(tenants: tuple[Tenant, Tenant], serve: Serve) -> TestClient:
    return serve(tenants[0].root, tenants[1].root, keys_required=True)


def routes(app: FastAPI) -> Iterator[tuple[str, str]]:
    """Yield method and path of everything under the API's prefix."""
    for path, item in app.openapi()["paths"].items():
        if path.startswith("/api/"):
            yield from ((method.upper(), path) for method in item)


def filled(path: str, ids: dict[str, str]) -> str:
    """Return a path with the id of its resource in it."""
    resource = path.split("/")[3]
    return re.sub(r"\{\w+\}", lambda _: quote(ids[resource], safe=""), path)


def send(client: TestClient, method: str, path: str, headers: dict[str, str]) -> Any:
    body = {} if method in ("POST", "PUT", "PATCH") else None
    return client.request(method, path, json=body, headers=headers)


def files(root: Path) -> dict[str, bytes]:
    return {str(f.relative_to(root)): f.read_bytes() for f in root.rglob("*.yaml")}


def is_problem(answer: Any, status: int) -> bool:
    return (
        answer.status_code == status
        and answer.headers["content-type"] == "application/problem+json"
        and answer.json()["status"] == status
        and bool(answer.json()["remedy"])
    )


# Keys and roles -----------------------------------------------------------------------------------------


def test_no_route_answers_without_a_key_or_to_a_wrong_one(client: TestClient, tenants: Any) -> None:
    wrong = tenants[0].keys["admin"][:-1] + ("0" if tenants[0].keys["admin"][-1] != "0" else "1")
    for method, path in routes(client.app):  # type: ignore[arg-type]
        address = filled(path, tenants[0].ids())
        assert is_problem(send(client, method, address, {}), 401), (method, path)
    for sent in (f"Bearer {wrong}", "Bearer ", "Basic YTpi", f"Bearer {wrong}' OR '1'='1", "Bearer ef_é_é"):
        assert client.get("/api/v1/me", headers={"Authorization": sent.encode()}).status_code == 401, sent


def test_every_route_asks_for_the_role_its_act_needs(client: TestClient, tenants: Any) -> None:
    named = {f"{method} {path}" for method, path in routes(client.app)}  # type: ignore[arg-type]
    assert {name for name in named if not name.startswith("GET ")} <= set(NEEDED)
    for name in sorted(named):
        method, path = name.split(" ")
        address, needed = filled(path, tenants[0].ids()), NEEDED.get(name, "viewer")
        for role in ROLES[: ROLES.index(needed)]:
            assert is_problem(send(client, method, address, tenants[0].headers(role)), 403), (name, role)
        if method == "GET" and not path.endswith("/events"):
            answer = send(client, method, address, tenants[0].headers(needed))
            assert answer.status_code not in (401, 403), (name, needed, answer.text)


def test_a_revoked_key_opens_nothing_once_it_is_no_longer_remembered(
    client: TestClient, tenants: Any
) -> None:
    assert client.get("/api/v1/me", headers=tenants[0].headers("viewer")).status_code == 200
    gone = client.delete(f"/api/v1/keys/{tenants[0].ids()['keys']}", headers=tenants[0].headers("admin"))
    assert gone.status_code in (200, 204), gone.text
    assert client.get("/api/v1/me", headers=tenants[0].headers("viewer")).status_code == 401


# Neighbours ---------------------------------------------------------------------------------------------


def test_ids_of_another_tenant_are_not_found_whatever_is_asked_of_them(
    client: TestClient, tenants: Any
) -> None:
    acme, globex = tenants
    before, tried = files(acme.root), 0
    for method, path in routes(client.app):  # type: ignore[arg-type]
        if "{" not in path or path.startswith("/api/v1/incidents"):
            continue  # incidents are numbered within each tenant
        if method == "PUT" and path.startswith("/api/v1/scenarios"):
            continue  # nobody else's: a new one of their own
        answer = send(client, method, filled(path, acme.ids()), globex.headers("admin"))
        allowed = (404,) if method == "GET" else (404, 422, 428)
        assert answer.status_code in allowed, (method, path, answer.text)
        tried += 1
    assert tried > 0
    assert files(acme.root) == before


def test_what_is_asked_across_a_project_shows_nothing_of_another_tenant(
    client: TestClient, tenants: Any
) -> None:
    acme, globex = tenants
    for method, path in routes(client.app):  # type: ignore[arg-type]
        if method == "GET" and "{" not in path:
            assert "acme" not in client.get(path, headers=globex.headers("admin")).text, path
    assert "acme" in client.get("/api/v1/parameters", headers=acme.headers("viewer")).text


# Pages of other sites -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://127.0.0.1:9"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ],
)
def test_a_page_of_another_site_can_change_nothing(
    tenants: Any, serve: Serve, headers: dict[str, str]
) -> None:
    client = serve(tenants[0].root)
    before = files(tenants[0].root)
    for method, path in routes(client.app):  # type: ignore[arg-type]
        if method != "GET":
            address = filled(path, tenants[0].ids())
            assert is_problem(send(client, method, address, headers), 403), (method, path)
    assert files(tenants[0].root) == before


@pytest.mark.parametrize(
    "kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"]
)
def test_a_form_cannot_post_anything(tenants: Any, serve: Serve, kind: str) -> None:
    client = serve(tenants[0].root)
    for method, path in routes(client.app):  # type: ignore[arg-type]
        if method != "GET":
            address = filled(path, tenants[0].ids())
            answer = client.request(method, address, content=b'{"a": 1}', headers={"Content-Type": kind})
            assert is_problem(answer, 415), (method, path, answer.text)


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example", "evil.example:8000", "", "[::2]"])
def test_a_name_that_was_made_to_lead_here_is_not_answered(tenants: Any, serve: Serve, host: str) -> None:
    client = serve(tenants[0].root)
    for path in ("/api/v1/me", "/", "/health", "/openapi.json"):
        assert is_problem(client.get(path, headers={"Host": host}), 400), path
    assert client.get("/api/v1/me", headers={"Host": "localhost:8000"}).status_code == 200


# What is sent -------------------------------------------------------------------------------------------


def test_a_huge_body_is_refused_whether_its_length_is_told_or_not(tenants: Any, serve: Serve) -> None:
    client = serve(tenants[0].root, body_bytes=1000)
    json_kind = {"Content-Type": "application/json"}
    body = b'"' + b"a" * 2000 + b'"'
    for method, path in routes(client.app):  # type: ignore[arg-type]
        if method in ("POST", "PUT", "PATCH"):
            address = filled(path, tenants[0].ids())
            told = client.request(method, address, content=body, headers=json_kind)
            assert is_problem(told, 413), (method, path, told.text)
    untold = client.post("/api/v1/keys", content=iter([body[:1001], body[1001:]]), headers=json_kind)
    assert is_problem(untold, 413), untold.text


@pytest.mark.parametrize(
    "name",
    [
        "../evenfall",
        "..%2f..%2fevenfall",
        "%2e%2e%2fevenfall",
        "..%5cevenfall",
        "%00",
        "%c0%ae%c0%ae%c0%afevenfall",
        "%252e%252e%252fevenfall",
        "%2fetc%2fpasswd",
        "a" * 5000,
    ],
)
def test_no_path_leads_out_of_the_project(tenants: Any, serve: Serve, name: str) -> None:
    client = serve(tenants[0].root)
    before = set(tenants[0].root.parent.rglob("*.yaml"))
    for method, path in routes(client.app):  # type: ignore[arg-type]
        if "{" in path:
            answer = send(client, method, re.sub(r"\{\w+\}", name, path), {"If-None-Match": "*"})
            assert 400 <= answer.status_code < 500, (method, path, answer.text)
            assert "currency" not in answer.text
    for folder in ("/assets/", "/docs/ui/", "/docs/start/", "/"):
        answer = client.get(folder + name)
        assert answer.status_code == 404, (folder, answer.text)
    assert set(tenants[0].root.parent.rglob("*.yaml")) == before


# What is shown ------------------------------------------------------------------------------------------


def test_html_in_names_and_labels_is_told_as_data_that_no_browser_takes_for_a_page(
    tenants: Any, serve: Serve
) -> None:
    client = serve(tenants[0].root)
    seen = 0
    for method, path in routes(client.app):  # type: ignore[arg-type]
        if method == "GET" and not path.endswith("/events"):
            answer = client.get(filled(path, tenants[0].ids()))
            assert answer.headers["x-content-type-options"] == "nosniff", path
            assert "default-src 'self'" in answer.headers["content-security-policy"], path
            kind = answer.headers["content-type"].partition(";")[0]
            assert kind in ("application/json", "application/problem+json"), (path, kind)
            seen += SCRIPT in answer.text
    assert seen >= 2
    missing = client.get(f"/api/v1/parameters/{quote(SCRIPT, safe='')}")
    assert is_problem(missing, 404)


def test_cells_of_a_table_hold_no_formula(tenants: Any, serve: Serve) -> None:
    client = serve(tenants[0].root)
    address = filled("/api/v1/parameters/{parameter_id}", tenants[0].ids())
    for table in ("history", "ledger"):
        answer = client.get(f"{address}/{table}?format=csv")
        assert answer.headers["content-type"].startswith("text/csv")
        assert "attachment" in answer.headers["content-disposition"]
        rows = list(csv.reader(io.StringIO(answer.text)))
        assert len(rows) > 1
        cells = [cell for row in rows for cell in row]
        risky = [c for c in cells if c[:1] in ("=", "+", "@", "\t", "\r") or re.match(r"-(?![\d.])", c)]
        assert risky == [], risky
