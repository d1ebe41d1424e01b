from __future__ import annotations

import numpy as np
import pytest
from scipy import special, stats

from evenfall.errors import UnknownName
from evenfall.funnels.pooling.model import PooledRates, Settings, pooled_spec
from evenfall.funnels.pooling.scales import half_normal, half_normal_coordinate, logit_normal
from evenfall.inference.model import LogDensity, load_model

from .worlds import simulated

CASES = [Settings((3.0, 7.0)), Settings((3.0, 7.0), {"channel": 0.3}, overdispersed=True)]


def model_of(settings: Settings, seed: int = 1) -> PooledRates:
    slices, _ = simulated(np.random.default_rng(seed), visited=2, days=5, people=60.0)
    return PooledRates(slices, settings)


@pytest.mark.parametrize("settings", CASES)
def test_the_gradient_is_the_slope_of_the_density(settings: Settings) -> None:
    model = model_of(settings)
    z = np.random.default_rng(2).normal(size=(4, len(model.names)))
    value, gradient = model.gradient(z)
    np.testing.assert_allclose(value, model.log_prior(z) + model.log_likelihood(z).sum(axis=1), rtol=1e-12)
    step = 1e-4
    sides = [
        (model.gradient(z + step * e)[0] - model.gradient(z - step * e)[0]) / (2 * step)
        for e in np.eye(z.shape[1])
    ]
    np.testing.assert_allclose(gradient, np.stack(sides, axis=1), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("settings", CASES)
def test_the_likelihood_is_the_binomial_or_beta_binomial_of_scipy(settings: Settings) -> None:
    model = model_of(settings)
    z = np.random.default_rng(3).normal(size=(1, len(model.names)))
    at = model.place(z)
    p = special.expit(at.eta[0])[:, None]
    n, k = model.slices.trials, model.slices.successes
    if at.kappa is None:
        expected = stats.binom.logpmf(k.sum(axis=1), n.sum(axis=1), p[:, 0])
    else:
        expected = stats.betabinom.logpmf(k, n, at.kappa[0] * p, at.kappa[0] * (1 - p)).sum(axis=1)
    np.testing.assert_allclose(model.log_likelihood(z)[0], expected, rtol=1e-9, atol=1e-9)


def test_spreads_are_half_normal_when_their_coordinate_is_normal() -> None:
    z = np.linspace(-7.5, 7.5, 61)
    t, slope = half_normal(z)
    # the quantile function of scipy's half-normal, each side from its own tail
    expected = np.where(z < 0, stats.halfnorm.ppf(stats.norm.cdf(z)), stats.halfnorm.isf(stats.norm.sf(z)))
    np.testing.assert_allclose(t, expected, rtol=1e-9, atol=1e-15)
    numeric = (half_normal(z + 1e-5)[0] - half_normal(z - 1e-5)[0]) / 2e-5
    np.testing.assert_allclose(slope, numeric, rtol=1e-6)
    np.testing.assert_allclose(half_normal_coordinate(t[20:]), z[20:], atol=1e-8)


def test_the_centre_has_the_moments_of_the_log_odds_of_its_belief() -> None:
    p = stats.beta(3.0, 7.0)
    mean = p.expect(special.logit)
    variance = p.expect(lambda x: (special.logit(x) - mean) ** 2)
    np.testing.assert_allclose(logit_normal(3.0, 7.0), (mean, np.sqrt(variance)), rtol=1e-7)


def test_a_specification_gives_back_the_same_model() -> None:
    model = model_of(CASES[1])
    again = load_model(pooled_spec(model.slices, model.settings))
    assert isinstance(again, LogDensity)
    z = np.random.default_rng(4).normal(size=(2, len(model.names)))
    assert again.names == model.names
    np.testing.assert_array_equal(again.gradient(z)[1], model.gradient(z)[1])


def test_the_scale_of_a_spread_nobody_has_is_refused() -> None:
    with pytest.raises(UnknownName, match="channel"):
        model_of(Settings(scales={"chanel": 1.0}))


@pytest.mark.parametrize("settings", CASES)
def test_far_out_the_density_is_nothing_and_not_an_error(settings: Settings) -> None:
    model = model_of(settings)
    for far in (50.0, -50.0, 1e200, np.nan):
        value, gradient = model.gradient(np.full((1, len(model.names)), far))
        assert not np.isnan(value).any()
        assert np.isfinite(gradient).all()
