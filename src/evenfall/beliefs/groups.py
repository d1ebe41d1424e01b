"""Beliefs of many parameters, family by family, as arrays."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from evenfall.beliefs.belief import Belief
from evenfall.beliefs.families import FAMILIES, Family
from evenfall.beliefs.numerics.arrays import Floats

__all__ = ["by_family", "family_of"]


def family_of(belief: Belief) -> Family:
    """Return the family object that a belief names."""
    family: Family = FAMILIES.resolve(belief.family)
    return family


def by_family(beliefs: Sequence[Belief]) -> Iterator[tuple[Family, NDArray[np.intp], Floats]]:
    """Return each family present, the positions of its beliefs, and their theta, shape (belief, key)."""
    positions: dict[str, list[int]] = {}
    for i, belief in enumerate(beliefs):
        positions.setdefault(belief.family, []).append(i)
    for members in positions.values():
        theta = np.array([beliefs[i].theta for i in members], dtype=np.float64)
        yield family_of(beliefs[members[0]]), np.array(members, dtype=np.intp), theta
