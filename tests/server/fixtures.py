"""A server inside the test's own process, and a small project for it."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

import evenfall
from evenfall.registry.files import initialise
from evenfall.server import ServerSettings, create_app

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # Starlette would rather have another HTTP library
    from starlette.testclient import TestClient

type Serve = Callable[..., TestClient]

ADDRESS = "http://127.0.0.1:8000"


@pytest.fixture
def starter(tmp_path: Path) -> Path:
    """The project that `evenfall init` writes."""
    root = tmp_path / "starter"
    root.mkdir()
    initialise(root)
    return root


@pytest.fixture
def serve() -> Iterator[Serve]:
    """Serve projects in given folders, with settings by name, until the test ends."""
    with ExitStack() as until_the_end:

        def serving(*roots: Path, key: str | None = None, **settings: Any) -> TestClient:
            told = {"scheduler": False, **settings}
            app = create_app([evenfall.open(root) for root in roots], ServerSettings(**told))
            headers = {"Authorization": f"Bearer {key}"} if key is not None else {}
            client = TestClient(app, ADDRESS, raise_server_exceptions=False, headers=headers)
            return until_the_end.enter_context(client)

        yield serving
