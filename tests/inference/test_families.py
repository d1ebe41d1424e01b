"""The families as models: the prior and likelihood of the beliefs, in coordinates any engine can fit."""

from __future__ import annotations

import numpy as np
import pytest

from evenfall.beliefs.families import FAMILIES
from evenfall.beliefs.observations import Observations
from evenfall.beliefs.overdispersion import overdispersed_update
from evenfall.errors import InfeasibleBelief, UnknownName, UsageError
from evenfall.inference.engines.nuts import NUTS
from evenfall.inference.families import family_model, family_pymc
from evenfall.inference.families_pymc import build_family
from evenfall.inference.fit import FitRequest
from evenfall.inference.nuts.compiled import CACHE

COUNTS = np.array([[100.0, 31.0, 0.0], [80.0, 22.0, 0.0], [0.0, 0.0, 0.0], [120.0, 41.0, 0.0]])
MEASURED = np.array([[10.0, 21.0, 52.0], [0.0, 0.0, 0.0], [1.0, 2.5, 6.25], [20.0, 39.0, 101.0]])
CASES = {
    "beta": ((8.0, 17.0), COUNTS),
    "gamma": ((4.0, 10.0), COUNTS),
    "lognormal": ((1.5, 0.7, 1.2), MEASURED),
    "lognormal-inverse-gamma": ((1.5, 0.7, 3.0, 2.0), MEASURED),
    "normal": ((1.5, 0.7, 1.2), MEASURED),
    "normal-inverse-gamma": ((1.5, 0.7, 3.0, 2.0), MEASURED),
    "robust-beta": ((16.0, 4.0, 1.0, 1.0, 2.0), COUNTS),
}
WEIGHTS = np.array([0.25, 0.5, 0.7, 1.0])
VARIANTS = [*((name, None) for name in CASES), ("beta", 30.0), ("robust-beta", 30.0)]
everything = pytest.mark.parametrize("name", CASES)


def model(name, weights=None, kappa=None, factory=family_model):
    theta, sums = CASES[name]
    data = {"sums": sums} if weights is None else {"sums": sums, "weights": weights}
    return factory(data, {"family": name, "theta": list(theta), "kappa": kappa})


def grid(one, widths=9.0, nodes=4001):
    """Points of one or two coordinates around the start that hold all the mass, and the area of each."""
    start = one.start()
    if len(start) == 1:
        z = np.linspace(-widths, widths, nodes)
        return (start + z[:, None]), z[1] - z[0]
    z = np.linspace(-widths, widths, 601)
    return start + np.stack(np.meshgrid(z, z), axis=-1).reshape(-1, 2), (z[1] - z[0]) ** 2


@everything
def test_the_prior_is_a_density_of_the_coordinates(name):
    theta, _ = CASES[name]
    empty = family_model({"sums": np.zeros((0, 3))}, {"family": name, "theta": list(theta)})
    z, area = grid(empty, widths=18.0)
    assert np.exp(empty.log_prior(z)).sum() * area == pytest.approx(1.0, abs=2e-3)


@everything
def test_the_evidence_is_that_of_the_beliefs(name):
    # ∫ prior × likelihood dz by the rectangle rule against the closed form of beliefs; for counts the latter
    # is the mass of the total given the size, the former that of each day: a factor that no rate changes.
    one = model(name)
    family, (theta, sums) = FAMILIES.resolve(name), CASES[name]
    z, area = grid(one, widths=6.0)
    found = np.log(np.exp(one.gradient(z)[0] - one.gradient(one.start()[None])[0]).sum() * area)
    found += one.gradient(one.start()[None])[0][0]
    constant = 0.0
    if sums is COUNTS:
        from scipy.special import gammaln

        n, k, _ = sums.T
        if name == "gamma":
            each = np.where(n > 0, k * np.log(np.maximum(n, 1)), 0) - gammaln(k + 1)
            constant = each.sum() - (k.sum() * np.log(n.sum()) - gammaln(k.sum() + 1))
        else:
            ways = gammaln(n + 1) - gammaln(k + 1) - gammaln(n - k + 1)
            constant = ways.sum() - (
                gammaln(n.sum() + 1) - gammaln(k.sum() + 1) - gammaln(n.sum() - k.sum() + 1)
            )
    assert found == pytest.approx(family.log_evidence(np.array(theta), sums.sum(0)) + constant, abs=1e-6)


@pytest.mark.parametrize(("name", "kappa"), VARIANTS)
def test_the_gradient_is_the_slope_of_the_density(name, kappa):
    one = model(name, WEIGHTS, kappa)
    z = one.start() + np.random.default_rng(4).normal(size=(5, len(one.names)))
    log_density, slope = one.gradient(z)
    assert log_density == pytest.approx(one.log_prior(z) + one.log_likelihood(z).sum(-1), abs=1e-9)
    for i in range(len(one.names)):
        h = 1e-5 * np.eye(len(one.names))[i]
        quotient = (one.gradient(z + h)[0] - one.gradient(z - h)[0]) / 2e-5
        assert slope[:, i] == pytest.approx(quotient, rel=1e-6, abs=1e-6)


