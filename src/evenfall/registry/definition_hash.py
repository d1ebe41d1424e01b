"""The identity of a definition: what its numbers depend on, and nothing else."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any, Final

from evenfall.registry.schemas import ParameterDefinition, Pooling

__all__ = ["definition_hash", "shard_hash"]

_LEFT_OUT: Final[dict[str, Any]] = {
    "name": True,
    "metadata": True,
    "posterior_destination": True,
    "model_fit": {"alerts"},
}


def definition_hash(definition: ParameterDefinition) -> str:
    """Return the SHA-256 of the definition without its name, metadata, alerts and destinations.

    Keys left at their default, the order of keys, comments, layout and the way a number is written (8, 8.0)
    make no difference.
    """
    said = definition.model_dump(mode="json", exclude=_LEFT_OUT, exclude_defaults=True, by_alias=True)
    return _digest(_normal(_marked(said, definition)))


def _marked(said: dict[str, Any], definition: ParameterDefinition) -> dict[str, Any]:
    """Return the definition with a mark for each part whose mere presence says something."""
    if definition.latency is not None:
        said["latency"] = {"family": definition.latency.family, **said["latency"]}
    update = definition.bayesian_update
    if update is not None and isinstance(update.pooling, Pooling):
        effects = list(update.pooling.effects) if update.pooling.effects is not None else "all"
        pooling = {**said["bayesian_update"]["pooling"], "effects": effects or "none"}
        said["bayesian_update"] = {**said["bayesian_update"], "pooling": pooling}
    return said


def shard_hash(template_hash: str, shard: Mapping[str, str]) -> str:
    """Return the SHA-256 of one shard of the template whose hash is given."""
    return _digest({"template": template_hash, "shard": dict(shard)})


def _digest(value: object) -> str:
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(text.encode()).hexdigest()


def _normal(value: object) -> object:
    """Return the value with whole floats as integers and empty parts dropped."""
    if isinstance(value, dict):
        members = {key: _normal(member) for key, member in value.items()}
        return {key: member for key, member in members.items() if member not in ({}, [], None)}
    if isinstance(value, list):
        return [_normal(member) for member in value]
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value
