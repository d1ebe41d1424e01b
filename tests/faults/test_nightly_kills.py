"""kill -9 at random moments of a night: no event is lost, none is counted twice.

Each night of the example is started in a process of its own, killed after a random share of the time a night
takes or at a random fault point, and run again. What the store then holds is compared with a store whose
nights were never disturbed: the same evidence, priors, posteriors, lights and messages, night for night.
"""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

import evenfall as ef
from evenfall.beliefs.belief import Belief
from evenfall.runs.demo.data import DemoData
from evenfall.runs.demo.story import build_demo
from evenfall.runs.demo.world import NIGHTS
from evenfall.store.faults import FAULT_POINTS

NIGHTLY_POINTS = [point for point in FAULT_POINTS if not point.startswith("artifact")]


def numbers(belief: Belief) -> tuple[str, tuple[float, ...], str]:
    """Return a belief to 9 digits: draws of another process differ in the last of their 16 (seen: 4e-12)."""
    return belief.family, tuple(float(f"{value:.9g}") for value in belief.theta), str(belief.origin)


def everything(root: Path) -> dict[str, object]:
    """Return what the store of a project holds, without run numbers and wall times."""
    with ef.open(root) as project:
        kept: dict[str, object] = {}
        for identity in project.registry.parameters:
            history = project.history(identity)
            kept[identity] = (
                [(p.belief, p.reason, p.absorbed_until, p.seen_at) for p in history.priors],
                [(p.as_of, numbers(p.belief), p.sums, p.inputs_hash) for p in history.posteriors],
                [(e.window, e.size, e.total, e.squares, e.seen_at) for e in history.evidence],
                [(n.as_of, n.outcome, n.light, n.loaded, n.counted) for n in history.nights],
            )
        messages = [queued.message for queued in project.world.store.outbox()]
        kept["outbox"] = sorted((m.idempotency_key, m.channel, str(m.payload)) for m in messages)
        return kept


def start_night(root: Path, as_of: str, fault: str | None) -> subprocess.Popen[bytes]:
    command = [
        sys.executable,
        "-m",
        "evenfall",
        "nightly",
        "--project",
        str(root),
        "--as-of",
        as_of,
        "--json",
    ]
    environment = {"PATH": "/usr/bin:/bin", **({"EVENFALL_FAULT": fault} if fault else {})}
    return subprocess.Popen(
        command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
    )


def run_with_kills(root: Path, data: DemoData, nights: int, kills: int, seed: int) -> int:
    """Run the nights, killing `kills` attempts at random moments; return how many died before they ended."""
    rng = random.Random(seed)
    typical, died = 1.5, 0
    for number, night in enumerate(NIGHTS[:nights]):
        data.lay(root, night)
        for attempt in range(kills // nights + (number < kills % nights)):
            fault = f"{rng.choice(NIGHTLY_POINTS)}:1" if attempt % 2 == 0 else None
            child = start_night(root, night.isoformat(), fault)
            if fault is None:
                time.sleep(rng.uniform(0.2, typical))
                child.send_signal(signal.SIGKILL)
            died += child.wait(timeout=60) == -signal.SIGKILL
        started = time.perf_counter()
        child = start_night(root, night.isoformat(), None)
        assert child.wait(timeout=120) == 0
        typical = time.perf_counter() - started
    return died


def check_kills(folder: Path, nights: int, kills: int, seed: int) -> None:
    calm, killed = folder / "calm", folder / "killed"
    for root in (calm, killed):
        build_demo(root)
    with ef.open(calm) as project:
        data = DemoData.of(project.registry.parameters)
        for night in NIGHTS[:nights]:
            data.lay(calm, night)
            project.nightly(night).apply()
    died = run_with_kills(killed, data, nights, kills, seed)
    assert died >= kills // 2, "too few of the attempts were killed before they had ended"
    assert everything(killed) == everything(calm)


def test_twenty_kills_lose_nothing_and_count_nothing_twice(tmp_path: Path) -> None:
    check_kills(tmp_path, nights=10, kills=20, seed=20260901)


@pytest.mark.verify
def test_two_hundred_kills_lose_nothing_and_count_nothing_twice(tmp_path: Path) -> None:
    check_kills(tmp_path, nights=25, kills=200, seed=20260902)
