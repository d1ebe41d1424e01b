"""A fit that is kept comes back as it was, and figures of its draws are those of its draws."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path

import numpy as np
import pytest

from evenfall.beliefs.belief import Belief, Origin
from evenfall.errors import InfeasibleBelief, StoreError
from evenfall.inference.fit import Fit, WarmStart
from evenfall.runs.fitting.fitter import seed_of
from evenfall.runs.fitting.keeping import belief_of, load_fit, quantities_of, save_fit
from evenfall.store.records import FitRecord

RNG = np.random.default_rng(20261121)
WEIGHTS = RNG.random((4, 50))
FIT = Fit(
    "reweighted",
    {"value": RNG.random((4, 50)), "p": RNG.random((4, 50, 3)), "grid": RNG.random((4, 50, 2, 2))},
    RNG.normal(size=(4, 50, 2)),
    WEIGHTS / WEIGHTS.sum(),
    statistics={"energy": RNG.normal(size=(4, 50)), "diverging": np.zeros((4, 50))},
    diagnostics={"k_hat": 0.1},
    seed=7,
    warm=WarmStart(RNG.normal(size=(4, 2)), 0.25, np.array([1.0, 2.0])),
)
IDENTITY = {"parameter_id": "signup[device=mobile]", "inputs_hash": "abc"}
PRIOR = Belief("beta", ("alpha", "beta"), (8.0, 17.0), Origin("manual"))


def record(fit: Fit, place: str | None, sha256: str | None) -> FitRecord:
    return FitRecord(
        parameter_id=IDENTITY["parameter_id"],
        as_of=date(2026, 3, 20),
        engine="auto",
        rung=fit.rung,
        passed=fit.passed,
        data_hash="",
        definition_hash="",
        inputs_hash="abc",
        code_version="",
        seed=fit.seed,
        seen_at=datetime(2026, 3, 20, 6, tzinfo=UTC),
        diagnostics=fit.diagnostics,
        artifact=place,
        artifact_sha256=sha256,
    )


@pytest.mark.parametrize(
    "fit", [FIT, replace(FIT, weights=None, warm=None), replace(FIT, warm=WarmStart(FIT.points[:, 0]))]
)
def test_a_kept_fit_comes_back_to_the_last_bit(tmp_path: Path, fit: Fit) -> None:
    back = load_fit(tmp_path, record(fit, *save_fit(tmp_path, fit, IDENTITY)))
    assert back is not None
    for kind in ("draws", "statistics"):
        assert set(getattr(back, kind)) == set(getattr(fit, kind))
        for name, values in getattr(fit, kind).items():
            np.testing.assert_array_equal(getattr(back, kind)[name], values)
    np.testing.assert_array_equal(back.points, fit.points)
    assert (back.weights is None) == (fit.weights is None)
    if fit.weights is not None and back.weights is not None:
        np.testing.assert_array_equal(back.weights, fit.weights)
    assert (back.warm is None) == (fit.warm is None)
    if fit.warm is not None and back.warm is not None:
        np.testing.assert_array_equal(back.warm.points, fit.warm.points)
        assert back.warm.step_size == fit.warm.step_size
        assert (back.warm.mass_matrix is None) == (fit.warm.mass_matrix is None)
    assert (back.seed, back.rung, dict(back.diagnostics)) == (7, "reweighted", {"k_hat": 0.1})


def test_the_same_draws_are_one_file(tmp_path: Path) -> None:
    first, second = (save_fit(tmp_path, FIT, IDENTITY) for _ in range(2))
    assert first == second
    assert len(list(tmp_path.rglob("*.nc"))) == 1


def test_a_fit_without_a_file_has_no_draws_and_a_spoiled_one_is_refused(tmp_path: Path) -> None:
    assert load_fit(tmp_path, record(FIT, None, None)) is None
    place, sha256 = save_fit(tmp_path, FIT, IDENTITY)
    path = tmp_path / place
    for content in (path.read_bytes()[:-1], b"", bytes(9000)):
        path.write_bytes(content)
        with pytest.raises(StoreError):
            load_fit(tmp_path, record(FIT, place, sha256))
    path.unlink()
    with pytest.raises(StoreError):
        load_fit(tmp_path, record(FIT, place, sha256))


def test_every_entry_of_an_array_has_its_figures() -> None:
    found = quantities_of(FIT)
    grid = [f"grid[{i},{j}]" for i in range(2) for j in range(2)]
    assert sorted(found) == sorted(["value", "p[0]", "p[1]", "p[2]", *grid])
    assert FIT.weights is not None
    # by numpy: the weighted mean of the draws of that entry
    assert found["p[1]"]["mean"] == pytest.approx(np.average(FIT.draws["p"][..., 1], weights=FIT.weights))
    assert found["grid[1,0]"]["mean"] == pytest.approx(
        np.average(FIT.draws["grid"][..., 1, 0], weights=FIT.weights)
    )


def test_a_belief_has_the_mean_and_stdev_of_the_draws() -> None:
    # Beta(60, 115): mean 60/175, variance 60 * 115 / (175^2 * 176)
    mean, stdev = 60 / 175, np.sqrt(60 * 115 / (175**2 * 176))
    belief = belief_of(PRIOR, {"mean": mean, "stdev": stdev}, None)
    assert belief.theta == pytest.approx((60, 115))


@pytest.mark.parametrize("figures", [(0.3, 0.0), (1.7, 0.1), (0.5, 0.6), (np.nan, 0.1), (0.3, np.inf)])
def test_figures_that_no_belief_has_are_refused(figures: tuple[float, float]) -> None:
    with pytest.raises(InfeasibleBelief):
        belief_of(PRIOR, dict(zip(("mean", "stdev"), figures, strict=True)), None)


def test_a_seed_is_a_function_of_all_its_parts() -> None:
    assert seed_of("a", "b") == seed_of("a", "b")
    assert len({seed_of("a", "b"), seed_of("a", "c"), seed_of("b", "a"), seed_of("a"), seed_of("ab")}) == 5
