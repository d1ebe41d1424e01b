"""Forecasts of running cohorts, against people who were simulated beyond the night of the forecast."""

import numpy as np
import pytest
from scipy import stats

from evenfall.beliefs.cohorts import Cohorts
from evenfall.errors import UsageError
from evenfall.funnels.delays.draws import DelayDraws, lag_moments
from evenfall.funnels.delays.families import LagShape, lag_family
from evenfall.funnels.delays.forecast import forecast_along, forecast_conversions
from evenfall.funnels.delays.path import Leg, arrivals
from evenfall.inference.fit import Fit

LAW = stats.lognorm(0.9, scale=3.0)
DAYS = 10


def draws(count, *, rate=0.3, law=LAW, kappa=None, family="lognormal", horizon=30.0):
    shape = LagShape.of(np.full(count, law.ppf(0.5)), np.full(count, law.ppf(0.95)))
    eventual = np.full(count, rate)
    scatter = None if kappa is None else np.full(count, float(kappa))
    within = eventual * law.cdf(horizon)
    return DelayDraws(
        lag_family(family), shape, within, eventual, np.full(count, 1 / count), horizon, scatter
    )


def world(rng, *, days=25, size=200, rate=0.3, kappa=None, clock="elapsed", longest=40):
    """Return cohorts as a night sees them, their ages, and what converts on each coming day."""
    ages = np.arange(days, 0, -1) - 1
    observed = np.minimum(ages if clock == "elapsed" else ages + 1, longest)
    conversions = np.zeros((days, longest), dtype=np.int64)
    coming = np.zeros(DAYS, dtype=np.int64)
    for i in range(days):
        own = rate if kappa is None else rng.beta(rate * kappa, (1 - rate) * kappa)
        takes = LAW.rvs(rng.binomial(size, own), random_state=rng)
        entered = rng.uniform(size=len(takes))  # within its day; the night is at day `days`
        age = np.floor(takes if clock == "elapsed" else takes + entered).astype(int)
        seen = age < observed[i]
        conversions[i] = np.bincount(age[seen], minlength=longest)
        when = np.floor(i + entered + takes - days).astype(int)
        counts = (when >= 0) & (when < DAYS) & (age < longest)
        coming += np.bincount(when[counts], minlength=DAYS)
    first = np.datetime64("2026-03-01")
    made = Cohorts(first + np.arange(days), np.full(days, size), conversions, observed, clock)
    return made, ages, coming


@pytest.mark.parametrize("clock", ["elapsed", "calendar"])
def test_the_expected_conversions_are_those_of_the_average_world(clock) -> None:
    rng = np.random.default_rng(1)
    hoped, came = np.zeros(DAYS), np.zeros(DAYS)
    for _ in range(60):
        cohorts, ages, coming = world(rng, clock=clock)
        hoped += forecast_conversions(cohorts, ages, draws(1), DAYS, longest=40).mean
        came += coming
    # 60 worlds with some 60 to 25 conversions a day: each sum is known to its own square root
    np.testing.assert_array_less(np.abs(came - hoped), 4.2 * np.sqrt(hoped))


def test_the_interval_of_the_day_covers_the_day_and_that_of_the_rate_does_not() -> None:
    rng = np.random.default_rng(2)
    inside = narrow = 0
    for _ in range(60):
        cohorts, ages, coming = world(rng)
        found = forecast_conversions(cohorts, ages, draws(200), DAYS, longest=40, seed=3)
        lower, upper = found.day_interval()
        inside += int(((lower <= coming) & (coming <= upper)).sum())
        lower, upper = found.rate_interval()
        narrow += int(((lower <= coming) & (coming <= upper)).sum())
    # 600 days, of which at least 95 % are covered, as counts are whole: 4 sd of .95 are .036
    assert inside / 600 > 0.914
    assert narrow / 600 < 0.2  # the rate is known here, so its interval has no width


@pytest.mark.slow
def test_scattering_rates_widen_the_day_and_follow_the_cohort() -> None:
    rng = np.random.default_rng(4)
    inside = plain = 0
    for _ in range(50):
        cohorts, ages, coming = world(rng, kappa=15.0, size=2000)
        total = coming.sum()
        for scatter in (15.0, None):
            found = forecast_conversions(cohorts, ages, draws(100, kappa=scatter), DAYS, longest=40)
            lower, upper = (each[-1] for each in found.day_interval(total=True))
            hit = int(lower <= total <= upper)
            inside, plain = (inside + hit, plain) if scatter else (inside, plain + hit)
    assert inside >= 42  # of 50 at 95 %: fewer in one of 2,000 seeds
    assert plain < inside - 5


def test_a_cohort_that_converts_well_is_expected_to_go_on_so_when_rates_scatter() -> None:
    age = np.array([3])
    entry = np.array(["2026-03-01"], dtype="datetime64[D]")
    low, high = (Cohorts(entry, np.array([1000]), np.array([[k, 0, 0, 0]]), age) for k in (60, 260))
    wide = [
        forecast_conversions(c, age, draws(50, kappa=10.0), 5, longest=40).mean.sum() for c in (low, high)
    ]
    known = [forecast_conversions(c, age, draws(50), 5, longest=40).mean.sum() for c in (low, high)]
    assert wide[1] > 2.5 * wide[0]
    # with the rate known to be .3 the chance of each who is left is the same: (1000 − 260) to (1000 − 60)
    assert known[1] / known[0] == pytest.approx(740 / 940)
    seen = 0.3 * LAW.cdf(3)
    share = np.mean(LAW.cdf(np.linspace(8, 9, 20_001))) - np.mean(LAW.cdf(np.linspace(3, 4, 20_001)))
    assert known[0] == pytest.approx(940 * 0.3 * share / (1 - seen), rel=1e-4)


