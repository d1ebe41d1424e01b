"""From unconstrained coordinates to a rate, a lag and two concentrations, and back through the slopes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from scipy import special

from evenfall.beliefs.numerics.arrays import Booleans, Floats
from evenfall.funnels.delays.families import LagShape

__all__ = ["Coordinates", "DelayPoint"]

_BOUNDS: Final = {
    "rate": 500.0,
    "log_t50": 20.0,
    "log_log_ratio": 6.0,
    "onset_logit": 30.0,
    "q": 8.0,
    "log_rho": 40.0,
    "log_rho_spread": 40.0,
}
"""Coordinates may be this far from 0: medians of e^±20 days, t95/t50 below e^403, concentrations of e^±40."""


@dataclass(frozen=True, slots=True, eq=False)
class DelayPoint:
    """Coordinates of many points, as the likelihood wants them; every field has shape (point,).

    Attributes
    ----------
    rate
        z = log(q / (1 − p)), with q the rate within the horizon and p = q / F(H) the eventual one.
    kappa, spread
        None when infinite.
    inside
        Whether the point lies where a lag can be computed; beyond, the prior is zero.
    """

    rate: Floats
    shape: LagShape
    kappa: Floats | None
    spread: Floats | None
    inside: Booleans

    def eventual(self, horizon_mass: Floats) -> Floats:
        """Return p, below 1 everywhere: its odds are e^z / F(H), with F(H) the `horizon_mass`."""
        return np.asarray(special.expit(self.rate - np.log(horizon_mass)))

    def missing(self, horizon_mass: Floats) -> Floats:
        """Return 1 − p."""
        return np.asarray(special.expit(np.log(horizon_mass) - self.rate))


@dataclass(frozen=True, slots=True)
class Coordinates:
    """Which coordinates a model has, in their order."""

    onset: bool
    q: bool
    kappa: bool
    spread: bool

    @property
    def names(self) -> tuple[str, ...]:
        """One name per coordinate."""
        optional = {
            "onset_logit": self.onset,
            "q": self.q,
            "log_rho": self.kappa,
            "log_rho_spread": self.spread,
        }
        return ("rate", "log_t50", "log_log_ratio", *(name for name, there in optional.items() if there))

    def point(self, z: Floats) -> DelayPoint:
        """Return the points that `z`, shape (point, coordinate), stands for."""
        by = dict(zip(self.names, z.T, strict=True))
        zero = np.zeros(len(z))
        inside = np.all([np.abs(by[name]) <= _BOUNDS[name] for name in self.names], axis=0)
        safe = {name: np.nan_to_num(np.clip(by[name], -_BOUNDS[name], _BOUNDS[name])) for name in self.names}
        shape = LagShape(
            safe["log_t50"],
            np.exp(safe["log_log_ratio"]),
            special.expit(safe["onset_logit"]) if self.onset else zero,
            safe["q"] if self.q else zero,
        )
        kappa = np.exp(-safe["log_rho"]) if self.kappa else None
        spread = np.exp(-safe["log_rho_spread"]) if self.spread else None
        return DelayPoint(safe["rate"], shape, kappa, spread, inside)

    def shape_slopes(self, point: DelayPoint, by: dict[str, Floats]) -> dict[str, Floats]:
        """Return slopes by coordinate, from slopes by the fields of the lag shape."""
        found = {"log_t50": by["log_t50"], "log_log_ratio": by["log_ratio"] * point.shape.log_ratio}
        if self.onset:
            found["onset_logit"] = by["onset"] * point.shape.onset * (1.0 - point.shape.onset)
        if self.q:
            found["q"] = by["q"]
        return found
