"""Definition files changed in place: only the one that was seen, only to what holds, whole or not at all."""

from __future__ import annotations

import fcntl
import hashlib
import os
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from evenfall.errors import ConfigError, EditRefused, FileChanged, UsageError
from evenfall.registry.assemble import Texts, assemble
from evenfall.registry.files import read_texts
from evenfall.registry.git import Commit, commit_file, require_repository
from evenfall.registry.registry import Registry
from evenfall.registry.sources import Text, read_tree
from evenfall.registry.tree import SIZE_LIMIT, Tree

__all__ = ["Change", "Changed", "DefinitionFile", "change_file", "problems_of", "read_definition"]

_BOM: Final = b"\xef\xbb\xbf"
_PATIENCE: Final = 10.0
"""Seconds to wait for another edit of the same project."""

type Change = Callable[[str, Tree], str]
"""What becomes of a text, given with its tree; raises `ConfigError` when the change cannot be made."""
type Check = Callable[[Registry], Sequence[ConfigError]]
"""Problems of a registry beyond those of its files, such as those of its queries."""


@dataclass(frozen=True, slots=True)
class DefinitionFile:
    """A definition file as it is on the disk.

    Attributes
    ----------
    file
        Relative to the project's root, with forward slashes.
    """

    file: str
    content: bytes

    @property
    def etag(self) -> str:
        """Version of the file: the SHA-256 of its bytes."""
        return hashlib.sha256(self.content).hexdigest()


@dataclass(frozen=True, slots=True)
class Changed:
    """What came of an edit.

    Attributes
    ----------
    written
        Whether the file had to be written; a change to what it says already writes nothing.
    commit
        The Git commit that holds the change, when one was asked for and there was something to commit.
    """

    file: str
    etag: str
    written: bool
    commit: str | None = None


def read_definition(root: Path, file: str) -> DefinitionFile:
    """Return a definition file of the project in `root`.

    Raises
    ------
    UsageError
        When it is gone, or leads out of the project.
    """
    path = _inside(root, file)
    try:
        with path.open("rb") as opened:
            return DefinitionFile(file, opened.read(SIZE_LIMIT + 1))
    except OSError as error:
        raise UsageError(
            f"{file} cannot be read ({error.strerror})", remedy="check that it exists and may be read"
        ) from None


def problems_of(root: Path, source: Text, check: Check) -> list[ConfigError]:
    """Return what is wrong with a file if it holds this text, and what would go wrong elsewhere by it."""
    texts = read_texts(root)
    after = _problems(root, _with(texts, source), check)
    return _new(after, _problems(root, texts, check), but=source.file)


def change_file(
    root: Path,
    file: str,
    change: Change,
    *,
    seen: Callable[[DefinitionFile], bool],
    check: Check,
    commit: Commit | None = None,
) -> Changed:
    """Write the change of a definition file, when it is still the file that was seen and stays valid.

    Parameters
    ----------
    file
        As the registry names it, never as a caller does.
    seen
        Whether the file is the version that the change is made to.
    check
        Finds problems beyond those of the files.
    commit
        How to record the file in Git; None leaves that to its owner.

    Raises
    ------
    FileChanged
        When the file is not the one that was seen.
    ConfigError
        When the change cannot be made to this file, or (`EditRefused`) leaves a new problem anywhere.
    NotCommitted
        When a commit was asked for and Git does not make it.
    UsageError
        When the file is gone or leads out of the project, or another edit takes too long.
    """
    with _lock(root):
        before = read_definition(root, file)
        if not seen(before):
            raise FileChanged(file, before.etag)
        path = _inside(root, file)
        if commit is not None:
            require_repository(root, path)
        after = _changed(root, before, change, check)
        if after.content != before.content:
            # editors and Git do not ask for the lock, and the check may have taken seconds
            if (now := read_definition(root, file)).content != before.content:
                raise FileChanged(file, now.etag)
            _write(path, after.content)
        recorded = _record(root, path, before, commit) if commit is not None else None
        return Changed(file, read_definition(root, file).etag, after.content != before.content, recorded)


def _changed(root: Path, before: DefinitionFile, change: Change, check: Check) -> DefinitionFile:
    """Return the file as it will be, once nothing speaks against it."""
    marked = before.content.startswith(_BOM)
    text = _decoded(before)
    tree, problems = read_tree(Text(before.file, text))
    if problems:
        raise EditRefused(problems)
    new = change(text, tree)
    content = (_BOM if marked else b"") + new.encode("utf-8")
    if len(content) > SIZE_LIMIT:
        raise EditRefused([tree.error(f"larger than {SIZE_LIMIT:,} bytes", remedy="split the file")])
    if new != text and (found := _new_problems(root, before.file, new, check)):
        raise EditRefused(found)
    return DefinitionFile(before.file, content)


