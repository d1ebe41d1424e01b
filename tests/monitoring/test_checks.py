"""One suite for every check in the catalogue, then what each of them says in particular."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from evenfall.catalogue import Catalogue
from evenfall.errors import UnknownName
from evenfall.findings import Finding, Light
from evenfall.monitoring.checks import CHECKS
from evenfall.monitoring.checks.belief import BELIEF
from evenfall.monitoring.checks.changed import CHANGED
from evenfall.monitoring.checks.drift import DRIFT
from evenfall.monitoring.checks.fit_failed import FIT_FAILED
from evenfall.monitoring.checks.freshness import FRESHNESS
from evenfall.monitoring.checks.low_sample import LOW_SAMPLE
from evenfall.monitoring.checks.poor_fit import POOR_FIT

EVERY_CHECK = sorted(CHECKS.built_in)


@pytest.mark.parametrize("name", EVERY_CHECK)
def test_every_check_answers_each_input_in_order_under_its_own_name(make, name):
    prior = make.belief("beta", 98.9, 80.9)
    inputs = [
        make.input(prior, make.week(892, 375), prior, parameter_id="a", source_down=True),
        make.input(prior, None, None, parameter_id="b"),
        make.input(None, make.week(892, 490), prior, parameter_id="c", type="probability"),
        make.input(prior, make.week(0, 0), prior, parameter_id="d"),
    ]
    check = CHECKS.resolve(name)
    found = check.check(inputs)
    assert check.name == name
    assert len(found) == len(inputs)
    for item, finding in zip(inputs, found, strict=True):
        if finding is not None:
            assert (finding.check, finding.parameter_id) == (name, item.parameter_id)
    assert check.check([]) == []


@pytest.mark.parametrize("name", EVERY_CHECK)
def test_every_check_tells_what_to_do_when_it_asks_for_a_light_that_is_not_green(make, name):
    prior = make.belief("beta", 98.9, 80.9)
    item = make.input(
        prior,
        make.week(892, 300),
        prior,
        source_down=True,
        fit_failures=("R-hat 1.02",),
        poor_fit="zeros 12, simulated 3 to 8",
        previous=prior,
        published=make.belief("beta", 300.0, 592.0),
        counted=40,
        counted_needed=100,
    )
    [finding] = CHECKS.resolve(name).check([item])
    assert finding.light is not Light.GREEN
    assert finding.message
    assert finding.remedy


@pytest.mark.parametrize("name", ["belief", "drift"])
@pytest.mark.parametrize(
    ("successes", "light"),
    # Beta(98.9, 80.9), 892 trials: predictive sd of the count 36.19 around 490.65, by hand
    [
        (480, Light.GREEN),
        (490.65 - 2.2 * 36.19, Light.AMBER),
        (490.65 + 2.2 * 36.19, Light.AMBER),
        (375, Light.RED),
        (892, Light.RED),
        (0, Light.RED),
    ],
)
def test_the_distance_decides_between_green_amber_and_red(make, name, successes, light):
    prior = make.belief("beta", 98.9, 80.9)
    [finding] = CHECKS.resolve(name).check([make.input(prior, make.week(892, round(successes)), prior)])
    assert finding.light is light


@pytest.mark.parametrize("name", ["belief", "drift"])
def test_a_small_effect_is_green_however_sure_the_data_are(make, name):
    sharp = make.belief("beta", 5e7, 5e7)
    far_but_small = make.input(sharp, make.week(10_000_000, 5_200_000), sharp)
    strict = make.input(sharp, make.week(10_000_000, 5_200_000), sharp, margin=0.03)
    green, red = CHECKS.resolve(name).check([far_but_small, strict])
    assert green.figures["sigma_predictive"] > 100
    assert (green.light, red.light) == (Light.GREEN, Light.RED)


@pytest.mark.parametrize("name", ["belief", "drift"])
@pytest.mark.parametrize(("size", "light"), [(99, Light.GREY), (100, Light.RED)])
def test_a_sample_too_small_is_never_judged(make, name, size, light):
    prior = make.belief("beta", 980.9, 800.9)
    [finding] = CHECKS.resolve(name).check([make.input(prior, make.week(size, 0), prior)])
    assert finding.light is light
    assert finding.figures["n"] == size


def test_the_belief_check_says_how_many_are_missing(make):
    [finding] = BELIEF.check([make.input(make.belief("beta", 8, 17), make.week(40, 12))])
    assert finding.message == "checkout.p.mean: too few to judge: 40 in the window, 100 are needed"
    assert "min_sample_size" in finding.remedy


def test_the_belief_check_says_why_nothing_can_be_compared(make):
    no_source, no_prior, empty, early = BELIEF.check(
        [
            make.input(make.belief("beta", 8, 17), None),
            make.input(None, make.week(892, 375)),
            make.input(make.belief("beta", 8, 17), make.week(0, 0)),
            make.input(make.belief("beta", 8, 17), make.week(892, 375), maturity=0.4),
        ]
    )
    assert {finding.light for finding in (no_source, no_prior, empty, early)} == {Light.GREY}
    assert "no observation source" in no_source.message
    assert "no prior" in no_prior.message
    assert "no data" in empty.message
    assert "40%" in early.message


def test_the_belief_check_speaks_as_the_pager_will_read_it(make):
    prior = make.belief("beta", 98.9, 80.9)
    known, unknown = BELIEF.check(
        [
            make.input(prior, make.week(892, 375), since=date(2025, 11, 3)),
            make.input(prior, make.week(892, 375)),
        ]
    )
    text = "checkout.p.mean diverging: expected 55 %, observed 42 % (3.2σ), n 892"
    assert known.message == f"{text}, since 3 Nov"
    assert unknown.message == text
    assert known.figures["direction"] == "lower"
    assert known.figures["origin"] == "manual (parameters/demo.yaml:4)"


@pytest.mark.parametrize(
    ("family", "theta", "sums", "words"),
    [
        ("gamma", (400, 200), (1200.0, 3000.0), "expected 2.0 per unit, observed 2.5 per unit"),
        ("normal", (10, 0.5, 2.0), (400, 4900.0, 62000.0), "expected 10, observed 12"),
        ("lognormal", (3, 0.05, 0.5), (900, 3150.0, 11250.0), "expected 23, observed 38"),
    ],
)
def test_each_type_is_reported_in_its_own_unit(make, family, theta, sums, words):
    [finding] = BELIEF.check([make.input(make.belief(family, *theta), make.week(*sums))])
    assert finding.light is Light.RED
    assert words in finding.message
    assert ("exposure 1,200" if family == "gamma" else "n ") in finding.message


def test_the_drift_check_is_silent_without_evidence_before_the_window(make):
    [finding] = DRIFT.check([make.input(make.belief("beta", 98.9, 80.9), make.week(892, 375))])
    assert (finding.light, finding.message, dict(finding.figures)) == (Light.GREY, "", {})


def test_the_drift_check_names_what_was_believed_before_the_window(make):
    prior, baseline = make.belief("beta", 10, 10), make.belief("beta", 4800, 5200, kind="posterior")
    [finding] = DRIFT.check([make.input(prior, make.week(892, 375), baseline)])
    assert finding.message == "checkout.p.mean drifting: 48 % before the window, observed 42 % (3.4σ), n 892"


@pytest.mark.parametrize(
    ("read_age", "down", "stale"),
    [
        (timedelta(days=2), False, False),
        (timedelta(days=2, seconds=1), False, True),
        (timedelta(0), True, True),
        (None, True, True),
        (None, False, False),
    ],
)
def test_a_read_is_stale_beyond_its_limit_or_when_the_source_is_down(make, read_age, down, stale):
    item = make.input(make.belief("beta", 8, 17), make.week(892, 300), read_age=read_age, source_down=down)
    [finding] = FRESHNESS.check([item])
    assert (finding is not None) is stale
    if finding is not None:
        assert finding.light is Light.STALE


def test_staleness_names_its_cause_and_the_age_of_the_last_good_read(make):
    prior = make.belief("beta", 8, 17)
    overdue, down, never = FRESHNESS.check(
        [
            make.input(prior, None, read_age=timedelta(days=3)),
            make.input(prior, None, read_age=timedelta(days=1), source_down=True),
            make.input(prior, None, source_down=True),
        ]
    )
    assert overdue.message == "checkout.p.mean stale: its source is overdue, the last good read is 3 days old"
    assert down.message == "checkout.p.mean stale: its source is down, the last good read is 1 day old"
    assert never.message == "checkout.p.mean stale: its source is down, it was never read"


def test_a_refused_fit_names_its_reasons_and_the_last_good_posterior(make):
    prior = make.belief("beta", 8, 17)
    refused, fine = FIT_FAILED.check(
        [make.input(prior, None, fit_failures=("R-hat 1.02", "3 divergences")), make.input(prior, None)]
    )
    assert refused.message == "checkout.p.mean keeps its last good posterior: R-hat 1.02; 3 divergences"
    assert (refused.light, fine) == (Light.AMBER, None)


def test_a_poor_fit_says_what_the_model_does_not_reproduce(make):
    prior = make.belief("beta", 8, 17)
    poor, fine = POOR_FIT.check(
        [make.input(prior, None, poor_fit="sd 9, simulated 3"), make.input(prior, None)]
    )
    assert poor.message == "checkout.p.mean is fitted poorly: sd 9, simulated 3"
    assert (poor.light, fine) == (Light.AMBER, None)


@pytest.mark.parametrize(
    ("counted", "needed", "said"), [(40, 100, True), (100, 100, False), (None, 100, False)]
)
def test_a_low_sample_counts_all_the_evidence_since_the_prior(make, counted, needed, said):
    item = make.input(make.belief("beta", 8, 17), None, counted=counted, counted_needed=needed)
    [finding] = LOW_SAMPLE.check([item])
    assert (finding is not None) is said
    if finding is not None:
        assert finding.light is Light.GREY
        assert "40 of 100" in finding.message


def test_a_posterior_that_moved_is_measured_by_both_standard_deviations_and_the_margin(make):
    before, after = make.belief("normal", 10.0, 0.3, 2.0), make.belief("normal", 11.5, 0.4, 2.0)
    near = make.belief("normal", 10.9, 0.4, 2.0)
    narrow, moved = make.belief("beta", 5e6, 5e6), make.belief("beta", 5.05e6, 4.95e6)
    cases = [(before, after), (before, near), (narrow, moved), (None, after), (before, None)]
    inputs = [make.input(None, None, old, previous=old, published=new) for old, new in cases]
    found = CHANGED.check(inputs)
    assert [one is not None for one in found] == [True, False, False, False, False]
    # 1.5/sqrt(.3² + .4²) = 3.0; .9/.5 = 1.8 is below two sigmas; .01/.5 = 2 % is within the margin
    assert found[0].figures["sigma"] == pytest.approx(3.0)
    assert found[0].message == "checkout.p.mean changed: 10.0 when last published, 11.5 now (3.0σ)"


def test_a_check_of_a_third_party_resolves_like_a_built_in_one():
    catalogue = Catalogue(kind="check", built_in=CHECKS.built_in, extras={})
    catalogue.register("mine", f"{Finding.__module__}:Finding")
    assert catalogue.resolve("mine") is Finding
    with pytest.raises(UnknownName, match="belief"):
        catalogue.resolve("beleif")
