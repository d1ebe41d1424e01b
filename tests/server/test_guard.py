"""What is refused unseen: other sites, other names, odd paths, long and strange bodies."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.server.fixtures import Serve

KEYS = "/api/v1/keys"
NEW = {"member": "maria"}


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://127.0.0.1:9999"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Sec-Fetch-Site": "same-origin", "Origin": "https://evil.example"},
    ],
)
def test_a_page_of_another_site_changes_nothing(serve: Serve, starter: Path, headers: dict[str, str]) -> None:
    client = serve(starter)
    refused = client.post(KEYS, json=NEW, headers=headers)
    assert (refused.status_code, refused.json()["field"]) == (403, "Origin")
    assert client.get(KEYS).json()["total"] == 0


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Sec-Fetch-Site": "same-origin", "Origin": "http://127.0.0.1:8000"},
        {"Sec-Fetch-Site": "none"},
    ],
)
def test_our_own_pages_and_programs_change_what_they_may(
    serve: Serve, starter: Path, headers: dict[str, str]
) -> None:
    assert serve(starter).post(KEYS, json=NEW, headers=headers).status_code == 201


@pytest.mark.parametrize(
    "kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", ""]
)
def test_a_body_that_is_not_called_json_is_refused(serve: Serve, starter: Path, kind: str) -> None:
    client = serve(starter)
    headers = {"Content-Type": kind} if kind else {}
    refused = client.post(KEYS, content=b'{"member": "maria"}', headers=headers)
    assert refused.status_code == 415
    assert client.get(KEYS).json()["total"] == 0


@pytest.mark.parametrize(
    "host", ["evil.example", "127.0.0.1.evil.example:8000", "localhost.evil.example", ""]
)
def test_another_name_that_was_made_to_lead_here_is_not_answered(
    serve: Serve, starter: Path, host: str
) -> None:
    for path in ("/", "/api/v1/me", "/openapi.json"):
        refused = serve(starter).get(path, headers={"Host": host})
        assert (refused.status_code, refused.json()["field"]) == (400, "Host")


@pytest.mark.parametrize("host", ["127.0.0.1:8000", "localhost:8000", "LOCALHOST", "[::1]:8000"])
def test_this_machine_is_answered_by_all_its_names(serve: Serve, starter: Path, host: str) -> None:
    assert serve(starter).get("/api/v1/me", headers={"Host": host}).status_code == 200


def test_with_keys_any_name_is_answered_unless_some_are_listed(serve: Serve, starter: Path) -> None:
    header = {"Host": "a.example"}
    assert serve(starter, keys_required=True).get("/api/v1/me", headers=header).status_code == 401
    listed = serve(starter, keys_required=True, hosts=("b.example",))
    assert listed.get("/api/v1/me", headers=header).status_code == 400
    assert listed.get("/api/v1/me", headers={"Host": "B.example:443"}).status_code == 401


@pytest.mark.parametrize(
    "path",
    [
        "/%2e%2e/%2e%2e/etc/passwd",
        "/assets/..%2f..%2fapp.py",
        "/assets/%2e%2e/%2e%2e/app.py",
        "/assets/..%5c..%5capp.py",
        "/docs/start/..%2f..%2fapp.py",
        "/docs/ui/%2e%2e%2fapp.py",
        "/assets/%00",
        "/api/v1/%2e%2e/me",
        "/api/v1%2fme",
        "//etc/passwd",
        "/assets//etc/passwd",
    ],
)
def test_a_path_that_leads_out_leads_nowhere(serve: Serve, starter: Path, path: str) -> None:
    refused = serve(starter).get(path)
    assert refused.status_code == 404
    assert refused.headers["Content-Type"] == "application/problem+json"


def test_a_long_body_is_refused_by_its_length_and_by_its_bytes(serve: Serve, starter: Path) -> None:
    client = serve(starter, body_bytes=1000)
    assert client.post(KEYS, json={"member": "a" * 900}).status_code == 422
    refused = client.post(KEYS, json={"member": "a" * 1000})
    assert (refused.status_code, refused.json()["title"]) == (413, "Content Too Large")

    def unannounced() -> Iterator[bytes]:
        yield from (b'{"member": "', b"a" * 1000, b'"}')

    refused = client.post(KEYS, content=unannounced(), headers={"Content-Type": "application/json"})
    assert (refused.status_code, refused.json()["status"]) == (413, 413)


def test_every_answer_carries_the_safe_headers(serve: Serve, starter: Path) -> None:
    client = serve(starter)
    for path in ("/", "/api/v1/me", "/nowhere", "/docs", "/openapi.json", "/assets/none.js", "/%2e%2e/x"):
        headers = client.get(path).headers
        policy = headers["Content-Security-Policy"]
        assert "default-src 'self'" in policy
        assert "frame-ancestors 'none'" in policy
        assert "script-src" not in policy
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["Referrer-Policy"] == "no-referrer"
        assert "Access-Control-Allow-Origin" not in headers


def test_answers_of_the_api_are_not_kept_by_browsers_and_proxies(serve: Serve, starter: Path) -> None:
    assert serve(starter).get("/api/v1/me").headers["Cache-Control"] == "no-store"
