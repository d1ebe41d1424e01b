"""The first thing a newcomer runs: thirty nights of the example, twice, and every number rebuilt."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import evenfall as ef
from evenfall.runs.demo.world import DRIFTING, NIGHTS


UNWELL = ("config_error", "failed", "source_down", "quarantined")


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


def test_the_demo_shows_its_lights_twice_alike_and_rebuilds_to_the_last_digits(tmp_path: Path) -> None:
    demo = ("demo", "--path", str(tmp_path / "acme"), "--no-serve")
    code, first = run(*demo)
    assert code == 0
    lights = {row["parameter_id"]: row["light"] for row in first["rows"]}
    assert lights[DRIFTING] == "red"
    assert {"green", "grey"} <= set(lights.values())
    with ef.open(tmp_path / "acme") as project:
        past = project.status(NIGHTS[9]).as_dict()
        nights = [night for name in project.registry.parameters for night in project.history(name).nights]
        assert not [(n.parameter_id, n.as_of, n.outcome) for n in nights if n.outcome in UNWELL]

    code, again = run(*demo)
    assert code == 0
    assert again == first
    with ef.open(tmp_path / "acme") as project:
        assert project.status(NIGHTS[9]).as_dict() == past

    code, rebuilt = run("rebuild", "--verify", "--project", str(tmp_path / "acme"))
    assert code == 0
    assert rebuilt["checked"] > 600
    assert rebuilt["max_difference"] <= 1e-12

    code, _ = run("status", "--project", str(tmp_path / "acme"))
    assert code == 1  # something is red
