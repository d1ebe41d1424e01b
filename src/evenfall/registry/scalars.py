"""Values as text: plain where that reads back the same, in the quotes that stood there, or as JSON."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Final

__all__ = ["write_block", "write_pair", "write_scalar", "write_value"]

_PLAIN: Final = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9_./ -]*[A-Za-z0-9_./-])?")
_NOT_TEXT: Final = re.compile(
    r"(?i)null|true|false|yes|no|on|off|[-+.0-9][-+.0-9a-fox]*|.*\s-.*|\d{4}-\d\d?-\d\d?.*"
)


def write_scalar(value: object, *, as_json: bool, style: str = "") -> str:
    """Return one value as text.

    Parameters
    ----------
    style
        Quotes that the value it replaces stood in.
    """
    match value:
        case None:
            return "null"
        case bool():
            return "true" if value else "false"
        case float() if value.is_integer() and abs(value) < 1e15:
            return str(int(value))
        case int() | float():
            return repr(value)
    text = str(value)
    if not as_json and style == "'" and text.isprintable():
        return "'" + text.replace("'", "''") + "'"
    if not as_json and style != '"' and _PLAIN.fullmatch(text) and not _NOT_TEXT.fullmatch(text):
        return text
    return json.dumps(text, ensure_ascii=not text.isprintable())


def write_value(value: object, *, as_json: bool) -> str:
    """Return a value as text on one line; a mapping between braces."""
    if not isinstance(value, Mapping):
        return write_scalar(value, as_json=as_json)
    return "{" + ", ".join(write_pair(key, member, as_json=as_json) for key, member in value.items()) + "}"


def write_pair(key: str, value: object, *, as_json: bool) -> str:
    """Return a key and its value as text on one line."""
    return f"{write_scalar(key, as_json=as_json)}: {write_value(value, as_json=as_json)}"


def write_block(value: Mapping[str, object], unit: str) -> str:
    """Return a mapping as JSON with a line per key, each level further in by `unit`."""
    plain = json.dumps(_whole_numbers(value), indent=unit, ensure_ascii=False)
    if plain.replace("\n", " ").replace("\t", " ").isprintable():
        return plain
    return json.dumps(_whole_numbers(value), indent=unit)


def _whole_numbers(data: object) -> object:
    if isinstance(data, Mapping):
        return {key: _whole_numbers(value) for key, value in data.items()}
    return int(data) if isinstance(data, float) and data.is_integer() and abs(data) < 1e15 else data
