"""Workers are limited, killed, replaced and let go, and no job suffers for another."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from evenfall.inference.fit import FitRequest
from evenfall.inference.model import ModelSpec
from evenfall.runs.fitting.jobs import Envelope, FitJob, Limits
from evenfall.runs.fitting.processes import LocalProcesses

NOTHING = {"x": np.zeros(1)}


def job(model: str, name: str = "", **options: Any) -> FitJob:
    request = FitRequest(engine=options.pop("engine", "laplace"), seed=1, draws=options.pop("draws", 500))
    return FitJob(name or model, ModelSpec(f"bad_models:{model}", NOTHING, options), request)


def only(executor: LocalProcesses, *jobs: FitJob) -> Envelope:
    (envelope,) = executor.run(jobs)
    return envelope


def pids(executor: LocalProcesses) -> set[int]:
    return {worker.process.pid for worker in executor._workers}


def lives(pid: int) -> bool:
    """Return whether a process runs; one that is over but not yet waited for does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def wait_until_gone(*processes: int) -> None:
    until = time.monotonic() + 20
    while any(lives(pid) for pid in processes):
        assert time.monotonic() < until, "a process lives on"
        time.sleep(0.02)


def calm_mean(envelope: Envelope) -> float:
    assert envelope.fit is not None, envelope.detail
    return envelope.fit.summary("value").mean


# What a job may do ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("model", "trouble", "last"),
    [
        ("kill", "killed", "the process that fitted it ended without an answer (signal 9, SIGKILL)"),
        ("segfault", "killed", "the process that fitted it ended without an answer (signal 11, SIGSEGV)"),
        ("abort", "killed", "the process that fitted it ended without an answer (signal 6, SIGABRT)"),
        ("leave_at_once", "killed", "the process that fitted it ended without an answer (exit status 7)"),
        ("leave", "failed", "SystemExit: 3"),
        ("interrupt", "failed", "KeyboardInterrupt"),
        ("raises", "failed", "ZeroDivisionError: the model divides by zero"),
        ("recursion", "failed", "RecursionError: maximum recursion depth exceeded"),
        ("hog", "out_of_memory", "the fit needed more memory than it may use"),
    ],
)
def test_whatever_a_model_does_its_job_is_answered_and_the_next_is_fitted(
    workers: LocalProcesses, model: str, trouble: str, last: str
) -> None:
    found = {each.id: each for each in workers.run([job(model), job("calm")])}
    assert (found[model].fit, found[model].trouble) == (None, trouble)
    assert found[model].detail.strip().splitlines()[-1].startswith(last)
    assert found[model].remedy
    # Beta(30, 70) has mean .3 and stdev .0456; 2,000 weighted draws, five standard errors
    assert calm_mean(found["calm"]) == pytest.approx(0.3, abs=5 * 0.0456 / np.sqrt(1000))


def test_a_dead_worker_tells_what_it_printed_last(workers: LocalProcesses) -> None:
    assert "the library gave up" in only(workers, job("leave_at_once")).detail
    assert "in string_at" in only(workers, job("segfault")).detail  # faulthandler's stack


def test_a_model_that_prints_is_not_heard(workers: LocalProcesses, capfd: pytest.CaptureFixture[str]) -> None:
    assert only(workers, job("noisy")).fit is not None
    assert capfd.readouterr() == ("", "")


def test_a_fit_over_its_time_is_ended_and_its_worker_replaced(bad_models: None) -> None:
    with LocalProcesses(1, Limits(seconds=0.3)) as executor:
        late = only(executor, job("asleep"))
        assert (late.fit, late.trouble) == (None, "time_limit")
        assert "0.3 s" in late.detail
        assert "fit_seconds" in late.remedy
    with LocalProcesses(1, Limits(seconds=20)) as executor:
        assert only(executor, job("calm")).fit is not None


def test_a_fit_that_speaks_all_the_time_is_ended_all_the_same(bad_models: None) -> None:
    with LocalProcesses(1, Limits(seconds=1.5)) as executor:
        assert only(executor, job("slow", engine="variational")).trouble == "time_limit"


def test_draws_that_cannot_be_sent_are_an_error_of_the_model(workers: LocalProcesses) -> None:
    found = only(workers, job("unsendable", engine="auto"))
    assert (found.fit, found.trouble) == (None, "failed")
    assert found.id == "unsendable"


def test_a_job_that_cannot_be_sent_is_answered_and_the_next_is_fitted(workers: LocalProcesses) -> None:
    spec = ModelSpec("bad_models:calm", NOTHING, {"callback": lambda: None})
    found = {each.id: each for each in workers.run([FitJob("odd", spec, FitRequest()), job("calm")])}
    assert found["odd"].trouble == "failed"
    assert "cannot be sent" in found["odd"].detail
    assert found["calm"].fit is not None


