"""Which parameter answers a reference: the one asked for, else the nearest that the request implies."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from evenfall.errors import ConfigError, UnknownName
from evenfall.registry.parameter import Parameter
from evenfall.registry.references import EdgeReference, parse_reference
from evenfall.registry.registry import Registry
from evenfall.registry.scope import Level, Pair, Scope, scope_of

__all__ = ["Names", "Resolved", "Scope", "Standing", "resolve", "scope_of"]

type Standing = Literal["measured", "stated", "waiting", "unknown"]
"""Enough evidence of its own; a belief without a source, which waits for nothing; a prior whose evidence is
not there yet; not even a prior."""

_LISTED: Final = 10
"""Valid names that an error lists when none of them is near."""


@dataclass(frozen=True, slots=True)
class Resolved:
    """The parameter that answers a reference.

    Attributes
    ----------
    reference
        What was asked.
    edge
        Slug of the edge it is about.
    level
        How the answer stands to the question: ``exact`` when it is about the very same attempts.
    passed_over
        Closer parameters that gave way for want of evidence, the closest first.
    """

    reference: EdgeReference
    edge: str
    level: Level
    parameter: Parameter
    scope: Scope
    passed_over: tuple[Parameter, ...] = ()

    @property
    def answers_for(self) -> str:
        """The reference of exactly what the answering parameter is about."""
        return str(self.scope.reference(self.edge))


type _Held = tuple[Scope, Parameter]


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
        Parameters by edge, then by the keys, then by the pairs of their context.
    """

    edges: frozenset[str]
    nodes: frozenset[str]
    contexts: Mapping[str, frozenset[str]]
    between: Mapping[tuple[str, str], tuple[str, ...]]
    held: Mapping[str, Mapping[frozenset[str], Mapping[frozenset[Pair], Sequence[_Held]]]]

    @classmethod
    def of(cls, registry: Registry) -> Names:
        """Return the names of a registry: those its graphs and contexts declare and its parameters use."""
        graphs = registry.graphs.values()
        between: dict[tuple[str, str], tuple[str, ...]] = {}
        for edge in (edge for graph in graphs for edge in graph.edges):
            pair = (edge.from_node, edge.to_node)
            between[pair] = tuple(dict.fromkeys((*between.get(pair, ()), edge.slug)))
        nodes = {node.slug for graph in graphs for node in graph.nodes}
        held: dict[str, dict[frozenset[str], dict[frozenset[Pair], list[_Held]]]] = {}
        contexts = {key: set(context.value_ids) for key, context in registry.contexts.items()}
        for key, context in registry.contexts.items():
            contexts[key] |= {"other"} if context.other_policy and context.values else set()
        for slug, scope, parameter in _placed(registry, between):
            keys = frozenset(key for key, _ in scope.context)
            by_pairs = held.setdefault(slug, {}).setdefault(keys, {})
            by_pairs.setdefault(scope.context, []).append((scope, parameter))
            nodes |= {*scope.visited, *scope.exclude, *(node for any_ in scope.visited_any for node in any_)}
            for key, value in scope.context:
                contexts.setdefault(key, set()).add(value)
        edges = {slug for slugs in between.values() for slug in slugs} | set(held)
        values = {key: frozenset(values) for key, values in contexts.items()}
        return cls(frozenset(edges), frozenset(nodes), values, between, held)

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
        if len(slugs) == 1 or (not slugs and unnamed in self.held):
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
        found = self.implied_by(self.edge_of(reference), Scope.asked(reference))
        return tuple(parameter for _, parameter in found)

    def implied_by(self, edge: str, request: Scope) -> list[tuple[Scope, Parameter]]:
        """Return the parameters of an edge that are about all the attempts of `request`, and maybe others."""
        keys = {key for key, _ in request.context}
        found: list[_Held] = []
        for used, by_pairs in self.held.get(edge, {}).items():
            if used <= keys:
                pairs = frozenset(pair for pair in request.context if pair[0] in used)
                found += [each for each in by_pairs.get(pairs, ()) if request.implies(each[0])]
        return found


