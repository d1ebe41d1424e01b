"""The robust prior, which gives way where data contradict it."""

import numpy as np
import pytest
from scipy import integrate, stats

from evenfall.beliefs.families.beta import BETA
from evenfall.beliefs.families.gamma import GAMMA
from evenfall.beliefs.families.mixture import MixtureBelief
from evenfall.beliefs.families.robust_beta import ROBUST_BETA
from evenfall.errors import InfeasibleBelief

PRIOR = np.array([32.0, 68.0])


def robust_beta(theta, weight=0.8):
    pair = np.stack([theta, np.ones_like(theta)], axis=-2)
    return MixtureBelief(BETA, np.broadcast_to([weight, 1 - weight], pair.shape[:-1]), pair)


def test_weights_follow_the_evidence_of_each_part():
    after = robust_beta(PRIOR, 0.8).update(np.array([150.0, 120.0, 0.0]))
    kept = 0.8 * stats.betabinom.pmf(120, 150, 32, 68)
    given_up = 0.2 * stats.betabinom.pmf(120, 150, 1, 1)
    np.testing.assert_allclose(
        after.weights, [kept / (kept + given_up), given_up / (kept + given_up)], rtol=1e-9
    )
    np.testing.assert_array_equal(after.theta, [[152, 98], [121, 31]])


def test_agreeing_data_leave_the_prior_in_charge_and_contradicting_data_overrule_it():
    agreeing = robust_beta(PRIOR).update(np.array([150.0, 48.0, 0.0]))
    contradicting = robust_beta(PRIOR).update(np.array([150.0, 120.0, 0.0]))
    assert agreeing.weights[0] > 0.9
    assert contradicting.weights[0] < 1e-6
    assert contradicting.belief().mean == pytest.approx(121 / 152, abs=1e-4)


def test_density_moments_and_quantiles_are_those_of_the_weighted_sum():
    law = robust_beta(PRIOR, 0.7).update(np.array([20.0, 12.0, 0.0])).belief()
    w = law.weights

    def density(p):
        return w[0] * stats.beta.pdf(p, 44, 76) + w[1] * stats.beta.pdf(p, 13, 9)

    mean = integrate.quad(lambda p: p * density(p), 0, 1, epsabs=1e-13)[0]
    variance = integrate.quad(lambda p: (p - mean) ** 2 * density(p), 0, 1, epsabs=1e-13)[0]
    assert law.mean == pytest.approx(mean, rel=1e-10)
    assert law.stdev == pytest.approx(np.sqrt(variance), rel=1e-10)
    assert law.log_density(0.4) == pytest.approx(np.log(density(0.4)), rel=1e-12)
    for q in (0.025, 0.5, 0.975):
        x = float(law.quantile(q))
        assert integrate.quad(density, 0, x, epsabs=1e-13)[0] == pytest.approx(q, abs=1e-10)
        assert np.exp(law.log_tails(x)) == pytest.approx([q, 1 - q], abs=1e-12)


def test_batch_by_batch_equals_at_once():
    sums = np.array([[40.0, 30.0, 0.0], [15.0, 2.0, 0.0], [60.0, 31.0, 0.0]])
    one_by_one = robust_beta(PRIOR)
    for row in sums:
        one_by_one = one_by_one.update(row)
    at_once = robust_beta(PRIOR).update(sums.sum(axis=0))
    np.testing.assert_allclose(one_by_one.weights, at_once.weights, rtol=1e-10)
    np.testing.assert_array_equal(one_by_one.theta, at_once.theta)


def test_many_parameters_at_once_and_their_predictions():
    theta = np.array([[8.0, 17.0], [32.0, 68.0]])
    law = robust_beta(theta).predictive(np.array([50.0, 150.0]))
    mass = 0.8 * stats.betabinom.pmf(20, 50, 8, 17) + 0.2 / 51
    assert np.exp(law.log_density(np.array([20.0, 40.0])))[0] == pytest.approx(mass, rel=1e-12)
    k = law.quantile(0.9)
    assert (law.cdf(k) >= 0.9).all()
    assert (law.cdf(k - 1) < 0.9).all()


def test_any_family_can_be_mixed():
    belief = MixtureBelief(GAMMA, np.array([0.5, 0.5]), np.array([[2.0, 1.0], [20.0, 10.0]]))
    sums = np.array([4.0, 30.0, 0.0])
    evidence = [stats.nbinom.pmf(30, 2, 1 / 5), stats.nbinom.pmf(30, 20, 10 / 14)]
    assert belief.log_evidence(sums) == pytest.approx(np.log(np.mean(evidence)), rel=1e-10)
    np.testing.assert_allclose(belief.update(sums).weights, evidence / np.sum(evidence), rtol=1e-9)


@pytest.mark.parametrize("weight", [0.0, 1.0, -0.1, float("nan")])
def test_a_weight_that_leaves_no_choice_is_refused(weight):
    with pytest.raises(InfeasibleBelief, match="leave both parts a chance"):
        ROBUST_BETA.around(PRIOR, weight)


def test_the_robust_family_is_the_mixture_with_the_uniform_law():
    sums = np.array([150.0, 90.0, 0.0])
    family = ROBUST_BETA.belief(ROBUST_BETA.update(ROBUST_BETA.around(PRIOR, 0.8), sums))
    mixture = robust_beta(PRIOR, 0.8).update(sums).belief()
    assert family.mean == pytest.approx(mixture.mean, rel=1e-12)
    assert family.quantile(0.025) == pytest.approx(mixture.quantile(0.025), rel=1e-12)
