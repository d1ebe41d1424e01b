"""What every executor does, whatever carries its jobs out: one answer per job, and no job harms another."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from evenfall.errors import EvenfallError
from evenfall.inference.execute import execute
from evenfall.inference.fit import FitRequest
from evenfall.inference.model import ModelSpec
from evenfall.runs.fitting.jobs import Envelope, Executor, FitJob, Progress
from evenfall.runs.fitting.processes import LocalProcesses

SUMS = np.array([[100.0, 31.0, 0.0], [80.0, 22.0, 0.0]])


class InTurn:
    """An executor in this very process, one job after the other."""

    def __init__(self) -> None:
        self._cancelled = False

    def run(self, jobs: Sequence[FitJob], progress: Progress | None = None) -> Iterator[Envelope]:
        self._cancelled = False
        for job in jobs:
            if self._cancelled:
                yield Envelope(job.id, trouble="cancelled", detail="called off", remedy="run it again")
                continue
            try:
                told = (lambda share, job=job: progress(job.id, share)) if progress else None
                yield Envelope(job.id, execute(job.model, job.request, progress=told))
            except EvenfallError as refused:
                yield Envelope(job.id, trouble="refused", detail=str(refused), remedy=refused.remedy)
            except Exception:
                yield Envelope(job.id, trouble="failed", detail=traceback.format_exc(), remedy="mend it")

    def cancel(self) -> None:
        self._cancelled = True

    def close(self) -> None:
        """There is nobody to let go."""


EXECUTORS: dict[str, Callable[[Path], Executor]] = {
    "local processes": lambda folder: LocalProcesses(2, cache_dir=folder),
    "in turn": lambda _: InTurn(),
}


@pytest.fixture(scope="module", params=EXECUTORS)
def executor(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Executor]:
    made = EXECUTORS[request.param](tmp_path_factory.mktemp("cache"))
    yield made
    made.close()


def job(name: str, *, factory: str = "evenfall.inference.families:family_model", **request: Any) -> FitJob:
    spec = ModelSpec(factory, {"sums": SUMS}, {"family": "beta", "theta": [8.0, 17.0]})
    return FitJob(name, spec, FitRequest(**{"engine": "laplace", "seed": 3, **request}))


def run(executor: Executor, *jobs: FitJob, progress: Progress | None = None) -> dict[str, Envelope]:
    envelopes = list(executor.run(jobs, progress))
    assert len(envelopes) == len(jobs)
    return {envelope.id: envelope for envelope in envelopes}


def test_every_job_is_answered_once(executor: Executor) -> None:
    names = [f"job {number}" for number in range(7)]
    found = run(executor, *(job(name) for name in names))
    assert sorted(found) == names
    assert all(one.fit is not None and one.trouble is None for one in found.values())


def test_no_jobs_have_no_answers(executor: Executor) -> None:
    assert list(executor.run([])) == []


def test_a_fit_is_the_same_wherever_it_is_made(executor: Executor) -> None:
    # by definition: what execute gives here and now
    known = execute(job("a").model, job("a").request)
    first, second = (run(executor, job("a"))["a"].fit for _ in range(2))
    for found in (first, second):
        assert found is not None
        np.testing.assert_array_equal(found.draws["value"], known.draws["value"])
        np.testing.assert_array_equal(found.weights, known.weights)
        assert (found.rung, found.failures, found.seed) == (known.rung, known.failures, known.seed)


def test_a_bad_job_is_answered_with_what_went_wrong_and_the_others_with_their_fits(
    executor: Executor,
) -> None:
    found = run(executor, job("a"), job("bad", factory="no.such:module"), job("c"))
    assert found["a"].fit is not None
    assert found["c"].fit is not None
    assert (found["bad"].fit, found["bad"].trouble) == (None, "failed")
    assert found["bad"].detail.strip().splitlines()[-1].startswith("ModuleNotFoundError")
    assert found["bad"].remedy


def test_what_is_refused_says_why(executor: Executor) -> None:
    found = run(executor, job("odd", engine="abacus"))["odd"]
    assert (found.fit, found.trouble) == (None, "refused")
    assert "abacus" in found.detail


def test_a_fit_that_does_not_pass_its_gate_is_an_answer_like_any_other(executor: Executor) -> None:
    found = run(executor, job("poor", draws=20, chains=2))["poor"]
    assert found.trouble is None
    assert found.fit is not None
    assert not found.fit.passed


def test_progress_is_told_by_job(executor: Executor) -> None:
    told: list[tuple[str, float]] = []
    run(executor, job("a", engine="variational"), progress=lambda name, share: told.append((name, share)))
    assert {name for name, _ in told} == {"a"}
    assert all(0 <= share <= 1 for _, share in told)


def test_after_a_cancellation_nothing_is_begun_and_the_next_run_is_whole(executor: Executor) -> None:
    answers = []
    for envelope in executor.run([job(f"job {number}") for number in range(12)]):
        answers.append(envelope)
        executor.cancel()
    assert sorted(each.id for each in answers) == sorted(f"job {number}" for number in range(12))
    assert answers[0].fit is not None
    assert [each.trouble for each in answers].count("cancelled") >= 9  # those under way may still end
    assert all((each.fit is None) == (each.trouble is not None) for each in answers)
    assert run(executor, job("next"))["next"].fit is not None


def test_a_closed_executor_starts_anew_when_it_is_asked_again(executor: Executor) -> None:
    executor.close()
    assert run(executor, job("a"))["a"].fit is not None


def test_a_caller_who_stops_listening_leaves_nothing_behind(executor: Executor) -> None:
    for envelope in executor.run([job(f"job {number}") for number in range(4)]):
        assert envelope.fit is not None
        break
    assert sorted(run(executor, job("a"), job("b"))) == ["a", "b"]
