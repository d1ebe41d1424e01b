"""Streaming variational inference: a Gaussian guide, begun from yesterday's, put right by importance weights.

The guide N(m, LLᵀ) on unconstrained coordinates climbs the evidence bound by stochastic gradients. Steps are
taken in units of the guide itself: m moves by L·δ and L becomes L(I + A), with momentum and a bound on δ and
A, so that the scales of the coordinates do not matter. Draws are taken from the Student t of the same centre
and scale, whose tails keep the weights bounded. A guide that climbs one mode never sees another, and its
weights cannot tell; where two modes are conceivable, use nuts.

References
----------
Kucukelbir et al. (2017), Automatic differentiation variational inference, JMLR 18. Roeder, Wu and Duvenaud
(2017), Sticking the landing, NeurIPS 30: the gradient used here, whose variance vanishes at an exact guide.
Kingma and Ba (2015), Adam, algorithm 1: the averaged gradient. Yao et al. (2018), Yes, but did it work?,
ICML: k_hat as its judge.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray
from scipy import special

from evenfall.inference.engines.batch import as_log_density, log_likelihood_of
from evenfall.inference.fit import Fit, FitRequest, WarmStart
from evenfall.inference.model import LogDensity, PymcModel
from evenfall.inference.psis import importance_ess, smooth
from evenfall.inference.watch import current_watch

__all__ = ["VARIATIONAL", "Batched", "Variational"]

type Floats = NDArray[np.float64]
type Slope = Callable[[Floats, np.random.Generator], Floats]

_STEPS: Final = {"cold": 800, "warm": 300}
_POINTS: Final = 16  # drawn from the guide at each step
_FIRST_SCALE: Final = 0.1  # of a guide without a past, in the model's coordinates
_FIRST_RATE: Final = 0.3  # of the way to where the gradient points, per step
_LAST_RATE: Final = 0.02
_MEMORY: Final = 0.8  # of the gradients' average from step to step
_WHOLE: Final = 0.5  # of the steps, the last, see every unit
_MOST_FULL_RANK: Final = 100  # coordinates up to which correlations are learned by default
_DEGREES: Final = 5.0  # of freedom of the law that draws are taken from, as in Laplace's


@runtime_checkable
class Batched(Protocol):
    """A model that can be asked for some of its units alone."""

    def batch(self, units: NDArray[np.intp]) -> LogDensity:
        """Return the model of these units; of none, its prior."""


@dataclass(frozen=True, slots=True, eq=False)
class _Guide:
    """N(mean, root·rootᵀ), root lower triangular."""

    mean: Floats
    root: Floats

    def draw(self, noise: Floats) -> Floats:
        """Return points for standard normal noise, shape (point, coordinate)."""
        return np.asarray(self.mean + noise @ self.root.T)

    def log_density(self, noise: Floats) -> Floats:
        """Return the log density of the points that noise of `_heavy_noise` makes, shape (point,)."""
        size = noise.shape[-1]
        half = 0.5 * (_DEGREES + size)
        constant = special.gammaln(half) - special.gammaln(0.5 * _DEGREES)
        constant -= 0.5 * size * np.log(_DEGREES * np.pi) + np.log(np.diagonal(self.root)).sum()
        return np.asarray(constant - half * np.log1p(np.square(noise).sum(axis=-1) / _DEGREES))

    def moved(self, shift: Floats, turn: Floats) -> _Guide:
        """Return the guide after a step in its own units."""
        return _Guide(self.mean + self.root @ shift, self.root @ (np.eye(len(shift)) + turn))


class _Steps:
    """Bounded steps along an average of the last gradients.

    In the guide's own units the gradient is the natural one: of a Gaussian posterior it is the distance
    itself. So Adam's average is used and its scaling is not; a bound of one standard deviation stands in.
    """

    def __init__(self, size: int) -> None:
        self._mean, self._count = np.zeros(size), 0

    def next(self, gradient: Floats) -> Floats:
        self._count += 1
        self._mean = _MEMORY * self._mean + (1 - _MEMORY) * gradient
        return np.asarray(np.clip(self._mean / (1 - _MEMORY**self._count), -1.0, 1.0))


class Variational:
    """The variational engine.

    `FitRequest.options` may carry ``guide`` (``full_rank`` or ``mean_field``), ``steps``, and ``batch``, the
    units seen at each of the earlier steps by a model that is `Batched`; the later half sees all of them.
    """

    name: Final = "variational"

    def fit(self, model: LogDensity | PymcModel, request: FitRequest) -> Fit:
        """Return `chains` x `draws` weighted draws of the guide; the gate judges their k_hat."""
        began = time.perf_counter()
        density = as_log_density(model)
        rng = np.random.default_rng(request.seed)
        guide, spent, failures = _climb(density, request, rng)
        draws = request.chains * request.draws
        noise = _heavy_noise(rng, (draws, len(guide.mean)))
        points = guide.draw(noise)
        units = log_likelihood_of(density, points)
        ratio = density.log_prior(points) + units.sum(axis=-1) - guide.log_density(noise)
        log_weights, k_hat = smooth(np.where(np.isnan(ratio), -np.inf, ratio))
        shape = (request.chains, request.draws)
        return Fit(
            rung=self.name,
            draws={k: v.reshape(*shape, *v.shape[1:]) for k, v in density.quantities(points).items()},
            points=points.reshape(*shape, -1),
            weights=np.exp(log_weights).reshape(shape),
            log_likelihood=units.reshape(*shape, -1) if units.shape[-1] else None,
            diagnostics={"k_hat": float(k_hat), "importance_ess": float(importance_ess(log_weights))},
            failures=failures,
            seed=request.seed,
            gradients=spent,
            seconds=time.perf_counter() - began,
            warm=WarmStart(guide.mean[None, :], mass_matrix=np.square(guide.root).sum(axis=-1)),
        )


def _heavy_noise(rng: np.random.Generator, shape: tuple[int, int]) -> Floats:
    """Return standard noise of a Student t over the last axis."""
    scale = np.sqrt(rng.chisquare(_DEGREES, (shape[0], 1)) / _DEGREES)
    return np.asarray(rng.standard_normal(shape) / scale)


def _climb(
    density: LogDensity, request: FitRequest, rng: np.random.Generator
) -> tuple[_Guide, int, tuple[str, ...]]:
    """Return the guide at the end of its climb, the gradients it took, and why it ended early."""
    past = _yesterdays(density, request)
    guide = _Guide(density.start(), _FIRST_SCALE * np.eye(len(density.names))) if past is None else past
    size = len(guide.mean)
    steps = int(str(request.options.get("steps", _STEPS["cold" if past is None else "warm"])))
    allowed = min(steps, request.max_gradients // _POINTS)
    learned, whole, some = _entries(request, size), _slope_of(density), _batched_slope(density, request)
    steering, watch, lost = _Steps(size + len(learned[0])), current_watch(), 0
    for step in range(allowed):
        if step % 20 == 0:
            watch.tell(step / allowed)
            if watch.stop():
                return guide, step * _POINTS, (f"cancelled after {step} of {steps} steps",)
        noise = rng.standard_normal((_POINTS, size))
        noise = np.concatenate([noise[: _POINTS // 2], -noise[: _POINTS // 2]])  # antithetic
        slopes = (whole if step >= (1 - _WHOLE) * steps else some)(guide.draw(noise), rng)
        if not np.isfinite(slopes).all():
            guide, lost = _Guide(guide.mean, guide.root / 2), lost + 1
            continue
        rate = _FIRST_RATE * (_LAST_RATE / _FIRST_RATE) ** (step / steps)
        moves = rate * steering.next(_ascent(guide, noise, slopes, learned))
        turn = np.zeros((size, size))
        turn[learned] = moves[size:]
        guide = guide.moved(moves[:size], turn)
    watch.tell(1.0)
    failures = []
    if allowed < steps:
        failures.append(
            f"the budget of {request.max_gradients} gradients ended the climb at step {allowed} of {steps}"
        )
    if lost > steps // 10:
        failures.append(f"the density was not finite at {lost} of {steps} steps: tighten the priors")
    return guide, allowed * _POINTS, tuple(failures)


def _yesterdays(density: LogDensity, request: FitRequest) -> _Guide | None:
    """Return the guide that a warm start of this model's shape describes, correlations left out."""
    warm = request.warm
    if warm is None or warm.mass_matrix is None or warm.points.shape[1:] != (len(density.names),):
        return None
    return _Guide(warm.points.mean(axis=0), np.diag(np.sqrt(warm.mass_matrix)))


