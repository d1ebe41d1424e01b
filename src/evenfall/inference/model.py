"""What can be fitted: a model in unconstrained coordinates, or one written in PyMC, and how it is named."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import import_module
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

__all__ = ["GenerativeModel", "LogDensity", "ModelSpec", "PymcModel", "Quantity", "load_model"]

type Floats = NDArray[np.float64]


@runtime_checkable
class LogDensity(Protocol):
    """A model written in arrays, as the fast engines fit it.

    `z` has shape (point, coordinate): unconstrained coordinates, many points at once. Densities are per unit
    of `z`: every Jacobian is inside `log_prior`.

    A model may offer ``fast_fit(request) -> Fit``, a way of its own that is tried before any sampler: draws
    with weights, their ``k_hat`` and ``importance_ess`` among the diagnostics.
    """

    @property
    def names(self) -> tuple[str, ...]:
        """One name per coordinate."""

    def start(self) -> Floats:
        """Return a reasonable first point, shape (coordinate,)."""

    def log_prior(self, z: Floats) -> Floats:
        """Return the log prior density, shape (point,)."""

    def log_likelihood(self, z: Floats) -> Floats:
        """Return the log likelihood of each unit (a cohort, a day, a slice), shape (point, unit)."""

    def gradient(self, z: Floats) -> tuple[Floats, Floats]:
        """Return the log posterior density, shape (point,), and its gradient, shape (point, coordinate)."""

    def quantities(self, z: Floats) -> dict[str, Floats]:
        """Return what people ask for, by name, each of shape (point, …)."""


@dataclass(frozen=True, eq=False)
class PymcModel:
    """A model written in PyMC with every input as ``pm.Data``.

    Attributes
    ----------
    build
        ``package.module:function``; called with the data, it returns the ``pymc.Model``.
    data
        Its inputs by name. Fits of one `structure` may differ in their lengths and values.
    quantities
        Names of the variables people ask for; each is a free variable or a ``pm.Deterministic``.
    structure
        Everything but the data that the compiled program depends on; fits that share it compile once.
    options
        Further arguments of `build`, JSON-ready; part of the structure.
    """

    build: str
    data: Mapping[str, NDArray[np.generic]]
    quantities: tuple[str, ...]
    structure: str = ""
    options: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class ModelSpec:
    """A model by name: what a worker in another process needs to make it.

    Attributes
    ----------
    factory
        ``package.module:function`` that takes (data, options) and returns a `LogDensity` or a `PymcModel`.
    data
        Arrays by name.
    options
        JSON-ready settings: priors, family, priors of spreads.
    """

    factory: str
    data: Mapping[str, NDArray[np.generic]]
    options: Mapping[str, object] = field(default_factory=dict)


def load_model(spec: ModelSpec) -> LogDensity | PymcModel:
    """Return the model that `spec` names."""
    module, _, name = spec.factory.partition(":")
    model: LogDensity | PymcModel = getattr(import_module(module), name)(spec.data, spec.options)
    return model


@dataclass(frozen=True, eq=False)
class Quantity:
    """One scalar that a model answers, for comparison with what was believed of it.

    Attributes
    ----------
    draws : ndarray, shape (draw,)
        Posterior draws.
    prior_draws : ndarray, shape (draw,)
        Draws from its prior.
    unit
        Such as ``share``, ``days`` or ``EUR``.
    """

    name: str
    draws: Floats
    prior_draws: Floats
    unit: str = ""


class GenerativeModel(Protocol):
    """A model that can make the data it is fitted to: what calibration needs of it."""

    @property
    def name(self) -> str:
        """The family, such as ``delay-lognormal``."""

    def prior_draw(self, rng: np.random.Generator) -> Mapping[str, Floats]:
        """Return parameters drawn from the prior."""

    def simulate(
        self, parameters: Mapping[str, Floats], rng: np.random.Generator
    ) -> Mapping[str, NDArray[np.generic]]:
        """Return data drawn given the parameters."""

    def spec(self, data: Mapping[str, NDArray[np.generic]]) -> ModelSpec:
        """Return the model to fit to the data."""

    def log_likelihood(
        self, parameters: Mapping[str, Floats], data: Mapping[str, NDArray[np.generic]]
    ) -> float:
        """Return the log likelihood of the data, in the terms of the fitted model's units."""

    def quantities(self, parameters: Mapping[str, Floats]) -> Mapping[str, float]:
        """Return the scalars whose ranks are looked at, under the names the fitted model gives them."""
