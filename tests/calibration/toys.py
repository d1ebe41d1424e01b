"""A normal mean with known noise: the posterior by hand, and every way to get it wrong."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from evenfall.errors import UsageError
from evenfall.inference.fit import Fit, FitRequest
from evenfall.inference.model import ModelSpec

N, NOISE = 20, 2.0


@dataclass(frozen=True)
class NormalToy:
    """mean ~ N(0, 1), twenty observations ~ N(mean, 2²)."""

    name: str = "toy-normal"

    def prior_draw(self, rng: np.random.Generator) -> dict[str, np.ndarray]:
        return {"mean": np.asarray(rng.normal())}

    def simulate(
        self, parameters: Mapping[str, np.ndarray], rng: np.random.Generator
    ) -> dict[str, np.ndarray]:
        return {"x": rng.normal(float(parameters["mean"]), NOISE, N)}

    def spec(self, data: Mapping[str, np.ndarray]) -> ModelSpec:
        return ModelSpec("toy", data)

    def log_likelihood(self, parameters: Mapping[str, np.ndarray], data: Mapping[str, np.ndarray]) -> float:
        return float(-0.5 * np.square((data["x"] - float(parameters["mean"])) / NOISE).sum())

    def quantities(self, parameters: Mapping[str, np.ndarray]) -> dict[str, float]:
        return {"mean": float(parameters["mean"])}


@dataclass(frozen=True)
class HandFit:
    """The posterior of the toy, drawn; with errors on demand.

    `weighted` draws from a Student t around it and weighs; `correlated` returns a Markov chain.
    """

    factor: float = 1.0
    shift: float = 0.0
    used: int = N
    weighted: bool = False
    correlated: float = 0.0
    refuse_every: int = 0

    def __call__(self, spec: ModelSpec, request: FitRequest) -> Fit:
        if self.refuse_every and request.seed % self.refuse_every == 0:
            raise UsageError("the toy will not fit this")
        rng = np.random.default_rng(request.seed)
        x = np.asarray(spec.data["x"], dtype=float)
        precision = 1.0 + self.used / NOISE**2
        sd = precision**-0.5
        centre = x[: self.used].sum() / NOISE**2 / precision + self.shift * sd
        shape = (request.chains, request.draws)
        weights = None
        if self.weighted:
            t = rng.standard_t(5, shape) * 1.3
            log_weight = -0.5 * t**2 + 3.0 * np.log1p(np.square(t / 1.3) / 5)
            weights = np.exp(log_weight - log_weight.max())
            weights /= weights.sum()
            draws = t
        elif self.correlated:
            noise = rng.normal(size=shape)
            draws = np.empty(shape)
            draws[:, 0] = noise[:, 0]
            for i in range(1, shape[1]):
                draws[:, i] = (
                    self.correlated * draws[:, i - 1] + np.sqrt(1 - self.correlated**2) * noise[:, i]
                )
        else:
            draws = rng.normal(size=shape)
        mean = centre + self.factor * sd * draws
        joint = -0.5 * np.square((x - mean[..., None]) / NOISE)
        rung = "nuts" if self.correlated else "laplace" if self.weighted else "conjugate"
        return Fit(
            rung, {"mean": mean}, mean[..., None], weights=weights, log_likelihood=joint, seed=request.seed
        )
