"""PyMC models: compiled once, refitted with new data, and seen as arrays."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest

from evenfall.inference.engines.nuts import NUTS
from evenfall.inference.fit import FitRequest
from evenfall.inference.model import LogDensity, PymcModel
from evenfall.inference.nuts.compiled import CACHE, ModelCache, as_log_density

from . import pymc_models

pytestmark = pytest.mark.slow

LAST_WEEK, THIS_WEEK = np.array([1.0, 2.0, 0.5]), np.array([1.0, 2.0, 0.5, 0.3, 4.0])


def model(build: str, y: np.ndarray, *quantities: str, **options: float) -> PymcModel:
    return PymcModel(f"{pymc_models.__name__}:{build}", {"y": y}, quantities, options=options)


@pytest.fixture(scope="module")
def week():
    return as_log_density(model("normal_mean", LAST_WEEK, "mean", "double"))


def test_new_data_of_another_length_need_no_compiling(week):
    before = CACHE.compiled
    longer = as_log_density(model("normal_mean", THIS_WEEK, "mean", "double"))
    assert CACHE.compiled == before
    assert longer.log_likelihood(np.zeros((2, 1))).shape == (2, 5)


def test_other_options_are_another_model():
    # Only the key is asked, so nothing is compiled.
    from evenfall.inference.nuts.compiled import _structure

    plain, noisy = model("normal_mean", LAST_WEEK, "mean"), model("normal_mean", LAST_WEEK, "mean", noise=2.0)
    assert _structure(plain) != _structure(noisy)
    assert _structure(plain) != _structure(replace(plain, structure="v2"))
    assert _structure(plain) != _structure(replace(plain, quantities=("mean", "double")))


def test_the_density_is_the_closed_form(week):
    # N(z; 0, 1) × Π N(y; z, 1/2); PyMC's own constant ½ log 2π is good to 2e-9.
    assert isinstance(week, LogDensity)
    z = np.array([[0.3], [-1.2]])
    each = -0.5 * ((LAST_WEEK - z) / 0.5) ** 2 - np.log(0.5) - 0.5 * np.log(2 * np.pi)
    prior = -0.5 * z[:, 0] ** 2 - 0.5 * np.log(2 * np.pi)
    assert week.log_likelihood(z) == pytest.approx(each, abs=2e-8)
    assert week.log_prior(z) == pytest.approx(prior, abs=2e-8)
    log_density, gradient = week.gradient(z)
    assert log_density == pytest.approx(prior + each.sum(-1), abs=2e-8)
    assert gradient == pytest.approx((LAST_WEEK - z).sum(-1, keepdims=True) / 0.25 - z, abs=1e-12)
    assert week.quantities(z)["double"] == pytest.approx(2 * z[:, 0])


def test_two_bindings_of_one_program_keep_their_own_data(week):
    longer, z = as_log_density(model("normal_mean", THIS_WEEK, "mean", "double")), np.array([[0.3]])
    first = week.gradient(z)[0]
    assert longer.gradient(z)[0] != pytest.approx(first)
    assert longer.log_likelihood(z).shape == (1, 5)
    assert week.gradient(z)[0] == pytest.approx(first, abs=0)
    assert week.log_likelihood(z).shape == (1, 3)


@pytest.mark.parametrize("y", [LAST_WEEK, THIS_WEEK], ids=["last week", "this week"])
def test_draws_agree_with_the_closed_form_after_a_refit(week, y):
    fit = NUTS.fit(model("normal_mean", y, "mean", "double"), FitRequest(seed=3))
    # Posterior precision 1 + n/0.25; 4,000 draws are worth at least 800: five standard errors of those.
    variance = 1 / (1 + len(y) / 0.25)
    assert fit.draws["mean"].mean() == pytest.approx(
        variance * y.sum() / 0.25, abs=5 * np.sqrt(variance / 800)
    )
    assert fit.draws["mean"].var() == pytest.approx(variance, rel=5 * np.sqrt(2 / 800))
    assert fit.log_likelihood.shape == (4, 1000, len(y))
    assert fit.passed


def test_a_seed_gives_the_same_draws_on_one_core_and_on_two(week):
    request = FitRequest(seed=3, draws=200, tune=200)
    fits = [
        NUTS.fit(
            model("normal_mean", LAST_WEEK, "mean", "double"), replace(request, options={"cores": cores})
        )
        for cores in (1, 2)
    ]
    assert np.array_equal(fits[0].points, fits[1].points)


def test_a_budget_ends_a_compiled_model_too(week):
    request = FitRequest(seed=3, max_gradients=4000)
    fit = NUTS.fit(model("normal_mean", LAST_WEEK, "mean", "double"), request)
    assert fit.gradients <= 4000
    assert "budget" in fit.failures[0]


def test_constants_compile_anew_and_a_full_cache_forgets_the_oldest():
    cache = ModelCache(size=1)
    first = cache.density(model("constant_mean", np.array([1.0]), "mean"))
    assert cache.density(model("constant_mean", np.array([1.0]), "mean")).program is first.program
    second = cache.density(model("constant_mean", np.array([2.0]), "mean"))
    assert second.start().shape == (1,)
    assert second.gradient(np.zeros((1, 1)))[1] == pytest.approx(np.array([[2.0]]))
    assert cache.compiled == 2
    assert len(cache._programs) == 1


def test_lengths_that_change_the_number_of_parameters_compile_anew():
    cache = ModelCache()
    two = cache.density(model("mean_per_day", np.array([1.0, 2.0]), "means"))
    three = cache.density(model("mean_per_day", np.array([1.0, 2.0, 3.0]), "means"))
    assert (len(two.names), len(three.names)) == (2, 3)
    assert three.names == ("means[0]", "means[1]", "means[2]")
    assert cache.density(model("mean_per_day", np.array([1.0, 2.0]), "means")).program is two.program
    assert cache.density(model("mean_per_day", np.array([5.0, 6.0, 7.0]), "means")).program is three.program
    assert cache.compiled == 2


def test_a_deterministic_named_log_likelihood_says_the_units(week):
    # Two observations make one unit each, and there is no observed variable to ask.
    density = as_log_density(model("unit_pairs", np.array([1.0, 2.0, 0.5, 3.0]), "mean"))
    z = np.array([[0.3]])
    each = -0.5 * (np.array([1.0, 2.0, 0.5, 3.0]) - 0.3) ** 2
    assert density.log_likelihood(z) == pytest.approx(each.reshape(2, 2).sum(-1)[None], abs=1e-12)
    assert density.log_prior(z) == pytest.approx([-0.5 * 0.09 - 0.5 * np.log(2 * np.pi)], abs=1e-8)


def test_the_disk_cache_is_where_it_was_told(tmp_path):
    said = (
        "from evenfall.inference.nuts.compiled import use_disk_cache;"
        "import sys;"
        "first = use_disk_cache(sys.argv[1]);"
        "import pytensor;"
        "print(first, pytensor.config.base_compiledir, use_disk_cache(sys.argv[1]), use_disk_cache('/x'))"
    )
    found = subprocess.run(
        [sys.executable, "-c", said, str(tmp_path)],
        check=True,
        capture_output=True,
        text=True,
        env={**os.environ},
    )
    assert found.stdout.split() == ["True", str(tmp_path), "True", "False"]
