"""TOML text becomes a tree; the marks are found by reading the lines, for tomllib keeps none."""

from __future__ import annotations

import re
import tomllib
from collections import Counter
from datetime import date, datetime
from typing import Final

from evenfall.errors import ConfigError
from evenfall.registry.tree import DEPTH_LIMIT, NODE_LIMIT, Path, Place, Tree

__all__ = ["read_toml"]

_HEADER: Final = re.compile(r"\s*(?P<open>\[\[?)\s*(?P<name>[^\[\]]+?)\s*\]\]?\s*(#.*)?")
_ASSIGNMENT: Final = re.compile(r"\s*(?P<name>[A-Za-z0-9_\"'.\- ]+?)\s*=\s*")
_PART: Final = re.compile(r"\"[^\"]*\"|'[^']*'|[A-Za-z0-9_-]+")
_AT_LINE: Final = re.compile(
    r"^(?P<what>.*) \(at (line (?P<line>\d+), column (?P<column>\d+)|end of document)\)$"
)


def read_toml(text: str, file: str) -> Tree:
    """Return the tree of a TOML text called `file`.

    Raises
    ------
    ConfigError
        When the text is not TOML, or larger than the limits allow.
    """
    try:
        data = tomllib.loads(text.replace("\r\n", "\n"))
    except RecursionError:
        raise ConfigError(
            f"nested deeper than {DEPTH_LIMIT} levels", file=file, line=1, column=1, remedy="flatten the file"
        ) from None
    except ValueError as error:  # TOMLDecodeError, or a number or date out of Python's range
        raise _syntax_error(str(error), text, file) from None
    plain = _plain(data, file)
    keys, values = _marks(text)
    return Tree(file, plain, keys, values)


def _syntax_error(said: str, text: str, file: str) -> ConfigError:
    found = _AT_LINE.match(said)
    line, column = text.count("\n") + 1, 1
    if found and found["line"]:
        line, column = int(found["line"]), int(found["column"])
    message = f"not TOML: {found['what'] if found else said}"
    return ConfigError(message, file=file, line=line, column=column, remedy="see the line named")


def _plain(data: object, file: str) -> object:
    """Return the data with lists as tuples, refused when deeper or larger than the limits."""
    count = 0

    def convert(value: object, depth: int) -> object:
        nonlocal count
        count += 1
        if depth > DEPTH_LIMIT or count > NODE_LIMIT:
            message = f"more than {NODE_LIMIT:,} values or {DEPTH_LIMIT} levels"
            raise ConfigError(message, file=file, line=1, column=1, remedy="keep settings small and flat")
        if isinstance(value, dict):
            return {key: convert(member, depth + 1) for key, member in value.items()}
        if isinstance(value, list):
            return tuple(convert(member, depth + 1) for member in value)
        return value.isoformat() if isinstance(value, date | datetime) else value

    return convert(data, 0)


def _marks(text: str) -> tuple[dict[Path, Place], dict[Path, Place]]:
    """Return the places of keys and of values, as far as one line shows them."""
    keys: dict[Path, Place] = {}
    values: dict[Path, Place] = {(): (1, 1)}
    table: Path = ()
    counts: Counter[Path] = Counter()
    for number, line in enumerate(text.splitlines(), start=1):
        if header := _HEADER.fullmatch(line):
            table = _parts(header["name"])
            if header["open"] == "[[":
                counts[table] += 1
                table = (*table, counts[table] - 1)
            keys.setdefault(table, (number, header.start("name") + 1))
        elif found := _ASSIGNMENT.match(line):
            path = (*table, *_parts(found["name"]))
            keys.setdefault(path, (number, found.start("name") + 1))
            values.setdefault(path, (number, found.end() + 1))
    return keys, values


def _parts(dotted: str) -> Path:
    return tuple(part.strip("\"'") for part in _PART.findall(dotted))
