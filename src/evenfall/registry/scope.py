"""Which attempts a condition picks out, and when one condition implies another."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from evenfall.registry.parameter import Parameter
from evenfall.registry.references import EdgeReference, parse_reference

__all__ = ["Level", "Pair", "Scope", "scope_of"]

type Level = Literal["exact", "context", "visited", "base"]
type Pair = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Scope:
    """The attempts that a condition picks out; two conditions that pick out the same ones are equal.

    Attributes
    ----------
    visited, exclude
        Nodes visited, and not visited, before the attempt.
    visited_any
        Groups with at least one node visited. They hold no node of `visited` or `exclude` and no group holds
        another, which makes the form unique; a condition that nothing meets holds an empty group.
    context
        Pairs of key and value.
    """

    visited: frozenset[str] = frozenset()
    visited_any: frozenset[frozenset[str]] = frozenset()
    exclude: frozenset[str] = frozenset()
    context: frozenset[Pair] = frozenset()

    @classmethod
    def of(
        cls,
        visited: Iterable[str] = (),
        visited_any: Iterable[Iterable[str]] = (),
        exclude: Iterable[str] = (),
        context: Iterable[Pair] = (),
    ) -> Scope:
        """Return the scope in its one form: a group of which only one node may be visited is that node."""
        none = frozenset(exclude)
        groups = [frozenset(group) - none for group in visited_any]
        every = frozenset(visited).union(*(group for group in groups if len(group) == 1))
        rest = {group for group in groups if not group & every}
        least = frozenset(group for group in rest if not any(other < group for other in rest))
        return cls(every, least, none, frozenset(context))

    @classmethod
    def asked(cls, reference: EdgeReference) -> Scope:
        """Return the attempts a reference asks about."""
        return cls.of(reference.visited, reference.visited_any, reference.exclude, reference.context.items())

    def implies(self, other: Scope) -> bool:
        """Return whether every attempt in this scope is in the other one.

        Complete, not only sound: a condition of single nodes and groups in the form above leaves every node
        it does not name free, so what it does not imply here is false of some attempt in it.
        """
        return (
            other.context <= self.context
            and other.visited <= self.visited
            and other.exclude <= self.exclude
            and all(
                group & self.visited or any(mine <= group for mine in self.visited_any)
                for group in other.visited_any
            )
        )

    @property
    def rank(self) -> tuple[int, int]:
        """How much of a request it matches: its context keys, and its conditions on visited nodes."""
        return len(self.context), len(self.visited) + len(self.exclude) + len(self.visited_any)

    def reference(self, edge: str) -> EdgeReference:
        """Return the reference to the attempts of this scope at an edge."""
        return EdgeReference(
            edge,
            visited=tuple(self.visited),
            visited_any=tuple(tuple(group) for group in self.visited_any),
            exclude=tuple(self.exclude),
            context=dict(self.context),
        )

    def level(self, request: Scope) -> Level:
        """Return how an answer for this scope stands to what was asked."""
        if self == request:
            return "exact"
        contexts, nodes = self.rank
        return "context" if contexts else "visited" if nodes else "base"


def scope_of(parameter: Parameter, reference: EdgeReference | None = None) -> Scope:
    """Return the attempts a parameter is about: its reference and both its filters together.

    Parameters
    ----------
    reference
        The parameter's own, where it has been read before.
    """
    if reference is None and parameter.edge_reference is not None:
        reference = parse_reference(parameter.edge_reference)
    asked = reference or EdgeReference("")
    filtered = parameter.visited_filter
    every = filtered.nodes if filtered and filtered.operator == "AND" else ()
    group = (filtered.nodes,) if filtered and filtered.operator == "OR" else ()
    return Scope.of(
        (*asked.visited, *every),
        (*asked.visited_any, *group),
        asked.exclude,
        (*asked.context.items(), *parameter.context_filter.items()),
    )
