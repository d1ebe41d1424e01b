"""What journeys share: the example, built once for all of them; whoever changes it takes a copy."""

from __future__ import annotations

import fcntl
import json
from pathlib import Path

import pytest
from tests.journeys.demo_project import Demo, build_demo_project


@pytest.fixture(scope="session")
def demo(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Demo:
    """Return the example, built by the first of several processes that wants it."""
    own = tmp_path_factory.getbasetemp()
    place = own if worker_id == "master" else own.parent
    said: Path = place / "demo.json"
    with (place / "demo.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not said.is_file():
            said.write_text(json.dumps(build_demo_project(place / "demo" / "acme").said))
        return Demo(place / "demo" / "acme", json.loads(said.read_text()))
