"""The Git revision of a project's folder, asked of the git program."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Final

__all__ = ["revision"]

_COMMIT: Final = re.compile(r"[0-9a-f]{40}([0-9a-f]{24})?")


def revision(root: Path) -> str | None:
    """Return the commit that is checked out in `root`, or None when there is none to be known."""
    git = shutil.which("git")
    if git is None:
        return None
    environment = {key: value for key, value in os.environ.items() if not key.startswith("GIT_")}
    command = [git, "--no-optional-locks", "-C", str(root), "rev-parse", "--verify", "--quiet", "HEAD"]
    try:
        answer = subprocess.run(  # noqa: S603  (fixed arguments, no shell)
            command, capture_output=True, text=True, timeout=10, check=False, env=environment
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    said = answer.stdout.strip()
    return said if answer.returncode == 0 and _COMMIT.fullmatch(said) else None
