"""Leave-one-out and WAIC against exact answers, ArviZ and a published example."""

import numpy as np
import pytest
from scipy.special import logsumexp

from evenfall.errors import UsageError
from evenfall.inference.comparison import elpd as elpds

NOISE = 1.0


def _log_normal(y, mean, variance):
    return -0.5 * np.log(2 * np.pi * variance) - (y - mean) ** 2 / (2 * variance)


def _posterior(y, prior_sd=2.0):
    precision = 1 / prior_sd**2 + y.size / NOISE**2
    return np.sum(y) / NOISE**2 / precision, 1 / precision


def _exact_loo(y):
    """Return the leave-one-out log predictive densities of a normal mean with known noise, in closed form."""
    exact = []
    for i in range(y.size):
        mean, variance = _posterior(np.delete(y, i))
        exact.append(_log_normal(y[i], mean, variance + NOISE**2))
    return np.array(exact)


@pytest.fixture(scope="module")
def conjugate():
    rng = np.random.default_rng(1)
    y = rng.normal(0.7, NOISE, size=30)
    mean, variance = _posterior(y)
    mu = rng.normal(mean, np.sqrt(variance), size=(4, 2000))
    return y, mu, _log_normal(y, mu[..., None], NOISE**2)


def test_loo_of_a_normal_mean_is_the_exact_leave_one_out(conjugate):
    y, _, log_likelihood = conjugate
    found = elpds.loo(log_likelihood)
    # 8000 independent draws: each unit's Monte Carlo error is below 0.004, the sum's below 0.02.
    np.testing.assert_allclose(found.pointwise, _exact_loo(y), atol=0.02)
    assert found.value == pytest.approx(np.sum(_exact_loo(y)), abs=0.05)
    assert found.bad == ()
    assert found.limit == 0.7


def test_the_effective_parameters_of_one_mean_are_about_one(conjugate):
    y, _, log_likelihood = conjugate
    mean, variance = _posterior(y)
    lppd = np.sum(_log_normal(y, mean, variance + NOISE**2))
    found = elpds.loo(log_likelihood)
    assert found.effective_parameters == pytest.approx(lppd - np.sum(_exact_loo(y)), abs=0.05)


def test_waic_agrees_with_loo_as_units_grow():
    # Watanabe 2010, theorem 1: the difference falls as 1/n^2 per unit, so as 1/n in the sum.
    gaps = []
    for n in (10, 1000):
        rng = np.random.default_rng(2)
        y = rng.normal(size=n)
        mean, variance = _posterior(y)
        mu = rng.normal(mean, np.sqrt(variance), size=(2, 2000))
        found = elpds.waic(_log_normal(y, mu[..., None], NOISE**2))
        gaps.append(abs(found.value - np.sum(_exact_loo(y))))
    assert gaps[1] < 0.1


def test_waic_is_its_formula_in_numpy_alone(conjugate):
    _, _, log_likelihood = conjugate
    flat = log_likelihood.reshape(-1, 30)
    expected = np.log(np.mean(np.exp(flat), axis=0)) - np.var(flat, axis=0, ddof=1)
    found = elpds.waic(log_likelihood)
    np.testing.assert_allclose(found.pointwise, expected, rtol=1e-10)
    assert found.effective_parameters == pytest.approx(np.sum(np.var(flat, axis=0, ddof=1)))
    assert np.isnan(found.pareto_k).all()


def test_loo_is_what_arviz_reports_for_the_published_eight_schools():
    import arviz_base
    import arviz_stats

    tree = arviz_base.load_arviz_data("non_centered_eight")
    log_likelihood = tree["log_likelihood"]["obs"].transpose("chain", "draw", ...).values
    theirs = arviz_stats.loo(tree, pointwise=True, reff=0.9)
    found = elpds.loo(log_likelihood, relative_ess=0.9)
    np.testing.assert_allclose(found.pointwise, theirs.elpd_i.values, rtol=1e-9)
    np.testing.assert_allclose(found.pareto_k, theirs.pareto_k.values, rtol=1e-9)
    assert found.effective_parameters == pytest.approx(theirs.p, rel=1e-9)
    assert found.se == pytest.approx(theirs.se, rel=1e-9)
    # ArviZ's own default, whose tails are cut by the effective size of the parameters: -30.7 to -30.8.
    assert elpds.loo(log_likelihood).value == pytest.approx(float(arviz_stats.loo(tree).elpd), abs=0.03)
    assert -30.8 < elpds.loo(log_likelihood).value < -30.7


def test_weighted_draws_give_the_leave_one_out_of_the_distribution_they_stand_for(conjugate):
    y, _, _ = conjugate
    rng = np.random.default_rng(4)
    mean, variance = _posterior(y)
    wide = rng.normal(mean + 0.05, 1.5 * np.sqrt(variance), size=(4, 4000))
    log_ratio = _log_normal(wide, mean, variance) - _log_normal(wide, mean + 0.05, 2.25 * variance)
    weights = np.exp(log_ratio - logsumexp(log_ratio))
    found = elpds.loo(_log_normal(y, wide[..., None], NOISE**2), weights=weights)
    np.testing.assert_allclose(found.pointwise, _exact_loo(y), atol=0.03)
    unweighted = elpds.loo(_log_normal(y, wide[..., None], NOISE**2))
    assert abs(unweighted.value - np.sum(_exact_loo(y))) > 5 * abs(found.value - np.sum(_exact_loo(y)))
    waic = elpds.waic(_log_normal(y, wide[..., None], NOISE**2), weights=weights)
    assert waic.value == pytest.approx(np.sum(_exact_loo(y)), abs=0.1)


