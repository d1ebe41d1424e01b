from __future__ import annotations

import numpy as np
import pytest
from scipy import special

from evenfall.funnels.pooling.model import PooledRates, Settings
from evenfall.funnels.pooling.slices import Slices
from evenfall.inference.fit import Fit, FitRequest

from .worlds import simulated

ENOUGH = 100
"""Attempts below which the hard rule takes the next wider group."""


def fallback(slices: Slices) -> np.ndarray:
    """Return the rate of each slice by the hard rule: its own, else its channel's, else everybody's."""
    n, k = slices.totals
    rates = np.empty(len(slices))
    for row, codes in enumerate(slices.codes):
        channel = slices.codes[:, 0] == codes[0]
        groups = (np.arange(len(slices)) == row, channel, np.ones(len(slices), dtype=bool))
        own = next((g for g in groups if n[g].sum() >= ENOUGH), groups[-1])
        rates[row] = (k[own].sum() + 1.0) / (n[own].sum() + 2.0)
    return rates


def mean_rate(fit: Fit) -> np.ndarray:
    p = fit.draws["p"]
    return fit.weights.reshape(-1) @ p.reshape(-1, p.shape[-1])


def interval(fit: Fit, level: float) -> tuple[np.ndarray, np.ndarray]:
    """Return the equal-tailed interval of each slice's rate, weights counted."""
    p = fit.draws["p"].reshape(fit.weights.size, -1)
    order = np.argsort(p, axis=0)
    mass = np.cumsum(fit.weights.reshape(-1)[order], axis=0)
    columns = np.arange(p.shape[1])
    ends = [(mass < q).sum(axis=0) for q in ((1 - level) / 2, (1 + level) / 2)]
    low, high = (p[order[np.minimum(end, len(p) - 1), columns], columns] for end in ends)
    return low, high


def log_loss(p: np.ndarray, n: np.ndarray, k: np.ndarray) -> float:
    return float(-(special.xlogy(k, p) + special.xlog1py(n - k, -p)).sum() / n.sum())


@pytest.mark.slow
def test_pooling_is_nearer_to_the_truth_than_the_hard_rule_and_its_intervals_cover() -> None:
    """40 worlds of 36 slices with 25 attempts in the median."""
    rng = np.random.default_rng(2024)
    squares, losses, covered = [], [], []
    for _ in range(40):
        slices, rate = simulated(rng, visited=1, people=25.0, uneven=1.2)
        fit = PooledRates(slices).fast_fit(FitRequest(seed=int(rng.integers(1 << 30)), draws=500))
        assert fit.passed, fit.failures
        pooled, hard = mean_rate(fit), fallback(slices)
        squares.append([np.mean((pooled - rate) ** 2), np.mean((hard - rate) ** 2)])
        n = rng.poisson(slices.totals[0] + 1)
        k = rng.binomial(n, rate)
        losses.append([log_loss(pooled, n, k), log_loss(hard, n, k)])
        low, high = interval(fit, 0.9)
        covered.append(np.mean((low <= rate) & (rate <= high)))
    rmse = np.sqrt(np.mean(squares, axis=0))
    loss = np.mean(losses, axis=0)
    coverage, error = np.mean(covered), np.std(covered, ddof=1) / np.sqrt(len(covered))
    print(
        f"RMSE pooled {rmse[0]:.4f}, hard rule {rmse[1]:.4f}; held-out log loss {loss[0]:.4f}, {loss[1]:.4f}"
    )
    print(f"90 % intervals cover {coverage:.3f} ± {error:.3f}")
    assert rmse[0] < 0.7 * rmse[1]
    assert loss[0] < loss[1]
    # slices of one world share its effects, so the error of the mean is taken over worlds; 4 of them
    assert abs(coverage - 0.9) < 4 * error


@pytest.mark.slow
def test_overdispersed_days_are_covered_when_kappa_is_learned() -> None:
    """15 worlds at κ = 40: binomial days would be four times too sure of a slice with 100 attempts a day."""
    rng = np.random.default_rng(7)
    covered, naive = [], []
    for _ in range(15):
        slices, rate = simulated(rng, channels=4, days=14, people=1400.0, kappa=40.0, uneven=0.3)
        for overdispersed, into in ((True, covered), (False, naive)):
            model = PooledRates(slices, Settings(overdispersed=overdispersed))
            fit = model.fast_fit(FitRequest(seed=1, draws=300))
            assert fit.passed, fit.failures
            low, high = interval(fit, 0.9)
            into.append(np.mean((low <= rate) & (rate <= high)))
    coverage, error = np.mean(covered), np.std(covered, ddof=1) / np.sqrt(len(covered))
    print(f"with kappa {coverage:.3f} ± {error:.3f}, without {np.mean(naive):.3f}")
    assert abs(coverage - 0.9) < 4 * error
    assert np.mean(naive) < 0.8
