"""Every lag family against scipy, mpmath and its own laws."""

import dataclasses

import mpmath as mp
import numpy as np
import pytest
from scipy import integrate, optimize, stats

from evenfall.errors import UnknownName
from evenfall.funnels.delays.families import LAG_FAMILIES, LagShape, lag_family

NAMES = sorted(LAG_FAMILIES.built_in)
DAYS = np.array([0.0, 0.02, 0.4, 1.0, 2.5, 7.0, 30.0, 200.0])


def shapes(onset=True):
    share = [0.0, 0.3, 0.9, 0.0, 0.05] if onset else 0.0
    t50 = np.array([3.0, 0.5, 10.0, 0.05, 40.0])
    ratio = np.array([4.3, 30.0, 1.2, 200.0, 2.0])
    return LagShape.of(t50, t50 * ratio, share * t50, [0.5, -0.6, 0.01, 1.7, -0.08])


def native(name, t50, t95):
    """scipy's distribution with these quantiles, its parameters by closed form or by root finding."""
    ratio = np.log(t95 / t50)
    if name == "weibull":
        k = np.log(np.log(20) / np.log(2)) / ratio
        return stats.weibull_min(k, scale=t50 / np.log(2) ** (1 / k))
    if name == "lognormal":
        return stats.lognorm(ratio / stats.norm.ppf(0.95), scale=t50)
    if name == "log_logistic":
        return stats.fisk(np.log(19) / ratio, scale=t50)
    a = optimize.brentq(
        lambda a: np.log(stats.gamma.ppf(0.95, a) / stats.gamma.ppf(0.5, a)) - ratio, 0.02, 3000
    )
    return stats.gamma(a, scale=t50 / stats.gamma.ppf(0.5, a))


@pytest.mark.parametrize("name", ["gamma", "log_logistic", "lognormal", "weibull"])
@pytest.mark.parametrize(("t50", "t95"), [(3.0, 14.0), (0.2, 9.0), (20.0, 44.0)])
def test_a_family_is_scipys_distribution_with_the_same_quantiles(name, t50, t95):
    truth, shape = native(name, t50, t95), LagShape.of([t50], [t95])
    family = lag_family(name)
    np.testing.assert_allclose(family.cdf(DAYS, shape)[0], truth.cdf(DAYS), rtol=1e-9, atol=1e-300)
    np.testing.assert_allclose(family.survival(DAYS, shape)[0], truth.sf(DAYS), rtol=1e-7, atol=1e-250)
    np.testing.assert_allclose(family.log_survival(DAYS, shape)[0], truth.logsf(DAYS), rtol=1e-7, atol=1e-12)


def stacy(t, t50, t95, q):
    """P(T <= t) of the generalised gamma by mpmath, 30 digits."""
    with mp.workdps(30):
        a = 1 / mp.mpf(q) ** 2

        def w(level):
            guess = (a**0.5 + mp.mpf(stats.norm.ppf(level))) * a**0.5
            return mp.findroot(lambda x: mp.gammainc(a, 0, x, regularized=True) - level, guess)

        low, high = w(0.5), w(0.95)
        power = mp.log(high / low) / mp.log(mp.mpf(t95) / t50)
        return float(mp.gammainc(a, 0, low * (mp.mpf(t) / t50) ** power, regularized=True))


@pytest.mark.parametrize("q", [0.011, 0.04, 0.1, 0.149, 0.151, 0.5, 1.3])
def test_the_generalised_gamma_holds_ten_digits_at_every_shape(q):
    shape = LagShape.of([3.0], [14.0], 0.0, q)
    for t in (0.3, 1.0, 9.0, 30.0):
        assert lag_family("generalised_gamma").cdf([t], shape)[0, 0] == pytest.approx(
            stacy(t, 3.0, 14.0, q), rel=1e-9
        )


@pytest.mark.parametrize(("q", "name"), [(0.0, "lognormal"), (1.0, "weibull")])
def test_the_generalised_gamma_has_its_limits(q, name):
    shape = dataclasses.replace(shapes(), q=np.full(5, q))
    general, special = lag_family("generalised_gamma"), lag_family(name)
    np.testing.assert_allclose(general.cdf(DAYS, shape), special.cdf(DAYS, shape), rtol=1e-9, atol=1e-15)
    np.testing.assert_allclose(
        general.log_survival(DAYS, shape), special.log_survival(DAYS, shape), rtol=1e-8, atol=1e-12
    )
    found, expected = general.values(DAYS, shape), special.values(DAYS, shape)
    np.testing.assert_allclose(found.by_log_ratio, expected.by_log_ratio, rtol=1e-8, atol=1e-12)


