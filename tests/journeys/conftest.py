"""What journeys share: the example, built once per process; whoever changes it takes a copy."""

from __future__ import annotations

import pytest
from tests.journeys.demo_project import Demo, build_demo_project


@pytest.fixture(scope="session")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Demo:
    return build_demo_project(tmp_path_factory.mktemp("demo") / "acme")
