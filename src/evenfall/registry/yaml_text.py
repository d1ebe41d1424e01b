"""YAML (and JSON) text becomes a tree: YAML 1.2 scalars, no tags, no duplicate keys, bounded in every way."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any, Final

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.events import (
    AliasEvent,
    DocumentStartEvent,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
)

from evenfall.errors import ConfigError
from evenfall.registry.tree import DEPTH_LIMIT, NODE_LIMIT, Path, Place, Tree

__all__ = ["read_yaml"]

_NULLS: Final = frozenset({"", "~", "null", "Null", "NULL"})
_BOOLEANS: Final = {
    "true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False
}  # fmt: skip
_NUMBER: Final = re.compile(
    r"(?P<integer>[-+]?[0-9]+)|0o(?P<octal>[0-7]+)|0x(?P<hex>[0-9a-fA-F]+)"
    r"|(?P<float>[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?)"
    r"|(?P<infinite>[-+]?\.(inf|Inf|INF))|(?P<nan>\.(nan|NaN|NAN))"
)
_BAD_KEY: Final = object()
"""Stands for a key that was refused; its value is read and dropped."""


def read_yaml(text: str, file: str) -> Tree:
    """Return the tree of a YAML text, or of a JSON text.

    Parameters
    ----------
    text
        The whole file. Tabs count as blanks in a file whose name ends in ``.json``.
    file
        Its name, for the marks.

    Returns
    -------
    Tree
        With `problems` for duplicate keys, tags and the like; all of them, not the first.

    Raises
    ------
    ConfigError
        When the text is not YAML at all, or larger than the limits allow.
    """
    builder = _Builder(file)
    if file.endswith(".json"):
        text = text.replace("\t", " ")
    try:
        for event in YAML(typ="safe", pure=True).parse(text):
            builder.take(event)
    except YAMLError as error:
        raise _syntax_error(error, builder) from None
    except (ValueError, OverflowError):  # "\UFFFFFFFF" is no character; ruamel.yaml lets chr() complain
        raise builder.error("an escape that is no character", remedy="write the character itself") from None
    return builder.tree()


def _syntax_error(error: YAMLError, builder: _Builder) -> ConfigError:
    remedy = "see the line named; quote texts that hold ': ' or ' #'"
    if isinstance(error, MarkedYAMLError):
        mark = error.problem_mark or error.context_mark
        place = (mark.line + 1, mark.column + 1) if mark else builder.last
        said = " ".join(part for part in (error.context, error.problem) if part)
        return builder.error(f"not YAML: {said}", place, remedy=remedy)
    return builder.error(
        "not YAML: a character that YAML does not allow", remedy="save the file as plain UTF-8"
    )


@dataclass(slots=True)
class _Open:
    """A mapping or list whose end has not come yet."""

    path: Path
    start: Place
    anchor: str | None
    content: dict[str, Any] | list[Any]
    key: Any = None
    size: int = 1
    height: int = 1


@dataclass(frozen=True, slots=True)
class _Anchored:
    """A finished node that an alias may stand for."""

    data: object
    size: int
    height: int


@dataclass(slots=True)
class _Builder:
    """Takes the parser's events one by one; never recurses, so depth cannot hurt it."""

    file: str
    last: Place = (1, 1)
    documents: int = 0
    root: object = None
    size: int = 0
    stack: list[_Open] = field(default_factory=list)
    anchors: dict[str, _Anchored | None] = field(default_factory=dict)
    keys: dict[Path, Place] = field(default_factory=dict)
    values: dict[Path, Place] = field(default_factory=dict)
    problems: list[ConfigError] = field(default_factory=list)

    def tree(self) -> Tree:
        return Tree(self.file, self.root, self.keys, self.values, tuple(self.problems))

    def error(
        self, message: str, place: Place | None = None, *, value: object = None, remedy: str = ""
    ) -> ConfigError:
        line, column = place or self.last
        return ConfigError(message, file=self.file, line=line, column=column, value=value, remedy=remedy)

    def take(self, event: Any) -> None:
        """Add one event to the tree."""
        self.last = (event.start_mark.line + 1, event.start_mark.column + 1)
        match event:
            case ScalarEvent():
                self._refuse_tag(event)
                self._add(self._scalar(event), event.anchor)
            case MappingStartEvent() | SequenceStartEvent():
                self._open(event)
            case MappingEndEvent() | SequenceEndEvent():
                self._close()
            case AliasEvent():
                self._alias(event.anchor)
            case DocumentStartEvent():
                self._document(event)

    def _document(self, event: DocumentStartEvent) -> None:
        self.documents += 1
        if self.documents > 1:
            raise self.error(
                "a second document", remedy="keep one definition per file, without a second '---'"
            )
        if event.tags or event.version not in (None, (1, 2), [1, 2]):
            self.problems.append(
                self.error("a YAML directive", remedy="leave the line that begins with % out")
            )

    def _refuse_tag(self, event: Any) -> None:
        if event.tag is not None:
            self.problems.append(
                self.error(
                    "a YAML tag", value=str(event.tag), remedy="write the plain value; tags are not read"
                )
            )

    def _scalar(self, event: ScalarEvent) -> object:
        text: str = event.value
        if not text.isascii():
            text = self._well_formed(text)
        if event.style is not None:
            return text
        if text in _NULLS:
            return None
        if text in _BOOLEANS:
            return _BOOLEANS[text]
        number = _NUMBER.fullmatch(text)
        return self._number(number) if number else text

    def _number(self, found: re.Match[str]) -> int | float:
        text = found[0]
        if found["float"] is not None or len(text) > 300:
            return float(text) if found["hex"] is None and found["octal"] is None else float("inf")
        if found["integer"] is not None:
            return int(text)
        if found["infinite"] is not None:
            return float(text.replace(".", ""))
        if found["nan"] is not None:
            return float("nan")
        return int(found["octal"], 8) if found["octal"] is not None else int(found["hex"], 16)

    def _well_formed(self, text: str) -> str:
        """Return the text with escaped surrogate pairs joined, as JSON writes characters beyond U+FFFF."""
        try:
            return text.encode("utf-16", "surrogatepass").decode("utf-16")
        except UnicodeDecodeError:
            self.problems.append(self.error("half of a character", remedy="write the character itself"))
            return "�"

    def _open(self, event: Any) -> None:
        self._refuse_tag(event)
        if len(self.stack) >= DEPTH_LIMIT:
            raise self.error(f"nested deeper than {DEPTH_LIMIT} levels", remedy="flatten the file")
        content: dict[str, Any] | list[Any] = {} if isinstance(event, MappingStartEvent) else []
        if event.anchor is not None:
            self.anchors[event.anchor] = None
        self.stack.append(_Open(self._next_path(), self.last, event.anchor, content))

    def _next_path(self) -> Path:
        if not self.stack:
            return ()
        parent = self.stack[-1]
        if isinstance(parent.content, list):
            return (*parent.path, len(parent.content))
        return (*parent.path, parent.key) if isinstance(parent.key, str) else parent.path

    def _close(self) -> None:
        done = self.stack.pop()
        self.last = done.start
        data = tuple(done.content) if isinstance(done.content, list) else done.content
        self._add(data, done.anchor, done.size, done.height)

    def _alias(self, anchor: str) -> None:
        target = self.anchors.get(anchor)
        if target is None:
            remedy = "an alias stands for something complete that came before it"
            raise self.error("an alias of nothing", value=f"*{anchor}", remedy=remedy)
        self._add(target.data, None, target.size, target.height)

    def _add(self, data: object, anchor: str | None, size: int = 1, height: int = 0) -> None:
        """Hang a finished node on the open mapping or list, as key, value or member."""
        self._measure(size, height)
        if anchor is not None:
            self.anchors[anchor] = _Anchored(data, size, height)
        if not self.stack:
            self.root = data
            self.values[()] = self.last
            return
        parent = self.stack[-1]
        if isinstance(parent.content, list):
            self.values[self._next_path()] = self.last
            parent.content.append(data)
        elif parent.key is None:
            parent.key = self._key(data, parent)
        else:
            if parent.key is not _BAD_KEY:
                self.values[self._next_path()] = self.last
                parent.content[parent.key] = data
            parent.key = None

    def _measure(self, size: int, height: int) -> None:
        if self.stack:
            parent = self.stack[-1]
            parent.size += size
            parent.height = max(parent.height, height + 1)
            size = parent.size
        if size > NODE_LIMIT:
            remedy = "aliases count as copies of what they stand for; split the file"
            raise self.error(f"more than {NODE_LIMIT:,} keys and values", remedy=remedy)
        if len(self.stack) + height > DEPTH_LIMIT:
            raise self.error(f"nested deeper than {DEPTH_LIMIT} levels", remedy="flatten the file")

    def _key(self, data: object, parent: _Open) -> object:
        """Return the name a key stands for, or the mark of a refused one."""
        if not isinstance(data, str) or not data:
            shown = None if isinstance(data, dict | tuple) else data
            self.problems.append(self.error("a key must be text", value=shown, remedy="quote the key"))
            return _BAD_KEY
        path = (*parent.path, data)
        if data in parent.content:
            first = self.keys[path]
            remedy = f"it stands on line {first[0]} already; keep one of the two"
            self.problems.append(self.error("a duplicate key", value=data, remedy=remedy))
            return _BAD_KEY
        self.keys[path] = self.last
        return data
