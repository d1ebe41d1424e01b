"""The lines and indents of a text: where they begin, how far they are in, how they end."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from evenfall.registry.pieces import Piece

__all__ = ["BREAK", "Layout"]

BREAK: Final = re.compile(r"\r\n|\n|\r")
_DASH: Final = re.compile(r"([ \t]*)-[ \t]+(?:&\S+[ \t]+)?")


@dataclass(frozen=True, slots=True)
class Layout:
    """A text, asked about its lines; positions count characters."""

    text: str

    @property
    def newline(self) -> str:
        """The line break of the first line."""
        found = BREAK.search(self.text)
        return found[0] if found else "\n"

    def line_start(self, position: int) -> int:
        """Return where the line of a position begins."""
        return max(self.text.rfind("\n", 0, position), self.text.rfind("\r", 0, position)) + 1

    def line_end(self, position: int) -> int:
        """Return where the line of a position ends, before its break."""
        found = BREAK.search(self.text, position)
        return found.start() if found else len(self.text)

    def column(self, position: int) -> int:
        """Return how far in a position is, from 0."""
        return position - self.line_start(position)

    def dash(self, start: int) -> int | None:
        """Return where the dash before the list member at `start` is, if its line begins with one."""
        first = self.line_start(start)
        found = _DASH.fullmatch(self.text, first, start)
        return first + len(found[1]) if found else None

    def gap(self, piece: Piece) -> str:
        """Return the line break and indent before the first member of a bracketed piece, if any."""
        if not piece.entries:
            return ""
        gap = self.text[piece.start + 1 : piece.entries[0].start]
        return gap if BREAK.search(gap) and not gap.strip() else ""

    def unit(self, piece: Piece) -> str | None:
        """Return by how much members are further in than their brackets; None when they share a line."""
        gap = self.gap(piece)
        closing = self.text[self.line_start(piece.end) : piece.end - 1]
        inner = BREAK.split(gap)[-1]
        return (
            inner.removeprefix(closing) if gap and not closing.strip() and inner.startswith(closing) else None
        )