def test_a_job_that_cannot_be_read_is_answered(workers: LocalProcesses) -> None:
    found = only(workers, FitJob("odd", ModelSpec("bad_models:calm", {"x": Unreadable()}), FitRequest()))  # type: ignore[dict-item]
    assert found.id == "odd"
    assert found.trouble == "failed"
    assert "ModuleNotFoundError" in found.detail


class Unreadable:
    """Pickles into something that only a process with this test's modules can read."""

    def __reduce__(self) -> Any:
        return (Unreadable, ())


def test_draws_of_a_hundred_megabytes_come_back(workers: LocalProcesses) -> None:
    found = only(workers, job("large", columns=6250))
    assert found.fit is not None
    assert found.fit.draws["value"].nbytes == 100_000_000


# Workers ----------------------------------------------------------------------------------------------------


def test_two_workers_fit_at_the_same_time(workers: LocalProcesses, tmp_path: Path) -> None:
    jobs = [job("meeting", name, folder=str(tmp_path), invited=2) for name in "ab"]
    found = [each.fit for each in workers.run(jobs)]
    assert len({fit.draws["value"][0, 0] for fit in found if fit is not None}) == 2


def test_a_worker_serves_many_jobs(workers: LocalProcesses) -> None:
    list(workers.run([job("calm")]))
    before = pids(workers)
    assert all(each.fit is not None for each in workers.run([job("calm", str(n)) for n in range(9)]))
    assert before <= pids(workers)


def test_a_worker_that_dies_while_idle_is_replaced(workers: LocalProcesses) -> None:
    assert all(each.fit for each in workers.run([job("calm", "a"), job("calm", "b")]))
    for pid in pids(workers):
        os.kill(pid, signal.SIGKILL)
    assert all(each.fit for each in workers.run([job("calm", "a"), job("calm", "b")]))


def test_a_job_that_never_reached_its_worker_is_given_to_another(bad_models: None) -> None:
    with LocalProcesses(1, Limits(20.0)) as executor:
        assert only(executor, job("calm")).fit is not None
        (pid,) = pids(executor)
        os.kill(pid, signal.SIGSTOP)  # it can be written to, but reads no more
        running = executor.run([job("calm")])
        threading.Timer(0.3, os.kill, (pid, signal.SIGKILL)).start()
        (envelope,) = running
        assert envelope.fit is not None
        assert pids(executor).isdisjoint({pid})


def test_a_job_that_kills_every_worker_is_given_up(workers: LocalProcesses) -> None:
    found = only(workers, job("kill"))
    assert found.trouble == "killed"


def test_closing_leaves_no_process_and_no_descriptor(bad_models: None) -> None:
    before = set(os.listdir("/proc/self/fd"))
    for _ in range(2):
        with LocalProcesses(2, Limits(20.0)) as executor:
            assert len(list(executor.run([job("calm"), job("kill"), job("raises")]))) == 3
            processes = pids(executor)
            assert processes
        wait_until_gone(*processes)
        with pytest.raises(ChildProcessError):  # none is left to be waited for
            os.waitpid(min(processes), os.WNOHANG)
    assert set(os.listdir("/proc/self/fd")) == before


def test_what_a_model_starts_ends_with_its_worker(bad_models: None, tmp_path: Path) -> None:
    file = tmp_path / "pids"
    with LocalProcesses(1, Limits(20.0)) as executor:
        found = only(executor, job("offspring", file=str(file), end="die"))
    assert found.trouble == "killed", "the child holds the line open, yet its parent is dead"
    wait_until_gone(*map(int, file.read_text().split()))


# Starting ---------------------------------------------------------------------------------------------------


def test_an_interpreter_that_is_not_there_is_told_of_every_job(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "/no/such/python")
    with LocalProcesses(2) as executor:
        found = list(executor.run([job("calm", "a"), job("calm", "b"), job("calm", "c")]))
    assert [(each.id, each.trouble) for each in found] == [("a", "failed"), ("b", "failed"), ("c", "failed")]
    assert "could be started" in found[0].detail
    assert "/no/such/python" in found[0].remedy


def test_an_interpreter_that_cannot_import_the_package_is_told_of_every_job(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "evenfall.py").write_text("raise ImportError('half an installation')\n")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    with LocalProcesses(2) as executor:
        found = list(executor.run([job("calm", "a"), job("calm", "b")]))
        assert [each.trouble for each in found] == ["failed", "failed"]
        assert "half an installation" in found[0].detail
        assert not executor._workers


