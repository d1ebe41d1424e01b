from __future__ import annotations

from datetime import date

import numpy as np
import pytest

from evenfall.monitoring.alarms import detector_alarm, threshold_alarm, threshold_false_alarms
from evenfall.monitoring.detector import Detection
from evenfall.monitoring.ranking import ranked


def detection(name: str, log_e: float, **rest) -> Detection:
    settings = {
        "log_r": log_e + np.log(100),
        "alarmed": False,
        "direction": "lower",
        "since": None,
        "since_interval": None,
        "baseline_mean": 0.55,
        "current_mean": None,
        "baseline_days": 200,
        "looks": 100,
        "log_threshold": float(np.log(7300)),
        **rest,
    }
    return Detection(name, log_e_value=log_e, **settings)


def crossings(sigma: float, hysteresis: float, seed: int) -> tuple[float, float]:
    """Return alarms per year and the share of years with one, for 4,000 simulated rolling weeks."""
    rng = np.random.default_rng(seed)
    week = np.lib.stride_tricks.sliding_window_view(rng.standard_normal((4000, 372)), 7, axis=1)
    distance = np.abs(week.sum(axis=-1) / np.sqrt(7))
    on = distance[:, 0] >= sigma
    count, ever = 0, np.zeros(4000, dtype=bool)
    for tonight in distance[:, 1:].T:
        rings = np.where(on, tonight >= sigma - hysteresis, tonight >= sigma)
        count += int((rings & ~on).sum())
        ever |= rings
        on = rings
    return count / 4000, float(ever.mean())


def test_the_false_alarms_of_the_threshold_are_those_of_a_simulated_week():
    # about 2,500 alarms: 4 Poisson standard errors are 8 %
    assert threshold_false_alarms(3.0) == pytest.approx(crossings(3.0, 0.0, 1)[0], rel=0.08)


def test_hysteresis_merges_only_a_few_of_them_and_every_other_parameter_rings_within_a_year():
    alarms, share = crossings(3.0, 1.0, 2)
    assert 0.8 * threshold_false_alarms(3.0) < alarms < threshold_false_alarms(3.0)
    assert 0.35 < share < 0.65


def test_a_farther_threshold_and_a_longer_window_ring_less():
    assert threshold_false_alarms(4.0) < 0.05 < threshold_false_alarms(3.0)
    assert threshold_false_alarms(3.0, 28) < threshold_false_alarms(3.0, 7) < threshold_false_alarms(3.0, 1)
    # one day alone: P(|Z| < 3)·P(|Z| >= 3) a night
    assert threshold_false_alarms(3.0, 1) == pytest.approx(365 * 0.0026998 * 0.9973002, rel=1e-4)


@pytest.mark.parametrize(
    ("sigma", "effect", "ringing", "raised"),
    [
        (3.0, 0.2, False, True),
        (2.9, 0.2, False, False),
        (-3.5, -0.04, False, False),
        (-2.1, -0.01, True, True),
        (-1.9, -0.2, True, False),
        (float("nan"), 0.2, True, False),
    ],
)
def test_the_threshold_starts_at_red_and_ends_below_amber(sigma, effect, ringing, raised):
    alarm = threshold_alarm("p", sigma=sigma, effect=effect, ringing=ringing)
    assert alarm.raised is raised
    assert bool(alarm.message) is raised
    assert alarm.false_alarms_per_year == threshold_false_alarms(3.0, 7)


def test_the_detector_says_what_was_what_is_and_since_when():
    found = detection(
        "checkout.p.mean",
        9.0,
        alarmed=True,
        since=date(2025, 11, 3),
        since_interval=(date(2025, 11, 3), date(2025, 11, 3)),
        current_mean=0.42,
    )
    alarm = detector_alarm(found, "probability")
    assert alarm.message == "checkout.p.mean lower: 55 % before, 42 % now, since 3 Nov"
    assert (alarm.raised, alarm.rule, alarm.since) == (True, "detector", date(2025, 11, 3))
    assert alarm.false_alarms_per_year == pytest.approx(0.05)
    assert detector_alarm(detection("p", -3.0), "probability").message == ""


def test_the_digest_keeps_the_largest_number_whose_weakest_is_strong_enough():
    # m = 10, level .1: the k-th e-value must reach 100/k; by hand 100, 50, 33.3, 25, 20
    values = [120, 60, 30, 26, 19, 1, 1, 0.5, 0.2, 0]
    with np.errstate(divide="ignore"):
        found = [detection(f"p{i}", float(np.log(value))) for i, value in enumerate(values)]
    assert [one.parameter_id for one in ranked(found[::-1])] == ["p0", "p1", "p2", "p3"]
    assert ranked(found, level=0.01) == []
    assert ranked([]) == []
    assert [one.parameter_id for one in ranked([detection("b", 900.0), detection("a", 2000.0)])] == ["a", "b"]
