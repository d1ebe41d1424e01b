"""kill -9 during nights with fits: run again they hold the same, and files nobody names are swept.

A night is started in a process of its own and killed at a random fault point or moment, until at last it is
left in peace. Its store is compared with one whose nights were never disturbed.
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.runs.fitting.fit_shop import FitShop

from evenfall.runs.fitting.jobs import Limits
from evenfall.runs.fitting.processes import LocalProcesses
from evenfall.store.draws import sweep
from evenfall.store.faults import FAULT_POINTS

from ..runs.shop import DAY, TONIGHT

EDGES = ("plain", "signup", "trial")


@pytest.fixture
def worker() -> Iterator[LocalProcesses]:
    with LocalProcesses(1, Limits(60.0)) as executor:
        yield executor


def opened(root: Path, worker: LocalProcesses, nights: int) -> FitShop:
    """Return a shop that sold for as many days, with two fitted parameters."""
    shop = FitShop(root, worker)
    for edge in EDGES:
        shop.define(edge, update="" if edge == "plain" else "update_rule: variational")
    for night in range(nights):
        shop.sell_all(TONIGHT + (night - 1) * DAY, 400, 130 + night, *EDGES)
    return shop


def start_night(root: Path, day: str, fault: str | None) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "evenfall", "nightly", "--project", str(root), "--as-of", day, "--json"]
    environment = {**os.environ, **({"EVENFALL_FAULT": fault} if fault else {})}
    return subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def everything(shop: FitShop) -> dict[str, Any]:
    """Return all tables without what says when and how fast, and without numbers that gaps may differ in."""
    loose = {"id", "fit_id", "base_fit", "seconds", "posterior_id", "prior_id", "fencing_token"}
    return {
        table: sorted(repr({k: v for k, v in row.items() if k not in loose}) for row in rows)
        for table, rows in shop.kept().items()
        if table
        in ("evidence", "fits", "posteriors", "prior_versions", "night_results", "findings", "outbox")
    }


def check_kills(folder: Path, worker: LocalProcesses, nights: int, kills: int, seed: int) -> None:
    rng, died = random.Random(seed), 0
    with opened(folder / "calm", worker, nights) as calm, opened(folder / "killed", worker, nights) as killed:
        typical = 3.0
        for night in range(nights):
            day = (TONIGHT + night * DAY).isoformat()
            begun = time.perf_counter()
            assert start_night(calm.root, day, None).wait(120) == 0
            typical = time.perf_counter() - begun
            for attempt in range(kills // nights):
                fault = f"{rng.choice(FAULT_POINTS)}:1" if attempt % 2 == 0 else None
                child = start_night(killed.root, day, fault)
                if fault is None:
                    time.sleep(rng.uniform(0.1, 0.9) * typical)
                    child.send_signal(signal.SIGKILL)
                died += child.wait(120) == -signal.SIGKILL
            assert start_night(killed.root, day, None).wait(120) == 0
        assert died >= kills // 3, "too few of the attempts were killed before they had ended"
        assert everything(killed) == everything(calm)
        killed.today = calm.today = TONIGHT + nights * DAY
        killed.check_whole()
        named = {record.artifact for edge in EDGES for record in killed.fits(edge) if record.artifact}
        assert named == {record.artifact for edge in EDGES for record in calm.fits(edge)}
        assert len(named) == 2 * nights
        sweep(killed.artifacts, named, timedelta(0))
        assert killed.files() == named


@pytest.mark.slow
def test_six_kills_of_nights_with_fits_change_nothing(tmp_path: Path, worker: LocalProcesses) -> None:
    check_kills(tmp_path, worker, nights=2, kills=6, seed=20261121)


@pytest.mark.verify
def test_a_hundred_kills_of_nights_with_fits_change_nothing(tmp_path: Path, worker: LocalProcesses) -> None:
    check_kills(tmp_path, worker, nights=10, kills=100, seed=20261122)