@everything
def test_nuts_agrees_with_the_closed_form(name):
    # Faded evidence, as half-lives make it; medians, since the mean of the lognormal with unknown noise is
    # infinite. 4,000 draws worth at least 800: five standard errors of a median, 1.25·sd/√800.
    one = model(name, WEIGHTS)
    fit = NUTS.fit(one, FitRequest(seed=5))
    family, (theta, sums) = FAMILIES.resolve(name), CASES[name]
    law = family.belief(family.update(np.array(theta), WEIGHTS @ sums))
    low, middle, high = (float(law.quantile(q)) for q in (0.16, 0.5, 0.84))
    error = 5 * 1.25 * (high - low) / 2 / np.sqrt(800)
    assert np.median(fit.draws["value"]) == pytest.approx(middle, abs=error)
    # A quantile at .16 is known 1.5 standard deviations / √n well.
    assert np.quantile(fit.draws["value"], 0.16) == pytest.approx(low, abs=1.3 * error)
    assert np.quantile(fit.draws["value"], 0.84) == pytest.approx(high, abs=1.3 * error)


def test_overdispersed_days_agree_with_the_quadrature_of_beliefs():
    one = model("beta", kappa=30.0)
    fit = NUTS.fit(one, FitRequest(seed=5))
    days = np.arange("2024-01-01", "2024-01-05", dtype="datetime64[D]")
    seen = Observations(days, days + np.timedelta64(1, "D"), COUNTS)
    alpha, beta = overdispersed_update(np.array([[8.0, 17.0]]), [seen], np.array([30.0]))[0]
    law = FAMILIES.resolve("beta").belief(np.array([alpha, beta]))
    assert fit.draws["value"].mean() == pytest.approx(
        float(law.mean), abs=5 * float(law.stdev) / np.sqrt(800)
    )
    assert fit.draws["value"].std() == pytest.approx(float(law.stdev), rel=5 / np.sqrt(2 * 800))


def test_a_batch_holds_its_days_alone():
    one = model("normal", WEIGHTS)
    z = np.zeros((1, 1))
    assert one.batch(np.array([3, 0])).log_likelihood(z) == pytest.approx(one.log_likelihood(z)[:, [3, 0]])


@pytest.mark.slow
@pytest.mark.parametrize(("name", "kappa"), VARIANTS)
def test_the_models_in_pymc_say_the_same(name, kappa):
    # PyMC's coordinates are the same up to their names, but for the log of a rate of events, which is not
    # over its prior mean; densities agree to the 2e-9 that PyMC's constants are off per observation.
    arrays, written = model(name, WEIGHTS, kappa), model(name, WEIGHTS, kappa, family_pymc)
    built = build_family(written.data, **written.options)
    z = arrays.start()
    moved = z + (np.log(4.0 / 10.0) if name == "gamma" else 0.0)
    places = {"value": 0, "deviation": 0, "excess": 1}
    point = {built.rvs_to_values[free]: np.asarray(moved[places[free.name]]) for free in built.free_RVs}
    wanted = [*built.replace_rvs_by_values([built["log_likelihood"], built["value"]]), built.logp()]
    days, value, log_density = (
        one.eval(point, mode="FAST_COMPILE", on_unused_input="ignore") for one in wanted
    )
    assert days == pytest.approx(arrays.log_likelihood(z[None])[0], abs=1e-7)
    assert value == pytest.approx(arrays.quantities(z[None])["value"][0], rel=1e-12)
    assert log_density == pytest.approx(arrays.gradient(z[None])[0][0], abs=1e-6)


@pytest.mark.slow
def test_one_program_serves_every_prior_of_a_family():
    request = FitRequest(seed=5)
    before = CACHE.compiled
    for alpha, beta in ((8.0, 17.0), (80.0, 20.0)):
        data = {"sums": COUNTS, "weights": WEIGHTS}
        fit = NUTS.fit(family_pymc(data, {"family": "beta", "theta": [alpha, beta]}), request)
        n, k, _ = WEIGHTS @ COUNTS
        a, b = alpha + k, beta + n - k
        stdev = np.sqrt(a * b / (a + b + 1)) / (a + b)
        assert fit.draws["value"].mean() == pytest.approx(a / (a + b), abs=5 * stdev / np.sqrt(800))
    assert CACHE.compiled == before + 1


def test_what_does_not_fit_together_is_refused():
    with pytest.raises(UnknownName, match="beta"):
        family_model({"sums": COUNTS}, {"family": "betta", "theta": [1, 1]})
    with pytest.raises(UsageError, match="alpha, beta"):
        family_model({"sums": COUNTS}, {"family": "beta", "theta": [1, 1, 1]})
    with pytest.raises(InfeasibleBelief):
        family_model({"sums": COUNTS}, {"family": "beta", "theta": [0, 1]})
    with pytest.raises(UsageError, match="kappa"):
        family_model({"sums": COUNTS}, {"family": "gamma", "theta": [1, 1], "kappa": 5})
