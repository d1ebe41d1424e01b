from __future__ import annotations

import dataclasses
from datetime import date, timedelta

import numpy as np
import pytest
import scipy.stats

from evenfall.beliefs.belief import Belief, Origin
from evenfall.beliefs.observations import Observations
from evenfall.monitoring.day_laws import DAY_LAWS, POINTS_A_SIDE
from evenfall.monitoring.detector import DetectorInput, detect, detection_path
from evenfall.monitoring.histories import FEWEST_BASELINE_ROWS

START = date(2025, 1, 1)


def history(sizes, totals, squares=None) -> Observations:
    squares = np.zeros(len(sizes)) if squares is None else squares
    rows = zip(sizes, totals, squares, strict=True)
    return Observations.of(
        (START + timedelta(days=t), START + timedelta(days=t + 1), *map(float, row))
        for t, row in enumerate(rows)
    )


def rates(
    seed: int, days: int, trials: int, rate: float, *, changed_from: int | None = None, to: float = 0.0
):
    rng = np.random.default_rng(seed)
    p = np.full(days, rate)
    if changed_from is not None:
        p[changed_from:] = to
    return history(np.full(days, trials), rng.binomial(trials, p))


def belief(family: str, keys: tuple[str, ...], *theta: float) -> Belief:
    return Belief(family, keys, theta, Origin("manual"))


FLAT = belief("beta", ("alpha", "beta"), 1.0, 1.0)


def probability(observations: Observations, **rest) -> DetectorInput:
    return DetectorInput("p", "probability", FLAT, observations, **rest)


def others(changed: bool) -> list[DetectorInput]:
    """Return one input per family but the beta, whose quantity rises or falls by a fifth from day 200 on."""
    rng = np.random.default_rng(3)
    factor = np.where((np.arange(260) >= 200) & changed, 0.8, 1.0)
    events = rng.poisson(50 * 2.0 * factor)
    samples = [rng.normal(10 * f, 4.0, 100) for f in factor]
    logs = [rng.normal(3.0 + np.log(f), 0.8, 100) for f in factor]
    normal = history([100] * 260, [x.sum() for x in samples], [(x * x).sum() for x in samples])
    logged = history([100] * 260, [x.sum() for x in logs], [(x * x).sum() for x in logs])
    known, unknown = ("mu", "sigma", "noise_sigma"), ("mu", "sigma", "noise_shape", "noise_scale")
    return [
        DetectorInput(
            "rate", "rate", belief("gamma", ("shape", "rate"), 2.0, 1.0), history([50] * 260, events)
        ),
        DetectorInput("mean", "mean", belief("normal", known, 9.0, 3.0, 4.0), normal),
        DetectorInput("mean2", "mean", belief("normal-inverse-gamma", unknown, 9.0, 3.0, 3.0, 40.0), normal),
        DetectorInput("lag", "duration", belief("lognormal", known, 3.0, 0.5, 0.8), logged),
        DetectorInput(
            "lag2", "duration", belief("lognormal-inverse-gamma", unknown, 3.0, 0.5, 3.0, 2.0), logged
        ),
    ]


def test_r_is_the_sum_over_change_days_of_the_mixture_likelihood_ratio():
    seen = rates(5, 24, 40, 0.3)
    [found] = detect([probability(seen)])
    n, k = seen.sums[:, 0], seen.sums[:, 1]
    a, b = 1.0 + np.cumsum(k), 1.0 + np.cumsum(n - k)  # posterior after each day
    centre = a[13] / (a[13] + b[13])
    law = DAY_LAWS["beta", False]
    points = 1 / (1 + np.exp(-law.points(np.array([[a[13], b[13], 0.0]]), np.array([0.05]))[0]))
    assert (points[:POINTS_A_SIDE] <= 0.95 * centre * (1 + 1e-9)).all()
    assert (points[POINTS_A_SIDE:] >= 1.05 * centre * (1 - 1e-9)).all()
    # by the definition with scipy's masses: Σ_s mean_g Π Binomial / Π BetaBinomial of the days before
    r = 0.0
    for s in range(14, 24):
        mean = a[s - 1] / (a[s - 1] + b[s - 1])
        outside = points[np.abs(points - mean) >= 0.05 * mean]
        moved = [scipy.stats.binom.pmf(k[s:], n[s:], p).prod() for p in outside]
        days = range(s, 24)
        unchanged = np.prod([scipy.stats.betabinom.pmf(k[t], n[t], a[t - 1], b[t - 1]) for t in days])
        r += np.mean(moved) / unchanged
    assert found.log_r == pytest.approx(np.log(r), rel=1e-9)
    assert found.e_value == pytest.approx(r / 10)
    assert (found.looks, found.baseline_days) == (10, 24)


