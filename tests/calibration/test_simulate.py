from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from multiprocessing import get_context
from typing import Any

import numpy as np
import pytest

from evenfall.calibration.conjugate import ConjugateGenerative
from evenfall.calibration.sbc.report import SbcReport, report
from evenfall.calibration.sbc.result import LOG_LIKELIHOOD, SbcResult
from evenfall.calibration.sbc.simulate import run_sbc
from evenfall.errors import UsageError
from evenfall.inference.fit import Fit, FitRequest
from evenfall.inference.model import ModelSpec

from .toys import HandFit, NormalToy

FEW = FitRequest(chains=2, draws=200)


def run(simulations: int, fit: HandFit | None = None, seed: int = 1, **more: Any) -> SbcResult:
    return run_sbc(NormalToy(), simulations, seed=seed, request=FEW, fit=fit or HandFit(), **more)


def test_many_workers_find_what_one_does() -> None:
    with ThreadPoolExecutor(3) as pool:
        assert run(47, map=pool.map).data() == run(47).data()


@pytest.mark.slow
def test_worker_processes_find_what_this_one_does() -> None:
    model = ConjugateGenerative("beta", (8.0, 17.0), (40.0,) * 7)
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as pool:
        theirs = run_sbc(model, 30, seed=5, request=FEW, map=pool.map)
    assert theirs.data() == run_sbc(model, 30, seed=5, request=FEW).data()


def test_more_simulations_begin_with_the_same_ones() -> None:
    assert run(30).data() == run(50).first(30).data()


def test_an_interrupted_run_ends_as_if_it_had_not_been() -> None:
    saved: list[str] = []

    def stop(result: SbcResult) -> None:
        saved.append(json.dumps(result.data()))
        if len(result) == 30:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(75, on_progress=stop)
    before = SbcResult.of(json.loads(saved[-1]))
    assert len(before) == 30
    assert run(75, before=before).data() == run(75).data()


def test_a_finished_run_is_not_made_again() -> None:
    def never(spec: ModelSpec, request: FitRequest) -> Fit:
        raise AssertionError

    never.__qualname__ = HandFit.__qualname__
    done = run(40)
    assert run(40, before=done).outcomes is not None
    assert run(25, before=done).data() == run(25).data()


@pytest.mark.parametrize("other", [{"seed": 2}, {"draws": 19}, {"request": FitRequest(draws=300)}])
def test_simulations_of_another_seed_or_request_do_not_add_up(other: dict[str, Any]) -> None:
    how = {"seed": 1, "request": FEW, **other}
    with pytest.raises(UsageError, match="another model"):
        run_sbc(NormalToy(), 20, fit=HandFit(), before=run(10), **how)


def test_simulations_of_another_prior_do_not_add_up() -> None:
    first = run_sbc(ConjugateGenerative("beta", (8.0, 17.0), (40.0,)), 3, seed=1, request=FEW)
    with pytest.raises(UsageError, match="another model"):
        run_sbc(ConjugateGenerative("beta", (8.0, 18.0), (40.0,)), 5, seed=1, request=FEW, before=first)


def test_reports_come_after_a_hundred_and_three_hundred_and_share_one_level() -> None:
    seen: list[SbcReport] = []
    run(310, on_report=seen.append)
    assert [(one.simulations, one.level) for one in seen] == [(100, 0.025), (300, 0.025)]


def test_failed_fits_are_counted_with_their_reasons_and_more_than_one_in_a_hundred_are_too_many() -> None:
    result = run(300, HandFit(refuse_every=20))
    found = report(result)
    assert result.failed == sum(result.reasons.values()) > 3
    assert list(result.reasons) == ["UsageError: the toy will not fit this"]
    assert len(result.ranks("mean")) == 300 - result.failed
    assert not found.passed
    assert "more than 1 %" in found.problems[-1]


def test_one_failure_in_a_hundred_may_be() -> None:
    result = run(100)
    outcomes = (result.outcomes[0].__class__("nuts", {}, {}, "broke at 3.5"), *result.outcomes[1:])
    assert report(SbcResult("toy", "", 1, 99, outcomes)).passed


def test_reasons_that_differ_in_figures_alone_are_one() -> None:
    one = run(1).outcomes[0].__class__
    outcomes = tuple(one("laplace", {}, {}, f"k-hat {k} is not below 0.7") for k in (0.81, 1.2, float("nan")))
    assert SbcResult("toy", "", 1, 99, outcomes).reasons == {"k-hat 0.81 is not below 0.7": 3}


def test_a_fit_that_the_gate_refused_failed() -> None:
    def refused(spec: ModelSpec, request: FitRequest) -> Fit:
        return Fit("nuts", {}, np.empty((2, 0, 1)), failures=("not converged", "7 divergences"))

    result = run_sbc(NormalToy(), 3, seed=1, request=FEW, fit=refused)
    assert result.reasons == {"7 divergences": 3}
    assert not report(result).passed


def test_a_chain_worth_fewer_draws_than_ranks_need_failed() -> None:
    assert "worth fewer than the 99" in next(iter(run(2, HandFit(correlated=0.999)).reasons))


def test_a_fault_of_the_program_is_raised() -> None:
    def faulty(spec: ModelSpec, request: FitRequest) -> Fit:
        raise TypeError("a fault")

    with pytest.raises(TypeError, match="a fault"):
        run_sbc(NormalToy(), 3, seed=1, request=FEW, fit=faulty)


def test_ranks_are_stored_for_every_quantity_and_the_log_likelihood() -> None:
    result = run(12)
    assert result.names == ("mean", LOG_LIKELIHOOD)
    assert all(0 <= rank <= 99 for rank in result.ranks(LOG_LIKELIHOOD))
    assert result.rungs == {"conjugate": 1.0}


def test_chunks_never_reach_over_a_checkpoint() -> None:
    sizes: list[range] = []

    def counting(function: Callable[[range], Any], ranges: list[range], /) -> Iterable[Any]:
        sizes.extend(ranges)
        return map(function, ranges)

    done = run(95)
    run(115, before=done, map=counting, on_report=lambda _: None)
    assert [(one.start, one.stop) for one in sizes] == [(95, 100), (100, 105), (105, 115)]
