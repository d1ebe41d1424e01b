"""Arrivals through graphs, against all paths, closed forms, matrices and walkers."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evenfall.errors import ConfigError, UsageError
from evenfall.funnels.reach import (
    arrivals,
    passages,
    reach,
    reach_from_everywhere,
    spectral_radii,
    start_at,
)

from .paths import acyclic, arrivals_by_paths, network


def random_rates(
    pairs: list[tuple[int, int]], draws: int, rng: np.random.Generator, out: float = 0.1
) -> np.ndarray:
    """Rates that leave at least the share `out` of every node's visitors; shape (draw, edge)."""
    weights = rng.gamma(1.0, size=(draws, len(pairs)))
    origins = np.array([u for u, _ in pairs])
    total = np.stack([weights[:, origins == u].sum(axis=1) for u in origins], axis=1)
    return weights / total * (1.0 - out) * rng.random((draws, 1))


def matrices(nodes: int, pairs: list[tuple[int, int]], rates: np.ndarray) -> np.ndarray:
    q = np.zeros((len(rates), nodes, nodes))
    for edge, (u, v) in enumerate(pairs):
        q[:, u, v] += rates[:, edge]
    return q


@given(acyclic(), st.integers(0, 6))
def test_arrivals_are_the_sum_over_all_paths(
    graph: tuple[int, list[tuple[int, int]], np.ndarray], first: int
) -> None:
    nodes, pairs, rates = graph
    start = first % nodes
    expected = arrivals_by_paths(nodes, pairs, start, lambda edge, _: float(rates[edge]))
    found = arrivals(network(nodes, pairs), rates[None], np.eye(nodes)[start])[0]
    np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-12)


@given(
    st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), min_size=1, max_size=30), st.integers(0, 999)
)
def test_arrivals_in_any_graph_are_those_of_the_fundamental_matrix(
    pairs: list[tuple[int, int]], seed: int
) -> None:
    """start (I − Q)⁻¹ of the whole graph, by numpy's general solver."""
    rng = np.random.default_rng(seed)
    rates, start = random_rates(pairs, 3, rng), rng.random(10)
    fundamental = np.linalg.inv(np.eye(10) - matrices(10, pairs, rates))
    np.testing.assert_allclose(
        arrivals(network(10, pairs), rates, start), start @ fundamental, rtol=1e-10, atol=1e-13
    )


@given(st.floats(0.0, 0.999), st.floats(0.0, 1.0))
def test_a_loop_is_a_geometric_series(again: float, on: float) -> None:
    """a → a with p, a → b with q: a is seen 1/(1 − p) times, b reached q/(1 − p) times."""
    q = on * (1.0 - again)
    found = arrivals(network(2, [(0, 0), (0, 1)]), [[again, q]], [1.0, 0.0])[0]
    np.testing.assert_allclose(found, [1 / (1 - again), q / (1 - again)], rtol=1e-12)


def test_a_cycle_of_three_is_a_geometric_series() -> None:
    """a → b → c → a with .9, .8, .5 returns with .36; c → d with .5 per visit of c, .72/(1 − .36) visits."""
    pairs = [(0, 1), (1, 2), (2, 0), (2, 3)]
    found = arrivals(network(4, pairs), [[0.9, 0.8, 0.5, 0.5]], [1.0, 0, 0, 0])[0]
    np.testing.assert_allclose(found, [1 / 0.64, 0.9 / 0.64, 0.72 / 0.64, 0.36 / 0.64], rtol=1e-14)


def test_a_gambler_is_ruined_as_the_books_say() -> None:
    """From 3 of 7 with p = .6 the chance of 7 is (1 − (q/p)³)/(1 − (q/p)⁷) (Feller 1968, XIV.2)."""
    pairs = [(k, k + 1) for k in range(1, 7)] + [(k, k - 1) for k in range(1, 7)]
    rates = [[0.6] * 6 + [0.4] * 6]
    ratio = 0.4 / 0.6
    expected = (1 - ratio**3) / (1 - ratio**7)
    assert reach(network(8, pairs), rates, "n3", "n7")[0] == pytest.approx(expected, rel=1e-12)


