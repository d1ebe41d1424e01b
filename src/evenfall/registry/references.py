"""References to an edge: ``e.signup.visited(pricing).context(channel='google').p.mean``."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Final

from evenfall.errors import ConfigError, UnknownName, nearest

__all__ = ["LATENCY_LEAVES", "P_LEAVES", "EdgeReference", "is_reference", "parse_reference", "print_value"]

P_LEAVES: Final = ("mean", "stdev", "alpha", "beta", "lower", "upper", "n")
"""Figures of a rate; lower and upper are the ends of the equal-tailed 95 % interval."""
LATENCY_LEAVES: Final = ("median", "mean", "stdev", "n", *(f"t{percent}" for percent in range(1, 100)))
"""Figures of a delay; t95 is the time by which 95 % of those who convert have done so."""

_LEAVES: Final[Mapping[str, tuple[str, ...]]] = {"p": P_LEAVES, "latency": LATENCY_LEAVES}
_REMEDY: Final = "write it as e.<edge>.visited(a,b).context(channel='google').p.mean"
_VERBS: Final = ("visited", "visitedAny", "exclude", "context")
_NAME: Final = r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}"
_NODES: Final = rf"\s*{_NAME}\s*(?:,\s*{_NAME}\s*)*"
_PAIR: Final = rf"\s*({_NAME})\s*=\s*'([^']*(?:''[^']*)*)'\s*"
_PAIRS: Final = re.compile(_PAIR)
_EDGE: Final = re.compile(
    rf"e\.(?:from\(\s*(?P<source>{_NAME})\s*\)\.to\(\s*(?P<target>{_NAME})\s*\)|(?P<edge>{_NAME}))"
)
_CONDITION: Final = re.compile(
    rf"\.(?:(?P<verb>visitedAny|visited|exclude)\((?P<nodes>{_NODES})\)|context\((?P<pairs>{_PAIR}(?:,{_PAIR})*)\))"
)
_LEAF: Final = re.compile(r"\.(?P<family>p|latency)(?:\.(?P<leaf>[A-Za-z0-9_]+))?")
_WORD: Final = re.compile(r"\.([A-Za-z]+)")


def print_value(value: str) -> str:
    """Return a context value in quotes, each quote inside it doubled."""
    return "'" + value.replace("'", "''") + "'"


def is_reference(text: str) -> bool:
    """Return whether a text means to be a reference and not a plain name."""
    return text.startswith("e.")


@dataclass(frozen=True, slots=True)
class EdgeReference:
    """An edge, the condition under which it is passed, and the figure asked of it.

    It is canonical once it is made: nodes are sorted and stand once, so equal references print alike.

    Attributes
    ----------
    edge
        Slug of the edge; empty when it is named by its two nodes.
    between
        Slugs of the two nodes, when it is named by them.
    visited, exclude
        Nodes that must all, or none, have been visited before the attempt.
    visited_any
        Groups of nodes; of each group at least one must have been visited before the attempt.
    context
        Value of each context key.
    family, leaf
        The figure, such as ``p`` and ``mean``.

    Raises
    ------
    ConfigError
        When no attempt can meet the condition.
    UnknownName
        When there is no such figure.
    """

    edge: str
    between: tuple[str, str] | None = None
    visited: tuple[str, ...] = ()
    visited_any: tuple[tuple[str, ...], ...] = ()
    exclude: tuple[str, ...] = ()
    context: Mapping[str, str] = field(default_factory=dict)
    family: str = "p"
    leaf: str = "mean"

    def __post_init__(self) -> None:
        groups = tuple(sorted({_sorted(group) for group in self.visited_any}))
        object.__setattr__(self, "visited", _sorted(self.visited))
        object.__setattr__(self, "visited_any", groups)
        object.__setattr__(self, "exclude", _sorted(self.exclude))
        if self.leaf not in _LEAVES[self.family]:
            raise UnknownName(f"figure of {self.family}", self.leaf, _LEAVES[self.family], value=str(self))
        impossible = [group for group in groups if set(group) <= set(self.exclude)]
        impossible += [(node,) for node in self.visited if node in self.exclude]
        if impossible:
            raise ConfigError(
                f"no attempt can have visited {' or '.join(impossible[0])} and have visited it not",
                value=str(self),
                remedy="take it out of visited, visitedAny or exclude",
            )

    @property
    def nodes(self) -> tuple[str, ...]:
        """Every node the condition names."""
        return _sorted(
            (*self.visited, *self.exclude, *(node for group in self.visited_any for node in group))
        )

    def within(self, context: Mapping[str, str]) -> EdgeReference:
        """Return this reference with further context values fixed."""
        return replace(self, context={**self.context, **context})

    def __str__(self) -> str:
        edge = self.edge or "from({}).to({})".format(*(self.between or ("", "")))
        conditions = [("visited", self.visited)]
        conditions += [("visitedAny", group) for group in self.visited_any]
        conditions += [("exclude", self.exclude)]
        nodes = "".join(f".{verb}({','.join(names)})" for verb, names in conditions if names)
        pairs = ",".join(f"{key}={print_value(self.context[key])}" for key in sorted(self.context))
        context = f".context({pairs})" if pairs else ""
        return f"e.{edge}{nodes}{context}.{self.family}.{self.leaf}"


def parse_reference(text: str) -> EdgeReference:
    """Return the reference that `text` writes; the order of its conditions does not matter.

    Without a figure it asks for ``p.mean``, or for the median of a latency.

    Raises
    ------
    ConfigError
        When the text is no reference, fixes one context key twice, or states what no attempt can meet.
    UnknownName
        When it asks for a figure that does not exist; the nearest ones are listed.

    Examples
    --------
    >>> print(parse_reference("e.signup.context(device='mobile',channel='google').p.mean"))
    e.signup.context(channel='google',device='mobile').p.mean
    """
    edge = _EDGE.match(text)
    if edge is None:
        raise _malformed(text, 0)
    nodes: dict[str, list[tuple[str, ...]]] = {"visited": [], "visitedAny": [], "exclude": []}
    context: dict[str, str] = {}
    position = edge.end()
    while condition := _CONDITION.match(text, position):
        position = condition.end()
        if condition["verb"]:
            nodes[condition["verb"]].append(tuple(map(str.strip, condition["nodes"].split(","))))
        else:
            _fix(context, condition["pairs"], text)
    leaf = _LEAF.fullmatch(text, position)
    if leaf is None and position != len(text):
        raise _malformed(text, position)
    family = leaf["family"] if leaf else "p"
    return EdgeReference(
        edge=edge["edge"] or "",
        between=(edge["source"], edge["target"]) if edge["source"] else None,
        visited=tuple(node for group in nodes["visited"] for node in group),
        visited_any=tuple(nodes["visitedAny"]),
        exclude=tuple(node for group in nodes["exclude"] for node in group),
        context=context,
        family=family,
        leaf=(leaf["leaf"] if leaf else None) or ("mean" if family == "p" else "median"),
    )


def _sorted(names: Iterable[str]) -> tuple[str, ...]:
    return tuple(sorted(set(names)))


def _fix(context: dict[str, str], pairs: str, text: str) -> None:
    for key, value in _PAIRS.findall(pairs):
        if key in context:
            raise ConfigError(f"the context {key} is fixed twice", value=text, remedy="keep one of the two")
        context[key] = value.replace("''", "'")


def _malformed(text: str, position: int) -> ConfigError:
    """Return what is wrong with a text that could be read up to `position`."""
    remedy = _REMEDY
    word = _WORD.match(text, position)
    close = nearest(word[1], (*_VERBS, *_LEAVES), count=1) if position and word else ()
    if close and word is not None and close[0] != word[1]:
        remedy = f"did you mean .{close[0]} in place of .{word[1]}?"
    elif position:
        rest = text[position : position + 30]
        remedy = f"it cannot be read from {rest!r} on; {_REMEDY}"
    return ConfigError("not a reference to an edge", value=text, remedy=remedy)
