"""Workers that find the models of these tests."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from evenfall.runs.fitting.jobs import Limits
from evenfall.runs.fitting.processes import LocalProcesses


@pytest.fixture(scope="module")
def bad_models() -> Iterator[None]:
    """Let workers import the module of models beside this file."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", str(Path(__file__).parent))
        yield


@pytest.fixture(scope="module")
def workers(bad_models: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalProcesses]:
    """Return two workers for all tests of a module; each survives what it is given, or is replaced."""
    with LocalProcesses(2, Limits(20.0, 2**30), tmp_path_factory.mktemp("cache")) as executor:
        yield executor
