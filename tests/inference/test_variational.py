"""The variational engine against closed forms, and its refusals."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from evenfall.inference.engines.variational import VARIATIONAL, _batched_slope
from evenfall.inference.families import family_model
from evenfall.inference.fit import FitRequest
from evenfall.inference.gates import check
from evenfall.inference.model import LogDensity
from evenfall.inference.watch import watching

from .arrays import Gaussian
from .densities import banana, funnel, gaussian

REQUEST = FitRequest(seed=11)


def weeks(days: int) -> LogDensity:
    """A normal mean with unknown noise seen on many days."""
    rng = np.random.default_rng(3)
    seen = rng.normal(2.0, 1.5, (days, 5))
    sums = np.stack([np.full(days, 5.0), seen.sum(1), np.square(seen).sum(1)], axis=-1)
    options = {"family": "normal-inverse-gamma", "theta": [1.0, 1.0, 3.0, 3.0]}
    return family_model({"sums": sums}, options)


def test_a_gaussian_posterior_is_met_exactly():
    # Correlation .9 and scales apart by ten: the bound's optimum is the posterior itself. 4,000 independent
    # draws of a t with five degrees of freedom are worth 2,500 at least: five standard errors of those.
    covariance = np.array([[1.0, 0.09], [0.09, 0.01]])
    fit = check(VARIATIONAL.fit(gaussian([3.0, -1.0], covariance), REQUEST))
    assert fit.failures == ()
    assert fit.diagnostics["k_hat"] < 0.3
    sds = np.sqrt(np.diag(covariance))
    points = fit.points.reshape(-1, 2)
    mean = fit.weights.reshape(-1) @ points
    assert (mean - [3.0, -1.0]) / sds == pytest.approx([0, 0], abs=5 / np.sqrt(2500))
    assert np.cov(points.T, aweights=fit.weights.reshape(-1)) == pytest.approx(
        covariance, rel=5 * np.sqrt(2 / 4000)
    )


def test_means_without_correlation_need_no_full_rank():
    fit = check(
        VARIATIONAL.fit(Gaussian(np.array([1.0, -2.0])), replace(REQUEST, options={"guide": "mean_field"}))
    )
    assert fit.passed
    assert fit.summary("total").mean == pytest.approx(0.8 * -1.0, abs=5 * np.sqrt(0.4 / 2500))
    assert fit.summary("total").stdev == pytest.approx(np.sqrt(0.4), rel=5 * np.sqrt(1 / 5000))


def test_mini_batches_end_at_the_posterior_of_all_days():
    model = weeks(400)
    fit = check(VARIATIONAL.fit(model, replace(REQUEST, options={"batch": 20})))
    assert fit.failures == ()
    from evenfall.beliefs.families import FAMILIES

    family = FAMILIES.resolve("normal-inverse-gamma")
    law = family.belief(family.update(np.array([1.0, 1.0, 3.0, 3.0]), model.sums.sum(0)))
    found = fit.summary("value")
    assert found.mean == pytest.approx(float(law.mean), abs=5 * float(law.stdev) / np.sqrt(2500))
    assert found.stdev == pytest.approx(float(law.stdev), rel=5 / np.sqrt(2 * 2500))


def test_yesterdays_guide_saves_gradients():
    yesterday = VARIATIONAL.fit(weeks(400), REQUEST)
    tonight = check(VARIATIONAL.fit(weeks(401), replace(REQUEST, warm=yesterday.warm)))
    assert tonight.failures == ()
    assert tonight.gradients < yesterday.gradients / 2


def test_a_seed_gives_the_same_draws_to_the_last_bit():
    first, again = (VARIATIONAL.fit(weeks(30), replace(REQUEST, options={"batch": 7})) for _ in range(2))
    assert np.array_equal(first.points, again.points)
    assert np.array_equal(first.weights, again.weights)


@pytest.mark.parametrize("density", [banana(0.3), funnel(4)], ids=["banana", "funnel"])
def test_a_posterior_unlike_any_gaussian_is_not_published(density):
    fit = check(VARIATIONAL.fit(density, REQUEST))
    assert not fit.passed


def test_a_budget_ends_the_climb_and_is_named():
    fit = VARIATIONAL.fit(weeks(30), replace(REQUEST, max_gradients=1600))
    assert fit.gradients == 1600
    assert "budget of 1600" in fit.failures[0]


def test_a_cancelled_climb_says_so():
    with watching(cancelled=lambda: True):
        fit = VARIATIONAL.fit(weeks(30), REQUEST)
    assert "cancelled after 0" in fit.failures[0]


def test_everything_has_the_shape_chain_draw():
    fit = VARIATIONAL.fit(weeks(30), replace(REQUEST, chains=2, draws=300))
    assert fit.points.shape == (2, 300, 2)
    assert fit.draws["value"].shape == fit.weights.shape == (2, 300)
    assert fit.log_likelihood.shape == (2, 300, 30)
    assert fit.weights.sum() == pytest.approx(1.0)


def test_batches_stand_for_all_days_on_average():
    model = weeks(40)
    slope = _batched_slope(model, replace(REQUEST, options={"batch": 10}))
    z, rng = np.array([[1.2, 0.5]]), np.random.default_rng(1)
    some = np.array([slope(z, rng)[0] for _ in range(2000)])
    # Five standard errors of 2,000 batches.
    assert np.abs(some.mean(0) - model.gradient(z)[1][0]) == pytest.approx(
        [0, 0], abs=5 * some.std(0).max() / 44
    )
    assert some.std(0).min() > 0
