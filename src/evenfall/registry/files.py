"""The files of a project, read from its folder, and a new project written into one."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Final

from evenfall.errors import ConfigError, UsageError
from evenfall.registry.assemble import Texts, assemble
from evenfall.registry.git import revision
from evenfall.registry.registry import Registry, SourceFile
from evenfall.registry.sources import Text
from evenfall.registry.starter import STARTER
from evenfall.registry.tree import SIZE_LIMIT

__all__ = ["SETTINGS_FILE", "initialise", "load", "read_texts"]

SETTINGS_FILE: Final = "evenfall.toml"
_SUFFIXES: Final = (".yaml", ".yml", ".json")


def load(root: Path, last_good: Mapping[str, str] | None = None) -> Registry:
    """Return everything the project in `root` declares.

    Parameters
    ----------
    root
        The folder that holds evenfall.toml.
    last_good
        Text of the last accepted version of each file, by path relative to the root. A broken file is read
        from it, and its parameters carry `config_error`.

    Returns
    -------
    Registry
        Whole whatever the files hold; what is wrong with them is listed in its `problems`.

    Raises
    ------
    UsageError
        When there is no project in `root`.
    """
    if not (root / SETTINGS_FILE).is_file():
        remedy = "name a folder that holds one, or make one with `evenfall init`"
        raise UsageError(f"no {SETTINGS_FILE} in {root}", remedy=remedy)
    texts = read_texts(root, last_good)
    registry = assemble(root, texts)
    return replace(registry, sources=_accepted(registry, texts), git_revision=revision(root))


def read_texts(root: Path, last_good: Mapping[str, str] | None = None) -> Texts:
    """Return the files of the project in `root` as they are found; see `load`."""
    return Texts(
        settings=_read(root, root / SETTINGS_FILE),
        contexts=_read_folder(root, "contexts"),
        graphs=_read_folder(root, "graphs"),
        parameters=_read_folder(root, "parameters"),
        scenarios=_read_folder(root, "scenarios"),
        last_good=last_good or {},
    )


def initialise(root: Path) -> tuple[Path, ...]:
    """Write a small, valid, commented project into `root` and return its files.

    Raises
    ------
    UsageError
        When the folder holds a project already, or a file would be overwritten.
    """
    if (root / SETTINGS_FILE).exists():
        raise UsageError(f"{root} holds a project already", remedy="choose another folder")
    paths = [root / name for name in STARTER]
    for path in paths:
        if path.exists():
            raise UsageError(f"{path} exists already", remedy="choose an empty folder")
    for path, text in zip(paths, STARTER.values(), strict=True):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return tuple(paths)


def _accepted(registry: Registry, texts: Texts) -> dict[str, SourceFile]:
    """Return the files that nothing is wrong with."""
    broken = {problem.file for problem in registry.problems}
    every = (texts.settings, *texts.contexts, *texts.graphs, *texts.parameters, *texts.scenarios)
    return {
        source.file: SourceFile(source.file, source.text, hashlib.sha256(source.text.encode()).hexdigest())
        for source in every
        if source.file not in broken
    }


def _read_folder(root: Path, folder: str) -> tuple[Text, ...]:
    return tuple(_read(root, path) for path in sorted(_definition_files(root / folder)))


def _definition_files(folder: Path) -> Iterator[Path]:
    """Yield the definition files below a folder; hidden ones and those of other kinds are passed over."""
    for parent, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if not name.startswith(".")]
        for name in names:
            if name.endswith(_SUFFIXES) and not name.startswith("."):
                yield Path(parent, name)


def _read(root: Path, path: Path) -> Text:
    """Return the text of a file, or why it cannot be read."""
    file = path.relative_to(root).as_posix()
    try:
        if not path.resolve().is_relative_to(root.resolve()):
            return _unread(file, "a link out of the project", "copy the file into the project")
        if not path.is_file():
            return _unread(file, "not a file", "remove it, or give it another ending")
        with path.open("rb") as opened:
            content = opened.read(SIZE_LIMIT + 1)
    except OSError as error:
        return _unread(file, f"cannot be read ({error.strerror})", "check that it exists and may be read")
    if len(content) > SIZE_LIMIT:
        return _unread(file, f"larger than {SIZE_LIMIT:,} bytes", "split the file")
    return _decode(file, content)


def _decode(file: str, content: bytes) -> Text:
    try:
        return Text(file, content.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        before = content[: error.start]
        line = before.count(b"\n") + 1
        column = error.start - (before.rfind(b"\n") + 1) + 1
        return _unread(file, "not UTF-8", "save the file as UTF-8", line, column)


def _unread(file: str, message: str, remedy: str, line: int = 1, column: int = 1) -> Text:
    return Text(file, problem=ConfigError(message, file=file, line=line, column=column, remedy=remedy))
