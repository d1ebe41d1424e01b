"""References to an edge: ``e.signup.visited(pricing).context(channel='google').p.mean``."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Final

from evenfall.errors import ConfigError

__all__ = ["EdgeReference", "parse_reference", "print_value"]

_REMEDY: Final = "write it as e.<edge>.visited(a,b).context(channel='google').p.mean"
_NAME: Final = r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}"
_NODES: Final = rf"\s*{_NAME}\s*(?:,\s*{_NAME}\s*)*"
_PAIR: Final = rf"\s*({_NAME})\s*=\s*'((?:[^']|'')*)'\s*"
_EDGE: Final = re.compile(rf"e\.(?:from\((?P<source>{_NAME})\)\.to\((?P<target>{_NAME})\)|(?P<edge>{_NAME}))")
_CONDITION: Final = re.compile(
    rf"\.(?:(?P<verb>visitedAny|visited|exclude)\((?P<nodes>{_NODES})\)|context\((?P<pairs>{_PAIR}(?:,{_PAIR})*)\))"
)
_LEAF: Final = re.compile(r"\.(?P<family>p|latency)(?:\.(?P<leaf>[a-z][a-z0-9_]*))?")


def print_value(value: str) -> str:
    """Return a context value in quotes, each quote inside it doubled."""
    return "'" + value.replace("'", "''") + "'"


@dataclass(frozen=True, slots=True)
class EdgeReference:
    """An edge, the condition under which it is passed, and the figure asked of it.

    Attributes
    ----------
    edge
        Slug of the edge; empty when it is named by its two nodes.
    between
        Slugs of the two nodes, when it is named by them.
    visited, visited_any, exclude
        Nodes that must all, any, or none have been visited before the attempt; sorted.
    context
        Value of each context key.
    family, leaf
        The figure, such as ``p`` and ``mean``.
    """

    edge: str
    between: tuple[str, str] | None = None
    visited: tuple[str, ...] = ()
    visited_any: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    context: Mapping[str, str] = field(default_factory=dict)
    family: str = "p"
    leaf: str = "mean"

    @property
    def nodes(self) -> tuple[str, ...]:
        """Every node the condition names."""
        return tuple(sorted({*self.visited, *self.visited_any, *self.exclude}))

    def within(self, context: Mapping[str, str]) -> EdgeReference:
        """Return this reference with further context values fixed."""
        return replace(self, context={**self.context, **context})

    def __str__(self) -> str:
        edge = self.edge or "from({}).to({})".format(*(self.between or ("", "")))
        verbs = {"visited": self.visited, "visitedAny": self.visited_any, "exclude": self.exclude}
        conditions = "".join(f".{verb}({','.join(nodes)})" for verb, nodes in verbs.items() if nodes)
        pairs = ",".join(f"{key}={print_value(self.context[key])}" for key in sorted(self.context))
        context = f".context({pairs})" if pairs else ""
        return f"e.{edge}{conditions}{context}.{self.family}.{self.leaf}"


def parse_reference(text: str) -> EdgeReference:
    """Return the reference that `text` writes; the order of its conditions does not matter.

    Raises
    ------
    ConfigError
        When the text is no reference, or fixes one context key twice.

    Examples
    --------
    >>> print(parse_reference("e.signup.context(device='mobile',channel='google').p.mean"))
    e.signup.context(channel='google',device='mobile').p.mean
    """
    edge = _EDGE.match(text)
    if edge is None:
        raise ConfigError("not a reference to an edge", value=text, remedy=_REMEDY)
    nodes: dict[str, set[str]] = {"visited": set(), "visitedAny": set(), "exclude": set()}
    context: dict[str, str] = {}
    position = edge.end()
    while condition := _CONDITION.match(text, position):
        position = condition.end()
        if condition["verb"] == "visitedAny" and nodes["visitedAny"]:
            raise ConfigError("visitedAny stands twice", value=text, remedy="keep one of the two")
        if condition["verb"]:
            nodes[condition["verb"]] |= {node.strip() for node in condition["nodes"].split(",")}
        else:
            _fix(context, condition["pairs"], text)
    leaf = _LEAF.fullmatch(text, position)
    if leaf is None and position != len(text):
        raise ConfigError("not a reference to an edge", value=text, remedy=_REMEDY)
    return EdgeReference(
        edge=edge["edge"] or "",
        between=(edge["source"], edge["target"]) if edge["source"] else None,
        visited=tuple(sorted(nodes["visited"])),
        visited_any=tuple(sorted(nodes["visitedAny"])),
        exclude=tuple(sorted(nodes["exclude"])),
        context=context,
        family=leaf["family"] if leaf else "p",
        leaf=(leaf["leaf"] if leaf else None) or "mean",
    )


def _fix(context: dict[str, str], pairs: str, text: str) -> None:
    for key, value in re.findall(_PAIR, pairs):
        if key in context:
            raise ConfigError(f"the context {key} is fixed twice", value=text, remedy="keep one of the two")
        context[key] = value.replace("''", "'")
