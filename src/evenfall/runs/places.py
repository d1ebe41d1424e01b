"""Where parameters stand: the edge each is about, and the graph that has it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from evenfall.registry.fallback import Names
from evenfall.registry.registry import Registry

__all__ = ["Place", "places_of"]


class Place(NamedTuple):
    """The slug of an edge and the id of the first graph that has it; None for what is about no edge."""

    edge: str | None = None
    graph: str | None = None


def places_of(registry: Registry, names: Names) -> Mapping[str, Place]:
    """Return by parameter the edge whose rate or delay it is; those about no edge are absent."""
    graphs: dict[str, str] = {}
    for name, graph in registry.graphs.items():
        for edge in graph.edges:
            graphs.setdefault(edge.slug, name)
    places: dict[str, Place] = {}
    for slug, parameter_id in _held(names):
        place = Place(slug, graphs.get(slug))
        if parameter_id not in places or places[parameter_id].graph is None:
            places[parameter_id] = place
    return places


def _held(names: Names) -> Iterator[tuple[str, str]]:
    for index in (names.held, names.delays):
        for slug, by_keys in index.items():
            for by_pairs in by_keys.values():
                for held in by_pairs.values():
                    for _, parameter in held:
                        yield slug, parameter.id
