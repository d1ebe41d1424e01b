"""The ladder: cheap where that is right, further up where it is not, and honest at the end."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from evenfall.inference.engines.conjugate import conjugate_model
from evenfall.inference.engines.laplace import LAPLACE
from evenfall.inference.fit import FitRequest
from evenfall.inference.gates import check
from evenfall.inference.ladder import NightlyFit, climb, needs_full_fit

from .densities import Density, banana, funnel, gaussian, log_odds, two_humps

type Floats = NDArray[np.float64]

REQUEST = FitRequest(seed=9)
BETA = {"family": "beta", "theta": [2.0, 8.0], "quantity": "rate"}
SEEN = {
    "first": np.array(["2026-01-01"], dtype="datetime64[D]"),
    "stop": np.array(["2026-01-02"], dtype="datetime64[D]"),
    "sums": np.array([[40.0, 3.0, 0.0]]),
}


def normal(width: int) -> Density:
    return gaussian(np.arange(width), np.eye(width))


def test_a_closed_form_is_taken_first() -> None:
    fit = climb(conjugate_model(SEEN, BETA), REQUEST)
    assert (fit.rung, fit.tried, fit.passed) == ("conjugate", (), True)


def test_a_grid_is_taken_for_one_coordinate_and_laplace_for_five() -> None:
    assert climb(log_odds(3.0, 40.0), REQUEST).rung == "quadrature"
    fit = climb(normal(5), REQUEST)
    assert (fit.rung, fit.tried, fit.passed) == ("laplace", (), True)


def test_a_full_fit_at_hand_is_reweighted() -> None:
    base = climb(normal(3), REQUEST)
    fit = climb(normal(3), REQUEST, base=base, log_ratio=np.zeros((4, 1000)))
    assert (fit.rung, fit.passed, fit.gradients) == ("reweighted", True, 0)


def test_weights_that_do_not_hold_lead_on_to_a_full_fit() -> None:
    base = climb(normal(3), REQUEST)
    away = gaussian(np.full(3, 8.0), 0.1 * np.eye(3))
    ratio = away.log(base.points.reshape(-1, 3)) - normal(3).log(base.points.reshape(-1, 3))
    fit = climb(away, REQUEST, base=base, log_ratio=ratio.reshape(4, 1000))
    assert (fit.rung, fit.passed) == ("laplace", True)
    ((left, why),) = fit.tried
    assert left == "reweighted"
    assert "k-hat" in why


def test_an_audit_night_does_not_reweight() -> None:
    base = climb(normal(3), REQUEST)
    fit = climb(normal(3), REQUEST, base=base, log_ratio=np.zeros((4, 1000)), audit_due=True)
    assert (fit.rung, fit.tried) == ("laplace", ())


def test_a_named_engine_is_the_only_one_tried() -> None:
    density = banana(0.5)
    fit = climb(density, replace(REQUEST, engine="laplace"))
    assert fit.rung == "laplace"
    assert not fit.passed
    assert fit.failures[0].startswith("not converged after laplace")


def test_a_closed_form_has_no_density_for_other_engines() -> None:
    fit = climb(conjugate_model(SEEN, BETA), replace(REQUEST, engine="laplace"))
    assert any("closed form" in sentence for sentence in fit.failures)


def test_the_exact_engine_refuses_what_has_no_closed_form() -> None:
    fit = climb(normal(2), replace(REQUEST, engine="conjugate"))
    assert any("closed form" in sentence for sentence in fit.failures)


@pytest.mark.slow
def test_the_budget_is_kept_over_all_rungs() -> None:
    density = two_humps(6.0, 3)
    fit = climb(density, replace(REQUEST, max_gradients=60))
    assert not fit.passed
    assert fit.gradients <= 60
    assert fit.failures[0].startswith("not converged")
    assert [name for name, _ in fit.tried][:1] == ["laplace"]


def test_a_budget_of_nothing_is_told() -> None:
    fit = climb(normal(3), replace(REQUEST, max_gradients=0))
    assert fit.failures[0].startswith("not converged within 0 gradients")


@pytest.mark.slow
def test_two_near_humps_are_left_by_laplace_and_sampled() -> None:
    fit = climb(two_humps(3.0, 3), replace(REQUEST, draws=2000))
    assert fit.passed, fit.failures
    assert fit.rung in {"nuts", "nuts-again"}
    assert fit.tried[0][0] == "laplace"
    error = np.sqrt(1 + 2.25) / np.sqrt(fit.diagnostics["ess_bulk"])
    assert fit.summary("z0").mean == pytest.approx(1.5, abs=4 * error)


@pytest.mark.slow
def test_what_no_rung_can_fit_ends_as_not_converged_with_every_try_told() -> None:
    density = funnel(8)
    fit = climb(density, replace(REQUEST, draws=100, tune=100, max_gradients=8000))
    assert not fit.passed
    assert fit.gradients <= 8000
    assert fit.failures[0].startswith("not converged")
    assert fit.tried[0][0] == "nuts"
    assert all(why for _, why in fit.tried)


def nights(*k_hats: float) -> list[NightlyFit]:
    return [NightlyFit("nuts", 0.0), *(NightlyFit("reweighted", k_hat) for k_hat in k_hats)]


@pytest.mark.parametrize(
    ("history", "due"),
    [
        ([], True),
        ([NightlyFit("reweighted", 0.1)], True),  # no full fit on record
        (nights(), False),
        (nights(0.1), False),
        (nights(*[0.1] * 5), False),
        (nights(*[0.1] * 6), True),  # tonight is the seventh night
        (nights(0.6), False),
        (nights(0.6, 0.6), True),
        (nights(0.6, 0.4, 0.6), False),
        (nights(0.6, 0.6, 0.4), False),
        (nights(0.5, 0.5), False),
        (nights(np.nan, np.nan), True),
        ([*nights(0.6, 0.6), NightlyFit("laplace", 0.1)], False),
    ],
)
def test_a_full_fit_is_due_every_seven_nights_and_when_weights_worry_twice_running(
    history: list[NightlyFit], due: bool
) -> None:
    assert needs_full_fit(history) is due


def test_figures_of_a_passing_fit_are_there_to_be_shown() -> None:
    fit = climb(normal(4), REQUEST)
    assert check(fit).failures == ()
    assert fit.diagnostics["k_hat"] < 0.7
    assert fit.diagnostics["importance_ess"] > 400
    assert LAPLACE.fit(normal(4), REQUEST).diagnostics == fit.diagnostics
