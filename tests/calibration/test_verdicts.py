"""Right posteriors pass as often as stated, wrong ones are found."""

from __future__ import annotations

import numpy as np
import pytest

from evenfall.calibration.conjugate import ConjugateGenerative
from evenfall.calibration.sbc.report import SbcReport, report
from evenfall.calibration.sbc.result import LOG_LIKELIHOOD
from evenfall.calibration.sbc.simulate import run_sbc
from evenfall.inference.fit import FitRequest

from .toys import HandFit, NormalToy

FEW = FitRequest(chains=2, draws=200)
EXACT = {
    "beta": ConjugateGenerative("beta", (8.0, 17.0), (40.0,) * 14),
    "a rare rate": ConjugateGenerative("beta", (1.0, 60.0), (5.0,) * 4),
    "overdispersed": ConjugateGenerative("beta", (8.0, 17.0), (40.0,) * 14, 50.0),
    "gamma": ConjugateGenerative("gamma", (4.0, 2.0), (3.0,) * 14),
    "normal": ConjugateGenerative("normal", (10.0, 2.0, 5.0), (6.0,) * 14),
    "lognormal": ConjugateGenerative("lognormal", (1.0, 0.5, 0.8), (6.0,) * 14),
}


def verdict(fit: HandFit, simulations: int = 300, seed: int = 1) -> SbcReport:
    return report(run_sbc(NormalToy(), simulations, seed=seed, request=FEW, fit=fit))


def bad(found: SbcReport) -> set[str]:
    return {one.name for one in found.quantities if not one.calibrated}


@pytest.mark.parametrize("name", EXACT)
def test_posteriors_in_closed_form_are_calibrated(name: str) -> None:
    """One report of a right model is refused with a probability of 5 %; the seed is fixed."""
    found = report(run_sbc(EXACT[name], 200, seed=11, request=FEW))
    assert found.passed, str(found)


@pytest.mark.parametrize("fit", [HandFit(), HandFit(weighted=True), HandFit(correlated=0.3)])
def test_independent_weighted_and_chained_draws_of_the_right_posterior_pass(fit: HandFit) -> None:
    found = verdict(fit, 100 if fit.correlated else 300)
    assert found.passed, str(found)


def test_a_posterior_that_is_too_narrow_is_found() -> None:
    """By a tenth, which a thousand simulations find eight times in ten; by a fifth, every time."""
    found = [verdict(HandFit(factor=0.9), 1000, seed) for seed in range(10)]
    assert sum(not one.passed for one in found) >= 6
    clear = verdict(HandFit(factor=0.8), 1000)
    assert "mean" in bad(clear)
    assert "too narrow" in clear.problems[0]


def test_a_posterior_that_is_too_wide_is_found() -> None:
    found = verdict(HandFit(factor=1.2), 1000)
    assert "mean" in bad(found)
    assert "too wide" in found.problems[0]


def test_a_posterior_that_lies_too_high_is_found() -> None:
    found = verdict(HandFit(shift=0.2), 1000)
    assert "mean" in bad(found)
    assert "too high by 0.19" in found.problems[0]


def test_a_posterior_that_ignores_half_of_the_data_is_found_by_the_log_likelihood_alone() -> None:
    found = verdict(HandFit(used=10))
    assert bad(found) == {LOG_LIKELIHOOD}


def test_coverage_counts_the_intervals_people_see() -> None:
    """Of N(0, 1) truths, intervals of a posterior 20 % too narrow hold 2Φ(0.8 z) − 1."""
    found = verdict(HandFit(factor=0.8), 1000)
    (mean, _) = found.quantities
    for coverage, expected in zip(mean.coverage, (0.4105, 0.6947, 0.8831), strict=True):
        assert coverage.share == pytest.approx(expected, abs=4 * 0.0158)
        assert coverage.lower < coverage.share < coverage.upper
    # Clopper and Pearson's interval of 0 among 10: 1 − 0.025^(1/10)
    none = report(run_sbc(NormalToy(), 10, seed=3, request=FEW, fit=HandFit(shift=50.0))).quantities[0]
    assert (none.coverage[2].lower, none.coverage[2].upper) == pytest.approx((0.0, 0.30850), abs=1e-5)


def test_a_report_reads_well() -> None:
    text = str(verdict(HandFit(used=10), 100))
    assert text.startswith("toy-normal: NOT passed after 100 simulations, ranks among 99 draws, 0 failed")
    assert "found with probability 80%" in text


def test_a_report_on_nothing_does_not_pass() -> None:
    assert not report(run_sbc(NormalToy(), 0, seed=1, request=FEW, fit=HandFit())).passed


@pytest.mark.slow
def test_reports_on_a_right_model_are_refused_as_seldom_as_stated() -> None:
    """150 whole reports at 5 %: with a true rate of 5 % more than 16 come once in 1,800 times."""
    refused = sum(not verdict(HandFit(), 100, seed).passed for seed in range(150))
    assert refused <= 16


@pytest.mark.verify
@pytest.mark.parametrize("fit", [HandFit(), HandFit(weighted=True)])
def test_a_thousand_reports_on_a_right_model_are_refused_as_seldom_as_stated(fit: HandFit) -> None:
    """At 5 % the share of 1,000 lies below 7.8 % but for once in 30,000 times."""
    refused = np.mean([not verdict(fit, 100, seed).passed for seed in range(1000)])
    assert refused < 0.078
