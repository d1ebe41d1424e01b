"""Grids and Gauss-Hermite against closed forms and against integrals of thirty digits."""

from __future__ import annotations

from dataclasses import replace

import mpmath
import numpy as np
import pytest
from scipy import special

from evenfall.inference.engines.batch import Single
from evenfall.inference.engines.logit_normal import logit_normal_rate
from evenfall.inference.engines.modes import find_modes
from evenfall.inference.engines.quadrature import QUADRATURE, Grid, integrate
from evenfall.inference.fit import FitRequest
from evenfall.inference.gates import check

from .densities import Density, banana, funnel, gaussian, log_odds, two_humps

REQUEST = FitRequest(seed=4)


def grid_of(density: Density) -> Grid:
    start = density.start()[None, :]
    return integrate(density, find_modes(Single(density), np.zeros(1, dtype=np.intp), start))


@pytest.mark.parametrize("width", [1, 2, 3])
def test_a_normal_posterior_is_integrated_exactly(width: int) -> None:
    root = np.random.default_rng(width).normal(size=(width, width))
    mean, covariance = 10.0 * np.arange(width), root @ root.T
    grid = grid_of(gaussian(mean, covariance))
    np.testing.assert_allclose(grid.weights @ grid.points, mean, atol=1e-6)
    around = grid.points - mean
    np.testing.assert_allclose((grid.weights[:, None] * around).T @ around, covariance, rtol=1e-6, atol=1e-6)
    truth = 0.5 * (width * np.log(2 * np.pi) + np.linalg.slogdet(covariance)[1])
    assert grid.log_evidence == pytest.approx(truth, abs=1e-6)


@pytest.mark.parametrize(("alpha", "beta"), [(3.0, 40.0), (0.5, 5000.0), (0.05, 0.2)])
def test_a_beta_posterior_in_log_odds_has_its_closed_moments_and_evidence(alpha: float, beta: float) -> None:
    grid = grid_of(log_odds(alpha, beta))
    rate = special.expit(grid.points[:, 0])
    mean = alpha / (alpha + beta)
    assert grid.weights @ rate == pytest.approx(mean, rel=1e-6)
    variance = mean * (1 - mean) / (alpha + beta + 1)
    assert grid.weights @ np.square(rate - mean) == pytest.approx(variance, rel=1e-5)
    assert grid.log_evidence == pytest.approx(special.betaln(alpha, beta), abs=1e-6)


def test_draws_from_the_grid_agree_with_the_closed_form() -> None:
    fit = check(QUADRATURE.fit(log_odds(3.0, 40.0), REQUEST))
    assert fit.passed
    assert fit.points.shape == (4, 1000, 1)
    error = 1 / np.sqrt(fit.diagnostics["importance_ess"])
    mean = 3 / 43
    stdev = np.sqrt(mean * (1 - mean) / 44)
    shown = fit.summary("rate")
    assert shown.mean == pytest.approx(mean, abs=4 * stdev * error)
    assert special.betainc(3, 40, shown.upper) == pytest.approx(0.975, abs=5 * error * 0.16)
    assert special.betainc(3, 40, shown.lower) == pytest.approx(0.025, abs=5 * error * 0.16)


def test_a_slightly_bent_banana_is_followed_to_its_ends() -> None:
    fit = check(QUADRATURE.fit(banana(0.03), REQUEST))
    assert fit.passed
    # z1 has variance 1 + 0.03²·2·100²
    assert fit.summary("z1").stdev == pytest.approx(np.sqrt(19.0), rel=0.12)
    assert fit.summary("z0").stdev == pytest.approx(10.0, rel=0.08)


@pytest.mark.parametrize("density", [banana(0.5), funnel(2), two_humps(10.0)])
def test_what_a_grid_cannot_hold_is_refused(density: Density) -> None:
    assert not check(QUADRATURE.fit(density, REQUEST)).passed


def test_four_coordinates_are_too_many_for_a_grid() -> None:
    fit = check(QUADRATURE.fit(gaussian(np.zeros(4), np.eye(4)), REQUEST))
    assert any("too many" in sentence for sentence in fit.failures)


def test_a_log_density_that_is_no_number_somewhere_is_refused() -> None:
    fit = check(QUADRATURE.fit(Density(lambda z: np.where(z[:, 0] > 2, np.nan, -(z[:, 0] ** 2)), 1), REQUEST))
    assert any("not a number" in sentence for sentence in fit.failures)


def test_the_same_seed_gives_the_same_draws() -> None:
    one, two, other = (QUADRATURE.fit(log_odds(3.0, 40.0), replace(REQUEST, seed=s)) for s in (4, 4, 5))
    np.testing.assert_array_equal(one.points, two.points)
    assert np.all(one.points != other.points)


def integral(mu: float, sigma: float, n: int, k: int) -> tuple[float, float, float]:
    """Posterior mean, stdev and log evidence by tanh-sinh quadrature with 30 digits."""
    with mpmath.workdps(30):

        def density(eta: mpmath.mpf) -> mpmath.mpf:
            p = 1 / (1 + mpmath.exp(-eta))
            return mpmath.binomial(n, k) * p**k * (1 - p) ** (n - k) * mpmath.npdf(eta, mu, sigma)

        ends = mpmath.linspace(mu - 14 * sigma, mu + 14 * sigma, 40)
        mass = mpmath.quad(density, ends)
        mean = mpmath.quad(lambda e: density(e) / (1 + mpmath.exp(-e)), ends) / mass
        second = mpmath.quad(lambda e: density(e) * (1 / (1 + mpmath.exp(-e)) - mean) ** 2, ends) / mass
        return float(mean), float(mpmath.sqrt(second)), float(mpmath.log(mass))


@pytest.mark.parametrize(
    ("mu", "sigma", "n", "k", "tolerance"),
    [
        (0.0, 1.0, 40, 20, 1e-11),
        (-2.0, 0.5, 1000, 100, 1e-11),
        (-2.0, 0.7, 300, 20, 1e-9),
        (-3.0, 0.5, 0, 0, 1e-9),
        (-3.0, 1.0, 200, 3, 1e-6),
        (-2.0, 1.0, 50, 0, 1e-6),
        (0.0, 1.5, 10, 10, 1e-4),
        (-2.0, 2.0, 5, 0, 1e-3),  # skew: more nodes for such, as the docstring says
    ],
)
def test_a_logit_normal_rate_is_integrated_to_the_stated_error(
    mu: float, sigma: float, n: int, k: int, tolerance: float
) -> None:
    rate, truth = logit_normal_rate(mu, sigma, n, k), integral(mu, sigma, n, k)
    assert float(rate.mean) == pytest.approx(truth[0], rel=tolerance)
    assert float(rate.stdev) == pytest.approx(truth[1], rel=tolerance)
    assert float(rate.log_evidence) == pytest.approx(truth[2], rel=tolerance, abs=1e-9)
    finer = logit_normal_rate(mu, sigma, n, k, nodes=81)
    assert float(finer.mean) == pytest.approx(truth[0], rel=1e-9)


def test_many_rates_at_once_are_the_same_as_one_by_one() -> None:
    n, k = np.array([10, 200, 5000]), np.array([1, 20, 400])
    together = logit_normal_rate(-2.0, 0.7, n, k)
    for i in range(3):
        alone = logit_normal_rate(-2.0, 0.7, n[i], k[i])
        assert together.mean[i] == pytest.approx(float(alone.mean), rel=1e-14)
