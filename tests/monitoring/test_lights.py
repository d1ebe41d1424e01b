from __future__ import annotations

import json
import sys
from datetime import timedelta
from types import ModuleType

import numpy as np
import pytest
import scipy.stats

from evenfall.beliefs.observations import Observations
from evenfall.findings import Finding, Light
from evenfall.monitoring import lights
from evenfall.monitoring.checks import CHECKS
from evenfall.monitoring.lights import CheckInput, check_chunk

FIRST = np.datetime64("2025-11-03")


def test_an_empty_chunk_gives_no_verdicts():
    assert check_chunk([]) == []


def test_agreement_is_green_and_says_nothing(make):
    prior = make.belief("beta", 98.9, 80.9)
    [verdict] = check_chunk([make.input(prior, make.week(892, 488), prior, read_age=timedelta(hours=6))])
    assert (verdict.light, verdict.findings, verdict.detail, verdict.remedy) == (Light.GREEN, (), "", "")
    assert verdict.figures["belief_light"] == verdict.figures["drift_light"] == "green"
    assert verdict.figures["age_days"] == 0.25


def test_two_checks_that_disagree_are_both_named(make):
    prior, baseline = make.belief("beta", 98.9, 80.9), make.belief("beta", 2100, 2900, kind="posterior")
    [verdict] = check_chunk([make.input(prior, make.week(892, 375), baseline)])
    [finding] = verdict.findings
    assert verdict.light is Light.RED
    assert finding.check == "belief"
    assert finding.message == (
        "checkout.p.mean diverging: expected 55 %, observed 42 % (3.2σ), n 892; "
        "the drift check is green (0.0σ from 42.0 % before the window)"
    )


def test_drift_inside_a_wide_prior_names_the_prior(make):
    prior, baseline = make.belief("beta", 4, 6), make.belief("beta", 4800, 5200, kind="posterior")
    [verdict] = check_chunk([make.input(prior, make.week(892, 375), baseline)])
    assert verdict.light is Light.RED
    assert [finding.check for finding in verdict.findings] == ["drift"]
    assert "the belief check is green (0.1σ from a prior of 40 %)" in verdict.detail


def test_two_checks_that_agree_both_report_and_name_each_other_no_further(make):
    prior, baseline = make.belief("beta", 98.9, 80.9), make.belief("beta", 5500, 4500, kind="posterior")
    [verdict] = check_chunk([make.input(prior, make.week(892, 300), baseline)])
    assert [finding.check for finding in verdict.findings] == ["belief", "drift"]
    assert all("check is" not in finding.message for finding in verdict.findings)


def test_the_worst_finding_explains_the_light(make):
    prior, baseline = make.belief("beta", 40, 40), make.belief("beta", 5500, 4500, kind="posterior")
    [verdict] = check_chunk([make.input(prior, make.week(892, 340), baseline)])
    assert [(finding.check, finding.light) for finding in verdict.findings] == [
        ("drift", Light.RED),
        ("belief", Light.AMBER),
    ]
    assert verdict.detail == verdict.findings[0].message
    assert verdict.remedy == verdict.findings[0].remedy


def test_a_window_too_small_is_grey_and_the_reason_is_given_once(make):
    prior = make.belief("beta", 98.9, 80.9)
    [verdict] = check_chunk([make.input(prior, make.week(40, 0), prior)])
    assert verdict.light is Light.GREY
    assert len(verdict.findings) == 1
    assert "40 in the window, 100 are needed" in verdict.detail
    assert verdict.figures["sigma_predictive"] < -2


def test_a_stale_read_covers_green_and_grey_but_never_hides_red(make):
    prior = make.belief("beta", 98.9, 80.9)
    windows = [make.week(892, 488), make.week(40, 0), make.week(892, 300), None]
    verdicts = check_chunk([make.input(prior, window, source_down=True) for window in windows])
    assert [verdict.light for verdict in verdicts] == [Light.STALE, Light.STALE, Light.RED, Light.STALE]
    assert [finding.check for finding in verdicts[2].findings] == ["belief", "freshness"]


def test_without_an_observation_source_the_light_is_grey_with_words(make):
    [verdict] = check_chunk([make.input(make.belief("beta", 8, 17), None)])
    assert verdict.light is Light.GREY
    assert "no observation source" in verdict.detail
    assert "n" not in verdict.figures


def test_the_drift_check_judges_where_there_is_no_prior(make):
    baseline = make.belief("beta", 4800, 5200, kind="posterior")
    red, green = check_chunk(
        [make.input(None, make.week(892, 300), baseline), make.input(None, make.week(892, 428), baseline)]
    )
    assert (red.light, green.light) == (Light.RED, Light.GREEN)
    assert green.findings == ()


