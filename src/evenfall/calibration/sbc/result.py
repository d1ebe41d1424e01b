"""What simulations left behind: ranks, and what became of each fit."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

__all__ = ["LOG_LIKELIHOOD", "Outcome", "SbcResult"]

LOG_LIKELIHOOD: Final = "log_likelihood"
"""Name under which the log likelihood of all data is ranked beside the model's quantities."""


_FIGURES: Final = re.compile(r"[\d.]*\d|nan|inf")


@dataclass(frozen=True, slots=True)
class Outcome:
    """One simulation.

    Attributes
    ----------
    rung
        How it was fitted.
    ranks
        By quantity; empty when it failed.
    positions
        Share of the posterior below the truth, by quantity.
    reason
        Why it failed; empty when it did not.
    effective
        Independent draws that the fit's draws were worth.
    gradients
        What the fit cost.
    """

    rung: str
    ranks: Mapping[str, int]
    positions: Mapping[str, float]
    reason: str = ""
    effective: float = 0.0
    gradients: int = 0


@dataclass(frozen=True, eq=False)
class SbcResult:
    """All simulations so far, in order.

    Attributes
    ----------
    name
        Of the model.
    identity
        Hash of all that the outcomes are a function of but their number; simulations of one identity add up.
    seed
        The first simulations of a seed are the same however many follow.
    draws
        L: ranks lie in 0..L.
    outcomes
        One per simulation.
    """

    name: str
    identity: str
    seed: int
    draws: int
    outcomes: tuple[Outcome, ...] = ()

    def __len__(self) -> int:
        return len(self.outcomes)

    @property
    def names(self) -> tuple[str, ...]:
        """Quantities that were ranked, the log likelihood last."""
        return next((tuple(one.ranks) for one in self.outcomes if one.ranks), ())

    @property
    def failed(self) -> int:
        """Simulations without ranks."""
        return sum(bool(one.reason) for one in self.outcomes)

    @property
    def reasons(self) -> dict[str, int]:
        """Why simulations failed, the most frequent first; one for all that differ in figures alone."""
        found = [one.reason for one in self.outcomes if one.reason]
        kinds = [_FIGURES.sub("#", reason) for reason in found]
        return {found[kinds.index(kind)]: count for kind, count in Counter(kinds).most_common()}

    @property
    def rungs(self) -> dict[str, float]:
        """Share of the simulations that each rung fitted."""
        counts = Counter(one.rung for one in self.outcomes)
        return {rung: count / len(self) for rung, count in sorted(counts.items())}

    def ranks(self, name: str) -> NDArray[np.int64]:
        """Return the ranks of a quantity, shape (simulation that did not fail,)."""
        return np.array([one.ranks[name] for one in self.outcomes if not one.reason], dtype=np.int64)

    def positions(self, name: str) -> NDArray[np.float64]:
        """Return the share of each posterior that lies below the truth, in the same order."""
        return np.array([one.positions[name] for one in self.outcomes if not one.reason])

    def first(self, simulations: int) -> SbcResult:
        """Return the result as it was after so many simulations."""
        return replace(self, outcomes=self.outcomes[:simulations])

    def extended(self, outcomes: Sequence[Outcome]) -> SbcResult:
        """Return the result with further simulations."""
        return replace(self, outcomes=(*self.outcomes, *outcomes))

    def data(self) -> dict[str, Any]:
        """Return it JSON-ready, to be resumed another day."""
        outcomes = [
            {
                "rung": one.rung,
                "ranks": dict(one.ranks),
                "positions": dict(one.positions),
                "reason": one.reason,
                "effective": one.effective,
                "gradients": one.gradients,
            }
            for one in self.outcomes
        ]
        return {
            "name": self.name,
            "identity": self.identity,
            "seed": self.seed,
            "draws": self.draws,
            "outcomes": outcomes,
        }

    @classmethod
    def of(cls, data: Mapping[str, Any]) -> SbcResult:
        """Return the result that `data` describes."""
        outcomes = tuple(Outcome(**one) for one in data["outcomes"])
        return cls(data["name"], data["identity"], int(data["seed"]), int(data["draws"]), outcomes)
