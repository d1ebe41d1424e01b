"""A fit as a worker makes it, and what it is stored under."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from evenfall.inference.execute import code_version, data_hash, execute
from evenfall.inference.fit import FitRequest
from evenfall.inference.model import ModelSpec

SUMS = np.array([[100.0, 31.0, 0.0], [80.0, 22.0, 0.0]])
SPEC = ModelSpec(
    "evenfall.inference.families:family_model", {"sums": SUMS}, {"family": "beta", "theta": [8.0, 17.0]}
)
# Beta(8 + 53, 17 + 127): mean and stdev.
MEAN, STDEV = 61 / 205, np.sqrt(61 * 144 / 206) / 205


@pytest.mark.parametrize("engine", ["auto", "laplace", "quadrature", "variational", "nuts"])
def test_every_engine_agrees_with_the_closed_form(engine):
    fit = execute(SPEC, FitRequest(engine=engine, seed=3))
    assert fit.failures == ()
    found = fit.summary("value")
    # 4,000 draws are worth at least 800: five standard errors of those.
    assert found.mean == pytest.approx(MEAN, abs=5 * STDEV / np.sqrt(800))
    assert found.stdev == pytest.approx(STDEV, rel=5 / np.sqrt(2 * 800))
    assert fit.seconds > 0


def test_a_cancelled_fit_is_not_published():
    fit = execute(SPEC, FitRequest(engine="nuts", seed=3), cancelled=lambda: True)
    assert not fit.passed
    assert any("cancelled" in failure for failure in fit.failures)


def test_progress_is_told():
    told = []
    execute(SPEC, FitRequest(engine="nuts", seed=3, draws=500), progress=told.append)
    assert told[-1] == 1.0


def test_the_hash_of_the_data_tells_every_change_and_nothing_else():
    same = ModelSpec(SPEC.factory, {"sums": SUMS.copy()}, {"theta": [8.0, 17.0], "family": "beta"})
    moved = replace(SPEC, options={**SPEC.options, "root": "/elsewhere"})
    assert data_hash(same) == data_hash(moved) == data_hash(SPEC)
    changed = SUMS.copy()
    changed[1, 1] = np.nextafter(22.0, 23.0)
    others = [
        replace(SPEC, data={"sums": changed}),
        replace(SPEC, data={"sums": SUMS.reshape(3, 2)}),
        replace(SPEC, data={"sums": SUMS.astype(np.float32)}),
        replace(SPEC, data={"weights": SUMS}),
        replace(SPEC, options={**SPEC.options, "kappa": 30.0}),
        replace(SPEC, factory="evenfall.inference.families:family_pymc"),
    ]
    assert len({data_hash(one) for one in [SPEC, *others]}) == 7


def test_the_code_version_is_the_packages_and_its_sources():
    version, _, sources = code_version().partition("+")
    assert version.count(".") == 2
    assert len(sources) == 12
    assert int(sources, 16) >= 0
