"""The posterior of one edge: gradients, start, quantities, recovery on small data."""

import numpy as np
import pytest
from scipy import integrate, optimize, stats
from tests.funnels.delays.simulated import cohorts

from evenfall.errors import UsageError
from evenfall.funnels.delays.families import LAG_FAMILIES
from evenfall.funnels.delays.model import DelayModel, delay_model
from evenfall.inference.model import LogDensity, ModelSpec, load_model

LAG = stats.lognorm(0.9, scale=3.0)
NAMES = sorted(LAG_FAMILIES.built_in)


def simulated(seed=1, **options):
    settings = {"days": 60, "size": 500, **options}
    return cohorts(np.random.default_rng(seed), LAG, 0.3, **settings)


@pytest.mark.parametrize("family", NAMES)
@pytest.mark.parametrize("clock", ["elapsed", "calendar"])
@pytest.mark.parametrize(("onset", "scatter"), [(False, "none"), (True, "learned")])
def test_the_gradient_is_that_of_the_density(family, clock, onset, scatter):
    options = {"family": family, "clock": clock, "onset": onset, "horizon_days": 12}
    model = delay_model(
        simulated(clock=clock, kappa=100), {**options, "overdispersion": scatter, "spread": scatter}
    )
    rng = np.random.default_rng(5)
    z = model.start() + 0.15 * rng.normal(size=(3, len(model.names)))
    if onset:
        z[:, model.names.index("onset_logit")] -= 3.0
    value, gradient = model.gradient(z)
    np.testing.assert_allclose(value, model.log_prior(z) + model.log_likelihood(z).sum(axis=1), rtol=1e-12)
    step = 1e-4

    def at(k, axis):
        return model.gradient(z + k * step * np.eye(z.shape[1])[axis])[0]

    for axis in range(z.shape[1]):
        # Fourth order: errors near 1e-10 of the value's scale.
        differences = (8 * (at(1, axis) - at(-1, axis)) - (at(2, axis) - at(-2, axis))) / (12 * step)
        np.testing.assert_allclose(gradient[:, axis], differences, rtol=1e-6, atol=1e-6)


def mode(model):
    """The posterior's peak and the inverse of its curvature, by scipy."""

    def objective(z):
        value, gradient = model.gradient(z[None])
        return (-value[0], -gradient[0]) if np.isfinite(value[0]) else (1e12, np.zeros_like(z))

    peak = optimize.minimize(objective, model.start(), jac=True, method="BFGS", options={"gtol": 1e-3}).x
    eye, step = np.eye(len(peak)), 1e-4
    curvature = [(objective(peak + step * e)[1] - objective(peak - step * e)[1]) / (2 * step) for e in eye]
    return peak, np.linalg.inv((np.array(curvature) + np.array(curvature).T) / 2)


def test_it_is_a_log_density_and_made_by_its_name():
    model = load_model(
        ModelSpec("evenfall.funnels.delays.model:delay_model", simulated(), {"family": "gamma"})
    )
    assert isinstance(model, DelayModel)
    assert isinstance(model, LogDensity)
    assert model.log_likelihood(model.start()[None]).shape == (1, 60)


def test_the_prior_is_a_density_of_the_rate():
    # With the whole lag inside the horizon z is the logit of q, and Beta(3, 7) integrates to one.
    model = delay_model(simulated(), {"prior": {"rate": {"alpha": 3, "beta": 7}}, "horizon_days": 1e6})
    z = np.linspace(-25, 25, 4001)
    rest = np.tile(model.start()[1:], (len(z), 1))
    mass = np.exp(
        model.log_prior(np.column_stack([z, rest])) - model._log_normals(np.column_stack([z[:1], rest[:1]]))
    )
    assert integrate.simpson(mass, x=z) == pytest.approx(1.0, abs=1e-6)


