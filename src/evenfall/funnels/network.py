"""Nodes and edges as positions, grouped so that everything upstream comes first."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from evenfall.errors import ConfigError, UnknownName
from evenfall.registry.schemas.graph import Graph

__all__ = ["Component", "Link", "Network", "network_of"]


class Link(Protocol):
    """An edge: a name, where it begins and where it leads."""

    @property
    def slug(self) -> str:
        """Its name."""

    @property
    def origin(self) -> str:
        """The node it leaves."""

    @property
    def target(self) -> str:
        """The node it leads to."""


@dataclass(frozen=True, slots=True)
class Component:
    """Nodes that lead to each other, or one node on its own.

    Attributes
    ----------
    nodes
        Positions of its nodes.
    entering, within
        Positions of the edges that lead into it from upstream, and of those between its own nodes.
    """

    nodes: tuple[int, ...]
    entering: tuple[int, ...]
    within: tuple[int, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Network:
    """A directed graph; cycles and parallel edges are welcome.

    Attributes
    ----------
    nodes, edges
        Their names; everything else counts positions in these.
    origins, targets : ndarray of int, shape (edge,)
        Node where each edge begins and ends.
    outcomes
        Names of the nodes that matter in the end.
    components
        Strongly connected components in topological order: an edge never leads to an earlier one.
    """

    nodes: tuple[str, ...]
    edges: tuple[str, ...]
    origins: NDArray[np.intp]
    targets: NDArray[np.intp]
    outcomes: tuple[str, ...]
    components: tuple[Component, ...]

    @classmethod
    def of(cls, nodes: Sequence[str], links: Iterable[Link], outcomes: Iterable[str] = ()) -> Network:
        """Return the network of named nodes and links.

        Without `outcomes`, the nodes that no edge leaves are the outcomes.

        Raises
        ------
        UnknownName
            For an edge or outcome that names a node which does not exist.
        ConfigError
            For two nodes or two edges of one name.

        Examples
        --------
        >>> from evenfall.funnels.simulate import Edge
        >>> shop = Network.of(("cart", "order"), [Edge("buy", "cart", "order")])
        >>> shop.outcomes
        ('order',)
        """
        links = tuple(links)
        edges = tuple(link.slug for link in links)
        for kind, names in (("node", tuple(nodes)), ("edge", edges)):
            _refuse_twins(kind, names)
        position = {node: number for number, node in enumerate(nodes)}
        for link in links:
            for node in (link.origin, link.target):
                if node not in position:
                    raise UnknownName("node", node, position, path=f"edge {link.slug}")
        origins = np.array([position[link.origin] for link in links], dtype=np.intp)
        targets = np.array([position[link.target] for link in links], dtype=np.intp)
        leaving = set(origins.tolist())
        ends = tuple(outcomes) or tuple(node for node in nodes if position[node] not in leaving)
        for node in ends:
            if node not in position:
                raise UnknownName("node", node, position, path="outcomes")
        return cls.at(tuple(nodes), edges, origins, targets, ends)

    @classmethod
    def at(
        cls,
        nodes: tuple[str, ...],
        edges: tuple[str, ...],
        origins: NDArray[np.intp],
        targets: NDArray[np.intp],
        outcomes: tuple[str, ...],
    ) -> Network:
        """Return the network of positions that are known to be right."""
        return cls(nodes, edges, origins, targets, outcomes, _components(len(nodes), origins, targets))

    def node(self, name: str) -> int:
        """Return the position of a node; `UnknownName` with the nearest names when there is none."""
        if name not in self.nodes:
            raise UnknownName("node", name, self.nodes)
        return self.nodes.index(name)

    def edge(self, slug: str) -> int:
        """Return the position of an edge; `UnknownName` with the nearest names when there is none."""
        if slug not in self.edges:
            raise UnknownName("edge", slug, self.edges)
        return self.edges.index(slug)

    @property
    def entries(self) -> tuple[str, ...]:
        """Nodes that no edge leads to."""
        entered = set(self.targets.tolist())
        return tuple(node for number, node in enumerate(self.nodes) if number not in entered)

    def reversed(self) -> Network:
        """Return the network with every edge turned round; the edges keep their positions."""
        return Network.at(self.nodes, self.edges, self.targets, self.origins, self.outcomes)

    def downstream(self, start: Iterable[int]) -> frozenset[int]:
        """Return the positions of `start` and of every node that can be reached from there."""
        onward = _neighbours(len(self.nodes), self.origins, self.targets)
        seen, waiting = set(start), list(start)
        while waiting:
            fresh = [node for node in onward[waiting.pop()] if node not in seen]
            seen.update(fresh)
            waiting += fresh
        return frozenset(seen)


@dataclass(frozen=True, slots=True)
class _Named:
    slug: str
    origin: str
    target: str


def network_of(graph: Graph) -> Network:
    """Return the network of a graph as projects define it."""
    return Network.of(
        tuple(node.slug for node in graph.nodes),
        [_Named(edge.slug, edge.from_node, edge.to_node) for edge in graph.edges],
        tuple(node.slug for node in graph.nodes if node.outcome),
    )


def _refuse_twins(kind: str, names: tuple[str, ...]) -> None:
    twins = sorted({name for name in names if names.count(name) > 1}) if len(set(names)) < len(names) else []
    if twins:
        raise ConfigError(
            f"two {kind}s are called {twins[0]!r}", remedy=f"give every {kind} a name of its own"
        )


def _neighbours(count: int, origins: NDArray[np.intp], targets: NDArray[np.intp]) -> list[list[int]]:
    onward: list[list[int]] = [[] for _ in range(count)]
    for origin, target in zip(origins.tolist(), targets.tolist(), strict=True):
        onward[origin].append(target)
    return onward


def _components(count: int, origins: NDArray[np.intp], targets: NDArray[np.intp]) -> tuple[Component, ...]:
    """Return the strongly connected components in topological order (Kosaraju; Sharir 1981).

    A walk that ends last lies upstream; against the edges it meets nothing but its own component.
    """
    finished = _by_finish(_neighbours(count, origins, targets), range(count))
    groups: list[list[int]] = []
    number = [-1] * count
    back = _neighbours(count, targets, origins)
    for root in reversed(finished):
        if number[root] < 0:
            group = _unnumbered(back, root, number, len(groups))
            groups.append(sorted(group))
    entering: list[list[int]] = [[] for _ in groups]
    within: list[list[int]] = [[] for _ in groups]
    for edge, (origin, target) in enumerate(zip(origins.tolist(), targets.tolist(), strict=True)):
        kind = within if number[origin] == number[target] else entering
        kind[number[target]].append(edge)
    return tuple(
        Component(tuple(group), tuple(into), tuple(inside))
        for group, into, inside in zip(groups, entering, within, strict=True)
    )


def _by_finish(onward: list[list[int]], roots: Iterable[int]) -> list[int]:
    """Return the nodes in the order in which a depth-first walk leaves them for good."""
    seen: set[int] = set()
    finished: list[int] = []
    for root in roots:
        if root in seen:
            continue
        seen.add(root)
        stack = [(root, iter(onward[root]))]
        while stack:
            node, following = stack[-1]
            ahead = next((n for n in following if n not in seen), None)
            if ahead is None:
                finished.append(node)
                stack.pop()
            else:
                seen.add(ahead)
                stack.append((ahead, iter(onward[ahead])))
    return finished


def _unnumbered(back: list[list[int]], root: int, number: list[int], mark: int) -> list[int]:
    """Return the nodes without a number that lead to `root`, and number them `mark`."""
    number[root] = mark
    group, waiting = [root], [root]
    while waiting:
        for node in back[waiting.pop()]:
            if number[node] < 0:
                number[node] = mark
                group.append(node)
                waiting.append(node)
    return group
