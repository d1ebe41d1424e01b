"""What the parts of one import share: names given out, contexts, parameters waiting for an edge."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from evenfall.errors import ConfigError
from evenfall.registry.dagnet.account import Account, Target
from evenfall.registry.dagnet.beliefs import StatedRate
from evenfall.registry.dagnet.conditions import Condition
from evenfall.registry.dagnet.contexts import Contexts
from evenfall.registry.dagnet.naming import Claims
from evenfall.registry.dagnet.parameters import Draft, Slice, describe
from evenfall.registry.references import EdgeReference

__all__ = ["Step", "Unplaceable", "Workshop"]


class Unplaceable(Exception):
    """A condition that Evenfall has no words for; the text says why."""


@dataclass(frozen=True, slots=True)
class Step:
    """An edge as conditions refer to it.

    Attributes
    ----------
    edge
        Its slug; empty when only its two nodes are known.
    nodes
        Slug of each node, by every name the graph has for it.
    """

    edge: str
    nodes: Mapping[str, str]
    between: tuple[str, str] | None = None

    def node(self, raw: str) -> str:
        """Return the slug of a node.

        Raises
        ------
        Unplaceable
            When the graph has no such node.
        """
        if raw not in self.nodes:
            raise Unplaceable(f"no node is called {raw!r}")
        return self.nodes[raw]


@dataclass(slots=True)
class Workshop:
    """The import under way.

    Attributes
    ----------
    strength
        Trials that a mean without a stdev counts for, when its file does not say.
    currency
        The project's.
    project_parameters
        Ids of the parameters the project has already.
    files
        Definition of each file so far, by path.
    origins
        Name of the file each was made from.
    warnings
        What is imported but may mean something else than it did.
    """

    contexts: Contexts
    strength: float | None
    currency: str
    project_parameters: frozenset[str]
    claims: Claims = field(default_factory=Claims)
    drafts: dict[str, Draft] = field(default_factory=dict)
    files: dict[str, dict[str, object]] = field(default_factory=dict)
    origins: dict[str, str] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)

    def reference(self, step: Step, condition: Condition) -> EdgeReference:
        """Return the reference of everybody at an edge of whom a condition holds.

        Raises
        ------
        Unplaceable
            When a part of the condition has no counterpart.
        """
        unreadable = [text for text in condition.unreadable if not text.startswith("context_id ")]
        if unreadable:
            raise Unplaceable(f"this condition has no counterpart: {', '.join(unreadable)}")
        pairs: dict[str, str] = {}
        for key, value in self._pairs(condition):
            if pairs.setdefault(key, value) != value:
                raise Unplaceable(f"{key} cannot be {pairs[key]!r} and {value!r} at once")
        try:
            return EdgeReference(
                step.edge,
                between=None if step.edge else step.between,
                visited=tuple(map(step.node, condition.visited)),
                visited_any=tuple(tuple(map(step.node, group)) for group in condition.visited_any),
                exclude=tuple(map(step.node, condition.exclude)),
                context=pairs,
            )
        except ConfigError as error:
            raise Unplaceable(error.message) from None

    def _pairs(self, condition: Condition) -> list[tuple[str, str]]:
        found = [self.contexts.resolve(*pair) for pair in condition.contexts]
        found += [self.contexts.resolve_case(*pair) for pair in condition.cases]
        named = [text.removeprefix("context_id ") for text in condition.unreadable]
        found += [self._context_of(name) for name in named if name not in condition.unreadable]
        for pair in found:
            if isinstance(pair, str):
                raise Unplaceable(pair)
        return [pair for pair in found if not isinstance(pair, str)]

    def _context_of(self, name: str) -> tuple[str, str] | str:
        """Return the pair that an id such as ``device-mobile`` names."""
        for raw, key in self.contexts.keys.items():
            value = name.removeprefix(f"{raw}-")
            if value != name and value in self.contexts.values.get(key, {}):
                return key, self.contexts.values[key][value]
        return f"no context has a value called {name!r}"

    def add_parameter(
        self, parameter_id: str, part: StatedRate, reference: EdgeReference | None, draft: Draft | None = None
    ) -> Target:
        """Write the file of one parameter and return where its ``value`` stands."""
        file = f"parameters/{parameter_id}.yaml"
        head, tail = describe(draft, file) if draft else ({"type": "probability"}, {})
        definition: dict[str, object] = {"id": parameter_id, **head}
        if reference is not None:
            definition |= {"edge_reference": str(reference), **_filters(reference)}
        target = Target(file, ("value",))
        definition |= {"value": part.prior(target, self.strength), **tail}
        if draft is not None and draft.id == parameter_id:
            why = "ids are made of letters, digits, '.', '_' and '-'"
            draft.account.move(("id",), Target(file, ("id",)), parameter_id, why)
        if not part.stdev and not part.n:
            said = (
                f"{parameter_id}: the stdev is assumed, that of a mean counted from {self.strength:g} trials"
            )
            self.warnings.append(said)
        self.put(file, definition, part.account)
        return target

    def put(self, file: str, definition: dict[str, object], source: Account) -> None:
        """Add one file."""
        self.files[file] = definition
        self.origins[file] = source.file.rsplit("/", 1)[-1]

    def add_slices(self, draft: Draft, step: Step | None, condition: Condition) -> None:
        """Write a parameter for each part of the traffic that a file has values of."""
        for part in draft.slices:
            if part.condition.is_everyone:
                continue
            try:
                self._add_slice(draft, part, step, condition.joined(part.condition))
            except Unplaceable as error:
                draft.account.drop(("values", part.index), str(error))

    def _add_slice(self, draft: Draft, part: Slice, step: Step | None, condition: Condition) -> None:
        if step is None:
            raise Unplaceable("no edge takes this parameter, and its query names no nodes of a graph")
        reference = self.reference(step, condition)
        if why := part.rate.why_not_learnable(self.strength):
            raise Unplaceable(why)
        name = f"{draft.id}-{conditions_slug(reference)}"
        claimed = self.claims.claim(name, f"{draft.account.file} {reference}")
        if f"parameters/{claimed}.yaml" in self.files:
            raise Unplaceable("another value of this file is of the same people")
        target = self.add_parameter(claimed, part.rate, reference, draft)
        path = ("values", part.index)
        for key in ("sliceDSL", "context_id"):
            if draft.account.at((*path, key)) is not None:
                place = Target(target.file, ("edge_reference",))
                draft.account.move((*path, key), place, str(reference), "conditions stand in references")


def conditions_slug(reference: EdgeReference) -> str:
    """Return the conditions of a reference as part of an id, such as ``visited-a-b-device-mobile``."""
    parts = [*(("visited", *reference.visited) if reference.visited else ())]
    for group in reference.visited_any:
        parts += ["any", *group]
    parts += ["without", *reference.exclude] if reference.exclude else []
    parts += [word for pair in sorted(reference.context.items()) for word in pair]
    return "-".join(parts)


def _filters(reference: EdgeReference) -> dict[str, object]:
    """Return the filters that say of a source's rows what the reference says of attempts."""
    filters: dict[str, object] = {}
    if reference.visited:
        filters["visited_filter"] = reference.visited
    elif len(reference.visited_any) == 1:
        filters["visited_filter"] = {"operator": "OR", "nodes": reference.visited_any[0]}
    if reference.context:
        filters["context_filter"] = dict(sorted(reference.context.items()))
    return filters
