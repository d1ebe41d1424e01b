"""What the gate lets through, and what it says of the rest."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from evenfall.inference.fit import Fit
from evenfall.inference.gates import check, judge, warnings_of

type Floats = NDArray[np.float64]

GOOD = {
    "r_hat": 1.0,
    "ess_bulk": 900.0,
    "ess_tail": 800.0,
    "divergences": 0.0,
    "bfmi": 0.9,
    "tree_depth_share": 0.0,
}
WEIGHTS_GOOD = {"k_hat": 0.3, "importance_ess": 1000.0}


def chains(seed: int = 0, shape: tuple[int, int] = (4, 500)) -> Fit:
    """A fit whose chains are independent draws: nothing to find."""
    rng = np.random.default_rng(seed)
    points = rng.normal(size=(*shape, 2))
    statistics = {
        "diverging": np.zeros(shape),
        "energy": rng.normal(size=shape),
        "reached_max_treedepth": np.zeros(shape),
    }
    return Fit("nuts", {"rate": np.tanh(points[..., 0])}, points, statistics=statistics)


def weighted(rung: str = "laplace", coordinates: int = 2) -> Fit:
    points = np.random.default_rng(1).normal(size=(4, 1000, coordinates))
    weights = np.full((4, 1000), 1 / 4000)
    return Fit(rung, {"rate": points[..., 0]}, points, weights=weights, diagnostics=WEIGHTS_GOOD)


def test_good_chains_pass_and_carry_their_figures() -> None:
    fit = check(chains(), chains=4, draws=500)
    assert fit.failures == ()
    assert fit.passed
    assert fit.diagnostics["r_hat"] < 1.01
    assert fit.diagnostics["ess_bulk"] > 400
    assert fit.diagnostics["divergences"] == 0


@pytest.mark.parametrize("figure", GOOD)
def test_a_figure_of_chains_that_is_no_number_or_missing_is_refused(figure: str) -> None:
    assert judge(chains(), GOOD, []) == ()
    assert len(judge(chains(), {**GOOD, figure: np.nan}, [])) == 1
    assert len(judge(chains(), {k: v for k, v in GOOD.items() if k != figure}, [])) == 1


@pytest.mark.parametrize("figure", WEIGHTS_GOOD)
@pytest.mark.parametrize("rung", ["laplace", "quadrature", "reweighted", "variational"])
def test_a_figure_of_weights_that_is_no_number_or_missing_is_refused(figure: str, rung: str) -> None:
    assert judge(weighted(rung), WEIGHTS_GOOD, []) == ()
    assert len(judge(weighted(rung), {**WEIGHTS_GOOD, figure: np.nan}, [])) == 1
    assert len(judge(weighted(rung), {k: v for k, v in WEIGHTS_GOOD.items() if k != figure}, [])) == 1


@pytest.mark.parametrize(
    ("figure", "last_good", "first_bad"),
    [
        ("r_hat", 1.0099, 1.01),
        ("ess_bulk", 400.1, 400.0),
        ("ess_tail", 400.1, 400.0),
        ("divergences", 0.0, 1.0),
        ("bfmi", 0.2001, 0.2),
        ("tree_depth_share", 0.0099, 0.01),
    ],
)
def test_each_limit_of_chains_stands_where_it_is_documented(
    figure: str, last_good: float, first_bad: float
) -> None:
    assert judge(chains(), {**GOOD, figure: last_good}, []) == ()
    assert len(judge(chains(), {**GOOD, figure: first_bad}, [])) == 1


def test_each_limit_of_weights_stands_where_it_is_documented() -> None:
    # 4000 draws: 1 - 1/log10(4000) = 0.722, so 0.7 binds
    assert judge(weighted(), {"k_hat": 0.6999, "importance_ess": 400.1}, []) == ()
    assert len(judge(weighted(), {"k_hat": 0.7, "importance_ess": 400.1}, [])) == 1
    assert len(judge(weighted(), {"k_hat": 0.1, "importance_ess": 400.0}, [])) == 1


def test_fewer_draws_have_a_stricter_limit_of_k_hat() -> None:
    few = replace(weighted(), points=np.zeros((1, 100, 2)))
    assert "0.50" in judge(few, {"k_hat": 0.55, "importance_ess": 500.0}, [])[0]


def test_chains_that_disagree_are_refused_and_the_quantity_is_named() -> None:
    fit = chains()
    t50 = np.random.default_rng(2).normal(size=(4, 500))
    t50[0] += 3.0
    found = check(replace(fit, draws={**fit.draws, "t50": t50})).failures
    assert any(sentence.startswith("R-hat") and "of t50" in sentence for sentence in found)


def test_a_sticky_chain_is_refused_for_its_effective_draws() -> None:
    fit = chains()
    slow = np.repeat(np.random.default_rng(2).normal(size=(4, 25)), 20, axis=1)
    found = check(replace(fit, draws={"slow": slow})).failures
    assert any("bulk ESS" in sentence and "of slow" in sentence for sentence in found)


@pytest.mark.parametrize("value", [np.nan, np.inf])
@pytest.mark.parametrize("part", ["points", "draws", "weights"])
def test_one_value_that_is_not_finite_is_refused(part: str, value: float) -> None:
    fit = chains() if part != "weights" else weighted()
    if part == "points":
        fit.points[1, 2, 0] = value
    elif part == "draws":
        fit.draws["rate"][1, 2] = value
    else:
        assert fit.weights is not None
        fit.weights[1, 2] = value
    assert any("not finite" in sentence for sentence in check(fit).failures)


def test_a_log_likelihood_that_is_no_number_is_refused_but_minus_infinity_is_not() -> None:
    fit = weighted()
    log_likelihood = np.zeros((4, 1000, 3))
    log_likelihood[0, 0, 0] = -np.inf
    assert check(replace(fit, log_likelihood=log_likelihood)).passed
    log_likelihood[0, 0, 0] = np.nan
    assert not check(replace(fit, log_likelihood=log_likelihood)).passed


def test_a_chain_that_never_moved_is_named() -> None:
    fit = chains()
    fit.points[2, :, 1] = 0.5
    assert any("chain 2 never moved in coordinate[1]" in sentence for sentence in check(fit).failures)


def test_draws_that_are_all_the_same_are_refused() -> None:
    fit = replace(chains(), draws={"rate": np.full((4, 500), 0.3)}, points=np.empty((4, 500, 0)))
    assert any("never moved in rate" in sentence for sentence in check(fit).failures)


def test_a_quantity_that_is_fixed_does_not_stop_a_fit_whose_coordinates_move() -> None:
    fit = chains()
    assert check(replace(fit, draws={**fit.draws, "share_at_zero": np.zeros((4, 500))})).passed


@pytest.mark.parametrize("missing", ["diverging", "energy", "reached_max_treedepth"])
def test_a_sampler_that_does_not_say_how_it_went_is_refused(missing: str) -> None:
    fit = chains()
    statistics = {name: values for name, values in fit.statistics.items() if name != missing}
    assert not check(replace(fit, statistics=statistics)).passed


def test_divergences_and_deep_trees_are_counted() -> None:
    fit = chains()
    fit.statistics["diverging"][3, 10] = 1
    fit.statistics["reached_max_treedepth"][:, :50] = 1
    first, second = check(fit).failures
    assert first.startswith("1 divergent")
    assert second.startswith("10.0%")


def test_energies_that_wander_slowly_are_refused_and_those_just_good_enough_warn() -> None:
    fit = chains()
    slow = np.cumsum(np.random.default_rng(4).normal(size=(4, 500)), axis=1)
    assert any(
        "E-BFMI" in s for s in check(replace(fit, statistics={**fit.statistics, "energy": slow})).failures
    )
    assert warnings_of(replace(fit, diagnostics={**GOOD, "bfmi": 0.3})) != ()
    assert warnings_of(replace(fit, diagnostics={**GOOD, "bfmi": np.nan})) != ()
    assert warnings_of(replace(fit, diagnostics={**GOOD, "bfmi": 0.31})) == ()


def test_fewer_chains_or_draws_than_asked_for_are_incomplete() -> None:
    assert any("incomplete" in s for s in check(chains(shape=(3, 700)), chains=4, draws=700).failures)
    assert any("incomplete" in s for s in check(chains(shape=(4, 500)), chains=4, draws=501).failures)


def test_one_chain_alone_is_refused() -> None:
    assert any("R-hat" in s for s in check(chains(shape=(1, 2000))).failures)


def test_a_fit_without_draws_says_so_or_keeps_its_engines_reason() -> None:
    empty = replace(chains(), draws={}, points=np.empty((4, 0, 2)))
    assert check(empty).failures == ("there are no draws",)
    assert check(replace(empty, failures=("no mode",))).failures == ("no mode",)


def test_checking_twice_adds_nothing() -> None:
    fit = chains()
    fit.statistics["diverging"][:] = 1
    once = check(replace(fit, failures=("the engine's own",)))
    assert once.failures[0] == "the engine's own"
    assert check(once).failures == once.failures


def test_laplace_is_a_preview_beyond_six_coordinates() -> None:
    assert check(weighted(coordinates=6)).passed
    assert any("preview" in sentence for sentence in check(weighted(coordinates=7)).failures)
    assert check(weighted("reweighted", coordinates=7)).passed


def test_the_weights_tell_what_they_are_worth_when_the_engine_does_not() -> None:
    fit = replace(weighted(), diagnostics={"k_hat": 0.1})
    assert check(fit).diagnostics["importance_ess"] == pytest.approx(4000.0)
    assert not check(replace(fit, weights=None)).passed


def test_exact_draws_need_no_figures() -> None:
    assert check(replace(weighted("conjugate"), diagnostics={}, weights=None)).passed
