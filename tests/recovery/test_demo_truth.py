"""The example's posteriors against the truth its events were drawn from.

For each of 200 seeds the truths are drawn from the priors the example states and thirty days of events from
the truths. An exact posterior then covers its truth with exactly the stated probability: over at least 2,000
pooled 95 % intervals the standard error is below .5 %, so 93 to 97 % is four standard errors either way. The
drifting edge must be red after thirty nights.

A posterior depends on the ledger alone and not on which nights ran (the laws of the ledger machine), so one
backfill of the thirty days stands here for thirty nights.
"""

from __future__ import annotations

from pathlib import Path

import pytest

import evenfall as ef
from evenfall.findings import Light
from evenfall.runs.demo.data import DemoData
from evenfall.runs.demo.story import build_demo
from evenfall.runs.demo.world import DAYS, DRIFTING, NIGHTS


def one_seed(root: Path, seed: int) -> tuple[int, int, bool, int]:
    """Return (intervals that cover, intervals, whether the drifting edge is red, false reds) of one seed."""
    with ef.open(root, store="memory") as project:
        data = DemoData.of(project.registry.parameters, seed)
        data.lay(root, NIGHTS[-1])
        report = project.backfill(DAYS[0], NIGHTS[-1]).apply()
        assert not report.failures
        status = {row.parameter_id: row for row in project.status().rows}
        truths = {name: truth.quantity for name, truth in data.truths.items()}
    covered = pooled = false_reds = 0
    for name, quantity in truths.items():
        row = status[name]
        if name == DRIFTING or row.lower is None or row.upper is None:
            continue
        pooled += 1
        covered += row.lower <= quantity <= row.upper
        false_reds += row.light is Light.RED
    return covered, pooled, status[DRIFTING].light is Light.RED, false_reds


def run_seeds(root: Path, seeds: range) -> tuple[int, int, int, int]:
    build_demo(root)
    (
        root / "parameters" / "usual-order-value.yaml"
    ).unlink()  # a model compiled per seed, of events seen anyway
    outcomes = [one_seed(root, seed) for seed in seeds]
    covered, pooled, red, false_reds = (sum(column) for column in zip(*outcomes, strict=True))
    print(
        f"{len(seeds)} seeds: {covered}/{pooled} = {covered / pooled:.4f} covered,"
        f" drifting edge red in {red}, false reds {false_reds}"
    )
    return covered, pooled, red, false_reds


def test_the_intervals_of_four_seeds_cover_and_the_drift_is_seen(tmp_path: Path) -> None:
    covered, pooled, red, _ = run_seeds(tmp_path, range(4))
    assert covered / pooled > 0.85  # of about 80 intervals; below it lies 1e-4 of the binomial at .95
    assert red == 4


@pytest.mark.verify
def test_the_intervals_of_two_hundred_seeds_cover_and_the_drift_is_seen(tmp_path: Path) -> None:
    covered, pooled, red, false_reds = run_seeds(tmp_path, range(200))
    assert pooled >= 2_000
    assert 0.93 <= covered / pooled <= 0.97
    assert red >= 190
    assert false_reds / pooled <= 0.02
