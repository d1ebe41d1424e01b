"""A mean and a standard deviation as DagNet states them, and which belief they are."""

from __future__ import annotations

import math
from dataclasses import dataclass

from evenfall.beliefs.belief import Origin
from evenfall.beliefs.declared import belief_from_numbers
from evenfall.errors import EvenfallError
from evenfall.registry.dagnet.account import Account, Target
from evenfall.registry.tree import Path

__all__ = ["StatedRate", "read_rate"]


@dataclass(frozen=True, slots=True)
class StatedRate:
    """The numbers below one place of a file.

    Attributes
    ----------
    path
        The mapping that holds them.
    n, n_path
        Trials the mean was counted from, and where that is said.
    """

    account: Account
    path: Path
    mean: float | None = None
    stdev: float | None = None
    n: float | None = None
    n_path: Path = ()

    @property
    def fault(self) -> str:
        """Why no belief has these numbers; empty when one has, or when there is no stdev."""
        if self.mean is None or not self.stdev:
            return ""
        try:
            belief_from_numbers("beta", {"mean": self.mean, "stdev": self.stdev}, Origin("manual", ""))
        except EvenfallError as error:
            return f"infeasible: {error}"
        return ""

    def fixed(self, target: Target) -> dict[str, float]:
        """Return what a graph writes at `target`, and account for it; nothing for an infeasible pair."""
        if self.mean is None:
            return {}
        if self.fault:
            self.refuse(self.fault)
            return {}
        self._move("mean", target, self.mean)
        if not self.stdev:
            self.account.drop((*self.path, "stdev"), "a mean without a stdev is certain already")
            return {"mean": self.mean}
        self._move("stdev", target, self.stdev)
        return {"mean": self.mean, "stdev": self.stdev}

    def strength(self, assumed: float | None) -> float | None:
        """Return the trials a mean without a stdev counts for: those it was counted from, else `assumed`."""
        return self.n if self.n else assumed

    def why_not_learnable(self, assumed: float | None) -> str:
        """Return why this cannot be the prior of a parameter; empty when it can."""
        if self.mean is None:
            return "no mean"
        if self.fault:
            return self.fault
        if not 0 < self.mean < 1:
            return "a rate of 0 or 1 is certain: no data could ever change it, so it is no prior"
        if not self.stdev and self.strength(assumed) is None:
            return "a mean without a stdev says not how sure it is; add one, or import with --strength TRIALS"
        return ""

    def prior(self, target: Target, assumed: float | None) -> dict[str, float]:
        """Return a parameter's ``value``, written at `target`, and account for it.

        Without a stdev it is that of a beta distribution worth n trials: sqrt(mean (1 − mean) / (n + 1)).
        """
        mean = self.mean or 0.0
        stdev = self.stdev or math.sqrt(mean * (1 - mean) / ((self.strength(assumed) or 1.0) + 1))
        self._move("mean", target, mean)
        if self.stdev:
            self._move("stdev", target, self.stdev)
        elif self.n:
            at = Target(target.file, (*target.path, "stdev"))
            self.account.move(self.n_path, at, stdev, "as sure as that many trials make one")
        return {"mean": mean, "stdev": stdev}

    def agree(self, value: dict[str, float], target: Target) -> None:
        """Account for numbers that the ones at `target` stand in for: kept when they are the same."""
        for key in ("mean", "stdev"):
            said = self.account.at((*self.path, key))
            if isinstance(said, int | float) and said == value.get(key):
                self._move(key, target, said)
            else:
                self.account.drop((*self.path, key), f"the parameter's own number counts, at {target}")

    def refuse(self, why: str) -> None:
        """Say that the mean and the stdev have no place."""
        for key in ("mean", "stdev"):
            self.account.drop((*self.path, key), why)

    def _move(self, key: str, target: Target, value: float) -> None:
        self.account.move((*self.path, key), Target(target.file, (*target.path, key)), value)


def read_rate(account: Account, path: Path) -> StatedRate:
    """Return the rate stated below `path`; numbers that are no rate are accounted for as dropped."""
    mean = account.number((*path, "mean"), 0.0, 1.0)
    stdev = account.number((*path, "stdev"), 0.0, 1.0)
    for at in ((*path, "n"), (*path, "evidence", "n")):
        said = account.at(at)
        if isinstance(said, int) and not isinstance(said, bool) and said > 0:
            return StatedRate(account, path, mean, stdev, float(said), at)
    return StatedRate(account, path, mean, stdev)
