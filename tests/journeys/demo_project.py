"""The example with its thirty nights, built once for every test that looks at it."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

__all__ = ["Demo", "build_demo_project", "run"]


@dataclass(frozen=True)
class Demo:
    """Where it stands, and what `evenfall demo` said of it."""

    path: Path
    said: Any


def run(*arguments: str) -> tuple[int, Any]:
    """Run the command line in a process of its own and return its exit code and its JSON."""
    done = subprocess.run(
        [sys.executable, "-m", "evenfall", *arguments, "--json"],
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert not done.stderr, done.stderr
    return done.returncode, json.loads(done.stdout)


def build_demo_project(path: Path) -> Demo:
    """Build the example in `path` as a newcomer does."""
    code, said = run("demo", "--path", str(path), "--no-serve")
    assert code == 0
    return Demo(path, said)
