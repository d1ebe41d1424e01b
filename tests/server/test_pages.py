"""The pages from files, and what is said where they are not built."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi import FastAPI
from tests.server.fixtures import Serve, TestClient

from evenfall.server.pages import add_pages

STATIC = Path(__file__).parents[2] / "src" / "evenfall" / "server" / "static"


@pytest.fixture
def ui(tmp_path: Path) -> Path:
    """Where the pages would be; nothing is there yet."""
    return tmp_path / "ui"


@pytest.fixture
def client(ui: Path) -> Iterator[TestClient]:
    app = FastAPI(docs_url=None, redoc_url=None)
    add_pages(app, ui)
    with TestClient(app, "http://127.0.0.1:8000") as client:
        yield client


def build(ui: Path) -> None:
    for name, text in {
        "index.html": "<!doctype html><title>Evenfall</title>",
        "assets/index-1a2b.js": "export {}",
        "docs/swagger-ui-bundle.js": "1",
        "docs/swagger-ui.css": "a{}",
        "docs/redoc.standalone.js": "2",
    }.items():
        path = ui / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    (ui.parent / "secret.txt").write_text("secret")
    (ui / "assets" / "link.txt").symlink_to(ui.parent / "secret.txt")


@pytest.mark.parametrize("path", ["/", "/docs", "/redoc"])
def test_what_is_not_built_says_what_builds_it(client: TestClient, path: str) -> None:
    answer = client.get(path)
    assert answer.status_code == 503
    assert "make ui" in answer.text
    assert "<script" not in answer.text


def test_once_built_the_page_is_there_without_a_restart(client: TestClient, ui: Path) -> None:
    assert client.get("/assets/index-1a2b.js").status_code == 404
    build(ui)
    assert client.get("/").text == "<!doctype html><title>Evenfall</title>"
    assert client.get("/").headers["Cache-Control"] == "no-cache"
    asset = client.get("/assets/index-1a2b.js")
    assert asset.text == "export {}"
    assert "immutable" in asset.headers["Cache-Control"]
    assert client.get("/assets/none.js").status_code == 404
    assert client.get("/assets").status_code == 404
    assert client.get("/assets/").status_code == 404


def test_a_link_out_of_the_pages_is_not_followed(client: TestClient, ui: Path) -> None:
    build(ui)
    assert client.get("/assets/link.txt").status_code == 404


@pytest.mark.parametrize(
    ("path", "scripts"),
    [
        ("/docs", ["/docs/ui/swagger-ui-bundle.js", "/docs/start/swagger.js"]),
        ("/redoc", ["/docs/ui/redoc.standalone.js", "/docs/start/redoc.js"]),
    ],
)
def test_the_description_is_shown_by_files_of_this_server_alone(
    client: TestClient, ui: Path, path: str, scripts: list[str]
) -> None:
    build(ui)
    answer = client.get(path)
    assert answer.status_code == 200
    assert "http" not in answer.text
    assert answer.text.count("<script") == len(scripts)
    for script in scripts:
        assert f'<script src="{script}"></script>' in answer.text
        assert client.get(script).status_code == 200
    policy = answer.headers["Content-Security-Policy"]
    assert "default-src 'self'" in policy
    assert "'unsafe-eval'" not in policy
    assert "script-src" not in policy


def test_names_in_files_cannot_break_out_of_a_page(serve: Serve, starter: Path) -> None:
    """No page is made of anything a project says: the pages ask the API, which answers JSON only."""
    answer = serve(starter).get("/api/v1/me?x=<script>alert(1)</script>")
    assert answer.headers["Content-Type"] == "application/json"
    refused = serve(starter).get("/<script>alert(1)</script>")
    assert refused.headers["Content-Type"] == "application/problem+json"
    assert refused.headers["X-Content-Type-Options"] == "nosniff"
