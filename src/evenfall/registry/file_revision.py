"""What Git knows of one file of a project: the commit that last changed it, and what came since."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Final

__all__ = ["FileRevision", "file_revision"]

_COMMIT: Final = re.compile(r"[0-9a-f]{40}([0-9a-f]{24})?")


@dataclass(frozen=True, slots=True)
class FileRevision:
    """The commit that last changed a file, who made it, and whether the file has been changed since."""

    revision: str
    author: str
    dirty: bool


def file_revision(root: Path, file: str) -> FileRevision | None:
    """Return what Git knows of a file below `root`; None when it was never committed."""
    said = (_ask(root, "log", "-1", "--format=%H%x09%an", "--", file) or "").strip()
    commit, _, author = said.partition("\t")
    if not _COMMIT.fullmatch(commit):
        return None
    changes = _ask(root, "status", "--porcelain", "--", file)
    return FileRevision(commit, author, dirty=changes is None or bool(changes.strip()))


def _ask(root: Path, *words: str) -> str | None:
    """Return what the git program prints, or None when it is not there or does not answer."""
    git = shutil.which("git")
    if git is None:
        return None
    environment = {key: value for key, value in os.environ.items() if not key.startswith("GIT_")}
    command = [git, "--no-optional-locks", "--literal-pathspecs", "-C", str(root), *words]
    try:
        answer = subprocess.run(  # noqa: S603  (fixed words and a path of the project, no shell)
            command,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=10,
            check=False,
            env=environment,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return answer.stdout if answer.returncode == 0 else None
