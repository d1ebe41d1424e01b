"""Drawn truths against the beliefs they are drawn from."""

from __future__ import annotations

import numpy as np
import pytest

from evenfall.beliefs.belief import Belief, Origin
from evenfall.funnels.truth import draw_truth, generator, overdisperse

ORIGIN = Origin("manual")
DRAWS = 20_000

# mean and sd by the textbook formulas of each family; for the inverse gamma variants noted beside
BELIEFS = {
    "beta": (Belief("beta", ("alpha", "beta"), (8, 17), ORIGIN), 0.32, np.sqrt(8 * 17 / (25**2 * 26))),
    "gamma": (Belief("gamma", ("shape", "rate"), (16, 8), ORIGIN), 2.0, 0.5),
    "normal": (Belief("normal", ("mu", "sigma", "noise_sigma"), (62, 2.5, 15), ORIGIN), 62, 2.5),
    # marginally Student t with 2·shape degrees of freedom and scale sigma: sd = sigma·sqrt(shape/(shape−1))
    "normal-inverse-gamma": (
        Belief("normal-inverse-gamma", ("mu", "sigma", "noise_shape", "noise_scale"), (5, 2, 9, 30), ORIGIN),
        5,
        2 * np.sqrt(9 / 8),
    ),
    # exp(mu + noise²/2) with fixed noise: lognormal(mu + noise²/2, sigma)
    "lognormal": (
        Belief("lognormal", ("mu", "sigma", "noise_sigma"), (1, 0.2, 0.5), ORIGIN),
        np.exp(1 + 0.125 + 0.02),
        np.exp(1 + 0.125 + 0.02) * np.sqrt(np.expm1(0.04)),
    ),
}


@pytest.mark.parametrize("family", BELIEFS)
def test_truths_scatter_as_the_belief_says(family: str) -> None:
    belief, mean, stdev = BELIEFS[family]
    drawn = draw_truth({f"p{i}": belief for i in range(DRAWS)}, seed=11)
    quantities = np.array([truth.quantity for truth in drawn.values()])
    # five Monte Carlo errors of the mean; the sd's own error is below 1.5 % for these kurtoses
    assert quantities.mean() == pytest.approx(mean, abs=5 * stdev / np.sqrt(DRAWS))
    assert quantities.std() == pytest.approx(stdev, rel=0.05)


def test_an_unknown_noise_variance_is_inverse_gamma() -> None:
    belief = BELIEFS["normal-inverse-gamma"][0]
    drawn = draw_truth({f"p{i}": belief for i in range(DRAWS)}, seed=12)
    variances = np.array([truth.noise**2 for truth in drawn.values()])
    # E = scale/(shape − 1) = 3.75, sd = E/sqrt(shape − 2) = 1.417
    assert variances.mean() == pytest.approx(3.75, abs=5 * 1.417 / np.sqrt(DRAWS))


def test_a_new_parameter_leaves_the_truth_of_the_others_as_it_is() -> None:
    belief = BELIEFS["beta"][0]
    assert draw_truth({"a": belief}, 3)["a"] == draw_truth({"z": belief, "a": belief}, 3)["a"]
    assert draw_truth({"a": belief}, 3) != draw_truth({"a": belief}, 4)


def test_overdispersed_days_scatter_as_kappa_says() -> None:
    daily = overdisperse(0.3, 20, DRAWS, generator(1, "days"))
    # sd of Beta(6, 14) = sqrt(.3·.7/21) = .1
    assert daily.mean() == pytest.approx(0.3, abs=5 * 0.1 / np.sqrt(DRAWS))
    assert daily.std() == pytest.approx(0.1, rel=0.03)