def _decoded(before: DefinitionFile) -> str:
    try:
        return before.content.decode("utf-8-sig")
    except UnicodeDecodeError:
        problem = ConfigError(
            "not UTF-8", file=before.file, line=1, column=1, remedy="save the file as UTF-8"
        )
        raise EditRefused([problem]) from None


def _new_problems(root: Path, file: str, text: str, check: Check) -> list[ConfigError]:
    """Return the problems that the project has with the text and does not have without it."""
    texts = read_texts(root)
    after = _problems(root, _with(texts, Text(file, text)), check)
    return _new(after, _problems(root, texts, check)) if after else []


def _new(after: Sequence[ConfigError], before: Sequence[ConfigError], but: str = "") -> list[ConfigError]:
    """Return the problems that were not there before, and all of the file `but`."""
    known = Counter(_identity(problem) for problem in before if problem.file != but)
    new = []
    for problem in after:
        known[_identity(problem)] -= 1
        if known[_identity(problem)] < 0:
            new.append(problem)
    return new


def _problems(root: Path, texts: Texts, check: Check) -> list[ConfigError]:
    registry = assemble(root, texts)
    return [*registry.problems, *check(registry)]


def _identity(problem: ConfigError) -> tuple[str, str, str, str]:
    """Return what makes a problem the same one, wherever its line has moved to."""
    return problem.file, problem.path, problem.message, repr(problem.value)


def _with(texts: Texts, source: Text) -> Texts:
    """Return the texts with one of them in the place of what its file says; a new one is added."""

    def changed(members: tuple[Text, ...]) -> tuple[Text, ...]:
        others = [member for member in members if member.file != source.file]
        return tuple(sorted([*others, source], key=lambda member: member.file))

    if source.file.startswith("graphs/"):
        return replace(texts, graphs=changed(texts.graphs))
    if source.file.startswith("scenarios/"):
        return replace(texts, scenarios=changed(texts.scenarios))
    return replace(texts, parameters=changed(texts.parameters))


def _inside(root: Path, file: str) -> Path:
    """Return where a file of the project really is; a link out of the project is not followed."""
    path = (root / file).resolve()
    if not path.is_relative_to(root.resolve()):
        raise UsageError(f"{file} leads out of the project", remedy="copy the file into the project")
    return path


@contextmanager
def _lock(root: Path) -> Iterator[None]:
    """Hold the one right to edit the project's files, among all threads and processes."""
    descriptor = _lock_file(root / ".evenfall")
    try:
        give_up = time.monotonic() + _PATIENCE
        while not _locked(descriptor):
            if time.monotonic() > give_up:
                raise UsageError("another edit of this project does not end", remedy="try again in a minute")
            time.sleep(0.01)
        yield
    finally:
        os.close(descriptor)


def _lock_file(folder: Path) -> int:
    try:
        folder.mkdir(exist_ok=True)
        return os.open(folder / "edit.lock", os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o644)
    except OSError as error:
        raise UsageError(
            f"{folder} cannot be written ({error.strerror})",
            remedy="give the server the right to write in the project's folder",
        ) from None


def _locked(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _write(path: Path, content: bytes) -> None:
    """Put the content in the place of the file: after a crash it is the old one or the new one."""
    if not os.access(path, os.W_OK):
        raise UsageError(f"{path.name} may not be written", remedy="give the server the right to write it")
    try:
        _replace(path, content)
    except OSError as error:
        raise UsageError(
            f"{path.name} cannot be written ({error.strerror})",
            remedy="make room, or see who owns its folder",
        ) from None


def _replace(path: Path, content: bytes) -> None:
    before = path.stat()
    descriptor, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".tmp", dir=path.parent)
    try:
        with os.fdopen(descriptor, "wb") as opened:
            opened.write(content)
            opened.flush()
            with suppress(PermissionError):  # only root may leave a file to its owner
                os.fchown(opened.fileno(), before.st_uid, before.st_gid)
            os.fchmod(opened.fileno(), before.st_mode & 0o7777)
            os.fsync(opened.fileno())
        Path(name).replace(path)
    except BaseException:
        with suppress(FileNotFoundError):
            Path(name).unlink()
        raise
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _record(root: Path, path: Path, before: DefinitionFile, commit: Commit) -> str | None:
    """Commit the file; when Git refuses, the file is as it was before."""
    try:
        return commit_file(root, path, commit)
    except BaseException:
        _write(path, before.content)
        raise
