"""Definitions of other programs brought into a project: all of their files, or none."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from evenfall.errors import ConfigError, UsageError
from evenfall.registry.assemble import Texts, assemble
from evenfall.registry.dagnet.account import Fate
from evenfall.registry.dagnet.translate import Known, Skipped, Translation, translate
from evenfall.registry.files import SETTINGS_FILE, load
from evenfall.registry.registry import Registry
from evenfall.registry.sources import Text
from evenfall.registry.tree import SIZE_LIMIT

__all__ = ["FILE_LIMIT", "ImportReport", "import_dagnet"]

FILE_LIMIT: Final = 5_000
"""Most files one import reads."""
_SUFFIXES: Final = (".json", ".yaml", ".yml")
_ROOMS: Final = ("contexts", "graphs", "parameters")
_FATES: Final[tuple[Fate, ...]] = ("kept", "translated", "dropped")


@dataclass(frozen=True, slots=True)
class ImportReport:
    """What an import did, or why it did nothing.

    Attributes
    ----------
    translation
        What the files mean, with the account of every value in them.
    written
        Files of the project that are new; with `dry_run` those that would be.
    unchanged
        Files that the project has already, word for word.
    conflicts
        Files that the project has with other content; with any of them nothing is written.
    problems
        Files that cannot be read, and what the project would not accept; nothing is written then either.
    """

    source: Path
    root: Path
    translation: Translation
    written: tuple[str, ...] = ()
    unchanged: tuple[str, ...] = ()
    conflicts: tuple[str, ...] = ()
    problems: tuple[ConfigError, ...] = ()
    skipped: tuple[Skipped, ...] = ()
    dry_run: bool = False

    @property
    def exit_code(self) -> int:
        """0 when all is imported, 2 for conflicts, 1 for problems."""
        return 1 if self.problems else 2 if self.conflicts else 0

    def as_dict(self) -> dict[str, Any]:
        """Return the report as JSON-ready data, the problems aside."""
        return {
            "source": str(self.source),
            "project": str(self.root),
            "dry_run": self.dry_run,
            "written": list(self.written),
            "unchanged": list(self.unchanged),
            "conflicts": list(self.conflicts),
            **{fate: [entry.as_dict() for entry in self.translation.of(fate)] for fate in _FATES},
            "skipped": [{"file": file.file, "why": file.why} for file in self.skipped],
            "warnings": list(self.translation.warnings),
            "exit_code": self.exit_code,
        }


def import_dagnet(
    source: Path, root: Path, *, dry_run: bool = False, strength: float | None = None
) -> ImportReport:
    """Bring the graphs, parameters, contexts and experiments of DagNet below `source` into a project.

    Parameters
    ----------
    source
        A file, or a folder with everything below it; hidden files are passed over.
    root
        The project's folder.
    dry_run
        Whether to report only.
    strength
        Trials that a mean without a stdev counts for, where a parameter needs one.

    Raises
    ------
    UsageError
        When there is nothing to import, or no project.
    """
    registry = load(root)
    texts, passed_over = _texts(source)
    known = Known(
        registry.contexts, registry.graphs, frozenset(registry.parameters), registry.settings.currency
    )
    translation = translate(texts, known, strength)
    skipped = (*passed_over, *translation.skipped)
    if not translation.files and not translation.problems:
        remedy = "name a graph's JSON, or the folder with graphs, parameters, contexts and cases"
        raise UsageError(f"{source} holds no graph, parameter or context of DagNet", remedy=remedy)
    unchanged, conflicts, new = _compared(root, translation.files)
    problems = (*translation.problems, *_refusals(registry, {file: translation.files[file] for file in new}))
    writes = () if problems or conflicts else new
    if writes and not dry_run:
        _write(root, {file: translation.files[file] for file in writes})
    return ImportReport(
        source, root, translation, writes, unchanged, conflicts, problems, tuple(skipped), dry_run
    )


def _texts(source: Path) -> tuple[list[Text], list[Skipped]]:
    """Return the files to read, and those passed over."""
    if not source.exists():
        raise UsageError(f"{source} does not exist", remedy="name a file or a folder")
    if source.is_file():
        return [_text(source, source.name)], []
    paths = sorted(_files_below(source))
    if len(paths) > FILE_LIMIT:
        message = f"{source} holds {len(paths):,} files; an import reads at most {FILE_LIMIT:,}"
        raise UsageError(message, remedy="name a smaller folder")
    texts, skipped = [], []
    for path in paths:
        name = path.relative_to(source).as_posix()
        if path.resolve().is_relative_to(source.resolve()):
            texts.append(_text(path, name))
        else:
            skipped.append(Skipped(name, "a link out of the folder"))
    return texts, skipped


def _files_below(folder: Path) -> Iterator[Path]:
    for parent, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if not name.startswith(".") and name != "node_modules"]
        for name in names:
            if name.endswith(_SUFFIXES) and not name.startswith("."):
                yield Path(parent, name)


def _text(path: Path, name: str) -> Text:
    """Return the text of a file, or why it has none."""
    try:
        with path.open("rb") as opened:
            content = opened.read(SIZE_LIMIT + 1)
    except OSError as error:
        return _unread(name, f"cannot be read ({error.strerror})", "check that it may be read")
    if len(content) > SIZE_LIMIT:
        return _unread(name, f"larger than {SIZE_LIMIT:,} bytes", "leave the file out, or make it smaller")
    try:
        return Text(name, content.decode("utf-8-sig"))
    except UnicodeDecodeError:
        return _unread(name, "not UTF-8", "save the file as UTF-8")


def _unread(name: str, message: str, remedy: str) -> Text:
    return Text(name, problem=ConfigError(message, file=name, line=1, column=1, remedy=remedy))


def _compared(
    root: Path, files: Mapping[str, str]
) -> tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]]:
    """Return the files that stand already as they would be written, those that differ, and the new ones."""
    unchanged, conflicts, new = [], [], []
    for file, text in files.items():
        path = root / file
        if not os.path.lexists(path):
            new.append(file)
        elif path.is_file() and path.read_bytes() == text.encode():
            unchanged.append(file)
        else:
            conflicts.append(file)
    return tuple(unchanged), tuple(conflicts), tuple(new)


def _refusals(registry: Registry, files: Mapping[str, str]) -> tuple[ConfigError, ...]:
    """Return what the project with these files would not accept, beyond what it does not accept now."""
    added = [Text(file, text) for file, text in files.items()]
    kept = [Text(source.path, source.text) for source in registry.sources.values()]

    def project(texts: Sequence[Text]) -> Registry:
        settings = next((text for text in texts if text.file == SETTINGS_FILE), Text(SETTINGS_FILE))
        rooms = {room: _below(texts, room) for room in _ROOMS}
        return assemble(
            registry.root, Texts(settings, rooms["contexts"], rooms["graphs"], rooms["parameters"])
        )

    before = {str(problem) for problem in project(kept).problems}
    after = project([*kept, *added]).problems
    return tuple(problem for problem in after if str(problem) not in before)


def _below(texts: Sequence[Text], room: str) -> tuple[Text, ...]:
    found = (text for text in texts if text.file.startswith(f"{room}/"))
    return tuple(sorted(found, key=lambda text: text.file))


def _write(root: Path, files: Mapping[str, str]) -> None:
    """Write every file, or none: all are laid beside their places first, then each takes its own.

    Raises
    ------
    UsageError
        When one cannot be written; those that were are taken back.
    """
    laid: dict[Path, Path] = {}
    try:
        with contextlib.ExitStack() as undone, contextlib.ExitStack() as cleared:
            for file, text in files.items():
                target = root / file
                _make_folder(root, target.parent, undone)
                laid[target] = target.with_name(f".{target.name}.importing")
                cleared.callback(laid[target].unlink, missing_ok=True)
                _lay(laid[target], text)
            for target, beside in laid.items():
                os.link(beside, target)  # refuses a file that came in between; a rename would replace it
                undone.callback(target.unlink)
            undone.pop_all()
    except OSError as error:
        shown = error.filename2 or error.filename
        remedy = "nothing was imported; make room for it, and import again"
        raise UsageError(f"{shown} cannot be written ({error.strerror})", remedy=remedy) from None


def _make_folder(root: Path, folder: Path, undone: contextlib.ExitStack) -> None:
    if not folder.is_dir():
        folder.mkdir()
        undone.callback(_remove_empty, folder)
    if not folder.resolve().is_relative_to(root.resolve()):
        raise UsageError(f"{folder} is a link out of the project", remedy="make it a folder")


def _remove_empty(folder: Path) -> None:
    with contextlib.suppress(OSError):  # somebody else's file is in it by now
        folder.rmdir()


def _lay(path: Path, text: str) -> None:
    path.unlink(missing_ok=True)  # of an import that was killed
    with path.open("x", encoding="utf-8", newline="") as opened:
        opened.write(text)
        opened.flush()
        os.fsync(opened.fileno())