def test_the_rate_is_a_beta_within_the_horizon_and_given_less_than_one_eventually():
    # Two days see F(2) of a lag fixed by a narrow prior; q then is Beta(2, 2) cut at F(2), by scipy's cdf.
    model = delay_model(
        simulated(), {"family": "lognormal", "horizon_days": 2, "prior": {"rate": {"alpha": 2, "beta": 2}}}
    )
    lag = [np.log(LAG.ppf(0.5)), np.log(np.log(LAG.ppf(0.95) / LAG.ppf(0.5)))]
    z = np.linspace(-25, 25, 4001)
    points = np.column_stack([z, *(np.full_like(z, x) for x in lag)])
    mass = np.exp(model.log_prior(points) - model._log_normals(points))
    assert integrate.simpson(mass, x=z) == pytest.approx(stats.beta.cdf(LAG.cdf(2), 2, 2), abs=1e-6)
    assert np.all(model.quantities(points)["p_eventual"] < 1)


@pytest.mark.parametrize("clock", ["elapsed", "calendar"])
def test_what_made_the_data_is_found_again(clock):
    model = delay_model(
        simulated(2, clock=clock, size=2000), {"family": "lognormal", "clock": clock, "horizon_days": 14}
    )
    peak, covariance = mode(model)
    truth = {"log_t50": np.log(3.0), "log_log_ratio": np.log(0.9 * stats.norm.ppf(0.95))}
    for name, value in truth.items():
        i = model.names.index(name)
        # Four standard errors: a false alarm in 16,000 runs.
        assert abs(peak[i] - value) < 4 * np.sqrt(covariance[i, i])
    found = model.quantities(peak[None])
    assert found["p"][0] == pytest.approx(0.3 * LAG.cdf(14), abs=0.007)
    assert found["horizon_mass"][0] == pytest.approx(LAG.cdf(14), abs=0.02)


def test_the_wrong_clock_is_off():
    # Half a day of blur taken for lag: the median moves by many standard errors.
    data = simulated(2, clock="calendar", size=2000)
    peak, covariance = mode(delay_model(data, {"family": "lognormal", "clock": "elapsed"}))
    assert (peak[1] - np.log(3.0)) / np.sqrt(covariance[1, 1]) > 5


@pytest.mark.parametrize("scatter", ["none", "learned"])
def test_an_aggregated_million_is_the_same_as_its_cohorts(scatter):
    data = simulated(4)
    options = {"family": "weibull", "horizon_days": 14, "spread": "none", "overdispersion": scatter}
    one, twice = (
        delay_model(data, options),
        delay_model({name: np.concatenate([x, x]) for name, x in data.items()}, options),
    )
    z = one.start()[None]
    np.testing.assert_allclose(twice.log_likelihood(z).sum(), 2 * one.log_likelihood(z).sum(), rtol=1e-12)


def test_points_that_cannot_be_have_no_density_and_no_gradient():
    model = delay_model(simulated(), {"family": "weibull"})
    z = np.array([[0.0, 60.0, 0.3], [0.0, 0.0, 20.0], [np.nan, 0.0, 0.0], [600.0, 0.0, 0.0]])
    value, gradient = model.gradient(z)
    assert np.all(value == -np.inf)
    assert np.all(gradient == 0)


@pytest.mark.parametrize("conversions", [np.zeros((3, 3), dtype=int), np.diag([5, 0, 0])])
def test_next_to_nothing_can_still_be_fitted(conversions):
    data = {"entry": np.arange(3), "size": np.array([5, 5, 5]), "observed": np.array([3, 2, 1])}
    model = delay_model({**data, "conversions": conversions}, {"overdispersion": "learned"})
    value, gradient = model.gradient(model.start()[None])
    assert np.isfinite(value).all()
    assert np.isfinite(gradient).all()


def test_a_concentration_over_ages_is_learned_when_the_data_show_it():
    assert "log_rho_spread" in delay_model(simulated(3, spread=40), {}).names
    assert "log_rho_spread" not in delay_model(simulated(3), {}).names


def test_priors_are_given_in_days():
    model = delay_model(simulated(), {"prior": {"median_days": 4, "t95_days": {"mean": 20, "stdev": 5}}})
    assert model.priors.log_t50.mean == pytest.approx(np.log(4))
    # log t95 of a lognormal with mean 20 and stdev 5 has mean log 20 − log(1 + 1/16)/2.
    assert np.exp(model.priors.log_log_ratio.mean) == pytest.approx(np.log(5) - np.log1p(1 / 16) / 2)


def test_an_unknown_kind_of_scatter_is_refused():
    with pytest.raises(UsageError, match="none or learned"):
        delay_model(simulated(), {"overdispersion": "some"})