def _entries(request: FitRequest, size: int) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Return rows and columns of the entries of the root that are learned."""
    wanted = request.options.get("guide", "full_rank" if size <= _MOST_FULL_RANK else "mean_field")
    return np.tril_indices(size) if wanted == "full_rank" else (np.arange(size), np.arange(size))


def _ascent(
    guide: _Guide, noise: Floats, slopes: Floats, learned: tuple[NDArray[np.intp], NDArray[np.intp]]
) -> Floats:
    """Return the gradient of the bound in the guide's own units: of the shift, then of the turn.

    With z = m + Lε the slope of log p(z) − log q(z) at z is ∇log p + L⁻ᵀε, in the guide's units Lᵀ∇log p + ε.
    """
    own = slopes @ guide.root + noise
    return np.concatenate([own.mean(axis=0), (own.T @ noise / len(noise))[learned]])


def _slope_of(density: LogDensity) -> Slope:
    return lambda z, _rng: density.gradient(z)[1]


def _batched_slope(density: LogDensity, request: FitRequest) -> Slope:
    """Return the slope of the prior plus that of some units times how many of them stand for all."""
    wanted = request.options.get("batch")
    if wanted is None or not isinstance(density, Batched):
        return _slope_of(density)
    model, count = density, _units(density)
    size = min(int(str(wanted)), count)
    prior = model.batch(np.arange(0))

    def slope(z: Floats, rng: np.random.Generator) -> Floats:
        units = rng.choice(count, size, replace=False)
        of_prior = prior.gradient(z)[1]
        return np.asarray(of_prior + count / max(size, 1) * (model.batch(units).gradient(z)[1] - of_prior))

    return slope


def _units(density: LogDensity) -> int:
    """Return how many units a model has."""
    return int(density.log_likelihood(np.asarray(density.start())[None, :]).shape[-1])


VARIATIONAL: Final = Variational()
