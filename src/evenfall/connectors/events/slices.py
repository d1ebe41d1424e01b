"""Attempts told apart by context values and visited nodes, under names that can be read back."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from evenfall.beliefs.cube import Cube

__all__ = ["Slice", "Slicing", "parse_slice", "sliced"]

_ESCAPES: Final = (("%", "%25"), (",", "%2C"), ("=", "%3D"), ("+", "%2B"))


@dataclass(frozen=True, slots=True)
class Slicing:
    """By what the attempts of a parameter are told apart.

    Attributes
    ----------
    effects
        Context keys, sorted.
    visited
        Nodes of which it matters whether they were visited before the attempt, sorted.
    listed
        Per context key the values that are told apart; every other value is one more slice. A key that is
        not here tells all its values apart.
    rest
        Per context key what that one more slice is called.
    """

    effects: tuple[str, ...] = ()
    visited: tuple[str, ...] = ()
    listed: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    rest: Mapping[str, str] = field(default_factory=dict)

    def value(self, key: str, found: str | None) -> str:
        """Return the value under which a slice counts an attempt; empty for none of those told apart."""
        if key in self.listed and found not in self.listed[key]:
            return self.rest.get(key, "")
        return found or ""

    @property
    def identity(self) -> list[object]:
        """What decides the slices and their names."""
        named = {key: [sorted(values), self.rest.get(key, "")] for key, values in self.listed.items()}
        return [list(self.effects), list(self.visited), named]


@dataclass(frozen=True, slots=True)
class Slice:
    """The attempts with these context values, before which exactly these nodes were visited.

    Attributes
    ----------
    context
        Value of each context key; empty for an attempt without a value, or with one that is not told apart.
    visited
        Of the nodes that are told apart; None when there are none.
    """

    context: Mapping[str, str] = field(default_factory=dict)
    visited: frozenset[str] | None = None

    def __str__(self) -> str:
        pairs = [f"{key}={_escaped(self.context[key])}" for key in sorted(self.context)]
        if self.visited is not None:
            pairs.append(f"visited={'+'.join(sorted(self.visited))}")
        return ",".join(pairs)


def parse_slice(name: str, *, visits: bool) -> Slice:
    """Return the slice that a canonical name such as ``channel=google,visited=reviews`` prints.

    Parameters
    ----------
    visits
        Whether the slicing tells nodes apart: its names then end in those visited.
    """
    pairs = [pair.partition("=")[::2] for pair in name.split(",")] if name else []
    visited = frozenset(filter(None, pairs.pop()[1].split("+"))) if visits else None
    return Slice({key: _plain(value) for key, value in pairs}, visited)


def sliced(cube: Cube, slicing: Slicing) -> Iterator[tuple[Slice, Cube]]:
    """Yield each slice that occurs in a cube with the rows of the cube it is about, in the order of names."""
    columns: list[NDArray[np.int64]] = []
    values: list[tuple[str, ...]] = []
    for key in slicing.effects:
        place = cube.contexts.index(key)
        merged = [slicing.value(key, value) for value in cube.values[place]]
        distinct = tuple(dict.fromkeys(merged))
        columns.append(np.array([distinct.index(value) for value in merged])[cube.codes[:, place]])
        values.append(distinct)
    for node in slicing.visited:
        columns.append(((cube.mask & cube.bits([node])) != 0).astype(np.int64))
    table = np.column_stack(columns) if columns else np.zeros((len(cube), 0), np.int64)
    groups, group_of = np.unique(table, axis=0, return_inverse=True)
    order = np.argsort(group_of.reshape(-1), kind="stable")
    ends = np.cumsum(np.bincount(group_of.reshape(-1), minlength=len(groups)))
    found = []
    for group, rows in zip(groups, np.split(order, ends[:-1]), strict=True):
        context = {key: values[i][group[i]] for i, key in enumerate(slicing.effects)}
        flags = group[len(slicing.effects) :]
        nodes = frozenset(node for node, flag in zip(slicing.visited, flags, strict=True) if flag)
        found.append((Slice(context, nodes if slicing.visited else None), _of_rows(cube, rows)))
    return iter(sorted(found, key=lambda each: str(each[0])))


def _of_rows(cube: Cube, rows: NDArray[np.int64]) -> Cube:
    return replace(
        cube,
        day=cube.day[rows],
        mask=cube.mask[rows],
        codes=cube.codes[rows],
        age_days=cube.age_days[rows],
        trials=cube.trials[rows],
        successes=cube.successes[rows],
    )


def _escaped(value: str) -> str:
    for plain, escape in _ESCAPES:
        value = value.replace(plain, escape)
    return value


def _plain(value: str) -> str:
    for plain, escape in reversed(_ESCAPES):
        value = value.replace(escape, plain)
    return value
