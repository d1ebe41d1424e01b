from __future__ import annotations

import numpy as np
import pytest

from evenfall.calibration.sbc.ranks import choose, position, rank, values_of, worth
from evenfall.errors import UsageError
from evenfall.inference.fit import Fit, FitRequest

from .toys import HandFit, NormalToy


def toy_fit(**how: object) -> Fit:
    toy, rng = NormalToy(), np.random.default_rng(1)
    data = toy.simulate(toy.prior_draw(rng), rng)
    return HandFit(**how)(toy.spec(data), FitRequest(seed=2))  # type: ignore[arg-type]


def test_ties_are_broken_at_random_and_evenly() -> None:
    """Two draws equal the truth, one lies below: ranks 1, 2, 3 alike; four standard errors are .035."""
    rng = np.random.default_rng(7)
    found = np.bincount([rank(0.5, np.array([0.1, 0.5, 0.5, 0.9]), rng) for _ in range(3000)], minlength=5)
    assert found[0] == found[4] == 0
    assert found[1:4] / 3000 == pytest.approx(np.full(3, 1 / 3), abs=0.035)


def test_independent_draws_are_taken_without_repeating_any() -> None:
    kept = choose(toy_fit(), 99, np.random.default_rng(3))
    assert kept is not None
    assert len(set(kept.chosen.tolist())) == 99
    assert kept.effective == 4000


@pytest.mark.slow  # the gate loads ArviZ
def test_a_chain_gives_draws_that_lie_apart() -> None:
    fit = toy_fit(correlated=0.6)
    kept = choose(fit, 99, np.random.default_rng(3))
    assert kept is not None
    assert np.diff(kept.chosen).min() >= 40
    # ESS of an AR(1) chain of n draws is n(1 − φ)/(1 + φ) = 1,000 of 4,000
    assert worth(fit) == pytest.approx(1000, rel=0.3)


def test_a_chain_worth_too_little_gives_no_draws() -> None:
    assert choose(toy_fit(correlated=0.995), 99, np.random.default_rng(3)) is None


def test_weighted_draws_are_taken_as_often_as_their_weights_say() -> None:
    """Two groups of draws with weights 3 : 1; four standard errors of 400 × 99 picks are below .01."""
    weights = np.repeat([3.0, 1.0], 500).reshape(1, 1000) / 2000
    fit = Fit("laplace", {"x": np.arange(1000.0).reshape(1, 1000)}, np.zeros((1, 1000, 1)), weights=weights)
    rng = np.random.default_rng(8)
    heavy = [np.mean(choose(fit, 99, rng).chosen < 500) for _ in range(400)]  # type: ignore[union-attr]
    assert np.mean(heavy) == pytest.approx(0.75, abs=0.01)
    assert worth(fit) == pytest.approx(800)  # (Σw)²/Σw² by hand: 1 / (500 (9 + 1) / 2000²)


def test_equal_weights_are_as_good_as_none() -> None:
    fit = Fit("laplace", {}, np.zeros((2, 100, 1)), weights=np.full((2, 100), 1 / 200))
    kept = choose(fit, 99, np.random.default_rng(1))
    assert kept is not None
    assert len(set(kept.chosen.tolist())) == 99


def test_draws_of_which_one_carries_all_weight_are_no_use() -> None:
    weights = np.zeros((1, 1000))
    weights[0, 3] = 1.0
    assert (
        choose(Fit("laplace", {}, np.zeros((1, 1000, 1)), weights=weights), 99, np.random.default_rng(1))
        is None
    )


def test_entries_of_an_array_are_quantities_by_their_place() -> None:
    values = np.arange(2 * 3 * 4 * 5.0).reshape(2, 3, 4, 5)
    fit = Fit("conjugate", {"effects": values, "spread[channel]": values[..., 0, 0]}, np.zeros((2, 3, 0)))
    assert values_of(fit, "effects[2,4]").tolist() == values[:, :, 2, 4].reshape(-1).tolist()
    assert values_of(fit, "spread[channel]").tolist() == values[:, :, 0, 0].reshape(-1).tolist()
    for missing in ("effects", "effects[2]", "rate", "rate[1]"):
        with pytest.raises(UsageError, match="no scalar quantity"):
            values_of(fit, missing)


def test_the_position_of_the_truth_counts_weights_and_half_of_what_equals_it() -> None:
    assert position(2.0, np.array([1.0, 2.0, 3.0]), np.array([0.5, 0.3, 0.2])) == pytest.approx(0.65)
