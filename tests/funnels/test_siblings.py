"""Edges that leave one node, when their draws together exceed 1."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evenfall.findings import Light
from evenfall.funnels.siblings import join_siblings

COUNT = 20_000


def beta_draws(mean: list[float], stdev: float, seed: int = 1) -> np.ndarray:
    rng = np.random.default_rng(seed)
    size = np.array(mean) * (1 - np.array(mean)) / stdev**2 - 1
    return rng.beta(np.array(mean) * size, (1 - np.array(mean)) * size, (COUNT, len(mean)))


def rng() -> np.random.Generator:
    return np.random.default_rng(2)


def test_siblings_that_fit_stay_bit_for_bit() -> None:
    draws = beta_draws([0.2, 0.3], 0.02)
    found = join_siblings(draws, "land", ["a", "b"], rng())
    assert found.draws is draws
    assert found.finding is None


def test_joined_siblings_keep_their_means_and_total_variance() -> None:
    """Monte Carlo error of 20,000 draws: a mean ±3·.06/141 = .0013, a variance about 3 %."""
    draws = beta_draws([0.5, 0.35, 0.05], 0.06)
    found = join_siblings(draws, "land", ["a", "b", "c"], rng())
    assert found.finding is not None
    assert found.draws.sum(axis=1).max() <= 1.0
    np.testing.assert_allclose(found.draws.mean(axis=0), draws.mean(axis=0), atol=0.0013)
    assert found.draws.var(axis=0).sum() == pytest.approx(draws.var(axis=0).sum(), rel=0.04)


def test_joined_siblings_are_a_dirichlet_law() -> None:
    """Its signature: every covariance is −m_i m_j/(s + 1)."""
    draws = beta_draws([0.5, 0.4], 0.06)
    mean, variance = draws.mean(axis=0), draws.var(axis=0)
    precision = (mean * (1 - mean)).sum() / variance.sum() - 1
    found = join_siblings(draws, "land", ["a", "b"], rng()).draws
    covariance = np.cov(found.T)
    assert covariance[0, 1] == pytest.approx(-mean[0] * mean[1] / (precision + 1), rel=0.05)
    np.testing.assert_allclose(np.diag(covariance), mean * (1 - mean) / (precision + 1), rtol=0.05)


def test_the_finding_says_how_many_draws_and_which_edges() -> None:
    draws = beta_draws([0.5, 0.4], 0.06)
    finding = join_siblings(draws, "land", ["read", "skip"], rng()).finding
    assert finding is not None
    assert (finding.light, finding.subject) == (Light.AMBER, "land")
    assert "read, skip that leave land" in finding.message
    assert finding.figures["draws_above_1"] == pytest.approx((draws.sum(axis=1) > 1).mean())


def test_a_redrawn_edge_stays_with_its_own_draws() -> None:
    draws = beta_draws([0.5, 0.4], 0.06)
    found = join_siblings(draws, "land", ["a", "b"], rng()).draws
    assert np.corrcoef(draws[:, 0], found[:, 0])[0, 1] > 0.6


def test_a_fixed_edge_keeps_its_value_and_the_others_share_the_rest() -> None:
    draws = beta_draws([0.7, 0.2, 0.05], 0.03)
    draws[:, 0] = 0.7
    found = join_siblings(draws, "land", ["a", "b", "c"], rng())
    assert found.finding is not None
    assert (found.draws[:, 0] == 0.7).all()
    assert found.draws.sum(axis=1).max() <= 1.0 + 1e-12
    np.testing.assert_allclose(found.draws.mean(axis=0), draws.mean(axis=0), atol=0.002)


def test_means_that_take_everybody_are_red_and_scaled_together() -> None:
    draws = beta_draws([0.7, 0.5], 0.03)
    found = join_siblings(draws, "land", ["a", "b"], rng())
    assert found.finding is not None
    assert found.finding.light is Light.RED
    assert "120.0%" in found.finding.message
    np.testing.assert_allclose(found.draws.sum(axis=1), 1.0, rtol=1e-12)
    np.testing.assert_allclose(
        found.draws[:, 0] / found.draws[:, 1], draws[:, 0] / draws[:, 1], rtol=1e-12
    )  # nothing but a common factor


def test_a_fixed_edge_that_takes_everybody_leaves_nothing() -> None:
    draws = beta_draws([0.5, 0.5], 0.03)
    draws[:, 0] = 1.0
    found = join_siblings(draws, "land", ["a", "b"], rng())
    np.testing.assert_array_equal(found.draws, np.tile([1.0, 0.0], (COUNT, 1)))


def test_fixed_edges_that_contradict_each_other_are_red() -> None:
    found = join_siblings(np.tile([0.9, 0.3], (10, 1)), "land", ["a", "b"], rng())
    assert found.finding is not None
    assert found.finding.light is Light.RED
    np.testing.assert_allclose(found.draws, np.tile([0.75, 0.25], (10, 1)))


@given(
    st.lists(st.tuples(st.floats(0.01, 0.99), st.floats(0.5, 1000.0)), min_size=1, max_size=5),
    st.booleans(),
    st.integers(0, 999),
)
def test_joined_siblings_are_always_rates_that_leave_nobody_twice(
    laws: list[tuple[float, float]], first_fixed: bool, seed: int
) -> None:
    source = np.random.default_rng(seed)
    draws = np.stack([source.beta(m * s, (1 - m) * s, 200) for m, s in laws], axis=1)
    if first_fixed:
        draws[:, 0] = laws[0][0]
    found = join_siblings(draws, "n", [str(n) for n in range(len(laws))], source).draws
    assert (found >= 0).all()
    assert found.sum(axis=1).max() <= 1.0 + 1e-9
