"""The published JSON schemas: as the models are now, and true of real files."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from evenfall.registry.schemas.published import PUBLISHED, schema_text

FOLDER = Path(__file__).parents[2] / "docs" / "reference" / "schemas"


@pytest.mark.parametrize("name", PUBLISHED)
def test_the_published_schema_is_up_to_date(name: str) -> None:
    assert (FOLDER / name).read_text(encoding="utf-8") == schema_text(name)


def test_nothing_else_is_published() -> None:
    assert {path.name for path in FOLDER.iterdir()} == set(PUBLISHED)


def test_the_generator_writes_them_and_asks_for_a_folder(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "evenfall.registry.schemas"]
    done = subprocess.run([*command, str(tmp_path / "out")], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "out" / "parameter.json").read_text() == schema_text("parameter.json")
    assert subprocess.run(command, capture_output=True, check=False).returncode == 64


def schema(name: str) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads(schema_text(name))
    return loaded


@pytest.mark.parametrize("name", PUBLISHED)
def test_no_part_of_a_schema_lets_unknown_keys_pass_unless_they_are_names(name: str) -> None:
    whole = schema(name)
    open_parts = {"EventColumns", "ConnectionDefinition"}
    for key, part in [(whole["title"], whole), *whole.get("$defs", {}).items()]:
        if part.get("type") == "object" and key not in open_parts:
            assert part["additionalProperties"] is False, key


def test_the_schema_of_parameters_says_what_is_required_and_what_words_are_allowed() -> None:
    parameter = schema("parameter.json")
    assert parameter["required"] == ["id"]
    assert parameter["properties"]["type"]["enum"] == ["probability", "rate", "mean", "duration"]
    assert parameter["properties"]["id"]["pattern"] == "^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$"
    assert len(parameter["$defs"]["SheetsDestination"]["properties"]["format"]["items"]["enum"]) == 12
    assert set(parameter["$defs"]["PriorNumbers"]["properties"]["distribution"]["anyOf"][0]["enum"]) == {
        "beta",
        "normal",
        "gamma",
        "lognormal",
    }


def test_the_schema_of_graphs_uses_the_files_own_keys() -> None:
    edge = schema("graph.json")["$defs"]["Edge"]
    assert {"from", "to"} <= set(edge["required"])
    assert "from_node" not in edge["properties"]
