from __future__ import annotations

import numpy as np
import pytest
from scipy import special

from evenfall.errors import UnknownName, UsageError
from evenfall.funnels.pooling.answer import pooled_answer
from evenfall.funnels.pooling.model import PooledRates
from evenfall.funnels.pooling.slices import Effect, Slices, with_interactions
from evenfall.inference.fit import Fit, FitRequest

from .worlds import simulated


def fitted(seed: int = 11, **world: object) -> tuple[Slices, Fit]:
    slices, _ = simulated(np.random.default_rng(seed), visited=1, people=40.0, **world)
    return slices, PooledRates(slices).fast_fit(FitRequest(seed=1))


def test_a_slice_that_was_seen_answers_its_own_draws() -> None:
    slices, fit = fitted()
    row = 7
    channel, device, seen = slices.codes[row]
    values = {"channel": f"c{channel}", "device": f"d{device}", "visited(v0)": bool(seen == 0)}
    answer = pooled_answer(fit, slices, values)
    np.testing.assert_allclose(answer.draws, fit.draws["p"].reshape(-1, len(slices))[:, row], rtol=1e-12)
    assert answer.basis == "seen"
    assert (answer.trials, answer.successes) == (slices.totals[0][row], slices.totals[1][row])


def test_shrinkage_points_from_the_own_rate_to_the_pooled_one() -> None:
    slices, fit = fitted()
    answer = pooled_answer(fit, slices, {"channel": "c0", "device": "d1", "visited(v0)": True})
    assert answer.own_rate == answer.successes / answer.trials
    assert np.sign(answer.shrinkage) == np.sign(answer.pooled.mean - answer.own_rate)


def test_effects_that_are_not_named_are_mixed_as_the_attempts_were() -> None:
    slices, fit = fitted()
    answer = pooled_answer(fit, slices, {"channel": "c2"})
    own = slices.codes[:, 0] == 2
    share = slices.totals[0][own] / slices.totals[0][own].sum()
    expected = fit.draws["p"].reshape(-1, len(slices))[:, own] @ share
    np.testing.assert_allclose(answer.draws, expected, rtol=1e-10)


def test_a_new_value_is_as_wide_as_its_spread_says() -> None:
    slices, fit = fitted()
    known = {"device": "d0", "visited(v0)": False}
    new = pooled_answer(fit, slices, {"channel": "never seen", **known})
    old = pooled_answer(fit, slices, {"channel": "c0", **known})
    assert new.basis == "new"
    assert new.new == ("channel",)
    assert new.own_rate is None
    assert new.shrinkage is None
    assert new.pooled.stdev > 1.5 * old.pooled.stdev
    # the log odds of a new channel: centre and device as fitted, plus N(0, spread²)
    weights = fit.weights.reshape(-1)
    base = fit.draws["centre"].reshape(-1) + fit.draws["effects"].reshape(len(weights), -1)[:, 6]
    spread = fit.draws["spread[channel]"].reshape(-1)
    variance = weights @ spread**2 + weights @ base**2 - (weights @ base) ** 2
    eta = special.logit(new.draws)
    found = weights @ eta**2 - (weights @ eta) ** 2
    assert found == pytest.approx(variance, rel=0.15)


def test_a_combination_without_attempts_is_answered_from_its_parts() -> None:
    slices, _ = simulated(np.random.default_rng(11), people=40.0)
    trials, successes = slices.trials.copy(), slices.successes.copy()
    trials[4], successes[4] = 0, 0
    holed = Slices(slices.names, slices.effects, slices.codes, trials, successes)
    fit = PooledRates(holed).fast_fit(FitRequest(seed=1))
    channel, device = holed.codes[4]
    answer = pooled_answer(fit, holed, {"channel": f"c{channel}", "device": f"d{device}"})
    assert answer.basis == "partial"
    assert answer.trials == 0
    assert np.isfinite(answer.draws).all()


def test_an_interaction_follows_from_its_effects() -> None:
    slices, _ = simulated(np.random.default_rng(11), people=40.0)
    crossed = with_interactions(slices, [("channel", "device")])
    fit = PooledRates(crossed).fast_fit(FitRequest(seed=1))
    answer = pooled_answer(fit, crossed, {"channel": "c1", "device": "d2"})
    row = crossed.names.index("1/2")
    np.testing.assert_allclose(answer.draws, fit.draws["p"].reshape(-1, len(crossed))[:, row], rtol=1e-12)
    new = pooled_answer(fit, crossed, {"channel": "other", "device": "d2"})
    assert new.pooled.stdev > answer.pooled.stdev
    with pytest.raises(UsageError, match="interaction"):
        pooled_answer(fit, crossed, {"channel:device": "c1:d2"})


def test_an_effect_nobody_fitted_is_refused() -> None:
    slices, fit = fitted()
    with pytest.raises(UnknownName, match="channel"):
        pooled_answer(fit, slices, {"chanel": "c1"})


def test_visited_effects_share_one_spread() -> None:
    slices, _ = simulated(np.random.default_rng(11), visited=2)
    assert slices.spreads == ("channel", "device", "visited")
    assert Effect("channel", ("a",)).spread == "channel"