def test_reach_agrees_with_walkers_in_a_graph_with_cycles() -> None:
    """200,000 walkers; within 3 standard errors at this seed, which fails 1 time in 400 for a new one."""
    pairs = [(0, 1), (1, 2), (2, 0), (1, 3), (2, 4), (3, 1), (4, 4)]
    rates = np.array([0.8, 0.4, 0.6, 0.3, 0.2, 0.5, 0.3])
    rng = np.random.default_rng(7)
    walkers = 200_000
    at, seen = np.zeros(walkers, dtype=int), np.zeros((walkers, 5), dtype=int)
    seen[:, 0] = 1
    for _ in range(200):
        dice, below, onward = rng.random(walkers), np.zeros(walkers), np.full(walkers, -1)
        for rate, (u, v) in zip(rates, pairs, strict=True):
            takes = (at == u) & (below <= dice) & (dice < below + rate)
            below += np.where(at == u, rate, 0.0)
            onward[takes] = v
        at = onward
        inside = np.flatnonzero(at >= 0)
        seen[inside, at[inside]] += 1
    built = network(5, pairs)
    expected = arrivals(built, rates[None], np.eye(5)[0])[0]
    error = seen.std(axis=0) / math.sqrt(walkers)
    assert (np.abs(seen.mean(axis=0) - expected) <= 3 * np.maximum(error, 1e-12)).all()
    for node in (3, 4):
        share, ever = float((seen[:, node] > 0).mean()), float(reach(built, rates[None], "n0", f"n{node}")[0])
        assert abs(share - ever) <= 3 * math.sqrt(ever * (1 - ever) / walkers)


@given(
    st.lists(st.tuples(st.integers(0, 6), st.integers(0, 6)), min_size=1, max_size=20), st.integers(0, 999)
)
def test_reaching_is_returns_counted_once(pairs: list[tuple[int, int]], seed: int) -> None:
    """P(ever at v from u) = n_uv / n_vv for u ≠ v (Kemeny & Snell 1960, theorem 3.5.7), n = (I − Q)⁻¹."""
    rates = random_rates(pairs, 2, np.random.default_rng(seed))
    n = np.linalg.inv(np.eye(7) - matrices(7, pairs, rates))
    ever = n / np.diagonal(n, axis1=1, axis2=2)[:, None, :]
    built = network(7, pairs)
    for v in range(7):
        found = reach_from_everywhere(built, rates, [f"n{v}"])
        np.testing.assert_allclose(found, ever[:, :, v], rtol=1e-10, atol=1e-13)


def test_reaching_one_of_two_ends_is_the_sum_where_they_exclude_each_other() -> None:
    built = network(3, [(0, 1), (0, 2)])
    assert reach_from_everywhere(built, [[0.3, 0.2]], ["n1", "n2"])[0, 0] == pytest.approx(0.5)


def test_a_dead_end_elsewhere_does_not_hinder_reach() -> None:
    built = network(4, [(0, 1), (0, 2), (2, 3), (3, 2)])
    rates = [[0.4, 0.6, 1.0, 1.0]]
    assert reach(built, rates, "n0", "n1")[0] == 0.4
    with pytest.raises(ConfigError, match="n2, n3"):
        arrivals(built, rates, [1, 0, 0, 0])


def test_a_cycle_nobody_leaves_is_named_with_its_draw() -> None:
    built = network(3, [(0, 1), (1, 2), (2, 1)])
    rates = np.array([[0.5, 0.9, 0.9], [0.5, 1.0, 1.0]])
    with pytest.raises(ConfigError, match=r"cycle of n1, n2: its spectral radius is 1 in draw 2 of 2"):
        arrivals(built, rates, [1, 0, 0])


def test_a_cycle_that_grows_is_refused_though_its_equations_have_a_solution() -> None:
    """Two edges back with .9 each: the radius is 1.27, and (I − Q)⁻¹ exists but is negative."""
    built = network(2, [(0, 1), (1, 0), (1, 0)])
    with pytest.raises(ConfigError, match=r"radius is 1\.27279"):
        arrivals(built, [[0.9, 0.9, 0.9]], [1, 0])


