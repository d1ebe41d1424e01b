"""The model that makes its own data: its draws have its density, and ranks of small fits are flat."""

import numpy as np
import pytest
from scipy import stats

from evenfall.funnels.delays.generative import DelayGenerative
from evenfall.funnels.delays.prior_draws import prior_draws
from evenfall.inference.engines.laplace import LaplaceEngine
from evenfall.inference.fit import FitRequest
from evenfall.inference.model import load_model


@pytest.mark.parametrize("scatter", ["none", "learned"])
def test_the_model_it_names_fits_its_data(scatter):
    source = DelayGenerative(overdispersion=scatter, spread=scatter)
    rng = np.random.default_rng(2)
    parameters = source.prior_draw(rng)
    data = source.simulate(parameters, rng)
    model = load_model(source.spec(data))
    z = np.array([[parameters[name][0] for name in model.names]])
    assert data["conversions"].shape == (30, 25)
    assert source.log_likelihood(parameters, data) == pytest.approx(model.log_likelihood(z).sum())
    assert source.quantities(parameters)["p"] == pytest.approx(model.quantities(z)["p"][0])
    assert set(source.quantities(parameters)) == set(model.quantities(z))


def test_prior_draws_have_the_prior_s_density():
    # A horizon of two days cuts the rate hard: the share of z below its median against the density on a grid.
    source = DelayGenerative(horizon_days=2.0, prior={"rate": {"alpha": 2, "beta": 2}})
    rng = np.random.default_rng(3)
    model = load_model(source.spec(source.simulate(source.prior_draw(rng), rng)))
    draws = prior_draws(model, 20_000, rng)
    q = model.quantities(draws)
    assert np.all(q["p_eventual"] < 1)
    # q given F(H) is Beta(2, 2) below F(H): its probability transform is uniform.
    u = stats.beta.cdf(q["p"], 2, 2) / stats.beta.cdf(q["horizon_mass"], 2, 2)
    assert stats.kstest(u, "uniform").pvalue > 1e-3


def test_simulated_cohorts_have_the_rate_and_the_scatter_asked_for():
    source = DelayGenerative(overdispersion="learned", cohorts=400, ages=60, people=300)
    rng = np.random.default_rng(4)
    parameters = {
        "rate": np.array([-0.5]),
        "log_t50": np.array([0.0]),
        "log_log_ratio": np.array([0.2]),
        "log_rho": np.array([-3.0]),
    }
    data = source.simulate(parameters, rng)
    p = source.quantities(parameters)["p_eventual"]
    old = data["observed"] >= 30
    share = data["conversions"][old].sum(axis=1) / 300
    # 370 cohorts: the mean's error is sd/19; the variance's 7 %, four of them allowed.
    expected = p * (1 - p) * (1 + 299 / (1 + np.exp(3.0))) / 300
    assert abs(share.mean() - p) < 4 * np.sqrt(expected / old.sum()) + 0.003
    assert share.var() == pytest.approx(expected, rel=0.3)


@pytest.mark.verify
@pytest.mark.parametrize("scatter", ["none", "learned"])
def test_ranks_of_the_truth_are_uniform(scatter):
    source = DelayGenerative(overdispersion=scatter, spread=scatter, people=400)
    rng = np.random.default_rng(9)
    ranks = {}
    for i in range(150):
        parameters = source.prior_draw(rng)
        model = load_model(source.spec(source.simulate(parameters, rng)))
        fit = LaplaceEngine().fit(model, FitRequest(seed=i, draws=500, chains=1))
        for name, truth in source.quantities(parameters).items():
            weights = np.full(500, 1 / 500) if fit.weights is None else fit.weights.reshape(-1)
            ranks.setdefault(name, []).append(float(weights[fit.draws[name].reshape(-1) < truth].sum()))
    for name, values in ranks.items():
        # Eight quantities or so at 1e-3 each: a false alarm in a hundred runs.
        assert stats.kstest(values, "uniform").pvalue > 1e-3, name


def test_a_learned_scatter_is_part_of_the_name():
    assert DelayGenerative(overdispersion="learned").name == "delay-lognormal-overdispersed"
