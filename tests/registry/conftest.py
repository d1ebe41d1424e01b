"""Projects made of a few short files."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from evenfall.registry.files import load
from evenfall.registry.registry import Registry

DEFINITIONS = Path(__file__).parent / "definitions"
SETTINGS = '[connections.analytics_datalake]\ntype = "postgres"\nhost = "db"\n'

type Load = Callable[..., Registry]


@pytest.fixture
def load_files(tmp_path: Path) -> Load:
    """Write files into an empty project and load it; further calls add to the same project."""

    def write_and_load(files: Mapping[str, str], **last_good: Mapping[str, str]) -> Registry:
        for name, text in {"evenfall.toml": SETTINGS, **files}.items():
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        return load(tmp_path, **last_good)

    return write_and_load


@pytest.fixture
def documented() -> dict[str, str]:
    """The example definitions of the parameter pipeline's document, by file name."""
    return {f"parameters/{path.name}": path.read_text() for path in sorted(DEFINITIONS.glob("*.yaml"))}
