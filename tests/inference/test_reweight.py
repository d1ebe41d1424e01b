"""Reweighting the last full fit: the posterior after more data, or a refusal."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from evenfall.inference.engines.laplace import LAPLACE
from evenfall.inference.fit import Fit, FitRequest
from evenfall.inference.gates import check
from evenfall.inference.reweight import effective_share, reweight

from .densities import log_odds

type Floats = NDArray[np.float64]


def rate_draws(alpha: float, beta: float, seed: int = 0, draws: int = 1000) -> Fit:
    """Independent draws of a beta posterior, as four chains would give them."""
    p = np.random.default_rng(seed).beta(alpha, beta, size=(4, draws))
    points = (np.log(p) - np.log1p(-p))[..., None]
    return Fit("nuts", {"rate": p}, points, diagnostics={"ess_bulk": 4.0 * draws}, seed=5)


def log_ratio(fit: Fit, successes: float, failures: float) -> Floats:
    p = fit.draws["rate"]
    return successes * np.log(p) + failures * np.log1p(-p)


def test_a_days_data_give_the_beta_posterior_after_them() -> None:
    base = rate_draws(30, 300)
    fit = check(reweight(base, log_ratio(base, 3, 25)))
    assert fit.passed
    mean = 33 / 358  # of Beta(33, 325)
    stdev = np.sqrt(mean * (1 - mean) / 359)
    shown, ess = fit.summary("rate"), fit.diagnostics["importance_ess"]
    assert shown.mean == pytest.approx(mean, abs=4 * stdev / np.sqrt(ess))  # false alarm 6e-5
    assert shown.stdev == pytest.approx(stdev, rel=4 / np.sqrt(ess))


def test_the_draws_and_the_seed_stay_those_of_the_base() -> None:
    base = rate_draws(30, 300)
    fit = reweight(base, log_ratio(base, 3, 25))
    assert fit.rung == "reweighted"
    assert fit.draws is base.draws
    assert fit.points is base.points
    assert fit.seed == base.seed
    assert fit.weights is not None
    assert fit.weights.shape == (4, 1000)
    assert fit.weights.sum() == pytest.approx(1.0)


def test_no_new_data_change_nothing() -> None:
    base = rate_draws(30, 300)
    fit = check(reweight(base, np.full((4, 1000), 7.0)))
    assert fit.passed
    assert fit.diagnostics["importance_ess"] == pytest.approx(4000)
    np.testing.assert_allclose(fit.weights, 1 / 4000)


def test_data_that_move_the_posterior_far_are_refused() -> None:
    base = rate_draws(30, 300)
    assert not check(reweight(base, log_ratio(base, 900, 900))).passed


def test_correlated_chains_are_worth_less() -> None:
    base = rate_draws(30, 300)
    poor = replace(base, diagnostics={"ess_bulk": 402.0})
    ratio = log_ratio(base, 3, 25)
    assert effective_share(poor) == pytest.approx(402 / 4000)
    assert reweight(poor, ratio).diagnostics["importance_ess"] < 400
    assert not check(reweight(poor, ratio)).passed


def test_chains_that_no_gate_has_seen_are_refused() -> None:
    base = replace(rate_draws(30, 300), diagnostics={})
    fit = check(reweight(base, log_ratio(base, 1, 10)))
    assert np.isnan(fit.diagnostics["importance_ess"])
    assert not fit.passed


def test_a_refused_base_cannot_be_mended_by_weights() -> None:
    base = replace(rate_draws(30, 300), failures=("R-hat 1.2",))
    assert any("R-hat 1.2" in sentence for sentence in reweight(base, np.zeros((4, 1000))).failures)


def test_weights_of_the_base_count_too() -> None:
    base = LAPLACE.fit(log_odds(30.0, 300.0), FitRequest(seed=2))
    fit = check(reweight(base, log_ratio(base, 3, 25)))
    mean = 33 / 358
    stdev = np.sqrt(mean * (1 - mean) / 359)
    assert fit.passed
    error = 4 * stdev / np.sqrt(fit.diagnostics["importance_ess"])
    assert fit.summary("rate").mean == pytest.approx(mean, abs=error)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_a_log_ratio_that_is_no_number_is_refused(value: float) -> None:
    base = rate_draws(30, 300)
    ratio = log_ratio(base, 3, 25)
    ratio[1, 7] = value
    assert not check(reweight(base, ratio)).passed


def test_weights_of_weights_and_wrong_shapes_are_errors() -> None:
    base = rate_draws(30, 300)
    once = reweight(base, np.zeros((4, 1000)))
    with pytest.raises(ValueError, match="full fit"):
        reweight(once, np.zeros((4, 1000)))
    with pytest.raises(ValueError, match="shape"):
        reweight(base, np.zeros(4000))
