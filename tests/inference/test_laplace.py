"""Laplace's approximation with weights: right where the answer is known, and refused where it cannot be."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import special

from evenfall.inference.engines.batch import Single
from evenfall.inference.engines.laplace import LAPLACE, laplace_batch
from evenfall.inference.engines.modes import find_modes
from evenfall.inference.fit import FitRequest, WarmStart
from evenfall.inference.gates import check
from evenfall.inference.psis import k_hat_limit

from .densities import Density, banana, funnel, gaussian, log_odds, two_humps

type Floats = NDArray[np.float64]

REQUEST = FitRequest(seed=11)


def random_covariance(width: int, seed: int = 0) -> Floats:
    root = np.random.default_rng(seed).normal(size=(width, width))
    return root @ root.T + 0.1 * np.eye(width)


def test_a_normal_posterior_comes_back_exactly() -> None:
    mean, covariance = 100.0 * np.arange(5), 1e-4 * random_covariance(5)
    fit = check(LAPLACE.fit(gaussian(mean, covariance), REQUEST))
    assert fit.passed
    assert fit.points.shape == (4, 1000, 5)
    assert fit.weights is not None
    assert fit.weights.sum() == pytest.approx(1.0)
    for i in range(5):
        shown, sd = fit.summary(f"z{i}"), np.sqrt(covariance[i, i])
        error = sd / np.sqrt(fit.diagnostics["importance_ess"])
        assert shown.mean == pytest.approx(mean[i], abs=4 * error)  # false alarm 6e-5 each
        assert shown.stdev == pytest.approx(sd, rel=0.06)


@pytest.mark.parametrize(("alpha", "beta"), [(3.0, 40.0), (0.5, 5000.0), (800.0, 200.0), (1.0, 1.0)])
def test_a_beta_posterior_in_log_odds_agrees_with_its_closed_form(alpha: float, beta: float) -> None:
    fit = check(LAPLACE.fit(log_odds(alpha, beta), REQUEST))
    assert fit.passed
    shown = fit.summary("rate")
    mean = alpha / (alpha + beta)
    stdev = np.sqrt(mean * (1 - mean) / (alpha + beta + 1))
    error = 1 / np.sqrt(fit.diagnostics["importance_ess"])
    assert shown.mean == pytest.approx(mean, abs=4 * stdev * error)
    assert special.betainc(alpha, beta, shown.upper) == pytest.approx(0.975, abs=5 * error * np.sqrt(0.025))
    assert special.betainc(alpha, beta, shown.lower) == pytest.approx(0.025, abs=5 * error * np.sqrt(0.025))


def test_the_draws_are_never_resampled() -> None:
    fit = LAPLACE.fit(log_odds(3.0, 40.0), REQUEST)
    assert len(np.unique(fit.points)) == 4000
    assert np.ptp(fit.weights) > 0


def test_the_same_seed_gives_the_same_draws_and_another_seed_others() -> None:
    one, two = LAPLACE.fit(log_odds(3.0, 40.0), REQUEST), LAPLACE.fit(log_odds(3.0, 40.0), REQUEST)
    np.testing.assert_array_equal(one.points, two.points)
    np.testing.assert_array_equal(one.weights, two.weights)
    assert np.all(LAPLACE.fit(log_odds(3.0, 40.0), replace(REQUEST, seed=12)).points != one.points)


def test_gradients_are_counted_one_by_one() -> None:
    density = gaussian(np.ones(3), np.eye(3))
    assert LAPLACE.fit(density, REQUEST).gradients == density.asked


@pytest.mark.parametrize("budget", [0, 5, 30, 100, 400])
def test_the_budget_of_gradients_is_kept_and_named(budget: int) -> None:
    density = funnel(3)
    fit = LAPLACE.fit(density, replace(REQUEST, max_gradients=budget))
    assert density.asked <= budget
    assert any("budget of" in sentence for sentence in fit.failures)


@pytest.mark.parametrize("bend", [0.1, 0.5])
def test_a_banana_is_refused(bend: float) -> None:
    for seed in range(5):
        assert not check(LAPLACE.fit(banana(bend), replace(REQUEST, seed=seed))).passed


@pytest.mark.parametrize("bend", [0.02, 0.03])
def test_a_slightly_bent_banana_is_refused_or_right(bend: float) -> None:
    """Of 15 fits those that pass are centred and as wide as they should be."""
    sd = np.sqrt(1 + bend**2 * 2 * 100**2)  # of z1: z0² has variance 2·100²
    passed = [check(LAPLACE.fit(banana(bend), replace(REQUEST, seed=seed))) for seed in range(15)]
    shown = [(fit.summary("z1"), fit.diagnostics["importance_ess"]) for fit in passed if fit.passed]
    assert shown
    for figures, ess in shown:
        assert abs(figures.mean) < 5 * sd / np.sqrt(ess)
        assert figures.stdev == pytest.approx(sd, rel=0.25)


def test_a_funnel_is_refused() -> None:
    assert not check(LAPLACE.fit(funnel(5), REQUEST)).passed


@pytest.mark.parametrize("apart", [4.0, 6.0, 10.0])
@pytest.mark.parametrize("width", [1, 3])
def test_two_humps_are_refused(apart: float, width: int) -> None:
    fit = check(LAPLACE.fit(two_humps(apart, width), REQUEST))
    assert any("more than one mode" in sentence for sentence in fit.failures)


def test_a_log_density_that_is_no_number_at_the_start_is_a_failure_not_an_exception() -> None:
    fit = check(LAPLACE.fit(Density(lambda z: np.full(len(z), np.nan), 2), REQUEST))
    assert fit.points.shape == (4, 0, 2)
    assert fit.failures == ("no mode: the log density or its gradient is not finite at the start",)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_a_log_density_that_breaks_away_from_the_mode_is_refused(value: float) -> None:
    def log(z: Floats) -> Floats:
        return np.where(z[:, 0] > 1.5, value, -0.5 * z[:, 0] ** 2)

    fit = check(LAPLACE.fit(Density(log, 1), REQUEST))
    assert any("not a number" in sentence for sentence in fit.failures)


def test_a_hard_edge_of_the_support_is_weighed_as_nothing() -> None:
    # a normal law cut off at 1.5: mean -φ(1.5)/Φ(1.5)
    def log(z: Floats) -> Floats:
        return np.where(z[:, 0] > 1.5, -np.inf, -0.5 * z[:, 0] ** 2)

    fit = check(LAPLACE.fit(Density(log, 1, slope=lambda z: -z), REQUEST))
    assert fit.passed
    truth = -np.exp(-1.125) / np.sqrt(2 * np.pi) / special.ndtr(1.5)
    assert fit.summary("z0").mean == pytest.approx(truth, abs=4 / np.sqrt(fit.diagnostics["importance_ess"]))


@pytest.mark.parametrize(
    "log",
    [
        lambda z: z[:, 0] - 0.5 * z[:, 1] ** 2,  # rises for ever
        lambda z: -0.5 * z[:, 0] ** 2,  # flat in the second coordinate
        lambda z: 0.5 * z[:, 0] ** 2 - 0.5 * z[:, 1] ** 2,  # a saddle
    ],
)
def test_a_log_density_without_a_peak_has_no_mode(log: object) -> None:
    fit = LAPLACE.fit(Density(log, 2), REQUEST)  # type: ignore[arg-type]
    assert not fit.passed
    assert fit.failures[0].startswith("no mode")


def test_a_warm_start_is_where_the_search_begins() -> None:
    density = gaussian(np.full(2, 50.0), np.eye(2))
    cold = LAPLACE.fit(density, REQUEST)
    warm = LAPLACE.fit(density, replace(REQUEST, warm=cold.warm))
    assert isinstance(cold.warm, WarmStart)
    np.testing.assert_allclose(cold.warm.points[0], 50.0, atol=1e-6)
    assert warm.gradients <= cold.gradients


def test_the_mode_and_its_curvature_do_not_depend_on_units() -> None:
    scale = np.array([1e-6, 1.0, 1e5])
    covariance = scale[:, None] * random_covariance(3) * scale
    modes = find_modes(Single(gaussian(7 * scale, covariance)), np.zeros(1, dtype=np.intp), np.zeros((1, 3)))
    assert modes.reasons == ("",)
    np.testing.assert_allclose(modes.points[0], 7 * scale, rtol=1e-3)
    np.testing.assert_allclose(modes.roots[0] @ modes.roots[0].T / covariance, 1.0, rtol=1e-3)


def test_a_start_far_away_on_a_flat_slope_is_climbed_from() -> None:
    density = log_odds(40.0, 400.0)
    modes = find_modes(Single(density), np.zeros(1, dtype=np.intp), np.full((1, 1), 60.0))
    assert modes.reasons == ("",)
    assert modes.points[0, 0] == pytest.approx(np.log(0.1), abs=1e-4)  # log(α/β)


@dataclass(frozen=True, eq=False)
class Rates:
    """Logistic regressions that share their design: (problem, day) successes of 50 trials."""

    design: Floats
    successes: Floats

    def start(self) -> Floats:
        return np.zeros((len(self.successes), self.design.shape[1]))

    def log_density(self, which: NDArray[np.intp], z: Floats) -> Floats:
        eta = z @ self.design.T
        inside = self.successes[which, None] * eta - 50 * np.logaddexp(0, eta)
        return inside.sum(axis=-1) - 0.5 * np.square(z / 1.5).sum(axis=-1)

    def gradient(self, which: NDArray[np.intp], z: Floats) -> tuple[Floats, Floats]:
        eta = z @ self.design.T
        slope = (self.successes[which, None] - 50 * special.expit(eta)) @ self.design - z / 1.5**2
        return self.log_density(which, z), slope


def rates(problems: int, seed: int = 3) -> Rates:
    rng = np.random.default_rng(seed)
    design = rng.normal(size=(20, 3)) / 2
    truth = rng.normal(size=(problems, 3))
    return Rates(design, rng.binomial(50, special.expit(truth @ design.T)).astype(float))


def test_a_batch_gives_each_posterior_what_it_gets_alone() -> None:
    batch, seeds = rates(40), np.arange(40)
    together = laplace_batch(batch, seeds)
    assert together.reasons == ("",) * 40
    assert (together.k_hat < k_hat_limit(1000)).all()
    assert (together.importance_ess > 400).all()
    alone = laplace_batch(Rates(batch.design, batch.successes[17:18]), seeds[17:18])
    np.testing.assert_allclose(alone.points[0], together.points[17], rtol=1e-9)
    np.testing.assert_allclose(alone.log_weights[0], together.log_weights[17], rtol=1e-6, atol=1e-9)


def test_ranks_of_the_truth_in_a_batch_are_uniform() -> None:
    """Simulation-based calibration: 600 truths from the prior; false alarm 1e-4 (chi-square, 9 degrees)."""
    rng = np.random.default_rng(8)
    design = rng.normal(size=(20, 3)) / 2
    truth = 1.5 * rng.normal(size=(600, 3))
    successes = rng.binomial(50, special.expit(truth @ design.T)).astype(float)
    fit = laplace_batch(Rates(design, successes), np.arange(600))
    below = (np.exp(fit.log_weights)[..., None] * (fit.points < truth[:, None, :])).sum(axis=1)
    for coordinate in range(3):
        counts = np.bincount(np.minimum(9, (10 * below[:, coordinate]).astype(int)), minlength=10)
        assert np.square(counts - 60).sum() / 60 < 33.7


def test_one_broken_problem_leaves_its_neighbours_alone() -> None:
    batch = rates(5)
    clean = laplace_batch(batch, np.arange(5))
    batch.successes[2] = np.nan
    broken = laplace_batch(batch, np.arange(5))
    assert broken.reasons[2].startswith("no mode")
    assert np.isnan(broken.k_hat[2])
    np.testing.assert_array_equal(np.delete(clean.points, 2, axis=0), np.delete(broken.points, 2, axis=0))