@pytest.mark.parametrize("kappa", [None, 30.0])
@pytest.mark.parametrize("learned", [False, True])
def test_every_night_computed_anew_is_the_path_computed_at_once(kappa, learned):
    seen = rates(6, 60, 50, 0.3, changed_from=50, to=0.5)
    item = probability(seen, kappa=kappa, kappa_learned=learned)
    [at_once] = detection_path([item])
    first = 29 if kappa is not None and learned else 15
    stops = [START + timedelta(days=t) for t in range(first, 61)]
    nightly = detect([dataclasses.replace(item, observations=seen.between(None, stop)) for stop in stops])
    np.testing.assert_allclose(at_once, [one.log_r for one in nightly], rtol=1e-9, atol=1e-9)


def test_the_statistic_averages_one_when_nothing_changed():
    # Under the prior's own law R_T − T has mean zero. With few trials a day R stays tame enough for its mean
    # to be estimated: 3,000 histories, accepted within four standard errors (false alarm 6e-5).
    rng = np.random.default_rng(7)
    prior = belief("beta", ("alpha", "beta"), 6.0, 14.0)
    items = [
        DetectorInput("p", "probability", prior, history([4] * 24, rng.binomial(4, p, 24)))
        for p in rng.beta(6, 14, 3000)
    ]
    values = np.array([one.e_value for one in detect(items)])
    assert abs(values.mean() - 1) < 4 * values.std() / np.sqrt(len(values))


@pytest.mark.parametrize(("to", "direction"), [(0.24, "lower"), (0.36, "higher")])
def test_a_change_of_a_fifth_is_found_with_its_day_and_direction(to, direction):
    [found] = detect([probability(rates(8, 260, 800, 0.30, changed_from=240, to=to))])
    assert found.alarmed
    assert found.direction == direction
    assert found.since_interval is not None
    first, last = found.since_interval
    assert first <= START + timedelta(days=240) <= last
    assert first <= found.since <= last
    assert found.baseline_mean == pytest.approx(0.30, abs=0.005)
    assert found.current_mean == pytest.approx(to, abs=0.015)
    assert not found.learning


def test_a_healthy_history_raises_no_alarm_and_dates_nothing():
    [found] = detect([probability(rates(9, 260, 800, 0.30))])
    assert not found.alarmed
    assert (found.since, found.since_interval, found.current_mean) == (None, None, None)


@pytest.mark.parametrize("index", range(5))
def test_every_other_family_finds_its_change_and_stays_calm_without_one(index):
    changed, calm = detect(others(changed=True)), detect(others(changed=False))
    assert changed[index].alarmed
    assert changed[index].direction == "lower"
    assert abs((changed[index].since - START).days - 200) <= 3
    ratio = changed[index].current_mean / changed[index].baseline_mean
    assert ratio == pytest.approx(0.8, abs=0.04)
    assert not calm[index].alarmed


def test_a_change_within_the_margin_is_no_alarm_however_sure_the_data_are():
    seen = rates(10, 260, 2_000_000, 0.30, changed_from=240, to=0.309)
    assert not detect([probability(seen)])[0].alarmed
    assert detect([probability(seen, margin=0.01)])[0].alarmed


def test_overdispersed_days_are_no_change_once_kappa_is_known():
    rng = np.random.default_rng(11)
    seen = history([2000] * 260, rng.binomial(2000, rng.beta(0.3 * 60, 0.7 * 60, 260)))
    binomial, known, learned = detect(
        [probability(seen), probability(seen, kappa=60.0), probability(seen, kappa=90.0, kappa_learned=True)]
    )
    assert binomial.alarmed
    assert not known.alarmed
    assert not learned.alarmed