@given(st.integers(2, 6), st.integers(0, 999))
def test_a_graph_is_refused_exactly_when_a_spectral_radius_reaches_one(nodes: int, seed: int) -> None:
    """Eigenvalues by LAPACK; full cycles with rates whose rows may exceed 1."""
    pairs = [(u, v) for u in range(nodes) for v in range(nodes)]
    rates = np.random.default_rng(seed).random((1, len(pairs))) * 2.2 / nodes
    rates = np.minimum(rates, 1.0)
    radius = np.abs(np.linalg.eigvals(matrices(nodes, pairs, rates))).max()
    built = network(nodes, pairs)
    assert next(iter(spectral_radii(built, rates).values()))[0] == pytest.approx(radius, rel=1e-9)
    if radius < 1 - 1e-6:
        assert (arrivals(built, rates, np.eye(nodes)[0]) >= 0).all()
    elif radius > 1 + 1e-6:
        with pytest.raises(ConfigError, match="spectral radius"):
            arrivals(built, rates, np.eye(nodes)[0])


def test_a_cycle_that_no_entry_reaches_does_no_harm() -> None:
    built = network(4, [(0, 1), (2, 3), (3, 2)])
    np.testing.assert_array_equal(arrivals(built, [[0.5, 1.0, 1.0]], [1, 0, 0, 0])[0], [1, 0.5, 0, 0])


def test_draws_beyond_one_block_of_a_large_cycle_are_all_solved() -> None:
    nodes, draws = 60, 200
    pairs = [(n, (n + 1) % nodes) for n in range(nodes)] + [(n, (n + 7) % nodes) for n in range(nodes)]
    rates = random_rates(pairs, draws, np.random.default_rng(3))
    start = np.eye(nodes)[0]
    expected = np.linalg.solve(
        np.swapaxes(np.eye(nodes) - matrices(nodes, pairs, rates), 1, 2), start[:, None]
    )
    np.testing.assert_allclose(arrivals(network(nodes, pairs), rates, start), expected[..., 0], rtol=1e-10)


def test_passages_are_arrivals_times_rates() -> None:
    built = network(3, [(0, 1), (1, 2)])
    np.testing.assert_allclose(passages(built, [[0.5, 0.5]], [1, 0, 0])[0], [0.5, 0.25])


def test_a_start_per_draw_is_followed_draw_by_draw() -> None:
    built = network(2, [(0, 1)])
    found = arrivals(built, [[0.5], [0.25]], [[1.0, 0.0], [0.5, 0.5]])
    np.testing.assert_allclose(found, [[1, 0.5], [0.5, 0.625]])


@pytest.mark.parametrize("rates", [[[1.1]], [[-0.1]], [[math.nan]]])
def test_rates_outside_their_range_are_refused_by_name(rates: list[list[float]]) -> None:
    with pytest.raises(UsageError, match="rates of e0"):
        arrivals(network(2, [(0, 1)]), rates, [1, 0])


def test_arrays_of_the_wrong_shape_are_refused() -> None:
    built = network(2, [(0, 1)])
    with pytest.raises(UsageError, match="do not fit"):
        arrivals(built, [[0.1, 0.2]], [1, 0])
    with pytest.raises(UsageError, match="does not fit"):
        arrivals(built, [[0.1]], [1, 0, 0])


@pytest.mark.parametrize("shares", [{}, {"n0": 0.0}, {"n0": -1.0, "n1": 2.0}, {"n0": math.inf}])
def test_entries_that_begin_nowhere_are_refused(shares: dict[str, float]) -> None:
    with pytest.raises(UsageError, match="entries cannot begin"):
        start_at(network(2, [(0, 1)]), shares)


def test_shares_of_entries_are_scaled_to_one() -> None:
    np.testing.assert_allclose(start_at(network(2, [(0, 1)]), {"n0": 3, "n1": 1}), [0.75, 0.25])
