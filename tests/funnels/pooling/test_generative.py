from __future__ import annotations

import numpy as np
import pytest
from scipy import special

from evenfall.funnels.pooling.generative import PooledGenerative, RateGenerative
from evenfall.funnels.pooling.model import PooledRates, Settings
from evenfall.inference.fit import FitRequest
from evenfall.inference.model import GenerativeModel, LogDensity, load_model

from .worlds import simulated


def pooled(*, overdispersed: bool = False) -> PooledGenerative:
    days = 10 if overdispersed else 1
    slices, _ = simulated(np.random.default_rng(5), channels=4, devices=2, days=days, people=50.0)
    return PooledGenerative(slices, Settings((2.0, 6.0), overdispersed=overdispersed))


@pytest.mark.parametrize("overdispersed", [False, True])
def test_the_likelihood_and_the_quantities_are_those_of_the_fitted_model(overdispersed: bool) -> None:
    family: GenerativeModel = pooled(overdispersed=overdispersed)
    rng = np.random.default_rng(6)
    parameters = family.prior_draw(rng)
    data = family.simulate(parameters, rng)
    model = load_model(family.spec(data))
    assert isinstance(model, PooledRates)
    z = parameters["z"][None]
    assert family.log_likelihood(parameters, data) == pytest.approx(float(model.log_likelihood(z).sum()))
    fitted = model.quantities(z)
    for name, value in family.quantities(parameters).items():
        assert fitted[name][0] == value


def test_a_single_rate_is_fitted_by_its_family() -> None:
    family: GenerativeModel = RateGenerative(3.0, 7.0, np.array([20, 30, 25]), kappa=40.0)
    rng = np.random.default_rng(6)
    parameters = family.prior_draw(rng)
    data = family.simulate(parameters, rng)
    model = load_model(family.spec(data))
    assert isinstance(model, LogDensity)
    z = special.logit(parameters["p"]).reshape(1, 1)
    assert model.quantities(z)["value"][0] == pytest.approx(family.quantities(parameters)["value"])
    assert family.log_likelihood(parameters, data) == pytest.approx(float(model.log_likelihood(z).sum()))


@pytest.mark.slow
def test_ranks_of_the_truth_among_the_draws_are_uniform() -> None:
    """80 simulations; chi-square of 8 bins fails by chance once in 10,000 for each of three quantities."""
    family, runs, bins = pooled(), 80, 8
    rng = np.random.default_rng(42)
    counts = {name: np.zeros(bins) for name in ("population_p", "spread[channel]", "log_likelihood")}
    for _ in range(runs):
        parameters = family.prior_draw(rng)
        data = family.simulate(parameters, rng)
        fit = PooledRates(family._with(data), family.settings).fast_fit(
            FitRequest(seed=int(rng.integers(1 << 30)))
        )
        assert fit.passed, fit.failures
        truth = {**family.quantities(parameters), "log_likelihood": family.log_likelihood(parameters, data)}
        draws = {**fit.draws, "log_likelihood": fit.log_likelihood.sum(axis=-1)}
        for name, count in counts.items():
            rank = float((fit.weights * (draws[name] < truth[name])).sum())
            count[min(int(rank * bins), bins - 1)] += 1
    for name, count in counts.items():
        statistic = float((np.square(count - runs / bins) / (runs / bins)).sum())
        assert statistic < 29.9, (name, count)  # chi-square with 7 degrees, 0.9999 quantile
