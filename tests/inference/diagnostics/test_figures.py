"""Convergence figures against ArviZ's labelled interface, closed forms and broken chains."""

import subprocess
import sys

import numpy as np
import pytest

from evenfall.inference.diagnostics import figures


def _autoregressive(rho: float, shape: tuple[int, int], seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    noise = rng.normal(size=shape)
    draws = np.empty(shape)
    draws[:, 0] = noise[:, 0]
    for t in range(1, shape[1]):
        draws[:, t] = rho * draws[:, t - 1] + np.sqrt(1 - rho**2) * noise[:, t]
    return draws


@pytest.fixture(scope="module")
def draws() -> dict[str, np.ndarray]:
    rng = np.random.default_rng(1)
    return {
        "slow": _autoregressive(0.9, (4, 500), 2),
        "grid": rng.standard_t(2, size=(4, 500, 2, 3)),
        "count": rng.poisson(3.0, size=(4, 500)).astype(float),
    }


def test_every_figure_is_the_one_arviz_reports_for_the_same_draws(draws):
    import arviz_base
    import arviz_stats

    tree = arviz_base.from_dict({"posterior": draws})
    r_hat, bulk = arviz_stats.rhat(tree), arviz_stats.ess(tree, method="bulk")
    tail = arviz_stats.ess(tree, method="tail", prob=(0.05, 0.95))
    mcse = arviz_stats.mcse(tree, method="mean")
    rows = figures.by_quantity(draws)
    assert len(rows) == 8
    for row in rows:
        for mine, theirs in (
            (row.r_hat, r_hat),
            (row.ess_bulk, bulk),
            (row.ess_tail, tail),
            (row.mcse, mcse),
        ):
            assert mine == pytest.approx(float(theirs[row.name].values[row.index]), rel=1e-9)


def test_the_worst_entry_decides(draws):
    rows = figures.by_quantity(draws)
    found = figures.convergence(draws)
    assert found["r_hat"] == max(row.r_hat for row in rows)
    assert found["ess_bulk"] == next(row.ess_bulk for row in rows if row.name == "slow")
    assert found["mcse_mean_ratio"] == max(row.mcse / row.sd for row in rows)


def test_an_autoregressive_chain_has_the_effective_size_of_its_closed_form():
    # ESS = S (1 - rho) / (1 + rho); four chains of 5000, twenty per cent is over four Monte Carlo errors.
    rows = figures.by_quantity({"x": _autoregressive(0.8, (4, 5000), 7)})
    assert rows[0].ess_bulk == pytest.approx(20_000 * 0.2 / 1.8, rel=0.2)


def test_one_displaced_chain_is_seen():
    draws = np.random.default_rng(3).normal(size=(4, 500))
    assert figures.convergence({"x": draws})["r_hat"] < 1.01
    draws[0] += 1.0
    assert figures.convergence({"x": draws})["r_hat"] > 1.05


def test_one_wider_chain_is_seen_though_all_means_agree():
    draws = np.random.default_rng(4).normal(size=(4, 500))
    draws[0] *= 3.0
    assert figures.convergence({"x": draws})["r_hat"] > 1.05


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_a_draw_that_is_not_finite_makes_every_figure_nan(bad):
    draws = np.random.default_rng(5).normal(size=(4, 100, 3))
    draws[2, 50, 1] = bad
    assert all(np.isnan(figure) for figure in figures.convergence({"x": draws}).values())


def test_a_constant_entry_is_left_out_and_constants_alone_give_no_figure():
    fine = np.random.default_rng(6).normal(size=(2, 200))
    constant = np.full((2, 200), 0.25)
    assert figures.convergence({"x": fine, "c": constant}) == figures.convergence({"x": fine})
    assert all(np.isnan(figure) for figure in figures.convergence({"c": constant}).values())
    row = figures.by_quantity({"c": constant})[0]
    assert (row.mean, row.sd, row.mcse) == (0.25, 0.0, 0.0)


def test_chains_that_stand_still_at_different_places_have_an_infinite_r_hat():
    stuck = np.repeat([[0.0], [1.0], [2.0]], 50, axis=1)
    assert figures.convergence({"x": stuck})["r_hat"] == np.inf


def test_a_single_chain_has_effective_draws_but_no_r_hat():
    found = figures.convergence({"x": np.random.default_rng(8).normal(size=(1, 400))})
    assert np.isnan(found["r_hat"])
    assert found["ess_bulk"] > 100


@pytest.mark.parametrize("count", range(13))
def test_tiny_numbers_of_draws_never_raise(count):
    found = figures.convergence({"x": np.random.default_rng(9).normal(size=(2, count))})
    assert set(found) == {"r_hat", "ess_bulk", "ess_tail", "mcse_mean_ratio"}
    if count < 4:
        assert all(np.isnan(figure) for figure in found.values())


def test_no_quantities_give_no_figures():
    assert all(np.isnan(figure) for figure in figures.convergence({}).values())
    assert all(np.isnan(figure) for figure in figures.convergence({"x": np.empty((4, 100, 0))}).values())


@pytest.mark.parametrize(("scale", "shift"), [(1e-20, 0.0), (1e12, 0.0), (1.0, 1e8), (1e150, 0.0)])
def test_the_unit_of_a_quantity_changes_no_figure(scale, shift):
    draws = _autoregressive(0.5, (4, 300), 10)
    plain = figures.convergence({"x": draws})
    scaled = figures.convergence({"x": draws * scale + shift})
    for name, figure in plain.items():
        assert scaled[name] == pytest.approx(figure, rel=1e-4)


def test_energy_is_arviz_bfmi_for_each_chain():
    import arviz_base
    import arviz_stats

    values = _autoregressive(0.6, (3, 400), 11) * 4 + 100
    tree = arviz_base.from_dict({"sample_stats": {"energy": values}})
    theirs = arviz_stats.bfmi(tree)["energy"].values
    np.testing.assert_allclose(figures.energy({"energy": values}), theirs, rtol=1e-12)


def test_energy_of_a_random_walk_is_low_and_of_independent_energies_is_two():
    # Var(E_n - E_(n-1)) / Var(E) is 2 for independent energies; 0.05 is over four Monte Carlo errors.
    rng = np.random.default_rng(12)
    free, walk = rng.normal(size=(1, 40_000)), np.cumsum(rng.normal(size=(1, 2000)), axis=1)
    assert figures.energy({"energy": free})[0] == pytest.approx(2.0, abs=0.05)
    assert figures.energy({"energy": walk})[0] < 0.2


def test_sampler_figures_count_divergences_and_deep_trees():
    diverging = np.zeros((2, 100))
    diverging[0, :3] = 1
    deep = np.zeros((2, 100))
    deep[1, :4] = 1
    found = figures.sampler({"diverging": diverging, "reached_max_treedepth": deep})
    assert (found["divergences"], found["tree_depth_share"]) == (3.0, 0.02)
    assert np.isnan(found["bfmi"])
    assert all(np.isnan(figure) for figure in figures.sampler({}).values())


def test_a_chain_whose_energy_is_not_a_number_has_no_bfmi():
    values = np.random.default_rng(13).normal(size=(2, 100))
    values[1, 5] = np.nan
    assert np.isnan(figures.sampler({"energy": values})["bfmi"])


def test_loading_the_module_loads_neither_arviz_nor_pandas():
    code = (
        "import sys, evenfall.inference.diagnostics.figures; "
        "print([m for m in ('arviz_stats', 'pandas', 'xarray', 'numba', 'scipy.stats') if m in sys.modules])"
    )
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert shown.stdout.strip() == "[]"
