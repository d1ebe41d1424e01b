"""What references may name in a project, and which parameters could answer them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from evenfall.errors import ConfigError, UnknownName
from evenfall.registry.parameter import Parameter
from evenfall.registry.references import EdgeReference, parse_reference
from evenfall.registry.registry import Registry
from evenfall.registry.schemas import Edge, EdgeProbability, Latency
from evenfall.registry.scope import Pair, Scope, scope_of

__all__ = ["Held", "Names", "nothing_known"]

_LISTED: Final = 10
"""Valid names that an error lists when none of them is near."""


type Held = tuple[Scope, Parameter]
type _Growing = dict[str, dict[frozenset[str], dict[frozenset[Pair], list[Held]]]]
type _Index = Mapping[str, Mapping[frozenset[str], Mapping[frozenset[Pair], Sequence[Held]]]]


@dataclass(frozen=True, slots=True, eq=False)
class Names:
    """What references may name in a project, and the parameters by what they are about.

    Made once per registry, it finds the parameters a request implies without looking at all of them.

    Attributes
    ----------
    contexts
        Values of each context key.
    between
        Edges that go from one node to another.
    held
        Parameters of the edges' rates by edge, then by the keys, then by the pairs of their context.
    delays
        Those that say how long an edge takes, likewise.
    inline
        The edges by slug, each with the id of its graph, that state a belief of their own.
    """

    edges: frozenset[str]
    nodes: frozenset[str]
    contexts: Mapping[str, frozenset[str]]
    between: Mapping[tuple[str, str], tuple[str, ...]]
    held: _Index
    delays: _Index = field(default_factory=dict)
    inline: Mapping[str, tuple[tuple[str, Edge], ...]] = field(default_factory=dict)

    @classmethod
    def of(cls, registry: Registry) -> Names:
        """Return the names of a registry: those its graphs and contexts declare and its parameters use."""
        graphs = registry.graphs.values()
        between: dict[tuple[str, str], tuple[str, ...]] = {}
        for edge in (edge for graph in graphs for edge in graph.edges):
            pair = (edge.from_node, edge.to_node)
            between[pair] = tuple(dict.fromkeys((*between.get(pair, ()), edge.slug)))
        nodes = {node.slug for graph in graphs for node in graph.nodes}
        held: _Growing = {}
        delays: _Growing = {}
        contexts = {key: set(context.value_ids) for key, context in registry.contexts.items()}
        for key, context in registry.contexts.items():
            contexts[key] |= {"other"} if context.other_policy and context.values else set()
        for family, slug, scope, parameter in _placed(registry, between):
            keys = frozenset(key for key, _ in scope.context)
            by_pairs = (held if family == "p" else delays).setdefault(slug, {}).setdefault(keys, {})
            by_pairs.setdefault(scope.context, []).append((scope, parameter))
            nodes |= {*scope.visited, *scope.exclude, *(node for any_ in scope.visited_any for node in any_)}
            for key, value in scope.context:
                contexts.setdefault(key, set()).add(value)
        edges = {slug for slugs in between.values() for slug in slugs} | set(held) | set(delays)
        values = {key: frozenset(values) for key, values in contexts.items()}
        return cls(frozenset(edges), frozenset(nodes), values, between, held, delays, _inline(registry))

    def edge_of(self, reference: EdgeReference) -> str:
        """Return the slug of the edge a reference is about, after checking every name in it.

        Raises
        ------
        UnknownName
            For an edge, a node, a context key or a value that nobody declared; the nearest are listed.
        ConfigError
            When no edge, or more than one, goes between the two nodes.
        """
        edge = reference.edge or self._edge_between(reference)
        if edge not in self.edges:
            raise _unknown("edge", edge, self.edges, reference)
        for node in reference.nodes:
            if node not in self.nodes:
                raise _unknown("node", node, self.nodes, reference)
        for key, value in reference.context.items():
            if key not in self.contexts:
                raise _unknown("context", key, self.contexts, reference)
            if value not in self.contexts[key]:
                raise _unknown(f"value of {key}", value, self.contexts[key], reference)
        return edge

    def _edge_between(self, reference: EdgeReference) -> str:
        source, target = reference.between or ("", "")
        slugs = self.between.get((source, target), ())
        unnamed = _unnamed((source, target))
        if len(slugs) == 1 or (not slugs and (unnamed in self.held or unnamed in self.delays)):
            return slugs[0] if slugs else unnamed
        if len(slugs) > 1:
            shown, remedy = " and ".join(slugs), f"name it: e.{slugs[0]} or e.{slugs[1]}"
            raise ConfigError(
                f"more than one edge goes from {source} to {target}: {shown}",
                value=str(reference),
                remedy=remedy,
            )
        nodes = self.nodes | {node for pair in self.between for node in pair}
        for node in (source, target):
            if node not in nodes:
                raise _unknown("node", node, nodes, reference)
        onward = [f"{end} (e.{edges[0]})" for (start, end), edges in self.between.items() if start == source]
        remedy = f"from {source} edges go to {', '.join(onward)}" if onward else f"no edge leaves {source}"
        raise ConfigError(f"no edge goes from {source} to {target}", value=str(reference), remedy=remedy)

    def candidates(self, reference: EdgeReference) -> tuple[Parameter, ...]:
        """Return every parameter that may answer a reference, after checking every name in it."""
        found = self.implied_by(self.edge_of(reference), Scope.asked(reference), reference.family)
        return tuple(parameter for _, parameter in found)

    def implied_by(self, edge: str, request: Scope, family: str = "p") -> list[tuple[Scope, Parameter]]:
        """Return the parameters of an edge that are about all the attempts of `request`, and maybe others.

        Parameters
        ----------
        family
            What they are asked for: the rate ``p``, or the ``latency``.
        """
        keys = {key for key, _ in request.context}
        found: list[Held] = []
        for used, by_pairs in (self.held if family == "p" else self.delays).get(edge, {}).items():
            if used <= keys:
                pairs = frozenset(pair for pair in request.context if pair[0] in used)
                found += [each for each in by_pairs.get(pairs, ()) if request.implies(each[0])]
        return found

    def stated_at(self, edge: str, family: str) -> list[tuple[str, EdgeProbability | Latency]]:
        """Return what graphs state of the rate ``p`` or the ``latency`` at an edge itself, by graph."""
        found: list[tuple[str, EdgeProbability | Latency]] = []
        for graph, each in self.inline.get(edge, ()):
            if family == "p" and each.p is not None and each.p.mean is not None:
                found.append((graph, each.p))
            if family == "latency" and each.latency is not None and _says_days(each.latency):
                found.append((graph, each.latency))
        return found


def _placed(
    registry: Registry, between: Mapping[tuple[str, str], tuple[str, ...]]
) -> Iterator[tuple[str, str, Scope, Parameter]]:
    """Yield every parameter with what it answers, and each edge it is about.

    It is about the edge of its reference and those that name it; one with a latency block answers the delay
    of every edge whose rate it is.
    """
    wired: dict[str, dict[tuple[str, str], None]] = defaultdict(dict)
    for edge in (edge for graph in registry.graphs.values() for edge in graph.edges):
        for family, part in (("p", edge.p), ("latency", edge.latency)):
            if part is not None and part.parameter_id is not None:
                wired[part.parameter_id][family, edge.slug] = None
    for parameter in registry.parameters.values():
        text = parameter.edge_reference
        reference = parse_reference(text) if text is not None else None
        places = {**wired.get(parameter.id, {}), **wired.get(parameter.template_id or "", {})}
        if reference is not None:
            places |= dict.fromkeys((reference.family, slug) for slug in _slugs(reference, between))
        if parameter.latency is not None:
            places |= {("latency", slug): None for family, slug in places if family == "p"}
        scope = scope_of(parameter, reference) if places else Scope()
        for family, slug in places:
            if family == "p" or parameter.latency is not None or parameter.type == "duration":
                yield family, slug, scope, parameter


def _inline(registry: Registry) -> dict[str, tuple[tuple[str, Edge], ...]]:
    """Return the edges that state a belief of their own, by slug, in the order of the graphs' ids."""
    found: dict[str, tuple[tuple[str, Edge], ...]] = {}
    for name in sorted(registry.graphs):
        for edge in registry.graphs[name].edges:
            stated = edge.p is not None and edge.p.mean is not None
            if stated or (edge.latency is not None and _says_days(edge.latency)):
                found[edge.slug] = (*found.get(edge.slug, ()), (name, edge))
    return found