def test_the_generalised_gamma_is_the_gamma_where_shape_and_scale_agree():
    gamma = stats.gamma(1 / 0.7**2, scale=2.0)
    shape = LagShape.of([gamma.ppf(0.5)], [gamma.ppf(0.95)], 0.0, 0.7)
    np.testing.assert_allclose(
        lag_family("generalised_gamma").cdf(DAYS, shape)[0], gamma.cdf(DAYS), rtol=1e-10
    )


def test_a_negative_shape_is_the_lag_of_the_reciprocal():
    truth = stats.invweibull(1.3, scale=2.0)
    shape = LagShape.of([truth.ppf(0.5)], [truth.ppf(0.95)], 0.0, -1.0)
    np.testing.assert_allclose(
        lag_family("generalised_gamma").cdf(DAYS, shape)[0], truth.cdf(DAYS), rtol=1e-9, atol=1e-200
    )


@pytest.mark.parametrize("name", NAMES)
def test_median_and_95_percent_point_are_those_of_the_whole_lag(name):
    found = lag_family(name).cdf(np.stack([shapes().t50_days, shapes().t95_days], axis=-1), shapes())
    np.testing.assert_allclose(found, np.broadcast_to([0.5, 0.95], (5, 2)), rtol=1e-11)


@pytest.mark.parametrize("name", NAMES)
def test_nobody_converts_before_the_onset_and_everybody_in_the_end(name):
    family, shape = lag_family(name), shapes()
    assert np.all(family.cdf(shape.onset_days[:, None], shape) == 0)
    assert np.all(family.survival(np.full((5, 1), 1e9), shape) < 1e-3)
    # Far out in the lower tail neighbours may differ by rounding.
    assert np.all(np.diff(family.cdf(np.geomspace(1e-6, 1e4, 2000), shape), axis=-1) >= -1e-15)


@pytest.mark.parametrize("name", NAMES)
def test_the_quantile_undoes_the_cdf(name):
    levels = np.array([0.02, 0.3, 0.5, 0.9, 0.999])
    shape = shapes(onset=False)
    found = lag_family(name).cdf(lag_family(name).quantile(levels, shape), shape)
    np.testing.assert_allclose(found, np.broadcast_to(levels, (5, 5)), rtol=1e-9)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("coordinate", ["log_t50", "log_ratio", "onset", "q"])
def test_slopes_are_those_of_the_cdf(name, coordinate):
    family, shape = lag_family(name), shapes()
    slope = getattr(family.values(DAYS, shape), f"by_{coordinate}")
    if coordinate == "q" and name != "generalised_gamma":
        assert slope is None
        return
    step = 1e-4

    def at(k):
        moved = getattr(shape, coordinate) + k * step
        return family.cdf(DAYS, dataclasses.replace(shape, **{coordinate: moved}))

    inside = shape.onset > step * 2 if coordinate == "onset" else np.full(5, True)
    # Fourth order: error about step^4, and 1e-16/step of rounding.
    differences = (8 * (at(1) - at(-1)) - (at(2) - at(-2))) / (12 * step)
    np.testing.assert_allclose(slope[inside], differences[inside], rtol=2e-6, atol=3e-10)


@pytest.mark.parametrize("name", NAMES)
def test_the_cumulated_hazard_is_the_integral_of_the_hazard(name):
    family, shape = lag_family(name), LagShape.of([3.0], [14.0], [0.5], [0.4])

    def hazard(t):
        # At a fixed share of onset F depends on t / t50 alone: the density is −(dF/dlog t50)/t.
        value = family.values(np.array([t]), shape)
        return float(-value.by_log_t50[0, 0] / t / value.survival[0, 0])

    total, _ = integrate.quad(hazard, 2.0, 12.0, epsabs=1e-12, epsrel=1e-12)
    at = family.log_survival(np.array([2.0, 12.0]), shape)[0]
    assert total == pytest.approx(at[0] - at[1], rel=1e-9)


@pytest.mark.parametrize("name", NAMES)
def test_the_log_survival_does_not_underflow(name):
    shape = LagShape.of([1.0], [1.3], 0.0, 0.8)
    far = lag_family(name).log_survival(np.array([50.0, 200.0]), shape)[0]
    assert np.all(np.isfinite(far))
    assert far[1] < far[0] < -40


def test_an_unknown_family_names_the_nearest():
    with pytest.raises(UnknownName, match="lognormal"):
        lag_family("lognormall")