def test_equal_weights_change_nothing_and_draws_of_no_weight_are_left_out(conjugate):
    _, _, log_likelihood = conjugate
    plain = elpds.loo(log_likelihood, relative_ess=1.0)
    equal = elpds.loo(log_likelihood, weights=np.full((4, 2000), 1 / 8000), relative_ess=1.0)
    np.testing.assert_allclose(equal.pointwise, plain.pointwise, rtol=1e-10)
    first = np.zeros((4, 2000))
    first[:2] = 1.0
    half = elpds.loo(log_likelihood, weights=first, relative_ess=1.0)
    np.testing.assert_allclose(
        half.pointwise, elpds.loo(log_likelihood[:2], relative_ess=1.0).pointwise, rtol=1e-10
    )
    assert elpds.waic(log_likelihood, weights=first).value == pytest.approx(
        elpds.waic(log_likelihood[:2]).value, rel=1e-10
    )


def _with_an_outlier():
    rng = np.random.default_rng(5)
    y = np.append(rng.normal(size=9), 12.0)
    mean, variance = _posterior(y, prior_sd=50.0)
    mu = rng.normal(mean, np.sqrt(variance), size=(4, 500))
    return y, _log_normal(y, mu[..., None], NOISE**2)


def test_a_unit_that_moves_the_posterior_is_named_and_a_refit_mends_it():
    y, log_likelihood = _with_an_outlier()
    found = elpds.loo(log_likelihood)
    assert found.bad == (9,)
    assert found.bad_share == 0.1

    def refit(unit: int) -> float:
        mean, variance = _posterior(np.delete(y, unit), prior_sd=50.0)
        return float(_log_normal(y[unit], mean, variance + NOISE**2))

    mended = elpds.refit_bad(found, refit)
    assert mended.bad == ()
    assert mended.pointwise[9] == refit(9)
    assert mended.value == pytest.approx(found.value - found.pointwise[9] + refit(9))
    assert mended.value < found.value
    assert mended.effective_parameters > found.effective_parameters


def test_a_jacobian_makes_a_model_of_logarithms_comparable_with_one_of_the_values():
    rng = np.random.default_rng(6)
    y = np.exp(rng.normal(1.0, 0.5, size=20))
    mu = rng.normal(1.0, 0.1, size=(2, 1000, 1))
    of_logarithms = _log_normal(np.log(y), mu, 0.25)
    of_values = of_logarithms - np.log(y)  # the lognormal density
    moved = elpds.loo(of_logarithms, log_jacobian=-np.log(y), relative_ess=1.0)
    plain = elpds.loo(of_values, relative_ess=1.0)
    np.testing.assert_allclose(moved.pointwise, plain.pointwise, rtol=1e-9)
    assert moved.effective_parameters == pytest.approx(plain.effective_parameters, rel=1e-6)


def test_a_unit_without_trials_counts_nothing(conjugate):
    _, _, log_likelihood = conjugate
    padded = np.concatenate([log_likelihood, np.zeros((4, 2000, 1))], axis=2)
    found = elpds.loo(padded)
    assert found.pointwise[-1] == pytest.approx(0.0, abs=1e-12)
    assert found.pareto_k[-1] == 0.0
    assert elpds.waic(padded).pointwise[-1] == pytest.approx(0.0, abs=1e-12)


def test_a_log_likelihood_that_is_not_finite_is_never_a_number(conjugate):
    _, _, log_likelihood = conjugate
    for bad in (np.nan, -np.inf):
        broken = log_likelihood.copy()
        broken[1, 7, 3] = bad
        found = elpds.loo(broken)
        assert np.isnan(found.value)
        assert found.bad == (3,)
        assert not np.isfinite(elpds.waic(broken).value)


def test_few_draws_are_never_dependable():
    found = elpds.loo(np.random.default_rng(7).normal(size=(1, 10, 3)))
    assert found.bad == (0, 1, 2)
    assert np.isfinite(found.value)
    assert elpds.loo(np.zeros((1, 1, 2))).bad == (0, 1)


def test_one_unit_has_no_standard_error():
    assert np.isnan(elpds.loo(np.random.default_rng(8).normal(size=(2, 100, 1))).se)


@pytest.mark.parametrize("shape", [(100, 3), (4, 0, 3), (4, 100, 0)])
def test_a_shape_that_is_none_is_refused(shape):
    with pytest.raises(UsageError, match="shape"):
        elpds.loo(np.zeros(shape))


def test_weights_of_another_fit_are_refused():
    with pytest.raises(UsageError, match="weights"):
        elpds.loo(np.zeros((2, 50, 3)), weights=np.ones((2, 49)))
    with pytest.raises(UsageError, match="weights"):
        elpds.loo(np.zeros((2, 50, 3)), weights=np.full((2, 50), np.nan))