def test_modules_in_the_present_folder_do_not_get_in_the_way(
    bad_models: None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name in ("queue", "numpy", "socket", "evenfall"):
        (tmp_path / f"{name}.py").write_text("raise ImportError('not this one')\n")
    monkeypatch.chdir(tmp_path)
    with LocalProcesses(1) as executor:
        assert only(executor, job("calm")).fit is not None


def test_a_worker_starts_with_numpy_alone() -> None:
    code = (
        "import sys, evenfall.runs.fitting.worker\n"
        "heavy = ('scipy', 'pymc', 'pytensor', 'numba', 'sqlalchemy', 'pydantic', 'duckdb', 'h5netcdf')\n"
        "print([name for name in heavy if name in sys.modules])"
    )
    assert subprocess.check_output([sys.executable, "-c", code], text=True).strip() == "[]"


SCRIPT = """
from bad_models import calm  # its own folder is on the path of a script
import numpy as np
from evenfall.inference.fit import FitRequest
from evenfall.inference.model import ModelSpec
from evenfall.runs.fitting.jobs import FitJob
from evenfall.runs.fitting.processes import LocalProcesses

print("begun")
with LocalProcesses(2) as executor:
    spec = ModelSpec("bad_models:calm", {"x": np.zeros(1)}, {})
    for envelope in executor.run([FitJob(name, spec, FitRequest("laplace")) for name in "ab"]):
        print(envelope.trouble)
"""


def test_a_script_needs_no_guard_around_its_main_part(bad_models: None, tmp_path: Path) -> None:
    (tmp_path / "script.py").write_text(SCRIPT)
    said = subprocess.run(
        [sys.executable, tmp_path / "script.py"], capture_output=True, text=True, check=True
    )
    assert said.stdout.split() == ["begun", "None", "None"]
    assert said.stderr == ""


# The parent -------------------------------------------------------------------------------------------------

PARENT = """
import sys
import numpy as np
from evenfall.inference.fit import FitRequest
from evenfall.inference.model import ModelSpec
from evenfall.runs.fitting.jobs import FitJob
from evenfall.runs.fitting.processes import LocalProcesses

spec = ModelSpec("bad_models:" + sys.argv[1], {"x": np.zeros(1)}, {"file": sys.argv[2]})
list(LocalProcesses(1).run([FitJob("a", spec, FitRequest("laplace"))]))
"""


@pytest.fixture
def parent(bad_models: None, tmp_path: Path) -> Iterator[tuple[subprocess.Popen[bytes], list[int]]]:
    """Return a program at a fit that takes for ever, and its worker and what the model started."""
    file = tmp_path / "pids"
    with subprocess.Popen([sys.executable, "-c", PARENT, "offspring", str(file)]) as process:
        until = time.monotonic() + 30
        while not (file.exists() and len(file.read_text().split()) == 2):
            assert time.monotonic() < until, "the worker never began"
            time.sleep(0.02)
        yield process, [int(word) for word in file.read_text().split()]
        process.kill()


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
def test_a_worker_ends_with_its_parent_in_the_midst_of_a_fit(
    parent: tuple[subprocess.Popen[bytes], list[int]], how: signal.Signals
) -> None:
    process, pids = parent
    assert all(lives(pid) for pid in pids)
    process.send_signal(how)
    assert process.wait(20) == -how
    wait_until_gone(*pids)


# Calling off ------------------------------------------------------------------------------------------------


def test_an_engine_that_asks_stops_by_itself_and_keeps_its_worker(workers: LocalProcesses) -> None:
    list(workers.run([job("calm")]))
    before = pids(workers)
    threading.Timer(0.3, workers.cancel).start()
    found = only(workers, job("slow", engine="variational"))
    assert (found.fit, found.trouble) == (None, "cancelled")
    assert pids(workers) == before


def test_a_job_that_asks_nobody_is_ended(bad_models: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("evenfall.runs.fitting.processes._GRACE_SECONDS", 0.2)
    with LocalProcesses(1) as executor:
        threading.Timer(0.5, executor.cancel).start()
        found = list(executor.run([job("asleep", "a"), job("asleep", "b")]))
        assert sorted((each.id, each.trouble) for each in found) == [("a", "cancelled"), ("b", "cancelled")]
        assert only(executor, job("calm")).fit is not None


def test_a_caller_who_stops_listening_ends_what_is_under_way(bad_models: None) -> None:
    with LocalProcesses(2) as executor:
        running = executor.run([job("calm"), job("asleep")])
        assert next(running).id == "calm"
        busy = {each.process.pid for each in executor._workers if each.job is not None}
        running.close()
        wait_until_gone(*busy)
        assert only(executor, job("calm")).fit is not None
