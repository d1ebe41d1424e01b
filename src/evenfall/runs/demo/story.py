"""The example project, built and run: thirty nights, each with only the data that had arrived before it."""

from __future__ import annotations

import shutil
from pathlib import Path

from evenfall.runs.demo.data import DemoData, example_path
from evenfall.runs.demo.world import DEFAULT_SEED, NIGHTS
from evenfall.runs.fitting.fitter import Fitter
from evenfall.runs.night.nightly import Progress, apply
from evenfall.runs.night.plan import plan_night
from evenfall.runs.report import Status
from evenfall.runs.status import status
from evenfall.runs.world import open_world

__all__ = ["build_demo", "run_demo"]


def build_demo(root: Path) -> None:
    """Copy the example's definitions to `root`; files that are there already are the user's and stay."""
    source = example_path()
    for file in sorted(path for path in source.rglob("*") if path.is_file()):
        target = root / file.relative_to(source)
        if not target.exists():
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(file, target)


def run_demo(root: Path, progress: Progress | None = None, seed: int = DEFAULT_SEED) -> Status:
    """Build the example in `root`, run its thirty nights and return how its numbers stand.

    Before each night the data folder holds exactly what had arrived by then, so running the demo again runs
    the same nights over the same data and changes no number.
    """
    build_demo(root)
    world = open_world(root.resolve())
    try:
        data = DemoData.of(world.registry.parameters, seed)
        data.write_truth(root)
        with Fitter.of(world) as fitter:  # one set of workers, warm from the first night to the last
            for done, as_of in enumerate(NIGHTS, start=1):
                data.lay(root, as_of)
                apply(world, plan_night(world, world.night(as_of)), fitter=fitter)
                if progress is not None:
                    progress(done, len(NIGHTS), f"night of {as_of}")
        return status(world, world.night())
    finally:
        world.store.close()
