"""The fast path of pooled delays: exact up to weights, the same as a sampler, and honest where it fails."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from evenfall.funnels.delays.pooled import PooledDelays
from evenfall.funnels.delays.pooled_climb import climb
from evenfall.funnels.delays.pooled_fast import fast_fit
from evenfall.funnels.delays.pooled_generative import PooledDelayGenerative
from evenfall.funnels.delays.pooled_slices import Slices
from evenfall.inference.engines import ENGINES
from evenfall.inference.fit import Fit, FitRequest
from evenfall.inference.gates import check
from evenfall.inference.ladder import climb as climb_ladder
from evenfall.inference.model import load_model

SMALL = FitRequest(seed=3, draws=500)


def made(
    seed: int | list[int], source: PooledDelayGenerative
) -> tuple[dict, dict[str, np.ndarray], PooledDelays]:
    rng = np.random.default_rng(seed)
    truth = source.prior_draw(rng)
    data = source.simulate(truth, rng)
    model = load_model(source.spec(data))
    assert isinstance(model, PooledDelays)
    return truth, data, model


CASES = [
    PooledDelayGenerative(slices=3, cohorts=9, ages=9, people=40),
    PooledDelayGenerative(slices=3, cohorts=9, ages=9, people=40, overdispersion="learned"),
    PooledDelayGenerative(slices=3, cohorts=9, ages=9, people=40, onset=True, clock="calendar"),
    PooledDelayGenerative(slices=3, cohorts=9, ages=9, people=40, family="generalised_gamma"),
]


@pytest.mark.parametrize("source", CASES, ids=["weibull", "kappa", "calendar", "gg"])
def test_slices_given_the_hypers_have_the_density_of_the_whole(source: PooledDelayGenerative) -> None:
    _, _, model = made(1, source)
    rng = np.random.default_rng(2)
    h, u = 0.5 * rng.normal(size=(4, model.hypers)), rng.normal(size=(4, 3, 2))
    parts = Slices(model).value(h, u).sum(axis=1)
    whole = model.log_likelihood(model.whole(h, u)).sum(axis=1)
    np.testing.assert_allclose(parts, whole, rtol=1e-9)
    # the density of whole() is that of (h, u): N(0, I), and one Jacobian for each centred slice
    head = model.head(h)
    unit = sum(
        model.centred.sum() * np.log(model._prior[name].stdev / head.spread[:, i])
        for i, name in enumerate(("rate", "log_t50"))
    )
    standard = -0.5 * (np.square(h).sum(axis=1) + np.square(u).sum(axis=(1, 2)))
    constant = -0.5 * np.log(2 * np.pi) * (model.hypers + 6)
    np.testing.assert_allclose(model.log_prior(model.whole(h, u)), standard + constant + unit, rtol=1e-9)


@pytest.mark.parametrize("source", CASES, ids=["weibull", "kappa", "calendar", "gg"])
def test_the_gaussian_of_a_slice_stands_at_the_peak(source: PooledDelayGenerative) -> None:
    _, _, model = made(1, source)
    slices = Slices(model)
    h = 0.3 * np.random.default_rng(2).normal(size=(1, model.hypers))
    found = slices.fit(h, np.zeros((1, 3, 2)))

    def density(u: np.ndarray) -> np.ndarray:
        return slices.value(h, u) - 0.5 * np.square(u).sum(axis=-1)

    peak = density(found.mode)
    for way in np.eye(2):
        for side in (-0.01, 0.01):
            assert np.all(density(found.mode + side * way) < peak)


def test_the_expected_information_is_the_mean_curvature() -> None:
    # Over simulated data the mean of score scoreᵀ is the information (Fisher's identity); 600 data sets know
    # its diagonal to √(2/600) = 6 %.
    source = PooledDelayGenerative(slices=2, cohorts=8, ages=8, people=200)
    rng = np.random.default_rng(7)
    truth = source.prior_draw(rng)
    products, expected = np.zeros((2, 2, 2)), np.zeros((2, 2, 2))
    for _ in range(600):
        model = load_model(source.spec(source.simulate(truth, rng)))
        assert isinstance(model, PooledDelays)
        curve = Slices(model)._curve(truth["hypers"][None], truth["away"][None])
        score = (curve.score + truth["away"])[0]
        products += score[:, :, None] * score[:, None, :] / 600
        expected += (curve.precision[0] - np.eye(2)) / 600
    scale = np.sqrt(expected[:, [0, 1], [0, 1]])
    np.testing.assert_allclose(
        products / (scale[:, :, None] * scale[:, None, :]),
        expected / (scale[:, :, None] * scale[:, None, :]),
        atol=4 * np.sqrt(2 / 600),
    )


def test_the_climb_finds_a_ridge_a_hundred_times_as_long_as_wide() -> None:
    covariance = np.array([[1.0, 0.0099, 0.0], [0.0099, 1e-4, 0.0], [0.0, 0.0, 0.3]])
    peak = np.array([0.4, 0.2, -1.0])

    def density(h: np.ndarray) -> np.ndarray:
        return -0.5 * np.einsum("pi,ij,pj->p", h - peak, np.linalg.inv(covariance), h - peak)

    at, root = climb(density, np.zeros(3))
    np.testing.assert_allclose(at, peak, atol=1e-3)
    np.testing.assert_allclose(root @ root.T, covariance, rtol=1e-6, atol=1e-9)


def test_the_fast_path_publishes_and_repeats_itself() -> None:
    _, data, model = made(4, PooledDelayGenerative())
    fit, again = fast_fit(model, SMALL), fast_fit(model, SMALL)
    assert fit.passed, fit.failures
    assert fit.weights is not None
    assert fit.weights.sum() == pytest.approx(1.0)
    assert fit.draws["p"].shape == (4, 500, 6)
    assert fit.log_likelihood is not None
    assert fit.log_likelihood.shape == (4, 500, len(data["size"]))
    assert np.array_equal(fit.points, again.points)
    assert not np.array_equal(fit.points, fast_fit(model, replace(SMALL, seed=4)).points)


def test_the_ladder_takes_the_fast_path() -> None:
    _, _, model = made(4, PooledDelayGenerative())
    fit = climb_ladder(model, SMALL)
    assert fit.rung == "nested-laplace"
    assert fit.passed
    assert fit.tried == ()


def test_few_draws_are_refused() -> None:
    _, _, model = made(4, PooledDelayGenerative())
    fit = fast_fit(model, FitRequest(seed=3, chains=2, draws=100))
    assert any("not more than 400" in failure for failure in fit.failures)


def _mean(fit: Fit, name: str) -> np.ndarray:
    assert fit.weights is not None
    return np.einsum("cd,cd...->...", fit.weights, fit.draws[name])


def test_a_slice_without_data_is_what_the_others_are_like() -> None:
    _, data, _ = made(4, PooledDelayGenerative())
    alone = data["slice"] == 2
    data["size"] = np.where(alone, 0, data["size"])
    data["conversions"] = np.where(alone[:, None], 0, data["conversions"])
    model = PooledDelays(data, PooledDelayGenerative().options)
    fit = fast_fit(model, replace(SMALL, draws=1000))
    assert fit.passed, fit.failures
    assert fit.weights is not None
    # Given the hypers the empty slice is N(centre, spread²): its mean log t50 is the population's.
    weights, own = fit.weights, np.log(fit.draws["t50"][..., 2])
    centre, spread = np.log(fit.draws["population_t50"]), fit.draws["spread_log_t50"]
    error = 4 * np.sqrt((weights**2 * (own - centre) ** 2).sum())
    assert abs((weights * (own - centre)).sum()) < error
    found, expected = (weights * (own - centre) ** 2).sum(), (weights * spread**2).sum()
    assert found == pytest.approx(expected, rel=0.35)


def test_slices_that_start_or_stop_midway_are_fitted() -> None:
    truth, data, _ = made(5, PooledDelayGenerative(people=300))
    source = PooledDelayGenerative(people=300)
    day = np.tile(np.arange(20), 6)
    kept = ~((data["slice"] == 0) & (day < 12)) & ~((data["slice"] == 1) & (day >= 9))
    model = PooledDelays({name: value[kept] for name, value in data.items()}, source.options)
    fit = fast_fit(model, replace(SMALL, draws=1000))
    assert fit.passed, fit.failures
    full = PooledDelays(data, source.options)
    true = full.quantities(full.whole(truth["hypers"][None], truth["away"][None]))
    for s in range(6):
        values = fit.draws["p"][..., s].reshape(-1)
        mean = _mean(fit, "p")[s]
        stdev = np.sqrt((fit.weights.reshape(-1) * (values - mean) ** 2).sum())
        assert abs(mean - true["p"][0, s]) < 4.5 * stdev


@pytest.mark.verify  # the sampler takes half a minute
@pytest.mark.parametrize(
    ("seed", "source"),
    [
        (8, PooledDelayGenerative(slices=4, cohorts=12, ages=12, people=8)),
        ([2026, 1], PooledDelayGenerative(slices=12, cohorts=40, ages=40, people=60)),
    ],
    ids=["poor", "rich"],
)
def test_the_fast_path_and_a_sampler_agree(seed: int | list[int], source: PooledDelayGenerative) -> None:
    _, _, model = made(seed, source)
    fast = fast_fit(model, FitRequest(seed=1))
    accept = 0.9 if source.slices == 4 else 0.8
    slow = check(ENGINES.resolve("nuts").fit(model, FitRequest(engine="nuts", seed=2, target_accept=accept)))
    assert fast.passed, fast.failures
    assert slow.passed, slow.failures
    assert fast.weights is not None
    worth = min(fast.diagnostics["importance_ess"], slow.diagnostics["ess_bulk"])
    for name, sampled in slow.draws.items():
        weighted = fast.draws[name].reshape(4000, -1)
        others = sampled.reshape(sampled.shape[0] * sampled.shape[1], -1)
        for column, other in zip(weighted.T, others.T, strict=True):
            mean = float(fast.weights.reshape(-1) @ column)
            stdev = other.std()
            # about 30 figures: 4.5 Monte Carlo errors of a difference are exceeded once in 5,000 runs
            assert abs(mean - other.mean()) < 4.5 * stdev * np.sqrt(2 / worth), name
            spread = np.sqrt(fast.weights.reshape(-1) @ (column - mean) ** 2)
            assert spread == pytest.approx(stdev, rel=0.2), name


@pytest.mark.verify
def test_intervals_cover_as_often_as_they_say() -> None:
    # 40 replicates × 5 scalars and 2 × 6 slices at 80 %; replicates are independent, figures within are not,
    # so the standard error of the share is at most 6 %.
    source = PooledDelayGenerative()
    rng, hits, passed = np.random.default_rng(11), [], 0
    for seed in range(40):
        truth = source.prior_draw(rng)
        model = load_model(source.spec(source.simulate(truth, rng)))
        assert isinstance(model, PooledDelays)
        fit = fast_fit(model, FitRequest(seed=seed, draws=500))
        passed += fit.passed
        if not fit.passed or fit.weights is None:
            continue
        true = model.quantities(model.whole(truth["hypers"][None], truth["away"][None]))
        weights = fit.weights.reshape(-1)
        for name in (
            "p",
            "t50",
            "population_p",
            "population_t50",
            "spread_rate",
            "spread_log_t50",
            "log_ratio",
        ):
            values = fit.draws[name].reshape(len(weights), -1)
            below = (weights[:, None] * (values < true[name].reshape(-1))).sum(axis=0)
            hits.extend(np.abs(below - 0.5) < 0.4)
    share = float(np.mean(hits))
    print(f"{passed} of 40 passed; 80 % intervals cover {share:.3f}")
    assert passed >= 38
    assert abs(share - 0.8) < 0.1


def test_without_anybody_the_posterior_is_the_prior() -> None:
    _, data, _ = made(4, PooledDelayGenerative())
    nobody = {**data, "size": 0 * data["size"], "conversions": 0 * data["conversions"]}
    fit = fast_fit(PooledDelays(nobody, PooledDelayGenerative().options), replace(SMALL, draws=1000))
    assert fit.passed, fit.failures
    assert fit.weights is not None
    weights, z = fit.weights.reshape(-1), fit.points.reshape(4000, -1)
    # every coordinate N(0, 1): 34 figures within 4.5 Monte Carlo errors, exceeded once in 4,000 seeds
    np.testing.assert_array_less(np.abs(weights @ z), 4.5 * np.sqrt(weights**2 @ z**2))
    np.testing.assert_array_less(np.abs(weights @ (z**2 - 1)), 4.5 * np.sqrt(weights**2 @ (z**2 - 1) ** 2))
