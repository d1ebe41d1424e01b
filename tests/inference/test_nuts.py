"""NUTS on models written in arrays, against closed forms."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pytest

from evenfall.inference.engines.nuts import NUTS
from evenfall.inference.fit import FitRequest, WarmStart
from evenfall.inference.watch import watching

from .arrays import Gaussian

SEEN = np.array([1.0, -2.0, 0.5])
SMALL = FitRequest(seed=7, draws=500, tune=200, chains=2)


@pytest.fixture(scope="module")
def fit():
    return NUTS.fit(Gaussian(SEEN), SMALL)


def test_draws_agree_with_the_closed_form(fit):
    # The posterior is N(0.8·y, 0.2) per mean. 1,000 draws of NUTS are worth at least 200 independent ones
    # here; five standard errors of those: a false alarm in a million.
    assert fit.draws["means"].mean((0, 1)) == pytest.approx(0.8 * SEEN, abs=5 * np.sqrt(0.2 / 200))
    assert fit.draws["means"].var((0, 1)) == pytest.approx([0.2] * 3, rel=5 * np.sqrt(2 / 200))


def test_everything_has_the_shape_chain_draw(fit):
    assert fit.points.shape == (2, 500, 3)
    assert fit.draws["total"].shape == (2, 500)
    assert fit.draws["means"].shape == (2, 500, 3)
    assert fit.log_likelihood.shape == (2, 500, 3)
    assert {figure.shape for figure in fit.statistics.values()} == {(2, 500)}
    wanted = {"diverging", "energy", "tree_depth", "reached_max_treedepth", "n_steps", "step_size", "lp"}
    assert wanted <= set(fit.statistics)


def test_quantities_and_likelihoods_belong_to_their_points(fit):
    assert fit.draws["total"] == pytest.approx(fit.points.sum(-1), abs=0)
    assert fit.log_likelihood[1] == pytest.approx(Gaussian(SEEN).log_likelihood(fit.points[1]), abs=0)


def test_a_seed_gives_the_same_draws_to_the_last_bit(fit):
    again = NUTS.fit(Gaussian(SEEN), SMALL)
    assert np.array_equal(again.points, fit.points)
    assert again.gradients == fit.gradients


def test_another_seed_and_another_chain_give_other_draws(fit):
    other = NUTS.fit(Gaussian(SEEN), replace(SMALL, seed=8))
    assert not np.isin(other.points, fit.points).any()
    assert not np.isin(fit.points[0], fit.points[1]).any()


def test_gradients_are_counted_with_tuning(fit):
    # One draw takes at least one step, and the statistics hold the steps after tuning.
    assert fit.gradients >= fit.statistics["n_steps"].sum() + 2 * 200


def test_a_budget_ends_the_chains_and_is_named():
    fit = NUTS.fit(Gaussian(SEEN), replace(SMALL, max_gradients=2000))
    assert fit.gradients <= 2000
    assert 0 < fit.points.shape[1] < 500
    assert "budget of 2000 gradients" in fit.failures[0]


def test_a_budget_cuts_at_the_same_draw_every_time():
    small = replace(SMALL, max_gradients=2000)
    first, again = NUTS.fit(Gaussian(SEEN), small), NUTS.fit(Gaussian(SEEN), small)
    assert np.array_equal(first.points, again.points)


def test_a_budget_below_tuning_leaves_no_draws_and_says_so():
    fit = NUTS.fit(Gaussian(SEEN), replace(SMALL, max_gradients=20))
    assert fit.points.shape == (2, 0, 3)
    assert not fit.passed


def test_a_warm_start_begins_where_it_says(fit):
    # 30 posterior standard deviations out, two steps from the start show where it lay.
    far = WarmStart(np.array([[14.0, 0.0, 0.0]]), step_size=1e-3)
    cold = NUTS.fit(Gaussian(SEEN), replace(SMALL, warm=far, tune=0, draws=1, options={"max_treedepth": 1}))
    assert cold.points[:, 0, 0] == pytest.approx(14.0, abs=7.0)
    warm = NUTS.fit(Gaussian(SEEN), replace(SMALL, warm=fit.warm))
    assert warm.draws["means"].mean((0, 1)) == pytest.approx(0.8 * SEEN, abs=5 * np.sqrt(0.2 / 200))


def test_a_warm_start_of_another_model_is_not_used(fit):
    other = NUTS.fit(Gaussian(SEEN), replace(SMALL, warm=WarmStart(np.zeros((2, 5)))))
    assert np.array_equal(other.points, fit.points)


def test_the_fit_hands_on_a_warm_start(fit):
    assert np.array_equal(fit.warm.points, fit.points[:, -1])
    assert fit.warm.mass_matrix == pytest.approx([0.2] * 3, rel=5 * np.sqrt(2 / 200))
    assert fit.warm.step_size > 0


@dataclass(frozen=True)
class Walled(Gaussian):
    """No density beyond 1."""

    def gradient(self, z):
        log_density, gradient = super().gradient(z)
        return np.where((z > 1).any(-1), np.nan, log_density), gradient


def test_a_point_without_density_is_a_divergence():
    fit = NUTS.fit(Walled(np.array([1.0])), SMALL)
    assert fit.statistics["diverging"].sum() > 0
    assert fit.points.max() <= 1


class Faulty(Gaussian):
    """Breaks after two hundred gradients."""

    calls = 0

    def gradient(self, z):
        Faulty.calls += 1
        if Faulty.calls > 200:
            raise ZeroDivisionError("one unit has no people")
        return super().gradient(z)


def test_an_error_inside_the_model_is_raised_as_it_is():
    with pytest.raises(ZeroDivisionError, match="no people"):
        NUTS.fit(Faulty(SEEN), SMALL)


class Nowhere(Gaussian):
    """Has no density at all."""

    def gradient(self, z):
        return np.full(len(z), -np.inf), np.full(z.shape, np.nan)


def test_a_model_without_any_density_fails_in_words():
    fit = NUTS.fit(Nowhere(SEEN), SMALL)
    assert fit.failures == ("no starting point with a finite density was found",)
    assert fit.points.shape == (2, 0, 3)


def test_a_cancelled_fit_stops_and_says_so():
    with watching(cancelled=lambda: True):
        fit = NUTS.fit(Gaussian(SEEN), SMALL)
    assert fit.gradients == 0
    assert "cancelled" in fit.failures[0]


def test_progress_grows_to_one():
    told = []
    with watching(progress=told.append):
        NUTS.fit(Gaussian(SEEN), SMALL)
    assert told == sorted(told)
    assert told[-1] == 1.0
    with watching(progress=told.append):
        pass
    NUTS.fit(Gaussian(SEEN), replace(SMALL, draws=5, tune=5))
    assert told[-1] == 1.0


def test_chains_that_begin_at_one_point_part_and_so_do_seeds():
    same = replace(SMALL, warm=WarmStart(np.zeros((1, 3))))
    first, other = NUTS.fit(Gaussian(SEEN), same), NUTS.fit(Gaussian(SEEN), replace(same, seed=8))
    assert not np.isin(first.points[0], first.points[1]).any()
    assert not np.isin(first.points, other.points).any()
