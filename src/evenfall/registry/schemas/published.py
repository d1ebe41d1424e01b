"""The JSON schemas of a project's files, as editors and other programs read them."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any, Final

from evenfall.registry.schemas import Context, Graph, ParameterDefinition, Scenario, SettingsDefinition
from evenfall.registry.schemas.base import Model

__all__ = ["PUBLISHED", "schema_text", "write_schemas"]

PUBLISHED: Final[dict[str, tuple[type[Model], str]]] = {
    "settings.json": (SettingsDefinition, "evenfall.toml"),
    "context.json": (Context, "contexts/*.yaml"),
    "graph.json": (Graph, "graphs/*.yaml or *.json"),
    "parameter.json": (ParameterDefinition, "parameters/*.yaml"),
    "scenario.json": (Scenario, "scenarios/*.yaml"),
}
"""Model and described files of each schema, by the name it is published under."""

_ATTRIBUTE: Final = re.compile(r"^(\w[\w, ]*)\n((?: {4}.*\n?)+)", re.MULTILINE)


def schema_text(name: str) -> str:
    """Return the text of one published schema."""
    model, files = PUBLISHED[name]
    schema: dict[str, Any] = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$comment": f"Describes {files}. Made by `python -m evenfall.registry.schemas`; do not edit.",
        **model.model_json_schema(by_alias=True),
    }
    for part in (schema, *schema.get("$defs", {}).values()):
        _describe(part)
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"


def _describe(part: dict[str, Any]) -> None:
    """Move what a docstring says of its attributes to the properties of that name."""
    summary, found, attributes = part.get("description", "").partition("\n\nAttributes\n----------\n")
    if not found:
        return
    part["description"] = summary
    for names, said in _ATTRIBUTE.findall(attributes):
        for name in names.split(", "):
            if name in part["properties"]:
                part["properties"][name]["description"] = " ".join(said.split())


def write_schemas(folder: Path) -> tuple[Path, ...]:
    """Write every published schema into a folder and return the files."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = tuple(folder / name for name in PUBLISHED)
    for path in paths:
        path.write_text(schema_text(path.name), encoding="utf-8")
    return paths
