"""What Git knows of a project's folder: the commit that is checked out, and a new one of one file."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from evenfall.errors import NotCommitted

__all__ = ["Commit", "commit_file", "require_repository", "revision"]

_COMMIT: Final = re.compile(r"[0-9a-f]{40}([0-9a-f]{24})?")
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f<>]+")


@dataclass(frozen=True, slots=True)
class Commit:
    """How a change is recorded.

    Attributes
    ----------
    message
        What the commit says.
    author
        Who made the change; the e-mail address is taken from it when it is one.
    """

    message: str
    author: str

    @property
    def name(self) -> str:
        """The author's name as Git may write it."""
        return " ".join(_CONTROL.sub(" ", self.author).split()) or "evenfall"

    @property
    def email(self) -> str:
        """The author's address; one of no host when the name is not an address."""
        return self.name if re.fullmatch(r"[^@\s]+@[^@\s]+", self.name) else "evenfall@localhost"


def revision(root: Path) -> str | None:
    """Return the commit that is checked out in `root`, or None when there is none to be known."""
    said = _ask(root, "rev-parse", "--verify", "--quiet", "HEAD")
    return said if said is not None and _COMMIT.fullmatch(said) else None


def require_repository(root: Path, path: Path) -> None:
    """Refuse when Git cannot take a commit of the file.

    Raises
    ------
    NotCommitted
        When there is no Git, the project is in no repository or in one that Git does not trust, or the file
        is one that Git ignores.
    """
    answer = _run(root, "rev-parse", "--is-inside-work-tree", seconds=10)
    if answer is None:
        raise NotCommitted(
            "there is no Git here, or it does not answer",
            remedy="install Git for whoever runs the server, or save without a commit",
        )
    if answer.returncode != 0 and "not a git repository" not in answer.stderr:
        raise _refused(path, answer)
    if answer.stdout.strip() != "true":
        raise NotCommitted(
            "the project is not kept in Git, so nothing can be committed",
            remedy="make it a repository with `git init`, or save without a commit",
        )
    if _ask(root, "ls-files", "--others", "--ignored", "--exclude-standard", "--", str(path)):
        raise NotCommitted(
            f"Git ignores {path.name}, so it cannot be committed",
            remedy="take it out of .gitignore, or save without a commit",
        )


def commit_file(root: Path, path: Path, commit: Commit) -> str | None:
    """Commit the file as it is now, and nothing else, whatever is staged; None when it is committed already.

    Raises
    ------
    NotCommitted
        When Git refuses, such as in the middle of a merge, or because a hook says no.
    """
    standing = _run(root, "--no-optional-locks", "status", "--porcelain", "--", str(path))
    if standing is None or standing.returncode != 0:
        raise _refused(path, standing)
    if not standing.stdout.strip():
        return None
    identity = {
        f"GIT_{role}_{part}": said
        for role in ("AUTHOR", "COMMITTER")
        for part, said in (("NAME", commit.name), ("EMAIL", commit.email))
    }
    added = not _ask(root, "ls-files", "--", str(path))
    if added:
        _run(root, "add", "--intent-to-add", "--", str(path))
    arguments = ("commit", "--quiet", "--cleanup=whitespace", "--file=-", "--only", "--", str(path))
    answer = _run(root, *arguments, said=commit.message or "Change definitions", more=identity)
    if answer is None or answer.returncode != 0:
        if added:
            _run(root, "reset", "--quiet", "--", str(path))
        raise _refused(path, answer)
    return revision(root)


def _refused(path: Path, answer: subprocess.CompletedProcess[str] | None) -> NotCommitted:
    why = (answer.stderr.strip() or answer.stdout.strip()) if answer is not None else "it did not answer"
    return NotCommitted(
        f"Git does not commit {path.name}: {why[:300]}",
        remedy="settle that in the project's folder, or save without a commit",
    )


def _ask(root: Path, *arguments: str) -> str | None:
    """Return what Git says, or None when it refuses, is not there, or takes too long."""
    answer = _run(root, "--no-optional-locks", *arguments, seconds=10)
    return answer.stdout.strip() if answer is not None and answer.returncode == 0 else None


def _run(
    root: Path, *arguments: str, said: str = "", more: dict[str, str] | None = None, seconds: float = 60
) -> subprocess.CompletedProcess[str] | None:
    git = shutil.which("git")
    if git is None:
        return None
    environment = {key: value for key, value in os.environ.items() if not key.startswith("GIT_")}
    environment |= {"GIT_LITERAL_PATHSPECS": "1", "GIT_TERMINAL_PROMPT": "0", "LC_ALL": "C", **(more or {})}
    try:
        return subprocess.run(  # noqa: S603  (no shell; what callers say is never an option)
            [git, "-C", str(root), *arguments],
            input=said,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=seconds,
            check=False,
            env=environment,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
