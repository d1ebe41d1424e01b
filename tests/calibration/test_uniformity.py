from __future__ import annotations

from itertools import product
from math import comb

import numpy as np
import pytest

from evenfall.calibration.sbc.power import distorted_ranks, minimum_detectable
from evenfall.calibration.sbc.uniformity import bands, holm, rejection_share, uniformity_p


def smallest_tail(ranks: tuple[int, ...], draws: int) -> float:
    """The statistic by its definition, with binomial sums written out."""
    n, found = len(ranks), []
    for i in range(1, draws + 1):
        z, c = i / (draws + 1), sum(rank < i for rank in ranks)
        mass = [comb(n, k) * z**k * (1 - z) ** (n - k) for k in range(n + 1)]
        found.append(2 * min(sum(mass[: c + 1]), sum(mass[c:])))
    return round(min(found), 9)


@pytest.mark.parametrize(("simulations", "draws"), [(1, 1), (3, 2), (5, 3), (4, 5)])
def test_p_values_are_those_of_counting_every_sample(simulations: int, draws: int) -> None:
    samples = list(product(range(draws + 1), repeat=simulations))
    statistics = {sample: smallest_tail(sample, draws) for sample in samples}
    for sample in samples[:: max(1, len(samples) // 60)]:
        counted = np.mean([other <= statistics[sample] for other in statistics.values()])
        assert uniformity_p(np.array(sample), draws) == pytest.approx(counted, abs=1e-9)


@pytest.mark.parametrize("simulations", [1, 20, 100, 300, 1000])
@pytest.mark.parametrize("draws", [1, 19, 99])
def test_uniform_ranks_leave_the_bands_as_seldom_as_promised(simulations: int, draws: int) -> None:
    even = np.full(draws + 1, 1 / (draws + 1))
    share = rejection_share(even, simulations, 0.05)
    assert share <= 0.05
    if simulations >= 100 and draws >= 19:
        assert share > 0.035  # counts are whole numbers, so a little of the level stays unused


def test_simulated_uniform_ranks_are_refused_as_often_as_computed() -> None:
    """1,500 samples at a level of 5 %: four standard errors are 2.3 %."""
    rng = np.random.default_rng(3)
    p = [uniformity_p(rng.integers(0, 100, 100), 99) for _ in range(1500)]
    assert np.mean(np.array(p) <= 0.05) == pytest.approx(
        rejection_share(np.full(100, 0.01), 100, 0.05), abs=0.023
    )


def test_a_p_value_agrees_with_the_bands() -> None:
    rng = np.random.default_rng(4)
    limits = bands(200, 19, 0.05)
    for _ in range(200):
        ranks = np.minimum(rng.binomial(19, rng.beta(1.2, 1.0, 200)), 19)
        below = np.cumsum(np.bincount(ranks, minlength=20))[:19]
        inside = ((limits.lower <= below) & (below <= limits.upper)).all()
        assert inside == (uniformity_p(ranks, 19) > 0.05)


def test_no_simulations_say_nothing() -> None:
    assert uniformity_p(np.array([], dtype=np.int64), 99) == 1.0


def test_ranks_that_are_all_the_same_are_impossible() -> None:
    assert uniformity_p(np.full(1000, 50), 99) < 1e-12


def test_holm_corrects_as_its_paper_does() -> None:
    """Holm (1979): the k-th smallest of m p-values times m − k + 1, never falling."""
    assert holm(np.array([0.02, 0.01, 0.015, 0.9])) == pytest.approx([0.045, 0.04, 0.045, 0.9])


def test_ranks_of_a_wrong_normal_posterior_are_those_of_simulation() -> None:
    """A million truths; a rank has probability .05 to .25, so four standard errors are below .002."""
    rng = np.random.default_rng(5)
    truth = rng.normal(size=1_000_000)
    reported = 0.3 + 0.8 * rng.normal(size=(4, len(truth)))
    counted = np.bincount((reported < truth).sum(axis=0), minlength=5) / len(truth)
    assert distorted_ranks(4, 0.8, 0.3) == pytest.approx(counted, abs=0.002)


def test_a_thousand_simulations_find_a_tenth_of_a_standard_deviation() -> None:
    """The figures the design states for N = 1000 and L = 99: sd ± 10 %, shift 0.11 sd."""
    found = minimum_detectable(1000, 99)
    assert found.narrow == pytest.approx(0.90, abs=0.015)
    assert found.wide == pytest.approx(1.10, abs=0.015)
    assert found.shift == pytest.approx(0.11, abs=0.005)


def test_a_handful_of_simulations_find_nothing_and_say_so() -> None:
    found = minimum_detectable(3, 99)
    assert np.isnan(found.wide)


@pytest.mark.slow
@pytest.mark.parametrize("which", ["narrow", "wide", "shift"])
def test_the_smallest_error_that_is_found_is_found_as_often_as_stated(which: str) -> None:
    """600 runs of 300 simulations with that error; four standard errors of 80 % are 6.5 %."""
    found = minimum_detectable(300, 99)
    factor = getattr(found, which) if which != "shift" else 1.0
    shift = found.shift if which == "shift" else 0.0
    rng = np.random.default_rng(6)
    caught = 0
    for _ in range(600):
        truth = rng.normal(size=300)
        ranks = (shift + factor * rng.normal(size=(99, 300)) < truth).sum(axis=0)
        caught += uniformity_p(ranks, 99) <= 0.05
    assert caught / 600 == pytest.approx(0.8, abs=0.065)


def test_many_quantities_share_the_level_and_so_hide_more() -> None:
    eight = minimum_detectable(300, 99, 8)
    assert eight == minimum_detectable(300, 99, 1, 0.05 / 8)
    assert eight.shift > minimum_detectable(300, 99).shift
