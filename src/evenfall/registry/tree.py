"""What a definition file says, as plain data, and where each part of it stands."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from evenfall.errors import ConfigError

__all__ = [
    "DEPTH_LIMIT",
    "NODE_LIMIT",
    "SIZE_LIMIT",
    "Path",
    "Place",
    "Tree",
    "child",
    "names_a_secret",
    "parse_path",
    "print_path",
    "shown",
]

SIZE_LIMIT: Final = 1_000_000
"""Largest definition file, in bytes."""
DEPTH_LIMIT: Final = 50
"""Deepest nesting of mappings and lists."""
NODE_LIMIT: Final = 100_000
"""Most keys and values in one file, every alias counted as a copy of what it stands for."""

type Path = tuple[str | int, ...]
type Place = tuple[int, int]


@dataclass(frozen=True, slots=True, eq=False)
class Tree:
    """The content of one file with its marks.

    Attributes
    ----------
    file
        Name relative to the project's root, with forward slashes.
    data
        Mappings as dict, lists as tuple, scalars as str, int, float, bool, date or None.
    keys, values
        Line and column, from 1, of the key and of the value at each path.
    problems
        What is wrong with the file as a text; the data are still whole enough to be judged.
    """

    file: str
    data: object
    keys: Mapping[Path, Place] = field(default_factory=dict)
    values: Mapping[Path, Place] = field(default_factory=dict)
    problems: tuple[ConfigError, ...] = ()

    def place(self, path: Path, *, key: bool = False) -> Place:
        """Return line and column of the value (or key) at `path`, or of its nearest ancestor."""
        first, second = (self.keys, self.values) if key else (self.values, self.keys)
        for end in range(len(path), 0, -1):
            found = first.get(path[:end]) or second.get(path[:end])
            if found:
                return found
            first, second = self.keys, self.values
        return self.values.get((), (1, 1))

    def error(
        self, message: str, path: Path = (), *, remedy: str = "", value: object = None, key: bool = False
    ) -> ConfigError:
        """Return the error that `message` is about the part of this file at `path`."""
        line, column = self.place(path, key=key)
        return ConfigError(
            message,
            file=self.file,
            line=line,
            column=column,
            path=print_path(path),
            value=shown(path, value),
            remedy=remedy,
        )

    def at(self, path: Path) -> object:
        """Return the data at `path`, or None when there is nothing."""
        here: object = self.data
        for step in path:
            here = child(here, step)
        return here


def child(data: object, step: str | int) -> object:
    """Return the member of a mapping or list called `step`, or None."""
    if isinstance(data, dict):
        return data.get(step)
    if isinstance(data, tuple) and isinstance(step, int) and 0 <= step < len(data):
        return data[step]
    return None


_SECRET_KEYS: Final = ("password", "secret", "token", "webhook", "routing_key", "api_key", "authentication")


def names_a_secret(key: str) -> bool:
    """Return whether the value of a key is not to be shown."""
    return any(word in key.lower() for word in _SECRET_KEYS)


def shown(path: Path, value: object) -> object:
    """Return `value` as an error may print it: scalars only, shortened, secrets as ``***``."""
    if value is None or isinstance(value, dict | tuple | list):
        return None
    if isinstance(value, str) and any(names_a_secret(step) for step in path if isinstance(step, str)):
        return "***"
    if isinstance(value, str) and len(value) > 80:
        return f"{value[:77]}..."
    return value


def print_path(path: Path) -> str:
    """Return `path` as people write it, such as ``destinations[0].format``."""
    text = ""
    for step in path:
        text += f"[{step}]" if isinstance(step, int) else f".{step}" if text else step
    return text


def parse_path(text: str) -> Path:
    """Return the path that `text` prints."""
    return tuple(_steps(text))


def _steps(text: str) -> Iterator[str | int]:
    for part in text.split("."):
        name, *indices = part.split("[")
        if name:
            yield name
        for index in indices:
            number = index.removesuffix("]")
            yield int(number) if number.isdecimal() else number
