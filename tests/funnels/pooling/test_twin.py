from __future__ import annotations

import numpy as np
import pytest

from evenfall.funnels.pooling.model import PooledRates, Settings, pooled_spec
from evenfall.funnels.pooling.scales import half_normal
from evenfall.funnels.pooling.twin import build_pooled, pooled_rates_pymc
from evenfall.inference.engines.nuts import NUTS
from evenfall.inference.fit import FitRequest

from .worlds import simulated


@pytest.mark.slow
@pytest.mark.parametrize("overdispersed", [False, True])
def test_density_and_gradient_are_those_of_pymc(overdispersed: bool) -> None:
    slices, _ = simulated(np.random.default_rng(4), visited=1, days=4, people=30.0)
    settings = Settings((3.0, 7.0), {"device": 0.5}, overdispersed)
    model = PooledRates(slices, settings)
    spec = pooled_spec(slices, settings)
    twin = build_pooled(pooled_rates_pymc(spec.data, spec.options).data, overdispersed=overdispersed)
    z = np.random.default_rng(5).normal(size=len(model.names))
    groups = len(model.scales)
    u = z[1 : 1 + groups]
    t, slope = half_normal(u)
    point = {
        "centre": np.asarray(model.centre[0] + model.centre[1] * z[0]),
        "unit_spread_log__": np.log(t),
        "standard": z[model.hypers.stop :],
    }
    if overdispersed:
        point["log_kappa"] = np.asarray(model.place(z[None]).kappa[0])
        point["log_kappa"] = np.log(point["log_kappa"])
    value = float(twin.compile_logp(sum=True, mode="FAST_COMPILE")(point))
    order = [v.name for v in twin.value_vars]
    flat = np.asarray(twin.compile_dlogp(mode="FAST_COMPILE")(point))
    sizes = np.cumsum([0, *(np.size(point[name]) for name in order)])
    by = {name: flat[sizes[i] : sizes[i + 1]] for i, name in enumerate(order)}
    # the twin's density is per unit of its own coordinates: log spread, and centre and log κ without scaling
    rate = slope / t
    expected = value + np.log(rate).sum() + np.log(model.centre[1])
    # d log(slope)/du = t slope − u, from slope = exp((t² − u²)/2)/2
    by_spread = by["unit_spread_log__"] * rate + (t * slope - u) - rate
    gradient = [by["centre"] * model.centre[1], by_spread]
    if overdispersed:
        expected += np.log(2.0)
        gradient.append(by["log_kappa"] * 2.0)
    gradient.append(by["standard"])
    found, ours = model.gradient(z[None])
    assert found[0] == pytest.approx(expected, abs=1e-8)
    np.testing.assert_allclose(ours[0], np.concatenate(gradient), rtol=1e-8, atol=1e-8)


@pytest.mark.slow
def test_the_fast_path_agrees_with_a_sampler() -> None:
    """Means within 4.5 Monte Carlo errors of both: fails by chance about once in 1,000 over 21 figures."""
    slices, _ = simulated(np.random.default_rng(9), people=8.0)
    model = PooledRates(slices)
    fast = model.fast_fit(FitRequest(seed=1))
    sampled = NUTS.fit(model, FitRequest(seed=2, draws=1000, tune=500, chains=4))
    weights = fast.weights.reshape(-1)
    names = ["p", "population_p", "spread[channel]", "spread[device]"]
    for name in names:
        a = fast.draws[name].reshape(len(weights), -1)
        b = sampled.draws[name].reshape(4, 1000, -1)
        mean = weights @ a
        error = np.sqrt(np.square(weights) @ np.square(a - mean))
        # Monte Carlo error of correlated draws, from the means of batches of 100
        batches = b.reshape(40, 100, -1).mean(axis=1)
        other, noise = batches.mean(axis=0), batches.std(axis=0, ddof=1) / np.sqrt(40)
        assert np.all(np.abs(mean - other) < 4.5 * np.hypot(error, noise)), name
        spread = np.sqrt(weights @ np.square(a - mean))
        np.testing.assert_allclose(spread, b.reshape(4000, -1).std(axis=0), rtol=0.15)
