"""What if this rate were another: an edge is set to a value, whatever was believed of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy import special

from evenfall.beliefs.constructors import Beta
from evenfall.beliefs.cube import Visited
from evenfall.errors import InfeasibleBelief, UsageError
from evenfall.funnels.draws import stream
from evenfall.funnels.masks import Expansion, holds
from evenfall.funnels.mixing import slice_label

__all__ = ["INTERVENING", "SELECTING", "Override", "set_rows"]

INTERVENING: Final = (
    "An override sets a rate and leaves all others as they are: it says what happens if you change this "
    "step, not what holds for the users who happen to have this rate."
)
SELECTING: Final = (
    "Selecting users is not intervening: those who visited a page convert differently, but sending others "
    "there need not change what these others do."
)


@dataclass(frozen=True, slots=True)
class Override:
    """A rate that is set.

    Attributes
    ----------
    edge
        The edge's slug.
    mean
        The value it is set to.
    stdev
        How uncertain that value is; a beta law of this mean and stdev. Exactly the value when 0.
    context
        Only in slices that lie within this context; in all when empty.
    visited
        Only after these visits; always when None.
    """

    edge: str
    mean: float
    stdev: float = 0.0
    context: Mapping[str, str] = field(default_factory=dict)
    visited: Visited | None = None

    def __post_init__(self) -> None:
        if not 0.0 <= self.mean <= 1.0:
            raise UsageError(
                f"{self.edge} cannot be set to {self.mean}", remedy="a rate lies between 0 and 1"
            )
        if not 0.0 <= self.stdev <= 0.5:
            raise UsageError(
                f"{self.edge} cannot be set with a stdev of {self.stdev}",
                remedy="the stdev of a rate is at least 0 and below sqrt(mean (1 − mean))",
            )
        if self.stdev:
            self._law()

    def __str__(self) -> str:
        value = f"{self.mean:g} ± {self.stdev:g}" if self.stdev else f"{self.mean:g}"
        where = slice_label(self.context)
        if self.visited is not None:
            groups = [sorted(self.visited.all), *(sorted(group) for group in self.visited.any)]
            verbs = ["visited", *("visitedAny" for _ in self.visited.any), "exclude"]
            groups.append(sorted(self.visited.none))
            named = [f"{verb}({','.join(g)})" for verb, g in zip(verbs, groups, strict=True) if g]
            where = " ".join(filter(None, [where, *named]))
        return f"{self.edge} := {value}" + (f" where {where}" if where else "")

    def draw(self, ranks: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the value at each of the `ranks` (probabilities), shape (draw,)."""
        if not self.stdev:
            return np.full(len(ranks), self.mean)
        return np.asarray(special.betaincinv(*self._law(), ranks), dtype=np.float64)

    def within(self, context: Mapping[str, str]) -> bool:
        """Return whether the slice lies within the override's context.

        Raises
        ------
        UsageError
            When the slice is not split by a key of the override.
        """
        unsplit = sorted(set(self.context) - set(context))
        if unsplit:
            raise UsageError(
                f"{self.edge} is set for one {unsplit[0]}, but the slices are not split by {unsplit[0]}",
                remedy=f"select the values of {unsplit[0]} as slices",
            )
        return all(context[key] == value for key, value in self.context.items())

    def _law(self) -> tuple[float, float]:
        try:
            alpha, beta = Beta(mean=self.mean, stdev=self.stdev).theta
        except InfeasibleBelief as refusal:
            raise UsageError(f"{self.edge} cannot be set so: {refusal}") from refusal
        return alpha, beta


def set_rows(
    believed: Sequence[NDArray[np.float64]],
    expansion: Expansion,
    context: Mapping[str, str],
    overrides: Sequence[Override],
    seed: int,
) -> tuple[list[NDArray[np.float64]], list[int]]:
    """Return the rates with the overrides of one slice set, and which override set which; later ones win.

    An uncertain value keeps the ranks of the draws it replaces, so that before and after are compared in the
    same state of the world.

    Parameters
    ----------
    believed : rows of shape (draw,), one per state edge
        What is believed.
    seed
        For the ranks of uncertain values that replace certain ones.

    Returns
    -------
    rates : rows of shape (draw,), one per state edge
    setter : one per state edge
        Position of the override, −1 where the belief stands.
    """
    rates, setter = list(believed), [-1] * len(believed)
    for number, override in enumerate(overrides):
        edge = expansion.base.edge(override.edge)
        if not override.within(context):
            continue
        for row in _rows(expansion, edge, override):
            ranks = _ranks(believed[row], override.edge, seed) if override.stdev else believed[row]
            rates[row] = override.draw(ranks)  # a certain value is the same at every rank
            setter[row] = number
    return rates, setter


def _rows(expansion: Expansion, edge: int, override: Override) -> list[int]:
    """Return the state edges that an override sets."""
    origins = expansion.network.origins
    return [
        int(row)
        for row in np.flatnonzero(expansion.edge == edge)
        if holds(override.visited, expansion.visited[int(origins[row])])
    ]


def _ranks(draws: NDArray[np.float64], edge: str, seed: int) -> NDArray[np.float64]:
    """Return the rank of each draw in 0..1; of draws that are all the same, random ones."""
    if draws.max() == draws.min():
        return stream(seed, f"override {edge}").random(len(draws))
    return np.asarray((draws.argsort().argsort() + 0.5) / len(draws))
