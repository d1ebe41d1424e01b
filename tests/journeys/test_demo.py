"""The first thing a newcomer runs: thirty nights of the example, twice, and every number rebuilt."""

from __future__ import annotations

import shutil
from pathlib import Path

from tests.journeys.demo_project import Demo, run

import evenfall as ef
from evenfall.runs.demo.world import DRIFTING, NIGHTS


def test_the_demo_shows_its_lights_twice_alike_and_rebuilds_to_the_last_digits(
    demo: Demo, tmp_path: Path
) -> None:
    lights = {row["parameter_id"]: row["light"] for row in demo.said["rows"]}
    assert lights[DRIFTING] == "red"
    assert {"green", "grey"} <= set(lights.values())
    path = shutil.copytree(demo.path, tmp_path / "acme")
    with ef.open(path) as project:
        past = project.status(NIGHTS[9]).as_dict()

    code, again = run("demo", "--path", str(path), "--no-serve")
    assert code == 0
    assert {**again, "path": demo.said["path"]} == demo.said
    with ef.open(path) as project:
        assert project.status(NIGHTS[9]).as_dict() == past

    code, rebuilt = run("rebuild", "--verify", "--project", str(path))
    assert code == 0, rebuilt
    assert rebuilt["checked"] > 600
    assert rebuilt["max_difference"] <= 1e-12

    code, _ = run("status", "--project", str(path))
    assert code == 1  # something is red
