"""A model with a closed form, written in arrays."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Gaussian:
    """Means ~ N(0, 1) each seen once with noise 1/2: the posterior is N(0.8·y, 0.2)."""

    seen: np.ndarray

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(f"m{i}" for i in range(len(self.seen)))

    def start(self) -> np.ndarray:
        return np.zeros(len(self.seen))

    def log_prior(self, z: np.ndarray) -> np.ndarray:
        return -0.5 * (z**2 + np.log(2 * np.pi)).sum(axis=-1)

    def log_likelihood(self, z: np.ndarray) -> np.ndarray:
        return -0.5 * (((z - self.seen) / 0.5) ** 2 + np.log(2 * np.pi * 0.25))

    def gradient(self, z: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return self.log_prior(z) + self.log_likelihood(z).sum(axis=-1), -z - (z - self.seen) / 0.25

    def quantities(self, z: np.ndarray) -> dict[str, np.ndarray]:
        return {"total": z.sum(axis=-1), "means": z}