def _says_days(latency: Latency) -> bool:
    return latency.median_days is not None or latency.t95_days is not None


def _slugs(reference: EdgeReference, between: Mapping[tuple[str, str], tuple[str, ...]]) -> tuple[str, ...]:
    if reference.between is None:
        return (reference.edge,)
    return between.get(reference.between) or (_unnamed(reference.between),)


def _unnamed(between: tuple[str, str]) -> str:
    """Return the name of an edge that no graph declares."""
    return "from({}).to({})".format(*between)


def _unknown(kind: str, name: str, valid: Iterable[str], reference: EdgeReference) -> UnknownName:
    names = sorted(valid)
    error = UnknownName(kind, name, names, value=str(reference))
    if not error.nearest:
        listed = ", ".join(names[:_LISTED]) + (", …" if len(names) > _LISTED else "")
        error.remedy = f"declared: {listed}" if names else f"no {kind} is declared; list it in its file first"
    return error


def nothing_known(reference: EdgeReference, edge: str, names: Names) -> ConfigError:
    """Return the error that nothing in the project covers what is asked."""
    latency = reference.family == "latency"
    held = [
        parameter
        for by_pairs in (names.delays if latency else names.held).get(edge, {}).values()
        for members in by_pairs.values()
        for _, parameter in members
    ]
    examples = sorted({parameter.edge_reference or parameter.id for parameter in held})[:3]
    if latency and not held:
        return ConfigError(
            f"no latency is known of the edge {edge}",
            value=str(reference),
            remedy=f"give its parameter a latency block, or ask for its rate: e.{edge}.p.mean",
        )
    remedy = f"known are {', '.join(examples)}" if examples else "define a parameter with this edge_reference"
    return ConfigError(
        f"no parameter of the edge {edge} covers all that is asked", value=str(reference), remedy=remedy
    )
