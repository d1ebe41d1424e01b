"""Which parameter answers a reference: the one asked for, else the nearest that the request implies."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Literal

from evenfall.errors import ConfigError
from evenfall.registry.names import Held, Names, nothing_known
from evenfall.registry.parameter import Parameter
from evenfall.registry.references import EdgeReference
from evenfall.registry.registry import Registry
from evenfall.registry.schemas import EdgeProbability, Latency
from evenfall.registry.scope import Level, Scope, scope_of

__all__ = ["Inline", "Names", "Resolved", "Scope", "Standing", "resolve", "resolve_or_inline", "scope_of"]

type Standing = Literal["measured", "stated", "waiting", "unknown"]
"""Enough evidence of its own; a belief without a source, which waits for nothing; a prior whose evidence is
not there yet; not even a prior."""


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
        about = self.scope.reference(self.edge)
        latency = self.reference.family == "latency"
        return str(replace(about, family="latency", leaf=self.reference.leaf) if latency else about)


@dataclass(frozen=True, slots=True)
class Inline:
    """A belief that a graph states at the edge itself, where no parameter answers.

    Attributes
    ----------
    reference
        What was asked.
    edge
        Slug of the edge it is about.
    level
        ``exact`` when all attempts were asked for, else ``base``.
    graph
        Id of the graph that states it.
    belief
        The edge's ``p`` with its mean, or its ``latency`` with median_days, t95_days or both.
    """

    reference: EdgeReference
    edge: str
    level: Level
    graph: str
    belief: EdgeProbability | Latency

    @property
    def answers_for(self) -> str:
        """The reference of exactly what the belief is about."""
        return str(EdgeReference(self.edge, family=self.reference.family, leaf=self.reference.leaf))


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
        When no parameter is implied by the request, or two are equally close.
    """
    known = names if isinstance(names, Names) else Names.of(names)
    edge = known.edge_of(reference)
    request = Scope.asked(reference)
    found = known.implied_by(edge, request, reference.family)
    if not found:
        raise nothing_known(reference, edge, known)
    walk = _closest_first(found, reference)
    closer, (scope, parameter) = _chosen(walk, standing) if standing else ([], next(walk))
    over = tuple(each for _, each in closer)
    return Resolved(reference, edge, scope.level(request), parameter, scope, over)


def resolve_or_inline(
    reference: EdgeReference,
    names: Names | Registry,
    standing: Callable[[Parameter], Standing] | None = None,
) -> Resolved | Inline:
    """Return the parameter that answers a reference, else the belief that the edge itself states.

    Raises
    ------
    UnknownName
        As `resolve`.
    ConfigError
        As `resolve`; also when two graphs state different beliefs of the edge.
    """
    known = names if isinstance(names, Names) else Names.of(names)
    edge, request = known.edge_of(reference), Scope.asked(reference)
    if known.implied_by(edge, request, reference.family):
        return resolve(reference, known, standing)
    stated = known.stated_at(edge, reference.family)
    if not stated:
        raise nothing_known(reference, edge, known)
    (graph, belief), *others = stated
    for other, said in others:
        if said != belief:
            raise ConfigError(
                f"the graphs {graph} and {other} state different beliefs of the edge {edge}",
                value=str(reference),
                remedy="make them agree, or define a parameter with this edge_reference",
            )
    return Inline(reference, edge, "exact" if request == Scope() else "base", graph, belief)


def _chosen(walk: Iterator[Held], standing: Callable[[Parameter], Standing]) -> tuple[list[Held], Held]:
    """Return the candidate that answers, and the closer ones that do not."""
    passed: list[tuple[Standing, Held]] = []
    for each in walk:
        has = standing(each[1])
        if has == "measured":
            return [held for _, held in passed], each
        passed.append((has, each))
        if has == "stated":
            break
    first = next((place for place, (has, _) in enumerate(passed) if has != "unknown"), 0)
    return [held for _, held in passed[:first]], passed[first][1]


def _closest_first(found: list[Held], reference: EdgeReference) -> Iterator[Held]:
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
