"""Definitions become YAML text: one form for each value, which the loader reads back as it was."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Final

__all__ = ["to_yaml"]

_PLAIN: Final = re.compile(r"[A-Za-z][A-Za-z0-9_-]*")
_WORDS: Final = frozenset({"null", "true", "false"})


def to_yaml(value: object, heading: str = "") -> str:
    """Return the YAML text of mappings, lists, texts, numbers and truth values.

    Examples
    --------
    >>> print(to_yaml({"id": "a", "values": ({"id": "1"}, {"id": "x y", "p": 0.5}), "none": ()}), end="")
    id: a
    values:
      - id: "1"
      - id: "x y"
        p: 0.5
    none: []
    """
    lines = [f"# {heading}"] if heading else []
    return "\n".join([*lines, *_block(value)]) + "\n"


def _block(value: object) -> Iterator[str]:
    if isinstance(value, Mapping) and value:
        for key, member in value.items():
            yield from _entry(f"{_scalar(key)}:", member)
    elif isinstance(value, tuple | list) and value:
        for member in value:
            first, *rest = _block(member)
            yield f"- {first}"
            yield from (f"  {line}" for line in rest)
    else:
        yield _scalar(value)


def _entry(key: str, member: object) -> Iterator[str]:
    if isinstance(member, Mapping | tuple | list) and member:
        yield key
        yield from (f"  {line}" for line in _block(member))
    else:
        yield f"{key} {_scalar(member)}"


def _scalar(value: object) -> str:
    match value:
        case None:
            return "null"
        case bool():
            return "true" if value else "false"
        case str():
            plain = _PLAIN.fullmatch(value) and value.lower() not in _WORDS
            return value if plain else _quoted(value)
        case Mapping():
            return "{}"
        case tuple() | list():
            return "[]"
    return repr(value)


def _quoted(text: str) -> str:
    quoted = json.dumps(text, ensure_ascii=False)
    if quoted.isprintable():
        return quoted
    return "".join(each if each.isprintable() else f"\\U{ord(each):08x}" for each in quoted)
