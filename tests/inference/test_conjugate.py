"""Exact posteriors as fits: their quantiles are the closed form's, and other engines agree with them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy import special

from evenfall.beliefs.belief import Belief, Origin
from evenfall.beliefs.observations import Observations
from evenfall.errors import UnknownName
from evenfall.inference.engines import ENGINES
from evenfall.inference.engines.conjugate import CONJUGATE, ConjugateModel, conjugate_model
from evenfall.inference.fit import FitRequest
from evenfall.inference.gates import check
from evenfall.inference.model import ModelSpec, load_model

from .densities import gaussian, log_odds

REQUEST = FitRequest(seed=6)
DATA = {
    "first": np.array(["2026-01-01", "2026-01-02"], dtype="datetime64[D]"),
    "stop": np.array(["2026-01-02", "2026-01-03"], dtype="datetime64[D]"),
    "sums": np.array([[20.0, 2.0, 0.0], [20.0, 1.0, 0.0]]),
}
OPTIONS = {"family": "beta", "theta": [2.0, 8.0], "quantity": "rate"}


def test_the_draws_follow_the_closed_form() -> None:
    # Beta(2 + 3, 8 + 37): at u the quantile; 4000 equal slices leave gaps of 1/4000 in probability
    model = load_model(ModelSpec("evenfall.inference.engines.conjugate:conjugate_model", DATA, OPTIONS))
    fit = check(CONJUGATE.fit(model, REQUEST))
    assert fit.passed
    assert fit.rung == "conjugate"
    assert fit.draws["rate"].shape == (4, 1000)
    levels = special.betainc(5, 45, np.sort(fit.draws["rate"].ravel()))
    np.testing.assert_allclose(levels, (np.arange(4000) + 0.5) / 4000, atol=1.01 / 4000)


@pytest.mark.parametrize("engine", ["laplace", "quadrature"])
def test_other_engines_agree_with_the_closed_form_within_monte_carlo_error(engine: str) -> None:
    exact = CONJUGATE.fit(conjugate_model(DATA, OPTIONS), REQUEST).summary("rate")
    fit = check(ENGINES.resolve(engine).fit(log_odds(5.0, 45.0), REQUEST))
    assert fit.passed
    error = exact.stdev / np.sqrt(fit.diagnostics["importance_ess"])
    shown = fit.summary("rate")
    assert shown.mean == pytest.approx(exact.mean, abs=4 * error)
    assert shown.stdev == pytest.approx(exact.stdev, abs=4 * error)
    for end in ("lower", "upper"):
        assert getattr(shown, end) == pytest.approx(getattr(exact, end), abs=8 * error)


def test_the_rule_of_the_update_counts() -> None:
    plain = conjugate_model(DATA, OPTIONS).posterior()
    faded = conjugate_model(DATA, {**OPTIONS, "half_life_days": 1.0, "until": "2026-01-03"}).posterior()
    assert plain.theta == (5.0, 45.0)
    # ages 1 and 0 days: the first row counts half
    assert faded.theta == (pytest.approx(2 + 1 + 1.0), pytest.approx(8 + 9 + 19.0))


@pytest.mark.parametrize(
    ("family", "keys", "theta", "sums"),
    [
        ("normal", ("mu", "sigma", "noise_sigma"), (1.0, 2.0, 3.0), (10.0, 12.0, 30.0)),
        ("gamma", ("shape", "rate"), (2.0, 3.0), (10.0, 12.0, 0.0)),
        ("lognormal", ("mu", "sigma", "noise_sigma"), (1.0, 0.2, 0.3), (10.0, 12.0, 15.0)),
    ],
)
def test_draws_of_every_family_have_its_mean(
    family: str, keys: tuple[str, ...], theta: tuple[float, ...], sums: tuple[float, float, float]
) -> None:
    from datetime import date

    seen = Observations.of([(date(2026, 1, 1), date(2026, 1, 2), *sums)])
    model = ConjugateModel(Belief(family, keys, theta, Origin("manual")), seen)
    fit = CONJUGATE.fit(model, REQUEST)
    after = model.posterior()
    assert fit.summary("value").mean == pytest.approx(after.mean, abs=0.01 * after.stdev)


def test_the_order_of_the_draws_is_random_and_the_seeds() -> None:
    model = conjugate_model(DATA, OPTIONS)
    one, two = CONJUGATE.fit(model, REQUEST), CONJUGATE.fit(model, replace(REQUEST, seed=7))
    np.testing.assert_array_equal(one.draws["rate"], CONJUGATE.fit(model, REQUEST).draws["rate"])
    assert abs(np.corrcoef(one.draws["rate"].ravel(), two.draws["rate"].ravel())[0, 1]) < 0.08  # 5/√4000
    assert abs(np.corrcoef(one.draws["rate"].ravel()[1:], one.draws["rate"].ravel()[:-1])[0, 1]) < 0.08


def test_a_model_without_a_closed_form_is_a_failure_not_an_exception() -> None:
    fit = check(CONJUGATE.fit(gaussian(np.zeros(2), np.eye(2)), REQUEST))
    assert any("closed form" in sentence for sentence in fit.failures)


def test_an_unknown_engine_is_named_with_its_neighbours() -> None:
    with pytest.raises(UnknownName, match="laplace"):
        ENGINES.resolve("laplac")
