"""A text changed only where the change is: no comment, order, indent or quote is lost."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from evenfall.errors import ConfigError
from evenfall.registry.layout import BREAK, Layout
from evenfall.registry.pieces import Entry, Piece, find_pieces
from evenfall.registry.scalars import write_block, write_pair, write_scalar, write_value
from evenfall.registry.tree import Path, Tree
from evenfall.registry.yaml_text import read_yaml

__all__ = ["GONE", "Splicer"]

GONE: Final = object()
"""Stands for a key that is to be removed."""
_BLANK_OR_COMMENT: Final = re.compile(r"[ \t]*(#.*)?")


@dataclass(slots=True)
class Splicer:
    """Collects the changes of one file, writes them into its text, and reads the result to be sure of it.

    Parameters
    ----------
    tree
        The file as it was read; it has no problems.
    """

    text: str
    tree: Tree
    pieces: Piece = field(init=False)
    layout: Layout = field(init=False)
    data: Any = field(init=False)
    cuts: list[tuple[int, int, str]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.pieces = find_pieces(self.text, as_json=self.as_json)
        self.layout = Layout(self.text)
        self.data = _thawed(self.tree.data)

    @property
    def as_json(self) -> bool:
        """Whether the file is JSON."""
        return self.tree.file.endswith(".json")

    def finish(self) -> str:
        """Return the changed text.

        Raises
        ------
        ConfigError
            When the file is written in a way that cannot be kept: what reads back is not what was meant.
        """
        if not self.cuts:
            return self.text
        text = self.text
        ordered = sorted(enumerate(self.cuts), key=lambda cut: (*cut[1][:2], cut[0]), reverse=True)
        for _, (start, end, new) in ordered:
            text = text[:start] + new + text[end:]
        try:
            read = read_yaml(text, self.tree.file)
        except ConfigError:
            raise self._style(()) from None
        if read.problems or not _same(_thawed(read.data), self.data):
            raise self._style(())
        return text

    def set_keys(self, path: Path, changes: Mapping[str, object]) -> None:
        """Give keys of the mapping at `path` new values; `GONE` removes one, a new one is added.

        A removed key makes place for an added one, which then stands in the same line.
        """
        data = self._data(path)
        changes = {key: value for key, value in changes.items() if _changes(data, key, value)}
        if not changes:
            return
        piece = self._piece(path, "mapping")
        removed = [key for key, value in changes.items() if value is GONE]
        added = [key for key in changes if key not in data]
        for key, value in changes.items():
            if key in data and value is not GONE:
                self._replace(path, piece, key, value)
        renamed = list(zip(removed, added, strict=False))
        for old, new in renamed:
            self._rename(path, piece, old, new, changes[new])
        gone = [self._entry(path, piece, key) for key in removed[len(renamed) :]]
        self._remove(path, piece, [piece.entries.index(entry) for entry in gone])
        self._add_keys(path, piece, {key: changes[key] for key in added[len(renamed) :]})
        for key in removed:
            del data[key]
        data.update({key: _thawed(value) for key, value in changes.items() if value is not GONE})

    def change_list(self, path: Path, removed: Iterable[int], added: Sequence[Mapping[str, object]]) -> None:
        """Remove members of the list at `path` by index, and add mappings at its end.

        A list that is not there yet, or empty, is written.
        """
        gone = sorted(set(removed))
        if not gone and not added:
            return
        holder, key = self._data(path[:-1]), str(path[-1])
        if not holder.get(key):
            self._new_list(path, added)
        else:
            piece = self._piece(path, "list")
            if piece.flow:
                self._change_brackets(piece, gone, added)
            else:
                self._change_lines(path, piece, gone, added)
        kept = [member for index, member in enumerate(holder.get(key) or []) if index not in gone]
        holder[key] = [*kept, *(_thawed(member) for member in added)]

    # Places ------------------------------------------------------------------------------------------------

    def _data(self, path: Path) -> Any:
        here = self.data
        for step in path:
            here = here[step]
        return here

    def _piece(self, path: Path, kind: str) -> Piece:
        found = self.pieces.at(path)
        if found is None or found.kind != kind:
            raise self._style(path)
        return found

    def _entry(self, path: Path, piece: Piece, key: str) -> Entry:
        found = piece.entry(key)
        if found is None:
            raise self._style((*path, key))
        return found

    def _style(self, path: Path) -> ConfigError:
        return self.tree.error(
            "the file is written in a way that this change cannot keep",
            path,
            remedy="make the change in the file itself; an alias, or two entries in a line, is often why",
        )

    # Keys --------------------------------------------------------------------------------------------------

    def _cut(self, start: int, end: int, new: str) -> None:
        self.cuts.append((start, end, new))

    def _cut_value(self, old: Piece, new: str) -> None:
        self._cut(old.start, old.end, new if old.end > old.start else f" {new}")

    def _replace(self, path: Path, piece: Piece, key: str, value: object) -> None:
        entry = self._entry(path, piece, key)
        old = entry.value
        if isinstance(value, Mapping) and old.kind == "mapping":
            before = self._data((*path, key))
            self.set_keys((*path, key), {**dict.fromkeys(before.keys() - value.keys(), GONE), **value})
            return
        if old.kind in ("mapping", "list") and not old.flow:
            raise self._style((*path, key))
        new = write_value(value, as_json=self.as_json) if isinstance(value, Mapping) else ""
        new = new or write_scalar(value, as_json=self.as_json, style=old.style)
        self._cut_value(old, new)

    def _rename(self, path: Path, piece: Piece, old: str, new: str, value: object) -> None:
        entry = self._entry(path, piece, old)
        if entry.value.kind in ("mapping", "list") and not entry.value.flow:
            raise self._style((*path, old))
        quotes = '"' if self.text[entry.start : entry.key_end].endswith('"') else ""
        self._cut(entry.start, entry.key_end, write_scalar(new, as_json=self.as_json, style=quotes))
        self._cut_value(entry.value, write_value(value, as_json=self.as_json))

    def _add_keys(self, path: Path, piece: Piece, added: Mapping[str, object]) -> None:
        if not added:
            return
        if piece.flow:
            pairs = [self._flow_pair(piece, key, value) for key, value in added.items()]
            self._join(piece, pairs)
            return
        indent = " " * self.layout.column(piece.entries[0].start)
        lines = [indent + write_pair(key, value, as_json=False) for key, value in added.items()]
        self._insert_lines(piece.end, lines)

    def _flow_pair(self, piece: Piece, key: str, value: object) -> str:
        gap, unit = self.layout.gap(piece), self.layout.unit(piece)
        if not self.as_json or not isinstance(value, Mapping) or not gap or unit is None:
            return write_pair(key, value, as_json=self.as_json)
        return write_scalar(key, as_json=True) + ": " + self._json_block(value, gap, unit)

    # Lists -------------------------------------------------------------------------------------------------

    def _change_brackets(
        self, piece: Piece, gone: Sequence[int], added: Sequence[Mapping[str, object]]
    ) -> None:
        last, gap = piece.entries[-1], self.layout.gap(piece)
        members = [self._flow_item(last.value, item, gap) for item in added]
        if members and len(gone) == len(piece.entries):
            self._cut(piece.entries[0].start, last.end, f",{gap or ' '}".join(members))
            return
        self._remove_from_brackets(piece, gone)
        self._join(piece, members)

    def _change_lines(
        self, path: Path, piece: Piece, gone: Sequence[int], added: Sequence[Mapping[str, object]]
    ) -> None:
        last = piece.entries[-1].value
        dash = self._dash(path, last.start)
        lines = [line for item in added for line in self._block_item(last, item, dash)]
        if lines:
            self._insert_lines(piece.end, lines)
        self._remove(path, piece, gone)
        if not added and len(gone) == len(piece.entries):
            holder = self._piece(path[:-1], "mapping")
            colon = self.text.index(":", self._entry(path[:-1], holder, str(path[-1])).key_end) + 1
            self._cut(colon, colon, " []")

    def _flow_item(self, sibling: Piece, item: Mapping[str, object], gap: str) -> str:
        unit = self.layout.unit(sibling) if sibling.kind == "mapping" and sibling.entries else None
        if self.as_json and unit is not None and gap:
            return self._json_block(item, gap, unit)
        return write_value(item, as_json=self.as_json)

    def _json_block(self, value: Mapping[str, object], gap: str, unit: str) -> str:
        return write_block(value, unit).replace("\n", self.layout.newline + gap.splitlines()[-1])

    def _block_item(self, sibling: Piece, item: Mapping[str, object], dash: int) -> list[str]:
        line_start = self.layout.line_start(dash)
        lead = self.text[line_start:dash]
        if sibling.flow or sibling.kind != "mapping":
            return [f"{lead}- {write_value(item, as_json=False)}"]
        column = self.layout.column(sibling.entries[0].start)
        first = f"{lead}-".ljust(column)
        pairs = [write_pair(key, value, as_json=False) for key, value in item.items()]
        return [first + pairs[0], *(" " * column + pair for pair in pairs[1:])]

    def _new_list(self, path: Path, added: Sequence[Mapping[str, object]]) -> None:
        """Write a list where there is none, or an empty one."""
        holder = self._piece(path[:-1], "mapping")
        entry = holder.entry(path[-1])
        if holder.flow:
            gap, unit = self.layout.gap(holder), self.layout.unit(holder)
            inner = gap + unit if gap and unit is not None else ""
            members = [
                self._json_block(item, inner, unit)
                if inner and unit
                else write_value(item, as_json=self.as_json)
                for item in added
            ]
            written = f"[{inner}" + f",{inner or ' '}".join(members) + f"{gap if inner else ''}]"
            if entry is None:
                self._join(holder, [write_scalar(str(path[-1]), as_json=self.as_json) + ": " + written])
            else:
                self._cut(entry.value.start, entry.value.end, written)
            return
        indent = " " * self.layout.column(holder.entries[0].start)
        lines = [f"{indent}  - {write_value(item, as_json=False)}" for item in added]
        if entry is None:
            self._insert_lines(holder.end, [f"{indent}{path[-1]}:", *lines])
            return
        blank = self.text[entry.key_end : entry.value.start].partition(":")[0]
        self._cut(entry.key_end + len(blank) + 1, entry.value.end, "")
        self._insert_lines(entry.end, lines)

    # Text --------------------------------------------------------------------------------------------------

    def _remove(self, path: Path, piece: Piece, gone: Sequence[int]) -> None:
        if piece.flow:
            self._remove_from_brackets(piece, gone)
            return
        for index in gone:
            entry = piece.entries[index]
            start = self._dash(path, entry.start) if piece.kind == "list" else entry.start
            self._remove_lines((*path, index), start, entry.end)

    def _remove_lines(self, path: Path, start: int, end: int) -> None:
        line_start, line_end = self.layout.line_start(start), self.layout.line_end(end)
        if self.text[line_start:start].strip() or not _BLANK_OR_COMMENT.fullmatch(self.text[end:line_end]):
            raise self._style(path)
        newline = BREAK.match(self.text, line_end)
        self._cut(line_start, newline.end() if newline else line_end, "")

    def _remove_from_brackets(self, piece: Piece, gone: Sequence[int]) -> None:
        """Cut members with the comma behind them; those at the end with the comma before them."""
        entries = piece.entries
        kept = [index for index in range(len(entries)) if index not in gone]
        last_kept = kept[-1] if kept else -1
        for index in gone:
            if index < last_kept:
                self._cut(entries[index].start, entries[index + 1].start, "")
        if last_kept < len(entries) - 1:
            start = entries[last_kept].end if kept else piece.start + 1
            self._cut(start, entries[-1].end if kept else piece.end - 1, "")

    def _join(self, piece: Piece, members: Sequence[str]) -> None:
        """Write members behind the last one of a bracketed mapping or list."""
        gap = self.layout.gap(piece) or " "
        if piece.entries:
            end = piece.entries[-1].end
            self._cut(end, end, "".join(f",{gap}{member}" for member in members))
        else:
            self._cut(piece.start + 1, piece.end - 1, ", ".join(members))

    def _insert_lines(self, behind: int, lines: Sequence[str]) -> None:
        """Write lines after the one that `behind` lies in."""
        end, newline = self.layout.line_end(behind), self.layout.newline
        found = BREAK.match(self.text, end)
        if found:
            self._cut(found.end(), found.end(), "".join(line + newline for line in lines))
        else:
            self._cut(end, end, "".join(newline + line for line in lines))

    def _dash(self, path: Path, start: int) -> int:
        found = self.layout.dash(start)
        if found is None:
            raise self._style(path)
        return found


def _changes(data: Mapping[str, object], key: str, value: object) -> bool:
    """Return whether a value differs from what stands under the key."""
    if value is GONE or key not in data:
        return (value is GONE) == (key in data)
    return not _same(data[key], _thawed(value))


def _thawed(data: object) -> Any:
    """Return the data with lists and dicts that may be changed."""
    if isinstance(data, Mapping):
        return {key: _thawed(value) for key, value in data.items()}
    return [_thawed(value) for value in data] if isinstance(data, tuple | list) else data


def _same(first: object, second: object) -> bool:
    """Return whether two values are equal, true not being 1."""
    if isinstance(first, dict) and isinstance(second, dict):
        return first.keys() == second.keys() and all(_same(first[key], second[key]) for key in first)
    if isinstance(first, list) and isinstance(second, list):
        return len(first) == len(second) and all(map(_same, first, second))
    if isinstance(first, float) and isinstance(second, float) and math.isnan(first):
        return math.isnan(second)
    return isinstance(first, bool) == isinstance(second, bool) and first == second