def test_what_is_older_than_anybody_is_followed_does_not_count() -> None:
    entry = np.array(["2026-03-01", "2026-03-02"], dtype="datetime64[D]")
    cohorts = Cohorts(entry, np.array([100, 100]), np.zeros((2, 7), dtype=np.int64), np.array([7, 5]))
    found = forecast_conversions(cohorts, np.array([12, 5]), draws(20), 6, longest=7)
    assert not found.by_cohort[0].any()
    assert (found.by_cohort[1] > 0).tolist() == [True, True, False, False, False, False]
    with pytest.raises(UsageError, match="0 days"):
        forecast_conversions(cohorts, np.array([12, 5]), draws(20), 0, longest=7)


@pytest.mark.slow
def test_arrivals_further_on_are_those_of_simulated_people() -> None:
    rng = np.random.default_rng(5)
    second = stats.gamma(2, scale=1.5)
    hoped, came, inside = np.zeros(DAYS), np.zeros(DAYS), 0
    shape = LagShape.of(np.full(200, second.ppf(0.5)), np.full(200, second.ppf(0.95)))
    onward = arrivals([Leg("b", "c", np.full(200, 0.5), lag_family("gamma"), shape)], "b", "c", 40)
    for _ in range(60):
        cohorts, ages, _ = world(rng)
        took = []
        for i in range(len(cohorts)):
            for age in np.repeat(np.arange(cohorts.ages), cohorts.conversions[i]):
                took.append(i + rng.uniform() + age + rng.uniform() - 25)
        past = np.bincount(np.clip(np.floor(np.array(took)), -25, -1).astype(int) + 25, minlength=25)
        found = forecast_conversions(cohorts, ages, draws(200), DAYS, longest=40)
        further = forecast_along(past, found, onward, DAYS, seed=1)
        new = rng.poisson(found.mean)  # what converts in the coming days, spread over each
        when = np.concatenate([np.repeat(np.arange(25) - 25, past), np.repeat(np.arange(DAYS), new)])
        ends = when + rng.uniform(size=len(when)) + second.rvs(len(when), random_state=rng)
        arrives = np.floor(ends[rng.random(len(when)) < 0.5]).astype(int)
        came += (day := np.bincount(arrives[(arrives >= 0) & (arrives < DAYS)], minlength=DAYS))
        hoped += further.mean
        lower, upper = further.day_interval()
        inside += int(((lower <= day) & (day <= upper)).sum())
    np.testing.assert_array_less(np.abs(came - hoped), 4.2 * np.sqrt(hoped))
    assert inside / 600 > 0.914


def test_draws_of_a_fit_are_joint_and_keep_their_weights() -> None:
    rng = np.random.default_rng(6)
    t50 = rng.uniform(1, 5, (2, 500))
    weights = rng.dirichlet(np.ones(1000)).reshape(2, 500)
    quantities = {"p": t50 / 10, "p_eventual": t50 / 9, "t50": t50, "log_ratio": np.log(t50 + 2)}
    fit = Fit("laplace", quantities, np.zeros((2, 500, 0)), weights=weights)
    made = DelayDraws.of_fit(fit, "weibull", 7.0)
    assert made.summary(made.rate).mean == pytest.approx(float((weights * t50).sum() / 10))
    np.testing.assert_allclose(made.figure("median"), t50.ravel())
    np.testing.assert_allclose(made.figure("t95"), (t50 * (t50 + 2)).ravel())
    taken = made.take(4000, 1)
    np.testing.assert_allclose(taken.rate * 10, taken.shape.t50_days)
    # systematic resampling: every draw comes up as often as its weight says, to within one
    counts = np.array([(np.abs(taken.rate - rate) < 1e-15).sum() for rate in made.rate[:50]])
    np.testing.assert_array_less(np.abs(counts - 4000 * made.weights[:50]), 1.0 + 1e-9)


@pytest.mark.parametrize(
    ("family", "law"),
    [
        ("lognormal", stats.lognorm(0.9, scale=2.0)),
        ("gamma", stats.gamma(0.4, scale=3)),
        ("gamma", stats.gamma(40, scale=0.1)),
        ("weibull", stats.weibull_min(0.7, scale=2)),
        ("log_logistic", stats.fisk(4.0, scale=2)),
    ],
)
def test_mean_and_stdev_of_a_lag_are_those_of_its_law(family, law) -> None:
    after = LagShape.of([law.ppf(0.5)], [law.ppf(0.95)])
    mean, stdev = lag_moments(lag_family(family), after)
    assert mean[0] == pytest.approx(law.mean(), rel=1e-6)
    assert stdev[0] == pytest.approx(law.std(), rel=1e-5)
    onset = LagShape.of([1.5 + law.ppf(0.5)], [1.5 + law.ppf(0.95)], [1.5])
    mean, stdev = lag_moments(lag_family(family), onset)
    assert (mean[0], stdev[0]) == pytest.approx((1.5 + law.mean(), law.std()), rel=1e-5)
