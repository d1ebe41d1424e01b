"""kill -9 at every fault point of the store: nothing lost, nothing twice, nothing half."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.store.cases import CHUNKS, ELSEWHERE, FIRST, LATE, P, full, night, run_two_nights

from evenfall.errors import LeaseLost
from evenfall.store.artifacts import read_artifact, write_artifact
from evenfall.store.database import Store, open_store
from evenfall.store.draws import load_draws, sweep
from evenfall.store.faults import FAULT_POINTS
from evenfall.store.records import Lease

ROOT = Path(__file__).parents[2]
NIGHTLY = """
    import sys
    from evenfall.store.database import open_store
    from tests.store.cases import run_two_nights
    with open_store(sys.argv[1]) as store:
        run_two_nights(store)
"""

FITTING = """
    # One parent imports once; each fault point is met by a child of its own, which dies there.
    import os, sys
    from dataclasses import replace
    from pathlib import Path
    import h5netcdf
    import numpy as np
    from evenfall.store.database import open_store
    from evenfall.store.draws import save_draws
    from tests.store.cases import fit, full, save
    root = Path(sys.argv[1])

    def night(n):
        draws = {"draws/rate": np.full((4, 250), float(n)), "points": np.full((4, 250, 2), float(n))}
        with open_store(f"sqlite:///{root / 'store.db'}") as store:
            kept = save_draws(root, "p", draws, {"night": str(n)})
            one = fit(f"i{n}", n, artifact=kept.path, artifact_sha256=kept.sha256)
            assert not save(store, replace(full(n, inputs=f"h{n}"), fit=one)).failed

    def in_a_child(fault, n):
        child = os.fork()
        if not child:
            os.environ["EVENFALL_FAULT"] = fault
            night(n)
            os._exit(0)
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])

    night(1)
    for n, fault in enumerate(sys.argv[2:], 2):
        print(fault, in_a_child(fault, n), flush=True)
        input()
        print(fault, in_a_child("", n) if n % 2 else 0, flush=True)  # every other night is run again
        input()
"""

REPLACING = """
    import sys
    from pathlib import Path
    from evenfall.store.artifacts import write_artifact
    write_artifact(Path(sys.argv[1]), b"new" * 100_000)
