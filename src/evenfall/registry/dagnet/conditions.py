"""Conditions and queries as DagNet writes them: ``from(a).to(b).visited(c).context(device:mobile)``."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

__all__ = ["Condition", "read_condition"]

_CALL: Final = re.compile(r"\s*([A-Za-z_]+)\s*\(([^()]*)\)\s*(\.|$)")
_TIMES: Final = ("window", "cohort", "asat", "at")
"""Calls that say of which days the numbers are, not of whom."""

type Pairs = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Condition:
    """Of whom a number is.

    Attributes
    ----------
    start, end
        The two nodes of the step, when it is named.
    visited_any
        Groups of nodes; one of each must have been visited.
    contexts, cases
        Pairs of a context (or an experiment) and its value.
    unreadable
        Parts that say something Evenfall has no condition for.
    """

    start: str = ""
    end: str = ""
    visited: tuple[str, ...] = ()
    visited_any: tuple[tuple[str, ...], ...] = ()
    exclude: tuple[str, ...] = ()
    contexts: Pairs = ()
    cases: Pairs = ()
    unreadable: tuple[str, ...] = ()

    @property
    def is_everyone(self) -> bool:
        """Whether it holds for every attempt."""
        return not (
            self.visited or self.visited_any or self.exclude or self.contexts or self.cases or self.unreadable
        )

    def joined(self, other: Condition) -> Condition:
        """Return both conditions together; the step is the first one's, when it names one."""
        return Condition(
            self.start or other.start,
            self.end or other.end,
            _both(self.visited, other.visited),
            _both(self.visited_any, other.visited_any),
            _both(self.exclude, other.exclude),
            _both(self.contexts, other.contexts),
            _both(self.cases, other.cases),
            _both(self.unreadable, other.unreadable),
        )


def _both[T](first: tuple[T, ...], second: tuple[T, ...]) -> tuple[T, ...]:
    return tuple(dict.fromkeys((*first, *second)))


def read_condition(said: object) -> Condition:
    """Return what a text of calls, or a mapping of the older form, says.

    Examples
    --------
    >>> read_condition("visited(a, b).case(test:red)").visited
    ('a', 'b')
    >>> read_condition({"visited": ("a",)}).visited
    ('a',)
    >>> read_condition("a or b").unreadable
    ('a or b',)
    """
    if isinstance(said, dict):
        calls = [(str(key), tuple(_arguments(value))) for key, value in said.items()]
    elif isinstance(said, str):
        calls = list(_calls(said))
    else:
        calls = [] if said is None else [("", (str(said),))]
    return _condition(calls)


def _calls(text: str) -> Iterator[tuple[str, tuple[str, ...]]]:
    position = 0
    while position < len(text):
        call = _CALL.match(text, position)
        if call is None:
            yield "", (text[position:].strip(),)
            return
        arguments = (part.strip() for part in call[2].split(","))
        yield call[1], tuple(part for part in arguments if part)
        position = call.end()


def _arguments(value: object) -> Iterator[str]:
    if isinstance(value, dict):
        yield from (f"{key}:{one}" for key, one in value.items())
    elif isinstance(value, tuple):
        yield from map(str, value)
    elif value is not None:
        yield str(value)


def _condition(calls: list[tuple[str, tuple[str, ...]]]) -> Condition:
    found = Condition()
    for verb, arguments in calls:
        found = found.joined(_one(verb, arguments, found))
    return found


def _one(verb: str, arguments: tuple[str, ...], so_far: Condition) -> Condition:
    """Return what one call says; what cannot be read is kept as it was written."""
    written = f"{verb}({','.join(arguments)})" if verb else ",".join(arguments)
    pairs = tuple(_pair(argument) for argument in arguments)
    match verb:
        case "from" if len(arguments) == 1 and not so_far.start:
            return Condition(start=arguments[0])
        case "to" if len(arguments) == 1 and not so_far.end:
            return Condition(end=arguments[0])
        case "visited":
            return Condition(visited=arguments)
        case "visitedAny" if arguments:
            return Condition(visited_any=(arguments,))
        case "exclude":
            return Condition(exclude=arguments)
        case "context" if all(key and value for key, value in pairs):
            return Condition(contexts=pairs)
        case "case" if all(key and value for key, value in pairs):
            return Condition(cases=pairs)
    return Condition() if verb in _TIMES else Condition(unreadable=(written,))


def _pair(argument: str) -> tuple[str, str]:
    key, _, value = argument.partition(":")
    return key.strip(), value.strip()
