from __future__ import annotations

import numpy as np
import pytest
from scipy import integrate, special, stats

from evenfall.funnels.pooling.conditional import Inner
from evenfall.funnels.pooling.model import PooledRates, Settings
from evenfall.funnels.pooling.scales import half_normal_coordinate, logit_normal
from evenfall.funnels.pooling.slices import Slices
from evenfall.inference.fit import Fit, FitRequest

from .worlds import effects_of, simulated

SMALL = 1e-4
LARGE = 60.0


def moments(fit: Fit, name: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return mean, stdev and Monte Carlo error of the mean of a quantity."""
    values = fit.draws[name].reshape(fit.weights.size, -1)
    weights = fit.weights.reshape(-1, 1)
    mean = (weights * values).sum(axis=0)
    variance = (weights * (values - mean) ** 2).sum(axis=0)
    error = np.sqrt((weights**2 * (values - mean) ** 2).sum(axis=0))
    return mean, np.sqrt(variance), error


def rate_by_quadrature(n: int, k: int, mean: float, stdev: float) -> tuple[float, float]:
    """Return mean and stdev of p whose log odds are normal a priori, by adaptive quadrature of scipy."""

    def mass(eta: float, power: int) -> float:
        p = special.expit(eta)
        return float(
            np.exp(stats.binom.logpmf(k, n, p) - stats.binom.logpmf(k, n, k / n))
            * stats.norm.pdf(eta, mean, stdev)
            * p**power
        )

    total, first, second = (
        integrate.quad(mass, -12, 12, args=(power,), epsabs=0, limit=500, points=[special.logit(k / n)])[0]
        for power in (0, 1, 2)
    )
    return first / total, float(np.sqrt(second / total - (first / total) ** 2))


def test_without_effects_it_is_the_rate_itself() -> None:
    empty = np.zeros((1, 0), dtype=np.int64)
    slices = Slices(("all",), (), empty, np.array([[40]]), np.array([[6]]))
    fit = PooledRates(slices, Settings((2.0, 5.0))).fast_fit(FitRequest(seed=1))
    mean, stdev, error = moments(fit, "p")
    expected = rate_by_quadrature(40, 6, *logit_normal(2.0, 5.0))
    assert fit.passed
    assert abs(mean[0] - expected[0]) < 4 * error[0]  # fails by chance once in 16,000 seeds
    assert stdev[0] == pytest.approx(expected[1], rel=0.05)


def test_without_spread_all_slices_are_one() -> None:
    slices, _ = simulated(np.random.default_rng(5))
    scales = {"channel": SMALL, "device": SMALL}
    fit = PooledRates(slices, Settings((2.0, 5.0), scales)).fast_fit(FitRequest(seed=1))
    n, k = (int(total.sum()) for total in slices.totals)
    expected = rate_by_quadrature(n, k, *logit_normal(2.0, 5.0))
    mean, stdev, error = moments(fit, "p")
    assert fit.passed
    assert np.all(np.abs(mean - expected[0]) < 4 * error + SMALL)
    np.testing.assert_allclose(stdev, expected[1], rtol=0.06)


def test_with_boundless_spread_every_slice_stands_alone() -> None:
    trials = np.array([[40], [25], [300], [60], [90], [33]])
    successes = np.array([[20], [5], [270], [18], [9], [30]])
    codes = np.arange(6)[:, None]
    slices = Slices(tuple("abcdef"), effects_of(6, 1, 0)[:1], codes, trials, successes)
    inner = Inner(PooledRates(slices, Settings(scales={"channel": LARGE})))
    spread = half_normal_coordinate(np.array([[1.0]]))  # LARGE itself
    found = inner.fit(spread, np.zeros((1, inner.size)))
    eta = found.mode[0, 0] + found.mode[0, 1:]
    k, n = successes[:, 0], trials[:, 0]
    np.testing.assert_allclose(special.expit(eta), k / n, rtol=2e-3)
    # the information of the log odds is n p (1 − p); the stdev of the centre cancels in the differences
    root = found.inverse_root[0]
    contrast = np.array([0.0, LARGE, -LARGE, 0.0, 0.0, 0.0, 0.0])
    variance = np.square(root @ contrast).sum()
    assert variance == pytest.approx((1 / (k * (n - k) / n))[:2].sum(), rel=5e-3)


@pytest.mark.parametrize("visited", [0, 2])
def test_the_fast_path_passes_its_gate_on_sparse_slices(visited: int) -> None:
    slices, _ = simulated(np.random.default_rng(7), visited=visited, people=4.0)
    fit = PooledRates(slices).fast_fit(FitRequest(seed=1))
    assert fit.passed, fit.failures
    assert fit.rung == "laplace"
    assert fit.weights.sum() == pytest.approx(1.0)
    assert fit.points.shape == (4, 1000, len(PooledRates(slices).names))


def test_the_same_seed_gives_the_same_draws() -> None:
    slices, _ = simulated(np.random.default_rng(7))
    first, again = (PooledRates(slices).fast_fit(FitRequest(seed=3, draws=200)) for _ in range(2))
    np.testing.assert_array_equal(first.points, again.points)
    np.testing.assert_array_equal(first.weights, again.weights)


def test_too_few_draws_do_not_pass() -> None:
    slices, _ = simulated(np.random.default_rng(7))
    fit = PooledRates(slices).fast_fit(FitRequest(seed=1, draws=50, chains=4))
    assert not fit.passed
    assert "worth" in fit.failures[-1]


def test_more_than_five_spreads_are_left_to_a_sampler() -> None:
    rng = np.random.default_rng(8)
    effects = tuple(effects_of(3, 1, 0)[0].__class__(f"e{i}", ("a", "b")) for i in range(6))
    codes = rng.integers(0, 2, (20, 6))
    trials = np.full((20, 1), 30)
    slices = Slices(tuple(map(str, range(20))), effects, codes, trials, rng.binomial(trials, 0.2))
    fit = PooledRates(slices).fast_fit(FitRequest())
    assert not fit.passed
    assert "6 spreads" in fit.failures[0]
