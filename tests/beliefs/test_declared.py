"""Beliefs from written numbers, and the refusals that say what to write instead."""

import math

import pytest

from evenfall.beliefs import Origin
from evenfall.beliefs.declared import belief_from_numbers
from evenfall.errors import InfeasibleBelief, UnknownName

HERE = Origin("manual", "p.yaml:3")


def refusal(distribution, **numbers):
    with pytest.raises(InfeasibleBelief) as refused:
        belief_from_numbers(distribution, numbers, HERE)
    return str(refused.value)


@pytest.mark.parametrize(
    ("distribution", "numbers", "family", "theta"),
    [
        ("beta", {"alpha": 8, "beta": 17}, "beta", (8, 17)),
        ("beta", {"mean": 0.5, "stdev": 0.5 / math.sqrt(3)}, "beta", (1, 1)),
        ("gamma", {"mean": 3, "stdev": 1.5}, "gamma", (4, 4 / 3)),
        ("normal", {"mean": 3, "stdev": 1, "noise_sigma": 2}, "normal", (3, 1, 2)),
        (
            "normal",
            {"mean": 3, "stdev": 1, "noise_shape": 2, "noise_scale": 5},
            "normal-inverse-gamma",
            (3, math.sqrt(0.5), 2, 5),
        ),
        (
            "lognormal",
            {"mu": 1, "sigma": 0.2, "noise_shape": 2, "noise_scale": 5},
            "lognormal-inverse-gamma",
            (1, 0.2, 2, 5),
        ),
        (
            "lognormal",
            {"mean": math.exp(1.0), "stdev": math.exp(1.0) * math.sqrt(math.e - 1), "noise_sigma": 1},
            "lognormal",
            (0.0, 1.0, 1.0),
        ),
    ],
)
def test_numbers_become_the_belief_they_describe(distribution, numbers, family, theta):
    belief = belief_from_numbers(distribution, numbers, HERE)
    assert belief.family == family
    assert belief.theta == pytest.approx(theta, abs=1e-12)
    assert belief.origin is HERE


def test_a_stdev_too_large_for_its_mean_is_refused_and_the_largest_is_named():
    message = refusal("beta", mean=0.32, stdev=0.5)
    assert "0.5" in message
    # alpha = 0.01 at mean .32: stdev = sqrt(.32 · .68 / (0.01/.32 + 1))
    assert f"{math.sqrt(0.32 * 0.68 / (0.01 / 0.32 + 1)):.6g}" in message
    assert belief_from_numbers("beta", {"mean": 0.32, "stdev": 0.459}, HERE).theta[0] > 0.01


@pytest.mark.parametrize("mean", [0, 1, -0.1, 1.2])
def test_a_certain_or_impossible_rate_is_refused(mean):
    assert "strictly between 0 and 1" in refusal("beta", mean=mean, stdev=0.1)


@pytest.mark.parametrize("distribution", ["beta", "gamma", "normal", "lognormal"])
def test_a_stdev_of_zero_is_refused(distribution):
    noise = {"noise_sigma": 1} if "normal" in distribution else {}
    assert "stdev 0" in refusal(distribution, mean=0.5, stdev=0, **noise)


@pytest.mark.parametrize(("alpha", "beta"), [(0.009, 2), (2, 0), (-1, 2), (math.nan, 1), (math.inf, 1)])
def test_alpha_and_beta_below_a_hundredth_or_not_finite_are_refused(alpha, beta):
    refusal("beta", alpha=alpha, beta=beta)


def test_alpha_and_beta_that_disagree_with_mean_and_stdev_are_refused():
    message = refusal("beta", alpha=8, beta=17, mean=0.32, stdev=0.06)
    assert "0.06" in message
    assert "0.09148" in message


def test_mean_and_stdev_rounded_from_alpha_and_beta_agree_with_them():
    rounded = {"alpha": 8, "beta": 17, "mean": 0.32, "stdev": 0.0915}
    assert belief_from_numbers("beta", rounded, HERE).theta == (8, 17)


def test_a_mean_of_zero_agrees_with_a_mu_of_zero():
    numbers = {"mu": 0, "sigma": 1, "noise_sigma": 1, "mean": 0, "stdev": 1}
    assert belief_from_numbers("normal", numbers, HERE).theta == (0, 1, 1)


@pytest.mark.parametrize("distribution", ["normal", "lognormal"])
def test_a_belief_without_its_noise_is_refused_with_the_keys_to_give(distribution):
    assert "noise_sigma" in refusal(distribution, mean=3, stdev=1)


def test_noise_both_known_and_unknown_is_refused():
    message = refusal("normal", mean=3, stdev=1, noise_sigma=1, noise_shape=2, noise_scale=2)
    assert "noise_sigma" in message


def test_half_of_the_unknown_noise_is_refused_and_the_other_half_named():
    assert "noise_scale" in refusal("normal", mean=3, stdev=1, noise_shape=2)


def test_a_mean_and_stdev_whose_student_t_has_no_stdev_are_refused():
    assert "mu and sigma" in refusal("normal", mean=3, stdev=1, noise_shape=1, noise_scale=2)


def test_a_lognormal_surer_than_its_noise_allows_is_refused_and_the_least_named():
    message = refusal("lognormal", mean=3, stdev=1e-4, noise_shape=3, noise_scale=3)
    assert "smallest feasible stdev" in message


def test_half_a_pair_is_refused_and_the_missing_half_named():
    assert "lacks beta" in refusal("beta", alpha=3)
    assert "lacks stdev" in refusal("beta", mean=0.3)
    assert "lacks mean and stdev" in refusal("gamma")


def test_an_unknown_number_is_refused_with_the_nearest():
    assert "did you mean alpha" in refusal("beta", alhpa=3, beta=2)


def test_an_unknown_distribution_is_refused_with_the_nearest():
    with pytest.raises(UnknownName, match="beta"):
        belief_from_numbers("betta", {"mean": 0.3, "stdev": 0.1}, HERE)
