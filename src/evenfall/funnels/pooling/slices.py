"""Attempts and successes by slice, and the effects that slices share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from evenfall.beliefs.cube import Cube
from evenfall.errors import UnknownName

__all__ = ["ABSENT", "Effect", "Slices", "cube_slices", "from_specification", "with_interactions"]

ABSENT: Final = -1
"""Code of a slice that an effect does not touch."""

type Kind = Literal["context", "visited", "interaction"]


@dataclass(frozen=True, slots=True)
class Effect:
    """Something that moves the log odds of the slices that share a value of it.

    Attributes
    ----------
    name
        A context key, ``visited(node)``, or both names of an interaction joined by ``:``.
    values
        Its levels. A visited effect has the one level ``yes``; slices without the visit are `ABSENT`.
    kind
        context, visited or interaction.
    group
        Effects of one group have one spread; visited effects share theirs.
    """

    name: str
    values: tuple[str, ...]
    kind: Kind = "context"
    group: str = ""

    @property
    def spread(self) -> str:
        """Name of the group whose standard deviation it has."""
        return self.group or ("visited" if self.kind == "visited" else self.name)


@dataclass(frozen=True, eq=False)
class Slices:
    """Counts by slice and day.

    Attributes
    ----------
    names
        One per slice.
    effects
        One per column of `codes`.
    codes : ndarray of int, shape (slice, effect)
        Position of the slice's value in the effect's `values`, or `ABSENT`.
    trials, successes : ndarray of int, shape (slice, day)
        A single day where the days are not told apart.
    """

    names: tuple[str, ...]
    effects: tuple[Effect, ...]
    codes: NDArray[np.int64]
    trials: NDArray[np.int64]
    successes: NDArray[np.int64]

    def __post_init__(self) -> None:
        if self.codes.shape != (len(self.names), len(self.effects)):
            raise ValueError("codes must have one row per slice and one column per effect")
        if self.trials.ndim != 2 or self.trials.shape != self.successes.shape:
            raise ValueError("trials and successes must have the shape (slice, day)")
        if len(self.trials) != len(self.names):
            raise ValueError("trials must have one row per slice")
        if np.any(self.successes < 0) or np.any(self.successes > self.trials):
            raise ValueError("successes must lie in 0..trials")
        ends = [len(effect.values) for effect in self.effects]
        if np.any(self.codes < ABSENT) or np.any(self.codes >= np.array(ends, dtype=np.int64)):
            raise ValueError("a code names no value of its effect")

    def __len__(self) -> int:
        return len(self.names)

    @property
    def spreads(self) -> tuple[str, ...]:
        """Names of the groups of effects, in the order of their first effect."""
        return tuple(dict.fromkeys(effect.spread for effect in self.effects))

    @property
    def totals(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Trials and successes of each slice over all days, each of shape (slice,)."""
        return self.trials.sum(axis=1), self.successes.sum(axis=1)

    def select(self, rows: NDArray[np.intp]) -> Slices:
        """Return some of the slices; effects keep all their values."""
        names = tuple(self.names[i] for i in rows)
        return Slices(names, self.effects, self.codes[rows], self.trials[rows], self.successes[rows])

    def data(self) -> dict[str, NDArray[np.generic]]:
        """Return the arrays of a model specification."""
        return {"codes": self.codes, "trials": self.trials, "successes": self.successes}

    def options(self) -> dict[str, object]:
        """Return the names of a model specification, JSON-ready."""
        effects = [
            {"name": e.name, "values": list(e.values), "kind": e.kind, "group": e.group} for e in self.effects
        ]
        return {"names": list(self.names), "effects": effects}


def from_specification(data: Mapping[str, NDArray[np.generic]], options: Mapping[str, object]) -> Slices:
    """Return the slices that `Slices.data` and `Slices.options` describe."""
    described: Sequence[Mapping[str, object]] = options["effects"]  # type: ignore[assignment]
    effects = tuple(
        Effect(str(e["name"]), tuple(e["values"]), e["kind"], str(e["group"]))  # type: ignore[arg-type]
        for e in described
    )
    codes, trials, successes = (
        np.asarray(data[key], dtype=np.int64) for key in ("codes", "trials", "successes")
    )
    names: Sequence[str] = options["names"]  # type: ignore[assignment]
    return Slices(tuple(names), effects, codes, trials, successes)


def with_interactions(slices: Slices, pairs: Sequence[tuple[str, str]]) -> Slices:
    """Return the slices with an effect of its own for each pair of values that occurs together.

    Raises
    ------
    UnknownName
        When a pair names no effect.
    """
    position = {effect.name: i for i, effect in enumerate(slices.effects)}
    effects, columns = list(slices.effects), [slices.codes]
    for pair in pairs:
        for name in pair:
            if name not in position:
                raise UnknownName("effect", name, position)
        first, second = (position[name] for name in pair)
        codes = slices.codes[:, [first, second]]
        present = np.all(codes != ABSENT, axis=1)
        both, inverse = np.unique(codes[present], axis=0, return_inverse=True)
        column = np.full(len(slices), ABSENT, dtype=np.int64)
        column[present] = inverse.reshape(-1)
        a, b = slices.effects[first].values, slices.effects[second].values
        effects.append(Effect(":".join(pair), tuple(f"{a[i]}:{b[j]}" for i, j in both), "interaction"))
        columns.append(column[:, None])
    return Slices(
        slices.names, tuple(effects), np.concatenate(columns, axis=1), slices.trials, slices.successes
    )


def cube_slices(cube: Cube, contexts: Sequence[str], visited: Sequence[str] = ()) -> Slices:
    """Return the slices of a cube by context values and visited nodes, day by day.

    Raises
    ------
    UnknownName
        When the cube does not hold a context key or a node.
    """
    for key in contexts:
        if key not in cube.contexts:
            raise UnknownName("context of the cube", key, cube.contexts)
    columns, effects = [], []
    for key in contexts:
        column = cube.contexts.index(key)
        values = cube.values[column]
        order = [i for i, value in enumerate(values) if value is not None]
        code = np.full(len(values), ABSENT, dtype=np.int64)
        code[order] = np.arange(len(order))
        columns.append(code[cube.codes[:, column]])
        effects.append(Effect(key, tuple(str(values[i]) for i in order)))
    for node in visited:
        columns.append(np.where(cube.mask & cube.bits([node]), 0, ABSENT))
        effects.append(Effect(f"visited({node})", ("yes",), "visited"))
    by_row = np.stack(columns, axis=1) if columns else np.zeros((len(cube), 0), dtype=np.int64)
    codes, slice_of = np.unique(by_row, axis=0, return_inverse=True)
    place = (cube.day - np.datetime64(cube.span.first)).astype(np.int64)
    cell, days = slice_of.reshape(-1) * len(cube.span) + place, len(cube.span)
    trials, successes = (
        np.bincount(cell, counts, len(codes) * days).astype(np.int64).reshape(len(codes), days)
        for counts in (cube.trials, cube.successes)
    )
    return Slices(tuple(_name(effects, row) for row in codes), tuple(effects), codes, trials, successes)


def _name(effects: Sequence[Effect], codes: NDArray[np.int64]) -> str:
    """Return such as ``channel=google, visited(blog)``; ``all`` for the slice that nothing touches."""
    parts = [
        effect.name if effect.kind == "visited" else f"{effect.name}={effect.values[code]}"
        for effect, code in zip(effects, codes, strict=True)
        if code != ABSENT
    ]
    return ", ".join(parts) or "all"