def test_figures_are_json_without_a_special_number(make):
    prior = make.belief("beta", 98.9, 80.9)
    inputs = [
        make.input(prior, window, prior)
        for window in (make.week(892, 0), make.week(892, 892), make.week(10**12, 0), make.week(0, 0), None)
    ]
    for verdict in check_chunk(inputs):
        json.dumps(dict(verdict.figures), allow_nan=False)


def test_figures_carry_both_sigma_kinds_and_their_drift_twins(make):
    prior, baseline = make.belief("beta", 98.9, 80.9), make.belief("beta", 4800, 5200, kind="posterior")
    [verdict] = check_chunk([make.input(prior, make.week(892, 375), baseline)])
    names = {
        "sigma_predictive",
        "sigma_observed",
        "mid_p",
        "expected_mean",
        "expected_stdev",
        "observed",
        "n",
        "direction",
        "effect",
        "threshold",
        "origin",
    }
    assert names <= verdict.figures.keys()
    assert {f"drift_{name}" for name in names} <= verdict.figures.keys()
    # (375/892 − .55)/.55 and (375/892 − .48)/.48, by hand
    assert verdict.figures["effect"] == pytest.approx(-0.2357, abs=1e-3)
    assert verdict.figures["drift_effect"] == pytest.approx(-0.1242, abs=1e-3)


def test_a_registered_check_takes_part_in_the_light(make, monkeypatch):
    class Shout:
        name = "shout"

        def check(self, inputs: list[CheckInput]) -> list[Finding | None]:
            return [
                Finding("shout", item.parameter_id, Light.AMBER, "no", "none", {"loud": 1}) for item in inputs
            ]

    module = ModuleType("a_third_party")
    module.SHOUT = Shout()  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "a_third_party", module)
    monkeypatch.setitem(CHECKS.entries, "shout", "a_third_party:SHOUT")
    prior = make.belief("beta", 98.9, 80.9)
    [verdict] = lights.check_chunk([make.input(prior, make.week(892, 488))])
    assert verdict.light is Light.AMBER
    assert verdict.figures["shout_loud"] == 1


def _inputs(counts, days, prior, **rest):
    """Return one input per row of daily successes; every day has the same number of trials."""
    first = FIRST + np.arange(counts.shape[1]).astype("timedelta64[D]")
    return [
        CheckInput(
            f"p{index}",
            "probability",
            prior,
            None,
            Observations(
                first,
                first + np.timedelta64(1, "D"),
                np.column_stack([np.full(len(row), days), row, np.zeros(len(row))]),
            ),
            margin=0.0,
            **rest,
        )
        for index, row in enumerate(counts.astype(float))
    ]


def test_a_healthy_parameter_alarms_as_often_as_its_predictive_distribution_says(make):
    # 8,000 windows from the predictive distribution, seed 7; expected shares summed from scipy's betabinom.
    # Tolerance 4.4 standard errors: the test itself fails wrongly once in 90,000 seeds per share.
    runs, days, a, b = 8_000, 100, 32.0, 68.0
    rng = np.random.default_rng(7)
    counts = rng.binomial(days, rng.beta(a, b, size=runs)[:, None], size=(runs, 7))
    verdicts = check_chunk(_inputs(counts, days, make.belief("beta", a, b)))
    n, mean = 7 * days, a / (a + b)
    k = np.arange(n + 1)
    z = np.abs(k - n * mean) / np.sqrt(n * mean * (1 - mean) * (a + b + n) / (a + b + 1))
    mass = scipy.stats.betabinom(n, a, b).pmf(k)
    for light, expected in ((Light.AMBER, mass[(z >= 2) & (z < 3)].sum()), (Light.RED, mass[z >= 3].sum())):
        share = np.mean([verdict.light is light for verdict in verdicts])
        assert share == pytest.approx(expected, abs=4.4 * np.sqrt(expected * (1 - expected) / runs))


def test_days_that_scatter_alarm_far_too_often_unless_kappa_is_known(make):
    # 3,000 healthy windows whose days scatter with kappa 50, seed 11. A week of 7 x 200 trials is nearly
    # normal: the share beyond 2 sigma is .0455 ± 4.4 standard errors (.0167); without kappa several times it.
    runs, days, kappa, a, b = 3_000, 200, 50.0, 3200.0, 6800.0
    rng = np.random.default_rng(11)
    rate = rng.beta(a, b, size=runs)[:, None]
    counts = rng.binomial(days, rng.beta(rate * kappa, (1 - rate) * kappa, size=(runs, 7)))
    prior = make.belief("beta", a, b)
    alarms = {
        assumed: np.mean(
            [
                verdict.light is not Light.GREEN
                for verdict in check_chunk(_inputs(counts, days, prior, kappa=assumed))
            ]
        )
        for assumed in (kappa, None)
    }
    assert alarms[kappa] == pytest.approx(0.0455, abs=0.0167)
    assert alarms[None] > 0.25
