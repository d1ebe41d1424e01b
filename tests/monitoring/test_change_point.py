from __future__ import annotations

import numpy as np
import pytest
import scipy.stats

from evenfall.beliefs.families import FAMILIES
from evenfall.monitoring.change_point import LEVEL, change_points
from evenfall.monitoring.day_laws import DAY_LAWS
from evenfall.monitoring.recursion import Baseline, evidence_by_day, path, watch


def test_the_interval_is_the_shortest_run_of_days_around_the_mode_that_holds_its_level():
    [change] = change_points(np.log([[0.01, 0.05, 0.30, 0.40, 0.14, 0.06, 0.04]]))
    assert (change.mode, change.first, change.last) == (3, 2, 4)  # .40 + .30 + .14 = .84


def test_one_day_alone_is_its_own_interval():
    [change] = change_points(np.array([[-1234.5]]))
    assert (change.mode, change.first, change.last) == (0, 0, 0)


def test_days_on_which_nothing_can_have_changed_take_no_part():
    [change] = change_points(np.array([[-np.inf, 700.0, 700.0, -np.inf]]))
    assert (change.first, change.last) == (1, 2)


def test_the_evidence_of_all_days_adds_up_to_r_and_the_last_night_of_the_path_is_tonight():
    rng = np.random.default_rng(1)
    law = DAY_LAWS["beta", True]
    theta = np.array([[[300.0, 700.0, 0.02], [300.0, 700.0, 0.05]]])
    baseline, margin = Baseline(theta, np.log([[0.5, 0.5]])), np.array([0.05])
    points = law.points(baseline.mixed, margin)
    sums = np.stack([np.full(30, 100.0), rng.binomial(100, 0.33, 30), np.zeros(30)], axis=-1)[None]
    log_r = watch(law, baseline, points, margin, sums).log_r
    by_day = evidence_by_day(law, baseline, points, margin, sums)
    assert np.log(np.exp(by_day).sum()) == pytest.approx(log_r[0], rel=1e-10)
    assert path(law, baseline, points, margin, sums)[0, -1] == pytest.approx(log_r[0], rel=1e-12)


def test_the_interval_holds_the_day_of_the_change_as_often_as_it_says():
    # 400 drops from .30 to .24 on a uniform day of 60, the baseline known: coverage is at least .80 up to the
    # discreteness of days; below .74 lie three binomial standard errors.
    rng = np.random.default_rng(2)
    law, count, days = DAY_LAWS["beta", False], 400, 60
    theta = np.tile([30_000.0, 70_000.0, 0.0], (count, 1, 1))
    margin = np.full(count, 0.05)
    day = rng.integers(0, days, count)
    rate = np.where(np.arange(days) >= day[:, None], 0.24, 0.30)
    sums = np.stack(
        [np.full((count, days), 150.0), rng.binomial(150, rate), np.zeros((count, days))], axis=-1
    )
    baseline = Baseline(theta, np.zeros((count, 1)))
    points = law.points(baseline.mixed, margin)
    found = change_points(evidence_by_day(law, baseline, points, margin, sums))
    held = [change.first <= d <= change.last for change, d in zip(found, day.tolist(), strict=True)]
    assert np.mean(held) >= LEVEL - 0.06


@pytest.mark.parametrize(
    ("family", "theta", "rho"),
    [("beta", (3.0, 9.0), 0.0), ("beta", (3.0, 9.0), 0.1), ("gamma", (3.0, 2.0), None)],
)
def test_the_laws_of_a_day_are_those_of_scipy(family, theta, rho):
    k = np.arange(0, 21)
    sums = np.stack([np.full(21, 20.0), k, np.zeros(21)], axis=-1)[:, None]
    held = np.tile(theta if rho is None else (*theta, rho), (21, 1, 1))
    law = DAY_LAWS[family, bool(rho)]
    points = np.tile([-1.0, 0.5], (21, 1))
    unchanged, moved = law.log_unchanged(held, sums)[:, 0], law.log_moved(points, held, sums)[:, 0]
    if family == "gamma":
        a, b = theta
        shared = -scipy.special.gammaln(k + 1.0) + k * np.log(20.0)
        expected = scipy.stats.nbinom(a, b / (b + 20)).logpmf(k)
        at = [scipy.stats.poisson(20 * np.exp(point)).logpmf(k) for point in (-1.0, 0.5)]
    else:
        a, b = theta
        shared = np.log(scipy.special.comb(20, k))
        # with rho the predictive mean and variance of a day are those of p ~ Beta(a, b), k ~ BetaBinomial(κ)
        strength = a + b if not rho else (a + b) * (1 - rho) / ((a + b) * rho + 1)
        day = scipy.stats.betabinom(20, strength * a / (a + b), strength * b / (a + b))
        mean, spread = a / (a + b), a * b / (a + b) ** 2
        inner, outer = spread * (a + b) / (a + b + 1), spread / (a + b + 1)
        assert day.mean() == pytest.approx(20 * mean)
        assert day.var() == pytest.approx(20 * inner * (1 + 19 * rho) + 400 * outer)
        expected = day.logpmf(k)
        p = scipy.special.expit([-1.0, 0.5])
        kappa = 1 / rho - 1 if rho else None
        at = [
            scipy.stats.binom(20, x).logpmf(k)
            if kappa is None
            else scipy.stats.betabinom(20, kappa * x, kappa * (1 - x)).logpmf(k)
            for x in p
        ]
    np.testing.assert_allclose(unchanged + shared, expected, atol=1e-9)
    np.testing.assert_allclose(moved + shared[:, None], np.transpose(at), atol=1e-9)


@pytest.mark.parametrize(
    ("family", "theta"),
    [
        ("normal", (2.0, 0.5, 3.0)),
        ("lognormal", (2.0, 0.5, 3.0)),
        ("normal-inverse-gamma", (2.0, 0.5, 4.0, 30.0)),
        ("lognormal-inverse-gamma", (2.0, 0.5, 4.0, 30.0)),
    ],
)
def test_a_measured_day_has_the_evidence_of_its_family_and_a_point_is_a_belief_without_doubt(family, theta):
    law, conjugate = DAY_LAWS[family, False], FAMILIES.resolve(family)
    rng = np.random.default_rng(3)
    x = rng.normal(2.2, 2.8, (6, 40))
    sums = np.stack([np.full(6, 40.0), x.sum(axis=1), np.square(x).sum(axis=1)], axis=-1)[:, None]
    held = np.tile(theta, (6, 1, 1))
    other = held.copy()
    other[..., 0] += 0.7
    # ratios of laws are ratios of the densities of all observations: what is left out cancels
    ratio = law.log_unchanged(other, sums) - law.log_unchanged(held, sums)
    expected = conjugate.log_evidence(other, sums) - conjugate.log_evidence(held, sums)
    np.testing.assert_allclose(ratio, expected, rtol=1e-9, atol=1e-9)
    sure = held.copy()
    sure[..., 0], sure[..., 1] = 1.3, 1e-7
    moved = law.log_moved(np.full((6, 1), 1.3), held, sums)[..., 0]
    np.testing.assert_allclose(moved, law.log_unchanged(sure, sums), atol=1e-6)
