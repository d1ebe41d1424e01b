"""Cohorts that weigh too much are left out for real, and the density found agrees with the weighted one."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from evenfall.funnels.delays.generative import DelayGenerative
from evenfall.inference.execute import execute
from evenfall.inference.fit import FitRequest
from evenfall.runs.fitting.fitter import Fitter
from evenfall.runs.fitting.jobs import FitJob
from evenfall.runs.models.comparing import _MOST_REFITS, _without_bad_cohorts
from evenfall.runs.models.pools import elpd_of

TRUTH = {"rate": np.log(0.3 / 0.68), "log_t50": np.log(3.0), "log_log_ratio": np.log(np.log(4.0))}


@pytest.mark.slow
def test_a_fit_without_a_cohort_predicts_it_as_the_weights_say(tmp_path: Path) -> None:
    world = DelayGenerative(people=300)
    spec = world.spec(world.simulate(TRUTH, np.random.default_rng(3)))
    job = FitJob("lognormal", spec, FitRequest(seed=2))
    elpd = elpd_of(execute(spec, job.request))
    assert elpd.bad == ()  # so the weights are to be trusted, and are what the refit is held against
    with Fitter(tmp_path / "draws", tmp_path / "cache", workers=1) as fitter:
        found = _without_bad_cohorts({"lognormal": replace(elpd, bad=(0, 20))}, [job], fitter)["lognormal"]
        many = replace(elpd, bad=tuple(range(_MOST_REFITS + 1)))
        assert _without_bad_cohorts({"lognormal": many}, [job], fitter) == {}
    assert set(found) == {0, 20}
    for unit, exact in found.items():
        # a mean of 4,000 weighted likelihoods that vary by some tenths: known to about .01
        assert exact == pytest.approx(elpd.pointwise[unit], abs=0.05)