def test_days_of_an_incident_never_become_the_baseline_while_it_is_open():
    seen = rates(12, 500, 800, 0.30, changed_from=100, to=0.24)
    open_since = START + timedelta(days=100)
    swallowed, frozen = detect([probability(seen), probability(seen, baseline_until=open_since)])
    assert swallowed.baseline_mean < 0.29  # the first 35 days of the incident are older than a year
    assert frozen.alarmed
    assert frozen.baseline_mean == pytest.approx(0.30, abs=0.005)
    assert abs((frozen.since - open_since).days) <= 2


def test_after_an_incident_its_days_are_left_out_and_the_watch_starts_anew():
    rng = np.random.default_rng(13)
    p = np.full(300, 0.30)
    p[200:220] = 0.15
    seen = history([800] * 300, rng.binomial(800, p))
    out, back = START + timedelta(days=200), START + timedelta(days=220)
    still, anew = detect([probability(seen), probability(seen, left_out=((out, back),), watch_from=back)])
    assert still.alarmed
    assert not anew.alarmed
    assert anew.looks == 80
    assert anew.baseline_mean == pytest.approx(0.30, abs=0.005)


def test_a_total_outage_is_found_on_its_first_day():
    seen = rates(14, 200, 800, 0.30, changed_from=199, to=0.0)
    [found] = detect([probability(seen)])
    assert (found.alarmed, found.since) == (True, START + timedelta(days=199))
    assert np.isfinite(found.e_value)


def test_nothing_is_said_before_there_is_a_baseline():
    few, none = detect([probability(rates(15, FEWEST_BASELINE_ROWS, 800, 0.3)), probability(history([], []))])
    for found in (few, none):
        assert (found.log_r, found.alarmed, found.direction, found.looks) == (-np.inf, False, "", 0)
    assert few.learning
    assert none.baseline_mean == pytest.approx(0.5)


def test_a_night_without_data_is_no_look():
    seen = rates(16, 60, 800, 0.3)
    quiet = Observations(seen.first, seen.stop, seen.sums.copy())
    quiet.sums[40] = 0.0
    left = np.arange(60) != 40
    missing = Observations(seen.first[left], seen.stop[left], seen.sums[left])
    first, second = detect([probability(quiet), probability(missing)])
    assert first.log_r == pytest.approx(second.log_r)
    assert first.looks == second.looks == 45


def test_a_chunk_of_mixed_families_and_lengths_answers_each_as_if_it_stood_alone():
    items = [
        *others(changed=True),
        probability(rates(17, 50, 300, 0.3)),
        probability(rates(18, 90, 300, 0.3), kappa=40.0),
        probability(rates(19, 40, 300, 0.3, changed_from=35, to=0.6), kappa=40.0, kappa_learned=True),
        probability(rates(20, 10, 300, 0.3)),
    ]
    together = detect(items)
    for item, found in zip(items, together, strict=True):
        [alone] = detect([item])
        assert found.log_r == pytest.approx(alone.log_r, rel=1e-9)
        assert (found.alarmed, found.since, found.direction) == (alone.alarmed, alone.since, alone.direction)
    assert detect([]) == []


def test_a_longer_run_length_asks_for_more_evidence():
    seen = rates(21, 200, 800, 0.30, changed_from=190, to=0.27)
    patient, hasty = (detect([probability(seen, run_length_years=years)])[0] for years in (2e9, 0.02))
    assert patient.log_r == hasty.log_r
    assert (patient.alarmed, hasty.alarmed) == (False, True)


def test_a_change_during_the_learned_days_is_dated_against_the_prior():
    """Fourteen days are learned from; the rate fell on the eighth of them. The prior says where it stood."""
    seen = rates(21, 30, 900, 0.55, changed_from=7, to=0.40)
    item = probability(seen)
    sure = dataclasses.replace(item, prior=belief("beta", ("alpha", "beta"), 218.0, 178.0))  # .55 ± .025
    [found] = detect([sure])
    assert found.alarmed
    assert abs((found.since - seen.first[7].item()).days) <= 1
    assert found.baseline_mean == pytest.approx(0.55, abs=0.02)
    assert found.current_mean == pytest.approx(0.40, abs=0.02)
