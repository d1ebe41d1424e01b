"""Pareto-smoothed importance weights against ArviZ, and against laws whose tails are known."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import special

from evenfall.inference.psis import fit_generalised_pareto, importance_ess, k_hat_limit, smooth, tail_length


def ratios(shape: float, draws: int, rows: int = 1) -> np.ndarray:
    """Logs of ratios whose tail is generalised Pareto with this shape: quantiles at random probabilities."""
    u = np.random.default_rng(20).random((rows, draws))
    return np.log1p(np.expm1(-shape * np.log(u)) / shape)


@pytest.mark.parametrize("draws", [100, 1000, 4000])
@pytest.mark.parametrize("r_eff", [1.0, 0.3])
def test_weights_and_k_hat_are_those_of_arviz(draws: int, r_eff: float) -> None:
    from arviz_stats.base import array_stats

    rows = 2.0 * np.random.default_rng(1).standard_t(4, size=(6, draws))
    rows[0] /= 10
    rows[1, 3] = -np.inf
    log_weights, k_hat = smooth(rows, r_eff)
    theirs, their_k = array_stats.psislw(-rows, r_eff=r_eff)
    np.testing.assert_allclose(k_hat, their_k, rtol=1e-12)
    np.testing.assert_allclose(log_weights, theirs, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("shape", [0.2, 0.5, 0.9])
def test_k_hat_finds_the_shape_of_the_tail(shape: float) -> None:
    # 40 rows of 10,000 ratios: the standard error of one k-hat is (1 + k)/√300 = 0.1, of the mean 0.017;
    # the weak prior pulls by at most 10/310 of the distance to a half
    _, k_hat = smooth(ratios(shape, 10_000, 40))
    pulled = (300 * shape + 10 * 0.5) / 310
    assert k_hat.mean() == pytest.approx(pulled, abs=0.06)


def test_smoothed_weights_bring_the_mean_nearer_than_raw_ones() -> None:
    # draws of N(0, 1) weighed to be draws of N(s, 1), whose mean is s
    x = np.random.default_rng(3).normal(size=(400, 1000))
    raw = 1.5 * x
    log_weights, _ = smooth(raw)
    smoothed = (np.exp(log_weights) * x).sum(axis=-1) - 1.5
    plain = (special.softmax(raw, axis=-1) * x).sum(axis=-1) - 1.5
    assert np.sqrt(np.mean(smoothed**2)) < np.sqrt(np.mean(plain**2))


def test_rows_do_not_depend_on_each_other_or_on_constants() -> None:
    rows = ratios(0.5, 500, 9).reshape(3, 3, 500)
    together, k_hat = smooth(rows)
    alone, k_alone = smooth(rows[1, 2] + 1e4)
    np.testing.assert_allclose(together[1, 2], alone, atol=1e-9)
    assert k_hat.shape == (3, 3)
    assert k_hat[1, 2] == pytest.approx(float(k_alone), abs=1e-9)


def test_weights_sum_to_one_and_keep_their_order() -> None:
    rows = ratios(0.6, 2000)
    log_weights, _ = smooth(rows)
    assert np.exp(log_weights).sum() == pytest.approx(1.0, abs=1e-12)
    assert (np.argsort(log_weights) == np.argsort(rows)).all()


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_one_value_that_is_no_number_spoils_its_row_and_no_other(value: float) -> None:
    rows = ratios(0.3, 400, 2)
    clean, k_clean = smooth(rows[1])
    rows[0, 7] = value
    log_weights, k_hat = smooth(rows)
    assert np.isnan(log_weights[0]).all()
    assert np.isnan(k_hat[0])
    np.testing.assert_array_equal(log_weights[1], clean)
    assert k_hat[1] == k_clean


def test_a_row_without_any_mass_is_not_a_number() -> None:
    log_weights, k_hat = smooth(np.full(100, -np.inf))
    assert np.isnan(k_hat)
    assert np.isnan(log_weights).all()


def test_draws_outside_the_support_weigh_nothing() -> None:
    row = np.zeros(1000)
    row[:500] = -np.inf
    log_weights, k_hat = smooth(row)
    assert k_hat == 0.0
    assert importance_ess(log_weights) == pytest.approx(500.0)


def test_equal_ratios_are_worth_all_their_draws() -> None:
    log_weights, k_hat = smooth(np.full(1000, 3.3))
    assert k_hat == 0.0
    assert importance_ess(log_weights) == pytest.approx(1000.0)


def test_one_draw_that_outweighs_all_others_is_refused() -> None:
    row = np.zeros(1000)
    row[4] = 800.0
    log_weights, k_hat = smooth(row)
    assert not k_hat < k_hat_limit(1000)
    assert importance_ess(log_weights) == pytest.approx(1.0)


def test_too_few_draws_for_a_tail_are_refused() -> None:
    _, k_hat = smooth(np.random.default_rng(0).normal(size=20))
    assert k_hat == np.inf


def test_the_limit_is_the_published_one() -> None:
    # Vehtari et al. (2024): 100 draws bear k up to 0.5; from about 2200 draws on 0.7 binds
    assert k_hat_limit(100) == pytest.approx(0.5)
    assert k_hat_limit(4000) == 0.7
    assert k_hat_limit(1) == -np.inf


def test_the_tail_is_a_fifth_of_few_draws_and_grows_with_the_root_of_many() -> None:
    assert tail_length(100) == 20
    assert tail_length(10_000) == 300
    assert tail_length(10_000, 0.25) == 600


def test_a_pareto_law_is_fitted_without_bias() -> None:
    # 200 samples of 1000: standard error of the mean of k is (1 + k)/√(1000·200) = 0.003
    u = np.sort(np.random.default_rng(5).random((200, 1000)), axis=-1)
    k, sigma = fit_generalised_pareto(2.0 * np.expm1(-0.4 * np.log1p(-u)) / 0.4)
    assert k.mean() == pytest.approx((1000 * 0.4 + 5) / 1010, abs=0.012)
    assert sigma.mean() == pytest.approx(2.0, abs=0.03)
