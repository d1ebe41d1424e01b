"""The likelihood of a window as a density: closed forms of SciPy, and quadrature."""

from __future__ import annotations

import math
from datetime import date, timedelta

import numpy as np
import pytest
from scipy import integrate, stats

from evenfall.beliefs.belief import Belief, Origin
from evenfall.beliefs.observations import Observations
from evenfall.runs.parameter.kernel import kernel_curve
from evenfall.runs.parameter.likelihood import Curve, likelihood_of

MANUAL = Origin("manual")
BETA = Belief("beta", ("alpha", "beta"), (2.0, 3.0), MANUAL)
GAMMA = Belief("gamma", ("shape", "rate"), (2.0, 3.0), MANUAL)
NORMAL = Belief("normal", ("mu", "sigma", "noise_sigma"), (0.0, 1.0, 4.0), MANUAL)
UNSURE = Belief(
    "normal-inverse-gamma", ("mu", "sigma", "noise_shape", "noise_scale"), (0.0, 1.0, 3.0, 3.0), MANUAL
)
LOGNORMAL = Belief("lognormal", ("mu", "sigma", "noise_sigma"), (0.0, 1.0, 0.5), MANUAL)

X = np.linspace(0.001, 0.999, 97)


def window(*rows: tuple[float, float, float]) -> Observations:
    first = date(2026, 3, 1)
    days = [first + timedelta(days=back) for back in range(len(rows) + 1)]
    return Observations.of((a, b, *row) for a, b, row in zip(days, days[1:], rows, strict=False))


def heights(curve: Curve | None, x: np.ndarray) -> np.ndarray:
    assert curve is not None
    return np.exp(curve.log_density(x))


def test_trials_give_the_beta_with_one_more_of_each() -> None:
    curve = likelihood_of("probability", window((40, 13, 0), (60, 17, 0)), BETA)
    np.testing.assert_allclose(heights(curve, X), stats.beta(31, 71).pdf(X), rtol=1e-9, atol=1e-12)


def test_events_give_the_gamma_of_their_exposure() -> None:
    curve = likelihood_of("rate", window((25, 10, 0)), GAMMA)
    np.testing.assert_allclose(heights(curve, X), stats.gamma(11, scale=1 / 25).pdf(X), rtol=1e-9)


def test_a_mean_with_known_noise_is_normal_about_the_average() -> None:
    curve = likelihood_of("mean", window((16, 8, 100)), NORMAL)
    np.testing.assert_allclose(heights(curve, X), stats.norm(0.5, 1.0).pdf(X), rtol=1e-9)


def test_a_mean_with_unknown_noise_is_the_t_of_its_sample() -> None:
    sample = np.array([1.0, 2.0, 4.0, 7.0, 1.5])
    sums = (5, sample.sum(), np.square(sample).sum())
    x = np.linspace(-5, 12, 60)
    expected = stats.t(4, sample.mean(), stats.sem(sample)).pdf(x)  # dof n − 1, scale s/√n
    np.testing.assert_allclose(heights(likelihood_of("mean", window(sums), UNSURE), x), expected, rtol=1e-9)


def test_a_duration_is_likeliest_where_its_mean_is_and_integrates_to_one() -> None:
    # n 25, mean of logs 1, noise 0.5: the mean of the quantity is exp(1 + 0.5²/2)
    curve = likelihood_of("duration", window((25, 25, 31.25)), LOGNORMAL)
    assert curve is not None
    mode = math.exp(1.125)
    x = np.array([mode * 0.99, mode, mode * 1.01])
    assert heights(curve, x).argmax() == 1
    area, _ = integrate.quad(lambda at: float(heights(curve, np.asarray(at))), 1.0, 8.0, epsabs=1e-10)
    assert area == pytest.approx(1.0, abs=1e-7)
    # normal in log x with standard error 0.1, without a Jacobian
    ratio = heights(curve, np.array([mode * math.exp(0.1)]))[0] / heights(curve, np.array([mode]))[0]
    assert ratio == pytest.approx(math.exp(-0.5), rel=1e-9)


def test_people_who_may_still_convert_count_by_their_share() -> None:
    rows, share = ((50, 9, 0), (80, 4, 0)), np.array([0.9, 0.25])

    def by_hand(p: float) -> float:
        return float(stats.binom(50, 0.9 * p).pmf(9) * stats.binom(80, 0.25 * p).pmf(4))

    area, _ = integrate.quad(by_hand, 0, 1)
    curve = likelihood_of("probability", window(*rows), BETA, share)
    x = np.linspace(0.1, 0.4, 20)
    np.testing.assert_allclose(heights(curve, x), [by_hand(p) / area for p in x], rtol=1e-5)


def test_all_that_has_arrived_is_as_if_nobody_waited() -> None:
    rows = window((50, 9, 0), (80, 20, 0))
    plain, waited = (
        likelihood_of("probability", rows, BETA),
        likelihood_of("probability", rows, BETA, np.array([1.0, 1.0])),
    )
    np.testing.assert_array_equal(heights(plain, X), heights(waited, X))


@pytest.mark.parametrize(("rows", "made"), [((30, 0, 0), 0), ((30, 30, 0), 30)])
def test_none_or_all_still_make_a_density(rows: tuple[float, float, float], made: int) -> None:
    curve = likelihood_of("probability", window(rows), BETA)
    np.testing.assert_allclose(heights(curve, X), stats.beta(made + 1, 31 - made).pdf(X), rtol=1e-9)


@pytest.mark.parametrize("kind", ["probability", "rate", "mean", "duration"])
def test_a_window_with_nobody_in_it_says_nothing(kind: str) -> None:
    assert likelihood_of(kind, window((0, 0, 0)), UNSURE) is None


def test_one_measurement_says_nothing_of_a_mean_whose_noise_is_unknown() -> None:
    assert likelihood_of("mean", window((1, 3, 9)), UNSURE) is None


def test_draws_of_a_normal_draw_a_normal() -> None:
    draws = np.random.default_rng(3).normal(5.0, 2.0, 2000)
    curve = kernel_curve(draws, None, (-np.inf, np.inf))
    x = np.linspace(0, 10, 41)
    # Of a kernel density of 2000 draws the standard error is at most 0.006 here, its bias 0.002.
    np.testing.assert_allclose(heights(curve, x), stats.norm(5, 2).pdf(x), atol=0.02)


def test_mass_beyond_a_bound_is_folded_back() -> None:
    draws = np.random.default_rng(4).beta(1.0, 30.0, 2000)
    curve = kernel_curve(draws, None, (0.0, 1.0))
    assert curve is not None
    assert curve.lower == 0.0
    x = np.linspace(0, 1, 4001)
    assert np.trapezoid(heights(curve, x), x) == pytest.approx(1.0, abs=1e-3)
    assert heights(curve, np.array([-0.01]))[0] == 0.0


def test_weights_move_the_curve() -> None:
    draws = np.concatenate([np.linspace(0, 1, 400), np.linspace(9, 10, 400)])
    weights = np.concatenate([np.full(400, 0.9 / 400), np.full(400, 0.1 / 400)])
    curve = kernel_curve(draws, weights, (-np.inf, np.inf))
    x = np.linspace(-20, 30, 8001)
    assert np.trapezoid(heights(curve, x) * (x < 5), x) == pytest.approx(0.9, abs=0.02)


def test_draws_that_do_not_vary_have_no_curve() -> None:
    assert kernel_curve(np.full(50, 0.3), None, (0.0, 1.0)) is None
