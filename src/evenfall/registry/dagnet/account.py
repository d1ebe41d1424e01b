"""An account of one file: where each of its values went, or why it went nowhere."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Literal

from evenfall.registry.tree import Path, child, print_path, shown

__all__ = ["Account", "Entry", "Fate", "Target"]

type Fate = Literal["kept", "translated", "dropped"]


@dataclass(frozen=True, slots=True)
class Target:
    """A place in a definition file of the project."""

    file: str
    path: Path

    def __str__(self) -> str:
        return f"{self.file} {print_path(self.path)}"


@dataclass(frozen=True, slots=True)
class Entry:
    """What became of one value, or of everything below one key.

    Attributes
    ----------
    fate
        ``kept`` as it was, ``translated`` into something else, or ``dropped``.
    value, became
        What it was and what it is now, as a report may show them: short, and without secrets.
    target
        Where it stands now; None when it was dropped.
    """

    file: str
    path: Path
    fate: Fate
    value: object
    target: Target | None = None
    became: object = None
    why: str = ""

    def as_dict(self) -> dict[str, object]:
        """Return the entry as JSON-ready data."""
        facts: dict[str, object] = {"file": self.file, "path": print_path(self.path), "value": self.value}
        if self.target is not None:
            facts |= {"to_file": self.target.file, "to_path": print_path(self.target.path)}
        if self.fate == "translated":
            facts["became"] = self.became
        return {**facts, "why": self.why} if self.why else facts

    def __str__(self) -> str:
        text = f"{self.file} {print_path(self.path)}".rstrip()
        if self.value is not None:
            text += f" = {self.value!r}"
        if self.target is not None:
            text += f" → {self.target}"
        if self.fate == "translated" and self.became is not None:
            text += f" = {self.became!r}"
        return f"{text} — {self.why}" if self.why else text


@dataclass(slots=True)
class Account:
    """The content of one file, and what has been said about each part of it so far.

    What is said first about a place stays; an entry covers everything below its place.
    """

    file: str
    data: object
    entries: dict[Path, Entry] = field(default_factory=dict)

    def at(self, path: Path) -> object:
        """Return the data at `path`, or None."""
        here = self.data
        for step in path:
            here = child(here, step)
        return here

    def members(self, path: Path) -> tuple[object, ...]:
        """Return the list at `path`; empty when there is none."""
        found = self.at(path)
        return found if isinstance(found, tuple) else ()

    def text(self, path: Path) -> str | None:
        """Return the text at `path`; None when there is none, or only blanks."""
        found = self.at(path)
        return found if isinstance(found, str) and found.strip() else None

    def number(self, path: Path, low: float = -math.inf, high: float = math.inf) -> float | None:
        """Return the finite number at `path`; None, and a word about it, when it is outside the bounds."""
        found = self.at(path)
        if found is None:
            return None
        if isinstance(found, bool) or not isinstance(found, int | float) or not abs(found) < math.inf:
            self.drop(path, "not a finite number")
            return None
        if not low <= found <= high:
            bounds = f"at least {low:g}" if high == math.inf else f"between {low:g} and {high:g}"
            self.drop(path, f"out of range: it must be {bounds}")
            return None
        return found

    def move(self, path: Path, target: Target, value: object, why: str = "") -> None:
        """Say that what is at `path`, if anything, is `value` at `target` now: kept when that is the same."""
        if not self._holds(path):
            return
        found = self.at(path)
        fate: Fate = "kept" if _same(found, value) else "translated"
        became = shown(target.path, value) if fate == "translated" else None
        why = why if fate == "translated" else ""
        self._enter(Entry(self.file, path, fate, self._shown(path), target, became, why))

    def drop(self, path: Path, why: str) -> None:
        """Say that what is at `path` has no place in the project, and why."""
        if path == () or self._holds(path):
            self._enter(Entry(self.file, path, "dropped", self._shown(path), why=why))

    def settle(self, reason: Callable[[Path], str]) -> tuple[Entry, ...]:
        """Return the whole account in the file's order; what nobody spoke of is dropped for `reason`."""
        spoken = {path[:end] for path in self.entries for end in range(len(path) + 1)}
        return tuple(self._settled((), self.data, spoken, reason))

    def _settled(
        self, path: Path, data: object, spoken: set[Path], reason: Callable[[Path], str]
    ) -> Iterator[Entry]:
        if path in self.entries:
            yield self.entries[path]
        elif path not in spoken:
            yield Entry(self.file, path, "dropped", self._shown(path), why=reason(path))
        else:
            for step, member in _children(data):
                yield from self._settled((*path, step), member, spoken, reason)

    def _enter(self, entry: Entry) -> None:
        if not any(entry.path[:end] in self.entries for end in range(len(entry.path) + 1)):
            self.entries[entry.path] = entry

    def _holds(self, path: Path) -> bool:
        parent = self.at(path[:-1])
        if isinstance(parent, dict):
            return path[-1] in parent
        return isinstance(parent, tuple) and isinstance(path[-1], int) and path[-1] < len(parent)

    def _shown(self, path: Path) -> object:
        hidden = any(isinstance(step, str) and "connection_string" in step for step in path)
        found = self.at(path)
        return "***" if hidden and isinstance(found, str) else shown(path, found)


def _children(data: object) -> Iterator[tuple[str | int, object]]:
    if isinstance(data, dict):
        yield from data.items()
    elif isinstance(data, tuple):
        yield from enumerate(data)


def _same(before: object, after: object) -> bool:
    """Return whether two values are the same; true is not 1."""
    return isinstance(before, bool) == isinstance(after, bool) and before == after
