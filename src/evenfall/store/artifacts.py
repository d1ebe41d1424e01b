"""Files that are always whole: a reader sees the old version or the new one, and can prove which.

A file is written beside its place, flushed to the disk, announced in a manifest with its SHA-256, and only
then renamed over the old one. The manifest names the version before as well, so a program killed between the
announcement and the renaming leaves the old file readable. Contents are bytes; nothing is ever unpickled.
"""

from __future__ import annotations

import glob
import hashlib
import json
import os
import time
import uuid
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from evenfall.errors import StoreError
from evenfall.store.faults import reach

__all__ = ["MANIFEST_SUFFIX", "Manifest", "checked_artifact", "read_artifact", "write_artifact"]

MANIFEST_SUFFIX: Final = ".manifest.json"
"""What an artifact's name is followed by in the name of its manifest."""

_READS: Final = 5
"""How often a reader looks again before it says that a file is broken: a writer may be passing."""

_LEFTOVER_SECONDS: Final = 86400
"""Age from which a half-written file is taken for the leftover of a killed program."""


@dataclass(frozen=True, slots=True)
class Manifest:
    """What an artifact must be: the SHA-256 of its newest version, and of the one that was there before."""

    sha256: str
    previous: str | None = None


def write_artifact(path: Path, content: bytes | Callable[[Path], object]) -> Manifest:
    """Put a new version of a file in place and return its manifest.

    Parameters
    ----------
    path
        The artifact's place; folders are made as needed.
    content
        The bytes, or a function that writes a file at the path it is given (for libraries that want a name).
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    _sweep(path)
    part = path.with_name(f".{path.name}.{uuid.uuid4().hex}.part")
    try:
        if callable(content):
            content(part)
        else:
            part.write_bytes(content)
        _flush(part)
        manifest = Manifest(_sha256(part), _present(path))
        reach("artifact.written")
        _announce(path, manifest)
        reach("artifact.manifest")
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
    _flush(path.parent)
    reach("artifact.renamed")
    return manifest


def read_artifact(path: Path) -> bytes:
    """Return the bytes of an artifact, proven to be a version that was written whole.

    Raises
    ------
    StoreError
        When the file or its manifest is missing, or the bytes are not those that were written.
    """
    for _ in range(_READS):
        content = _read(path)
        sha256, manifest = hashlib.sha256(content).hexdigest(), _manifest(path)
        if sha256 in (manifest.sha256, manifest.previous):
            return content
    raise _broken(path, sha256, manifest)


def checked_artifact(path: Path) -> Path:
    """Return the path of an artifact after proving it whole, for libraries that open files by name.

    Raises
    ------
    StoreError
        When the file or its manifest is missing, or the bytes are not those that were written.
    """
    for _ in range(_READS):
        sha256, manifest = _sha256(path), _manifest(path)
        if sha256 in (manifest.sha256, manifest.previous):
            return path
    raise _broken(path, sha256, manifest)


def _manifest_path(path: Path) -> Path:
    return path.with_name(path.name + MANIFEST_SUFFIX)


def _announce(path: Path, manifest: Manifest) -> None:
    place = _manifest_path(path)
    part = place.with_name(f".{place.name}.{uuid.uuid4().hex}.part")
    part.write_text(json.dumps(asdict(manifest)), encoding="utf-8")
    _flush(part)
    part.replace(place)
    _flush(place.parent)


def _present(path: Path) -> str | None:
    """Return the SHA-256 of the version in place, if there is one and it is whole."""
    try:
        return _sha256(checked_artifact(path))
    except StoreError:
        return None


def _manifest(path: Path) -> Manifest:
    try:
        return Manifest(**json.loads(_read(_manifest_path(path))))
    except (ValueError, TypeError) as unreadable:
        raise StoreError(
            f"the manifest of {path} cannot be read: {unreadable}", remedy="write the artifact again"
        ) from unreadable


def _broken(path: Path, sha256: str, manifest: Manifest) -> StoreError:
    return StoreError(
        f"{path} is not what was written: its SHA-256 is {sha256[:12]}…, not {manifest.sha256[:12]}…",
        remedy="restore it from a backup or run what made it again",
    )


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        raise StoreError(f"there is no artifact {path}", remedy="run what makes it") from None


def _sha256(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except FileNotFoundError:
        raise StoreError(f"there is no artifact {path}", remedy="run what makes it") from None


def _flush(path: Path) -> None:
    """Wait until a file, or a folder's list of names, is on the disk."""
    if os.name == "nt" and path.is_dir():
        return
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _sweep(path: Path) -> None:
    """Remove what programs killed long ago left beside the artifact."""
    for part in path.parent.glob(f".{glob.escape(path.name)}.*.part"):
        with suppress(FileNotFoundError):
            if time.time() - part.stat().st_mtime > _LEFTOVER_SECONDS:
                part.unlink()
