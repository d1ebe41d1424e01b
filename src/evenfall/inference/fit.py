"""The outcome of one fit: draws, how they were come by, and whether they may be believed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

__all__ = ["Fit", "FitRequest", "QuantitySummary", "WarmStart"]

type Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class WarmStart:
    """Where a fit may begin: never a prior, only a place, a step size and a scale per coordinate.

    Attributes
    ----------
    points : ndarray, shape (chain, coordinate)
    step_size
        None when unknown.
    mass_matrix : ndarray, shape (coordinate,)
        Diagonal of the inverse metric; None when unknown.
    """

    points: Floats
    step_size: float | None = None
    mass_matrix: Floats | None = None


@dataclass(frozen=True, eq=False)
class FitRequest:
    """How a model is to be fitted.

    Attributes
    ----------
    engine
        ``auto`` climbs the ladder; else ``conjugate``, ``quadrature``, ``laplace``, ``variational`` or
        ``nuts``.
    seed
        Everything random is a function of it.
    draws, tune, chains
        Of a sampling engine; other engines return `chains` x `draws` draws.
    max_gradients
        Budget of gradient evaluations over all chains; beyond it the fit ends as not converged.
    target_accept
        Of the first try of a sampling engine.
    warm
        Where to begin, when a fit of the same model is at hand.
    """

    engine: str = "auto"
    seed: int = 0
    draws: int = 1000
    tune: int = 500
    chains: int = 4
    max_gradients: int = 5_000_000
    target_accept: float = 0.8
    warm: WarmStart | None = None
    options: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class QuantitySummary:
    """A scalar quantity in figures; lower and upper end the equal-tailed 95 % interval."""

    mean: float
    stdev: float
    median: float
    lower: float
    upper: float


@dataclass(frozen=True, eq=False)
class Fit:
    """What an engine found.

    Attributes
    ----------
    rung
        conjugate, quadrature, laplace, nested-laplace (a model's own fast way), variational, reweighted,
        nuts, or nuts-again (the retry).
    draws
        Quantity by name, each of shape (chain, draw, …).
    points : ndarray, shape (chain, draw, coordinate)
        The draws in unconstrained coordinates; empty last axis where the engine has none.
    weights : ndarray, shape (chain, draw)
        Importance weights that sum to one; None when all draws weigh the same.
    log_likelihood : ndarray, shape (chain, draw, unit)
        Of each unit at each draw; None when the model does not say.
    statistics
        Sampler statistics by ArviZ's names (diverging, energy, tree_depth, reached_max_treedepth, step_size,
        n_steps, …), each of shape (chain, draw).
    diagnostics
        Figures of the gate by name, such as r_hat, ess_bulk, ess_tail, mcse_mean, divergences, bfmi, k_hat:
        the worst over all quantities and coordinates.
    failures
        Why the gate refuses it; empty when it may be published.
    tried
        Rungs that were tried before, each with why it was left.
    gradients, seconds
        What it cost.
    """

    rung: str
    draws: Mapping[str, Floats]
    points: Floats
    weights: Floats | None = None
    log_likelihood: Floats | None = None
    statistics: Mapping[str, Floats] = field(default_factory=dict)
    diagnostics: Mapping[str, float] = field(default_factory=dict)
    failures: tuple[str, ...] = ()
    tried: tuple[tuple[str, str], ...] = ()
    seed: int = 0
    gradients: int = 0
    seconds: float = 0.0
    warm: WarmStart | None = None

    @property
    def passed(self) -> bool:
        """Whether the gate lets it become current."""
        return not self.failures

    def summary(self, name: str) -> QuantitySummary:
        """Return a scalar quantity in figures, weights counted.

        Raises
        ------
        KeyError
            When there is no such quantity.
        """
        values = self.draws[name].reshape(-1)
        weights = np.full(values.size, 1 / values.size) if self.weights is None else self.weights.reshape(-1)
        mean = float(np.sum(weights * values))
        stdev = float(np.sqrt(np.sum(weights * (values - mean) ** 2)))
        order = np.argsort(values, kind="stable")
        # Each draw stands in the middle of its own weight (Hyndman and Fan 1996, definition 5).
        position = np.cumsum(weights[order]) - weights[order] / 2
        lower, median, upper = np.interp((0.025, 0.5, 0.975), position, values[order])
        return QuantitySummary(mean, stdev, float(median), float(lower), float(upper))