def resolve(
    reference: EdgeReference,
    names: Names | Registry,
    standing: Callable[[Parameter], Standing] | None = None,
) -> Resolved:
    """Return the parameter that answers a reference.

    Parameters
    ----------
    names
        Of the project; made anew each time when a registry is given.
    standing
        What each parameter has to answer with. Evidence outranks a closer belief that still waits for its
        own; a belief never outranks a closer one. Without it the closest parameter answers whatever it has,
        which is the rule ``strict``.

    Raises
    ------
    UnknownName
        For a name nobody declared; never answered with something else.
    ConfigError
        When no parameter is implied by the request, two are equally close, or a latency is asked for.
    """
    known = names if isinstance(names, Names) else Names.of(names)
    edge = known.edge_of(reference)
    if reference.family == "latency":
        raise ConfigError(
            f"no latency is known of the edge {edge}",
            value=str(reference),
            remedy=f"ask for its rate: e.{edge}.p.mean",
        )
    request = Scope.asked(reference)
    found = known.implied_by(edge, request)
    if not found:
        raise _nothing(reference, edge, known)
    walk = _closest_first(found, reference)
    closer, (scope, parameter) = _chosen(walk, standing) if standing else ([], next(walk))
    over = tuple(each for _, each in closer)
    return Resolved(reference, edge, scope.level(request), parameter, scope, over)


def _chosen(walk: Iterator[_Held], standing: Callable[[Parameter], Standing]) -> tuple[list[_Held], _Held]:
    """Return the candidate that answers, and the closer ones that do not."""
    passed: list[tuple[Standing, _Held]] = []
    for each in walk:
        has = standing(each[1])
        if has == "measured":
            return [held for _, held in passed], each
        passed.append((has, each))
        if has == "stated":
            break
    first = next((place for place, (has, _) in enumerate(passed) if has != "unknown"), 0)
    return [held for _, held in passed[:first]], passed[first][1]


def _closest_first(found: list[_Held], reference: EdgeReference) -> Iterator[_Held]:
    """Yield candidates by context keys matched, then visited nodes matched; a narrower one comes first.

    Raises
    ------
    ConfigError
        When two stand on the same step.
    """
    left = list(found)
    while left:
        keys = max(scope.rank[0] for scope, _ in left)
        most = [each for each in left if each[0].rank[0] == keys]
        narrow = [
            (scope, parameter)
            for scope, parameter in most
            if not any(other != scope and other.implies(scope) for other, _ in most)
        ]
        nodes = max(scope.rank[1] for scope, _ in narrow)
        best = [each for each in narrow if each[0].rank[1] == nodes]
        if len(best) > 1:
            first, second = sorted(parameter.id for _, parameter in best)[:2]
            raise ConfigError(
                f"{first} and {second} are equally close to this reference",
                value=str(reference),
                remedy="define a parameter for what is asked, or ask for what one of the two is about",
            )
        yield best[0]
        left.remove(best[0])


def _placed(
    registry: Registry, between: Mapping[tuple[str, str], tuple[str, ...]]
) -> Iterator[tuple[str, Scope, Parameter]]:
    """Yield every parameter with each edge it is about: that of its reference, and those that name it."""
    wired: dict[str, dict[str, None]] = defaultdict(dict)
    for edge in (edge for graph in registry.graphs.values() for edge in graph.edges):
        if edge.p is not None and edge.p.parameter_id is not None:
            wired[edge.p.parameter_id][edge.slug] = None
    for parameter in registry.parameters.values():
        text = parameter.edge_reference
        reference = parse_reference(text) if text is not None else None
        slugs = {**wired.get(parameter.id, {}), **wired.get(parameter.template_id or "", {})}
        if reference is not None and reference.family == "p":
            slugs |= dict.fromkeys(_slugs(reference, between))
        scope = scope_of(parameter, reference) if slugs else Scope()
        for slug in slugs:
            yield slug, scope, parameter


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


def _nothing(reference: EdgeReference, edge: str, names: Names) -> ConfigError:
    held = [
        parameter
        for by_pairs in names.held.get(edge, {}).values()
        for members in by_pairs.values()
        for _, parameter in members
    ]
    examples = sorted({parameter.edge_reference or parameter.id for parameter in held})[:3]
    remedy = f"known are {', '.join(examples)}" if examples else "define a parameter with this edge_reference"
    return ConfigError(
        f"no parameter of the edge {edge} covers all that is asked", value=str(reference), remedy=remedy
    )