"""


def talk_to(script: str, argument: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", textwrap.dedent(script), argument]
    pipe = subprocess.PIPE
    return subprocess.Popen(command, cwd=ROOT, stdin=pipe, stdout=pipe, text=True)


def run(script: str, argument: str, fault: str = "") -> int:
    environment = {**os.environ, "EVENFALL_FAULT": fault}
    command = [sys.executable, "-c", textwrap.dedent(script), argument]
    return subprocess.run(command, cwd=ROOT, env=environment, check=False).returncode


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    url = f"sqlite:///{tmp_path_factory.mktemp('undisturbed') / 'store.db'}"
    with open_store(url) as store:
        run_two_nights(store)
        return beliefs(store)


def beliefs(store: Store) -> dict[str, Any]:
    """Return what the store says of every parameter, but for wall times and row numbers."""
    at = night(9)
    return {
        name: (
            [(r.window, r.total, r.seen_at, r.version) for r in store.evidence_history(name)],
            [(p.version, p.belief) for p in store.priors([name], at)[name]],
            [(p.inputs_hash, p.prior_version, p.seen_at) for p in store.posterior_history(name)],
            store.current([name], at)[name].inputs_hash,
            store.published([name], at),
            [(r.as_of, r.outcome, r.posterior_id is not None) for r in store.night_history(name)],
            store.findings([name]),
            [m.message for m in store.outbox() if m.message.parameter_id == name],
        )
        for names in CHUNKS
        for name in names
    }


POINTS = [f"{point}:{nth}" for point in FAULT_POINTS if not point.startswith("artifact") for nth in (1, 4)]


@pytest.mark.parametrize("fault", POINTS)
def test_a_killed_night_run_again_is_a_night_that_was_never_killed(
    tmp_path: Path, undisturbed: dict[str, Any], fault: str
) -> None:
    url = f"sqlite:///{tmp_path / 'store.db'}"
    assert run(NIGHTLY, url, fault) == -signal.SIGKILL
    with open_store(url) as store:
        for name in store.parameter_ids():  # whole or not at all
            nights = len(store.night_history(name))
            assert nights in (1, 2)
            assert len(store.evidence_history(name)) == nights
            assert len(store.posterior_history(name)) == nights
            assert len([m for m in store.outbox() if m.message.parameter_id == name]) == nights
            assert len(store.findings([name])) == nights
        run_two_nights(store)
        assert beliefs(store) == undisturbed
        assert {attempt.status for attempt in store.runs()} <= {"ok", "abandoned"}


def current_night(root: Path) -> int:
    """Return the night whose draws are current, after reading every file that a current one needs."""
    with open_store(f"sqlite:///{root / 'store.db'}") as store:
        current = store.current([P], LATE)[P]
        assert current.fit_id is not None
        fit = store.fit(current.fit_id)
        assert fit.artifact is not None
        assert fit.artifact_sha256 is not None
        arrays, attributes = load_draws(root, fit.artifact, fit.artifact_sha256)
        assert np.all(arrays["draws/rate"] == float(attributes["night"]))
        assert attributes["night"] == current.inputs_hash.removeprefix("h")
        return int(attributes["night"])


@pytest.mark.slow
def test_no_kill_between_file_and_row_leaves_a_posterior_without_its_draws(tmp_path: Path) -> None:
    faults = [f"{point}:1" for point in FAULT_POINTS] * 2
    assert len(faults) >= 20
    command = [sys.executable, "-c", textwrap.dedent(FITTING), str(tmp_path), *faults]
    pipe = subprocess.PIPE
    good = 1
    with subprocess.Popen(command, cwd=ROOT, stdin=pipe, stdout=pipe, text=True) as parent:
        assert parent.stdout is not None
        assert parent.stdin is not None

        def go_on() -> None:
            assert parent.stdin is not None
            parent.stdin.write("\n")
            parent.stdin.flush()

        for n, fault in enumerate(faults, 2):
            assert parent.stdout.readline().split() == [fault, str(-signal.SIGKILL)]
            good = n if fault == "commit.after:1" else good
            assert current_night(tmp_path) == good  # the new one whole, or the last good one
            go_on()
            assert parent.stdout.readline().split() == [fault, "0"]
            good = n if n % 2 else good
            assert current_night(tmp_path) == good
            go_on()
        parent.communicate()
    assert parent.returncode == 0
    files = {path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*.nc")}
    with open_store(f"sqlite:///{tmp_path / 'store.db'}") as store:
        referred = store.artifacts()
    assert referred < files
    assert set(sweep(tmp_path, referred, timedelta(0))) == files - referred
    assert current_night(tmp_path) == good


def test_a_process_that_slept_through_its_lease_is_fenced_out(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'store.db'}"
    sleeper = f"""
        import sys
        from evenfall.errors import LeaseLost
        from evenfall.store.database import open_store
        from tests.store.cases import FIRST, full
        with open_store(sys.argv[1]) as store:
            lease = store.start_run("night", "nightly", FIRST, {ELSEWHERE[0]!r}, lease_seconds=0)
            assert not store.commit([full(1, parameter_id="mine")], lease).failed
            print("held", flush=True)
            input()
            try:
                store.commit([full(1, parameter_id="stolen")], lease)
            except LeaseLost as lost:
                print(lost.message)
    """
    command = [sys.executable, "-c", textwrap.dedent(sleeper), url]
    with subprocess.Popen(
        command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == "held\n"
        with open_store(url) as store:
            lease = store.start_run("night", "nightly", FIRST, ELSEWHERE[1])
            assert lease.token == 2
            assert not store.commit([full(1, parameter_id="ours")], lease).failed
            said, _ = child.communicate("\n")
            assert said == "night: this attempt (number 1) is abandoned\n"
            assert store.parameter_ids() == ["mine", "ours"]


def test_of_many_processes_one_has_the_run_and_its_death_frees_it(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'store.db'}"
    script = """
        import sys
        from evenfall.errors import StoreError
        from evenfall.store.database import open_store
        from tests.store.cases import FIRST
        with open_store(sys.argv[1]) as store:
            try:
                print(store.start_run("night", "nightly", FIRST).token, flush=True)
            except StoreError as held:
                print("refused" if "is being run by" in held.message else held, flush=True)
            input()
    """
    children = [talk_to(script, url) for _ in range(4)]
    try:
        answers = [child.stdout.readline().strip() for child in children if child.stdout]
        assert sorted(answers) == ["1", "refused", "refused", "refused"]
        with open_store(url) as store:
            winner = children[answers.index("1")]
            winner.kill()
            winner.wait()
            lease = store.start_run("night", "nightly", FIRST)  # long before the lease ends
            assert lease.token == 2
            with pytest.raises(LeaseLost):
                store.commit([], Lease(lease.run_id - 1, "night", 1, "", lease.expires_at))
    finally:
        for child in children:
            child.kill()
            child.communicate()


@pytest.mark.parametrize("point", [point for point in FAULT_POINTS if point.startswith("artifact")])
def test_a_killed_writer_leaves_a_whole_artifact(tmp_path: Path, point: str) -> None:
    path = tmp_path / "draws.nc"
    write_artifact(path, b"old" * 100_000)
    assert run(REPLACING, str(path), f"{point}:1") == -signal.SIGKILL
    expected = b"new" if point == "artifact.renamed" else b"old"
    assert read_artifact(path) == expected * 100_000
    assert run(REPLACING, str(path)) == 0
    assert read_artifact(path) == b"new" * 100_000


def test_killed_twice_between_manifest_and_file_the_old_version_still_reads(tmp_path: Path) -> None:
    path = tmp_path / "draws.nc"
    write_artifact(path, b"old")
    for _ in range(2):
        assert run(REPLACING, str(path), "artifact.manifest:1") == -signal.SIGKILL
        assert read_artifact(path) == b"old"
