from __future__ import annotations

import numpy as np
import pytest

from evenfall.errors import UsageError
from evenfall.funnels.delays.likelihood import CohortLikelihood
from evenfall.funnels.delays.pooled import PooledDelays, pooled_delays
from evenfall.inference.model import LogDensity, ModelSpec, load_model


def simulated(
    seed: int, slices: int = 5, cohorts: int = 20, people: float = 60.0, kappa: float | None = None
) -> tuple[dict[str, np.ndarray], np.ndarray, np.ndarray]:
    """Return cohorts of Weibull lags (t95/t50 = 5) with rates and medians that differ, and both."""
    rng = np.random.default_rng(seed)
    ages, log_ratio = cohorts, np.log(5.0)
    shape = np.log(np.log(20.0) / np.log(2.0)) / log_ratio
    rate = 1 / (1 + np.exp(-rng.normal(-0.8, 0.5, slices)))
    t50 = np.exp(rng.normal(np.log(2.0), 0.3, slices))
    size, observed, conversions, place = [], [], [], []
    for s in range(slices):
        n = rng.poisson(people * np.exp(rng.normal(0, 1)), cohorts)
        own = (
            np.full(cohorts, rate[s])
            if kappa is None
            else rng.beta(kappa * rate[s], kappa * (1 - rate[s]), cohorts)
        )
        converts = rng.binomial(n, own)
        for i in range(cohorts):
            lag = t50[s] * (rng.exponential(size=converts[i]) / np.log(2.0)) ** (1 / shape)
            seen = cohorts - i
            counts = np.bincount(np.floor(lag[lag < seen]).astype(int), minlength=ages)
            size.append(n[i])
            observed.append(seen)
            conversions.append(counts)
            place.append(s)
    data = {
        "size": np.array(size),
        "observed": np.array(observed),
        "conversions": np.array(conversions),
        "slice": np.array(place),
    }
    return data, rate, t50


CASES = [
    {"family": "weibull"},
    {"family": "weibull", "centred": "never"},
    {"family": "lognormal", "overdispersion": "learned"},
    {"family": "weibull", "onset": True, "clock": "calendar"},
    {"family": "generalised_gamma"},
]


@pytest.mark.parametrize("options", CASES)
def test_the_gradient_is_the_slope_of_prior_and_likelihood(options: dict[str, object]) -> None:
    data, _, _ = simulated(1, slices=3, cohorts=9, people=30.0)
    model = PooledDelays(data, options)
    z = model.start() + 0.2 * np.random.default_rng(2).normal(size=(3, len(model.names)))
    value, gradient = model.gradient(z)
    whole = model.log_prior(z) + model.log_likelihood(z).sum(axis=1)
    # the one-edge likelihood leaves out log factorials of the ages in both; the binomial's stand in both
    np.testing.assert_allclose(value, whole, rtol=1e-9)
    step = 1e-5
    sides = [
        (model.gradient(z + step * e)[0] - model.gradient(z - step * e)[0]) / (2 * step)
        for e in np.eye(z.shape[1])
    ]
    np.testing.assert_allclose(gradient, np.stack(sides, axis=1), rtol=2e-4, atol=2e-4)


def test_each_slice_has_the_likelihood_of_its_own_cohorts() -> None:
    data, _, _ = simulated(1, slices=3, cohorts=9)
    model = PooledDelays(data, {"family": "weibull"})
    z = model.start()[None]
    at = model._point(z)
    rows = data["slice"] == 1
    alone = CohortLikelihood(
        model.family, "elapsed", *(data[name][rows] for name in ("size", "conversions", "observed"))
    )
    point = model._of_slice(at, 1)
    expected = alone.values(point.shape, model._eventual(point), None, None)
    np.testing.assert_allclose(model.log_likelihood(z)[:, rows], expected, rtol=1e-12)


def test_centred_and_not_they_are_one_model() -> None:
    data, _, _ = simulated(1, slices=3, cohorts=9)
    centred, standard = PooledDelays(data, {}), PooledDelays(data, {"centred": "never"})
    rng = np.random.default_rng(5)
    a = standard.start() + 0.3 * rng.normal(size=(2, len(standard.names)))
    at = standard._point(a)
    b = a.copy()
    jacobian = np.zeros(2)
    for i, name in enumerate(("rate", "log_t50")):
        prior, start = centred._prior[name], 4 + len(centred._shape_names) + i * 3
        own = (at.own[name] - prior.mean) / prior.stdev
        b[:, start : start + 3] = np.where(centred.centred, own, a[:, start : start + 3])
        jacobian += centred.centred.sum() * np.log(at.spread[name] / prior.stdev)
    assert centred.centred.any()
    np.testing.assert_allclose(standard.gradient(a)[0], centred.gradient(b)[0] + jacobian, rtol=1e-10)


def test_a_specification_names_a_density() -> None:
    data, _, _ = simulated(1, slices=3, cohorts=9)
    model = load_model(ModelSpec("evenfall.funnels.delays.pooled:pooled_delays", data, {"slices": 4}))
    assert isinstance(model, LogDensity)
    found = model.quantities(model.start()[None])
    assert found["p"].shape == (1, 4)
    assert found["population_t50"].shape == (1,)
    assert np.isfinite(model.gradient(model.start()[None])[0]).all()


def test_a_cohort_without_a_slice_is_refused() -> None:
    data, _, _ = simulated(1, slices=3, cohorts=9)
    with pytest.raises(UsageError, match="slice"):
        pooled_delays(data, {"slices": 2})


def test_many_points_at_once_are_as_one_by_one() -> None:
    # so many rows that the quadrature of κ is cut in blocks
    data, _, _ = simulated(1, slices=5, cohorts=9, people=30.0)
    model = PooledDelays(data, {"overdispersion": "learned"})
    z = model.start() + 0.2 * np.random.default_rng(2).normal(size=(30, len(model.names)))
    value, gradient = model.gradient(z)
    for i in (0, 17, 29):
        alone = model.gradient(z[i : i + 1])
        np.testing.assert_allclose(value[i], alone[0][0], rtol=1e-12)
        np.testing.assert_allclose(gradient[i], alone[1][0], rtol=1e-9, atol=1e-9)
