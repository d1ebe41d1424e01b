"""Poor fit is told where a model is wrong, and hardly ever where it is right."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from evenfall.funnels.delays.generative import DelayGenerative
from evenfall.funnels.pooling.model import Settings, pooled_spec
from evenfall.funnels.pooling.slices import Effect, Slices
from evenfall.inference.execute import execute
from evenfall.inference.fit import Fit, FitRequest
from evenfall.inference.model import ModelSpec
from evenfall.runs.fitting.predictive import poor_fit_of, predictive_checks

REQUEST = FitRequest(seed=5, draws=500)
TRUTH = {
    "rate": np.log(0.3 / 0.68),
    "log_t50": np.log(3.0),
    "log_log_ratio": np.log(np.log(4.0)),
    "log_rho": np.log(0.02),
    "log_rho_spread": np.log(0.05),
}


def delays(seed: int, **world: object) -> tuple[ModelSpec, DelayGenerative]:
    made = DelayGenerative(people=400, **world)  # type: ignore[arg-type]
    return made.spec(made.simulate(TRUTH, np.random.default_rng(seed))), made


@pytest.mark.slow
@pytest.mark.parametrize("world", [{}, {"overdispersion": "learned"}, {"spread": "learned"}])
def test_delays_of_the_right_family_are_not_called_poor(world: dict[str, object]) -> None:
    """Called poor in at most 1 of 20 by its bound; 3 worlds of 3 fits, of which none is expected to ring."""
    for seed in range(3):
        spec, _ = delays(seed, **world)
        assert poor_fit_of(execute(spec, REQUEST), spec) == ""


def test_a_wrong_family_of_lags_is_told_by_the_ages() -> None:
    spec, _ = delays(1, cohorts=60)
    wrong = replace(spec, options={**spec.options, "family": "weibull", "spread": "none"})
    told = poor_fit_of(execute(wrong, REQUEST), wrong)
    assert "of conversions by age" in told
    assert "expected" in told


@pytest.mark.slow
def test_cohorts_that_scatter_more_than_the_model_knows_are_told_by_the_cohorts() -> None:
    spec, _ = delays(2, overdispersion="learned")
    blind = replace(spec, options={**spec.options, "overdispersion": "none"})
    assert "sd of conversions per person by cohort" in poor_fit_of(execute(blind, REQUEST), blind)
    assert poor_fit_of(execute(spec, REQUEST), spec) == ""


def family(name: str, theta: list[float], sums: np.ndarray, kappa: float | None = None) -> ModelSpec:
    data = {"sums": sums, "weights": np.ones(len(sums))}
    return ModelSpec(
        "evenfall.inference.families:family_model", data, {"family": name, "theta": theta, "kappa": kappa}
    )


def days(size: np.ndarray, total: np.ndarray) -> np.ndarray:
    return np.stack([size, total, np.zeros(len(size))], axis=1).astype(float)


def test_days_that_scatter_are_poor_for_a_binomial_and_well_for_their_own_kappa() -> None:
    rng = np.random.default_rng(4)
    size = rng.integers(200, 400, 40)
    sums = days(size, rng.binomial(size, rng.beta(0.3 * 30, 0.7 * 30, 40)))
    plain, scattered = family("beta", [3.0, 7.0], sums), family("beta", [3.0, 7.0], sums, 30.0)
    assert "sd of daily means" in poor_fit_of(execute(plain, REQUEST), plain)
    assert poor_fit_of(execute(scattered, REQUEST), scattered) == ""


def test_every_family_is_well_with_data_of_its_own() -> None:
    rng = np.random.default_rng(6)
    size = rng.integers(50, 90, 30).astype(float)
    events = days(size, rng.poisson(2.0 * size))
    x = [rng.normal(10.0, 2.0, int(n)) for n in size]
    means = np.array([[len(each), each.sum(), (each**2).sum()] for each in x])
    for spec in (
        family("gamma", [4.0, 2.0], events),
        family("normal", [9.0, 2.0, 2.0], means),
        family("normal-inverse-gamma", [9.0, 2.0, 3.0, 8.0], means),
        family("lognormal", [9.0, 2.0, 2.0], means),
        family("lognormal-inverse-gamma", [9.0, 2.0, 3.0, 8.0], means),
        family("robust-beta", [2.0, 8.0, 1.0, 1.0, 2.0], days(size, rng.binomial(size.astype(int), 0.2))),
    ):
        assert poor_fit_of(execute(spec, REQUEST), spec) == "", spec.options["family"]


def test_slices_that_act_together_are_poor_without_their_interaction() -> None:
    channel, device = Effect("channel", ("a", "b", "c")), Effect("device", ("x", "y", "z"))
    codes = np.array([[i, j] for i in range(3) for j in range(3)])
    trials = np.full((9, 1), 20_000)
    # a and y together do something that neither does alone
    rate = (
        0.1
        * (1 + 0.2 * codes[:, 0])
        * (1 + 0.3 * codes[:, 1])
        * np.where((codes == [0, 1]).all(axis=1), 2.5, 1)
    )
    successes = np.random.default_rng(7).binomial(trials, rate[:, None])
    slices = Slices(tuple("123456789"), (channel, device), codes, trials, successes)
    spec = pooled_spec(slices, Settings())
    assert "rates of the slices" in poor_fit_of(execute(spec, REQUEST), spec)


def test_the_same_fit_is_judged_the_same_and_what_cannot_simulate_is_not_judged() -> None:
    spec, _ = delays(3)
    fit = execute(spec, REQUEST)
    first, again = (predictive_checks(fit, spec)["conversions by age"] for _ in range(2))
    assert first.rows == again.rows
    assert first.decidable
    assert poor_fit_of(replace(fit, failures=("refused",)), spec) == ""
    own = ModelSpec("evenfall.inference.user_model:user_model", spec.data, {})
    assert predictive_checks(fit, own) == {}
    assert predictive_checks(Fit("stacked", {}, np.zeros((1, 10, 0))), spec) == {}
