from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from evenfall.funnels.pooling.branching import BranchingRates, branching_spec
from evenfall.funnels.pooling.slices import Slices
from evenfall.inference.model import load_model

from .worlds import simulated


def branching(seed: int = 3) -> tuple[BranchingRates, dict[str, np.ndarray], Slices]:
    rng = np.random.default_rng(seed)
    slices, _ = simulated(rng, people=60.0)
    taken = rng.multinomial(slices.totals[0], [0.3, 0.25, 0.4, 0.05])
    counts = {"a": taken[:, 0], "b": taken[:, 1], "c": taken[:, 2]}
    spec = branching_spec(slices, counts, {"a": (3.0, 7.0)}, {"channel": 0.5})
    model = load_model(spec)
    assert isinstance(model, BranchingRates)
    return model, counts, slices


def test_the_gradient_is_the_slope_of_the_density() -> None:
    model, _, _ = branching()
    z = np.random.default_rng(2).normal(size=(3, len(model.names)))
    value, gradient = model.gradient(z)
    np.testing.assert_allclose(value, model.log_prior(z) + model.log_likelihood(z).sum(axis=1), rtol=1e-12)
    step = 1e-5
    sides = [
        (model.gradient(z + step * e)[0] - model.gradient(z - step * e)[0]) / (2 * step)
        for e in np.eye(z.shape[1])
    ]
    np.testing.assert_allclose(gradient, np.stack(sides, axis=1), rtol=1e-5, atol=1e-5)


def test_rates_out_of_a_node_add_up_to_at_most_one_in_every_slice() -> None:
    model, _, _ = branching()
    z = 4.0 * np.random.default_rng(2).normal(size=(500, len(model.names)))
    found = model.quantities(z)
    assert np.all(found["p"] >= 0)
    assert np.all(found["p"].sum(axis=2) <= 1.0 + 1e-12)
    np.testing.assert_allclose(found["p"].sum(axis=2) + found["leaving"], 1.0, rtol=1e-12)


def test_the_likelihood_is_the_multinomial_of_scipy() -> None:
    model, counts, slices = branching()
    z = np.random.default_rng(4).normal(size=(1, len(model.names)))
    found = model.quantities(z)
    p = np.concatenate([found["p"][0], found["leaving"][0][:, None]], axis=1)
    taken = np.stack(list(counts.values()), axis=1)
    n = slices.totals[0]
    ways = np.concatenate([taken, (n - taken.sum(axis=1))[:, None]], axis=1)
    expected = [stats.multinomial.logpmf(k, m, q) for k, m, q in zip(ways, n, p, strict=True)]
    np.testing.assert_allclose(model.log_likelihood(z)[0], expected, rtol=1e-9)


def test_more_ways_taken_than_attempts_are_refused() -> None:
    _, counts, slices = branching()
    counts["c"] = counts["c"] + slices.totals[0]
    with pytest.raises(ValueError, match="more often"):
        load_model(branching_spec(slices, counts))


def test_beliefs_that_leave_nobody_still_give_a_start() -> None:
    _, counts, slices = branching()
    model = load_model(branching_spec(slices, counts, dict.fromkeys("abc", (9.0, 1.0))))
    assert isinstance(model, BranchingRates)
    assert np.isfinite(model.gradient(model.start()[None])[0]).all()
