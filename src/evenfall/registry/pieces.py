"""Where every key and value of a YAML or JSON text begins and ends, character by character."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from ruamel.yaml import YAML
from ruamel.yaml.events import (
    AliasEvent,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
)

from evenfall.registry.tree import Path

__all__ = ["Entry", "Piece", "find_pieces"]

_ANCHOR: Final = re.compile(r"&[^\s,\[\]{}]+[ \t]*")


@dataclass(slots=True)
class Entry:
    """A key with its value; of a list, the value alone.

    Attributes
    ----------
    key
        What the key says; of a list, empty.
    start, key_end
        Where the key begins and ends; of a list, where the value begins.
    """

    key: str
    start: int
    key_end: int
    value: Piece

    @property
    def end(self) -> int:
        """Where the value ends, or the key when there is no value."""
        return max(self.key_end, self.value.end)


@dataclass(slots=True)
class Piece:
    """A value of the text.

    Attributes
    ----------
    start, end
        Without an anchor before it, and without blanks and comments behind it.
    flow
        Whether it is written between brackets.
    style
        The quotes of a scalar, or ``|`` or ``>``; empty for a plain one.
    """

    kind: Literal["scalar", "mapping", "list", "alias"]
    start: int
    end: int
    flow: bool = False
    style: str = ""
    entries: list[Entry] = field(default_factory=list)

    def entry(self, key: str | int) -> Entry | None:
        """Return the entry under a key of a mapping, or at an index of a list."""
        if isinstance(key, int):
            return self.entries[key] if self.kind == "list" and 0 <= key < len(self.entries) else None
        return next((entry for entry in self.entries if self.kind == "mapping" and entry.key == key), None)

    def at(self, path: Path) -> Piece | None:
        """Return the piece at `path`, or None where there is none or an alias stands for it."""
        here: Piece | None = self
        for step in path:
            found = here.entry(step) if here is not None else None
            here = found.value if found else None
        return here


def find_pieces(text: str, *, as_json: bool) -> Piece:
    """Return the pieces of a text that was read without a problem before."""
    if as_json:
        text = text.replace("\t", " ")
    found = _Finder(text)
    for event in YAML(typ="safe", pure=True).parse(text):
        found.take(event)
    return found.root


@dataclass(slots=True)
class _Finder:
    text: str
    root: Piece = field(default_factory=lambda: Piece("scalar", 0, 0))
    stack: list[Piece] = field(default_factory=list)
    keys: list[tuple[str, int, int] | None] = field(default_factory=list)

    def take(self, event: Any) -> None:
        match event:
            case ScalarEvent():
                self._scalar(event)
            case AliasEvent():
                self._hang(Piece("alias", event.start_mark.index, event.end_mark.index))
            case MappingStartEvent() | SequenceStartEvent():
                kind: Literal["mapping", "list"] = (
                    "mapping" if isinstance(event, MappingStartEvent) else "list"
                )
                start = self._behind_anchor(event.start_mark.index)
                self.stack.append(Piece(kind, start, start, flow=bool(event.flow_style)))
                self.keys.append(None)
            case MappingEndEvent() | SequenceEndEvent():
                self._close(event)

    def _behind_anchor(self, start: int) -> int:
        anchor = _ANCHOR.match(self.text, start)
        return anchor.end() if anchor else start

    def _scalar(self, event: ScalarEvent) -> None:
        start, end = self._behind_anchor(event.start_mark.index), event.end_mark.index
        style = event.style or ""
        if style in ("|", ">"):
            end = start + len(self.text[start:end].rstrip())
        if self.stack and self.stack[-1].kind == "mapping" and self.keys[-1] is None:
            self.keys[-1] = (event.value, event.start_mark.index, event.end_mark.index)
            return
        self._hang(Piece("scalar", min(start, end), end, style=style))

    def _close(self, event: Any) -> None:
        done = self.stack.pop()
        self.keys.pop()
        if done.flow:
            done.end = event.end_mark.index
        elif done.entries:
            done.start, done.end = done.entries[0].start, done.entries[-1].end
        self._hang(done)

    def _hang(self, piece: Piece) -> None:
        if not self.stack:
            self.root = piece
            return
        parent = self.stack[-1]
        if parent.kind == "list":
            parent.entries.append(Entry("", piece.start, piece.start, piece))
            return
        key = self.keys[-1]
        if key is not None:
            parent.entries.append(Entry(*key, piece))
            self.keys[-1] = None
