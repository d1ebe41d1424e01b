"""Log densities whose answers are known, as the engines see them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from scipy import special

type Floats = NDArray[np.float64]
type Log = Callable[[Floats], Floats]


@dataclass(eq=False)
class Density:
    """A log density by formula; its gradient is a difference quotient unless given."""

    log: Log
    width: int
    slope: Callable[[Floats], Floats] | None = None
    begin: Floats | None = None
    asked: int = field(default=0)

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(f"z{i}" for i in range(self.width))

    def start(self) -> Floats:
        return np.zeros(self.width) if self.begin is None else self.begin

    def log_prior(self, z: Floats) -> Floats:
        return np.zeros(len(z))

    def log_likelihood(self, z: Floats) -> Floats:
        return self.log(z)[:, None]

    def gradient(self, z: Floats) -> tuple[Floats, Floats]:
        self.asked += len(z)
        if self.slope is not None:
            return self.log(z), self.slope(z)
        h = 1e-6 * np.eye(self.width)
        slopes = [(self.log(z + step) - self.log(z - step)) / 2e-6 for step in h]
        return self.log(z), np.stack(slopes, axis=-1)

    def quantities(self, z: Floats) -> dict[str, Floats]:
        return {name: z[:, i] for i, name in enumerate(self.names)}


def gaussian(mean: Floats, covariance: Floats) -> Density:
    """N(mean, covariance), not normalised."""
    mean, precision = np.asarray(mean, dtype=np.float64), np.linalg.inv(covariance)

    def log(z: Floats) -> Floats:
        return -0.5 * np.einsum("pi,ij,pj->p", z - mean, precision, z - mean)

    return Density(log, len(mean), slope=lambda z: -(z - mean) @ precision)


def banana(bend: float) -> Density:
    """Haario's: z0 ~ N(0, 10²), z1 + bend·(z0² − 100) ~ N(0, 1)."""
    return Density(
        lambda z: -0.5 * (np.square(z[:, 0] / 10) + np.square(z[:, 1] + bend * (np.square(z[:, 0]) - 100))), 2
    )


def two_humps(apart: float, width: int = 1) -> Density:
    """Half N(0, I) and half N((apart, 0, …), I)."""

    def log(z: Floats) -> Floats:
        rest = np.square(z[:, 1:]).sum(axis=-1)
        return np.logaddexp(-0.5 * np.square(z[:, 0]), -0.5 * np.square(z[:, 0] - apart)) - 0.5 * rest

    return Density(log, width, begin=np.full(width, 0.3))


def funnel(width: int) -> Density:
    """Neal's: z0 ~ N(0, 3²), the others ~ N(0, exp(z0)) each."""

    def log(z: Floats) -> Floats:
        tight = np.square(z[:, 1:]).sum(axis=-1) * np.exp(-z[:, 0])
        return -0.5 * (np.square(z[:, 0] / 3) + tight + (width - 1) * z[:, 0])

    return Density(log, width)


def log_odds(alpha: float, beta: float) -> Density:
    """Beta(alpha, beta) of a rate in its log odds; the quantity is the rate."""

    def log(z: Floats) -> Floats:
        return -alpha * np.logaddexp(0, -z[:, 0]) - beta * np.logaddexp(0, z[:, 0])

    class Rate(Density):
        def quantities(self, z: Floats) -> dict[str, Floats]:
            return {"rate": special.expit(z[:, 0])}

    return Rate(log, 1, slope=lambda z: alpha - (alpha + beta) / (1 + np.exp(-z)))
