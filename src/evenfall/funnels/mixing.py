"""Slices are computed on their own and then mixed by their share of the entries."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from evenfall.errors import UsageError

__all__ = ["Mix", "assumed_mix", "check_slices", "given_mix", "measured_mix", "mix_slices", "slice_label"]

type Source = Literal["assumed", "given", "measured"]

_PRIOR_ENTRY: Final = 1.0
"""What the Dirichlet law of the shares holds of each slice before any entry: every mix equally probable."""


@dataclass(frozen=True, slots=True)
class Mix:
    """How entries divide over slices.

    Attributes
    ----------
    slices
        Labels, as `slice_label` writes them.
    amounts
        Entries per slice when measured, otherwise the share of each.
    source
        Whether the shares were measured, given by the user, or assumed to be equal.
    """

    slices: tuple[str, ...]
    amounts: tuple[float, ...]
    source: Source

    @property
    def shares(self) -> tuple[float, ...]:
        """The expected share of each slice; they add up to 1."""
        amounts = [a + (_PRIOR_ENTRY if self.source == "measured" else 0.0) for a in self.amounts]
        return tuple(amount / math.fsum(amounts) for amount in amounts)

    def draw(self, count: int, rng: np.random.Generator) -> NDArray[np.float64]:
        """Return `count` mixes, shape (draw, slice): uncertain when measured, else always the same."""
        if self.source != "measured":
            return np.tile(self.shares, (count, 1))
        gammas = rng.standard_gamma(np.array(self.amounts) + _PRIOR_ENTRY, (count, len(self.slices)))
        return np.asarray(gammas / gammas.sum(axis=1, keepdims=True))


def slice_label(context: Mapping[str, str]) -> str:
    """Return how a slice is written, such as ``channel=google,device=mobile``; empty for everybody."""
    return ",".join(f"{key}={context[key]}" for key in sorted(context))


def measured_mix(entries: Mapping[str, float]) -> Mix:
    """Return the mix that `entries` per slice tell of: shares ~ Dirichlet(entries + 1)."""
    return _mix(entries, "measured")


def given_mix(shares: Mapping[str, float]) -> Mix:
    """Return the mix a user wants; 20 and 80 say the same as .2 and .8."""
    mix = _mix(shares, "given")
    if not any(mix.amounts):
        raise UsageError("a mix without any share", remedy="give at least one slice a share above 0")
    return mix


def assumed_mix(slices: Sequence[str]) -> Mix:
    """Return equal shares, which is a guess and says so."""
    return _mix(dict.fromkeys(slices, 1.0), "assumed")


def _mix(amounts: Mapping[str, float], source: Source) -> Mix:
    if not amounts:
        raise UsageError("a mix without slices", remedy="name at least one slice")
    for label, amount in amounts.items():
        if not (math.isfinite(amount) and amount >= 0):
            raise UsageError(f"the share of {label or 'all'} is {amount}", remedy="a share is at least 0")
    return Mix(tuple(amounts), tuple(float(amount) for amount in amounts.values()), source)


def check_slices(contexts: Sequence[Mapping[str, str]], mece: Collection[str] | None = None) -> None:
    """Raise `UsageError` unless the slices are parts of one whole that can be added.

    They are when all of them fix the same keys, each with its own values: one dimension, or the joint slices
    of several. `mece` names the dimensions whose values exclude each other (all, when None).
    """
    if len(contexts) < 2:
        return
    keys = {tuple(sorted(context)) for context in contexts}
    if len(keys) > 1:
        named = " and ".join(sorted("×".join(key) or "everybody" for key in keys))
        raise UsageError(
            f"{named} each add up to the whole, so their slices cannot be mixed",
            remedy="select values of one dimension, or the joint slices of all of them",
        )
    labels = [slice_label(context) for context in contexts]
    twins = sorted({label for label in labels if labels.count(label) > 1})
    if twins:
        raise UsageError(f"the slice {twins[0]} stands twice", remedy="name every slice once")
    overlapping = [key for key in keys.pop() if mece is not None and key not in mece]
    if overlapping:
        raise UsageError(
            f"the values of {', '.join(overlapping)} can overlap (mece: false), so they do not add up",
            remedy="compare such slices instead of mixing them",
        )


def mix_slices(values: NDArray[np.float64], weights: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the whole's draws, shape (draw, ...), from those of slices, shape (slice, draw, ...).

    What is mixed are results of whole paths. An average of edges would send the visitors of one slice down
    the edges of another.

    Parameters
    ----------
    weights : ndarray, shape (draw, slice)
        Shares of the entries.
    """
    return np.asarray(np.einsum("sd...,ds->d...", values, weights))
