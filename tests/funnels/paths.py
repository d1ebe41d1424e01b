"""Answers found by walking every path by hand; shares no code with the package."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from hypothesis import strategies as st

from evenfall.funnels.network import Network
from evenfall.funnels.simulate import Edge


def network(nodes: int, pairs: Sequence[tuple[int, int]]) -> Network:
    """Return a network of nodes n0, n1, … and edges e0, e1, … between the given positions."""
    edges = [Edge(f"e{k}", f"n{u}", f"n{v}") for k, (u, v) in enumerate(pairs)]
    return Network.of(tuple(f"n{k}" for k in range(nodes)), edges)


def walk_all_paths(
    pairs: Sequence[tuple[int, int]],
    start: int,
    rate: Callable[[int, frozenset[int]], float],
    see: Callable[[int, frozenset[int], float], None],
) -> None:
    """Call `see` with every arrival: node, nodes visited before it, probability of the path."""
    waiting = [(start, frozenset[int](), 1.0)]
    while waiting:
        node, before, probability = waiting.pop()
        see(node, before, probability)
        for edge, (u, v) in enumerate(pairs):
            if u == node:
                waiting.append((v, before | {node}, probability * rate(edge, before)))


def arrivals_by_paths(
    nodes: int,
    pairs: Sequence[tuple[int, int]],
    start: int,
    rate: Callable[[int, frozenset[int]], float],
) -> np.ndarray:
    """Return the arrivals per node as the sum over all paths of an acyclic graph."""
    total = np.zeros(nodes)

    def see(node: int, before: frozenset[int], probability: float) -> None:
        total[node] += probability

    walk_all_paths(pairs, start, rate, see)
    return total


@st.composite
def acyclic(draw: st.DrawFn, most: int = 7) -> tuple[int, list[tuple[int, int]], np.ndarray]:
    """Nodes, edges between shuffled positions that never form a cycle, and rates that leave a way out."""
    nodes = draw(st.integers(2, most))
    forward = [(u, v) for u in range(nodes) for v in range(u + 1, nodes)]
    chosen = draw(st.lists(st.sampled_from(forward), min_size=1, max_size=12, unique=True))
    order = draw(st.permutations(range(nodes)))
    pairs = [(order[u], order[v]) for u, v in chosen]
    weights = np.array(draw(st.lists(st.floats(0.0, 1.0), min_size=len(pairs), max_size=len(pairs))))
    leaving = np.array([sum(w for w, (a, _) in zip(weights, pairs, strict=True) if a == u) for u, _ in pairs])
    return nodes, pairs, weights / np.maximum(leaving, 1.0)
