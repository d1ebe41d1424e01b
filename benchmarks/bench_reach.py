"""Arrivals in a graph of 100 nodes for 4,000 draws, beside a loop over draws and beside one big (I − Q)⁻¹.

Run with ``python benchmarks/bench_reach.py [--draws 4000]``. Every way computes the same numbers, which is
checked; each is timed and the quickest of its runs counts.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable

import numpy as np

from evenfall.funnels.network import Network
from evenfall.funnels.reach import arrivals
from evenfall.funnels.simulate import Edge

NODES = 100
SHORTCUTS = 200
CYCLES = ((10, 12), (40, 43), (70, 70), (80, 86))


def shop(rng: np.random.Generator) -> Network:
    """Return a chain with shortcuts and a few ways back: 303 edges, cycles of 1 to 7 nodes."""
    pairs = [(n, n + 1) for n in range(NODES - 1)]
    while len(pairs) < NODES - 1 + SHORTCUTS:
        origin, target = sorted(rng.integers(0, NODES, 2).tolist())
        if origin < target:
            pairs.append((origin, target))
    pairs += [(last, first) for first, last in CYCLES]
    nodes = tuple(f"n{n}" for n in range(NODES))
    return Network.of(nodes, [Edge(f"e{k}", f"n{u}", f"n{v}") for k, (u, v) in enumerate(pairs)])


def draw_rates(network: Network, draws: int, rng: np.random.Generator) -> np.ndarray:
    """Return rates that leave 5 % of every node's visitors, shape (draw, edge)."""
    weights = rng.gamma(5.0, size=(draws, len(network.edges)))
    total = np.zeros((draws, NODES))
    np.add.at(total.T, network.origins, weights.T)
    return 0.95 * weights / total[:, network.origins]


def by_loop(network: Network, rates: np.ndarray, start: np.ndarray) -> np.ndarray:
    """Solve one draw after the other, as one would write it by hand: one system of equations each."""
    found = np.empty((len(rates), NODES))
    for draw, row in enumerate(rates):
        q = np.zeros((NODES, NODES))
        for edge, rate in enumerate(row):
            q[network.origins[edge], network.targets[edge]] += rate
        found[draw] = np.linalg.solve(np.eye(NODES) - q.T, start)
    return found


def by_inverse(network: Network, rates: np.ndarray, start: np.ndarray) -> np.ndarray:
    """Invert the matrix of the whole graph, all draws at once."""
    q = np.zeros((len(rates), NODES, NODES))
    for edge, (origin, target) in enumerate(zip(network.origins, network.targets, strict=True)):
        q[:, origin, target] += rates[:, edge]
    return start @ np.linalg.inv(np.eye(NODES) - q)


def quickest(run: Callable[[], np.ndarray], times: int) -> tuple[float, np.ndarray]:
    seconds = []
    for _ in range(times):
        begun = time.perf_counter()
        found = run()
        seconds.append(time.perf_counter() - begun)
    return min(seconds), found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--draws", type=int, default=4000)
    draws = parser.parse_args().draws
    rng = np.random.default_rng(1)
    network, start = shop(rng), np.eye(NODES)[0]
    rates = draw_rates(network, draws, rng)
    cycles = [len(component.nodes) for component in network.components if component.within]
    print(f"{NODES} nodes, {len(network.edges)} edges, cycles of {cycles} nodes, {draws:,} draws")
    ours, found = quickest(lambda: arrivals(network, rates, start), 7)
    print(f"component by component   {1000 * ours:9.1f} ms   (target: below 50 ms)")
    for name, way, times in (("one (I - Q)^-1 per draw", by_inverse, 2), ("loop over draws", by_loop, 1)):
        seconds, other = quickest(lambda way=way: way(network, rates, start), times)  # type: ignore[misc]
        np.testing.assert_allclose(found, other, rtol=1e-9)
        print(f"{name:24s} {1000 * seconds:9.1f} ms   {seconds / ours:6.0f} times as long, same numbers")


if __name__ == "__main__":
    main()
