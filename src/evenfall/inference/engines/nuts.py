"""Sampling by NUTS: nutpie's, for models in PyMC and for models written in arrays."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from evenfall.inference.fit import Fit, FitRequest, WarmStart
from evenfall.inference.model import LogDensity, PymcModel
from evenfall.inference.nuts.chains import Chain, ChainPlan, run_chains
from evenfall.inference.nuts.compiled import CompiledDensity, as_log_density
from evenfall.inference.nuts.kernels import ArrayKernel, starts
from evenfall.inference.watch import Watch, current_watch

__all__ = ["NUTS", "Nuts"]

type Floats = NDArray[np.float64]

_BLOCK: Final = 1024  # draws whose quantities are worked out at once
_OPTIONS: Final[Mapping[str, str]] = {"max_treedepth": "maxdepth", "adaptation": "adaptation"}


@dataclass(frozen=True, slots=True)
class Nuts:
    """The No-U-Turn sampler (Hoffman and Gelman 2014), its metric adapted from draws and gradients.

    `FitRequest.options` may carry ``max_treedepth`` (10), ``adaptation`` (``diag``, ``draw_diag`` or
    ``low_rank``) and ``cores``. Each chain has a seed, a start and a share of the gradient budget of its own,
    so the draws depend on neither the number of cores nor their speed.

    References
    ----------
    Hoffman, M. and Gelman, A. (2014), The No-U-Turn sampler, JMLR 15.
    """

    name: str = "nuts"

    def fit(self, model: LogDensity | PymcModel, request: FitRequest) -> Fit:
        """Return the draws of every chain; failures say why it is incomplete. The gate is not run."""
        begun = time.perf_counter()
        target = _Compiled(model) if isinstance(model, PymcModel) else _Arrays(model)
        seeds = np.random.SeedSequence(request.seed).spawn(request.chains)
        first = _warm_points(target.density, request)
        if first is None:
            first = starts(target.density, target.propose, [seed.spawn(1)[0] for seed in seeds])
        if first is None:
            failure = ("no starting point with a finite density was found",)
            return _empty(target.density, request, failure, time.perf_counter() - begun)
        plans = [
            ChainPlan(
                target.begin(point),
                int(seed.generate_state(1)[0]),
                _settings(request),
                request.max_gradients // request.chains,
            )
            for seed, point in zip(seeds, first, strict=True)
        ]
        chains = target.run(plans, _cores(request))
        fit = _assemble(target.density, chains, request)
        return replace(fit, seconds=time.perf_counter() - begun)


class _Arrays:
    """How a model written in arrays is sampled."""

    def __init__(self, model: LogDensity) -> None:
        self.density = model
        self.begin = ArrayKernel(model)

    def propose(self, rng: np.random.Generator, reach: float) -> Floats:
        """Return a point uniformly about the model's start, as far as `reach` in each coordinate."""
        centre = np.asarray(self.density.start(), dtype=np.float64)
        return np.asarray(centre + rng.uniform(-reach, reach, centre.shape))

    def run(self, plans: Sequence[ChainPlan], _cores: int) -> list[Chain]:
        """Return the chains, one after another since each needs the interpreter.

        What the model raises is raised here.
        """
        outer = current_watch()
        watch = Watch(outer.progress, lambda: self.begin.fault is not None or outer.stop())
        chains = run_chains(plans, 1, watch)
        if self.begin.fault is not None:
            raise self.begin.fault
        return chains


class _Compiled:
    """How a model in PyMC is sampled."""

    def __init__(self, model: PymcModel) -> None:
        self.density = as_log_density(model)

    def begin(self, point: Floats) -> Any:
        """Return nutpie's model beginning at `point`."""
        return replace(self.density.sampler, initial_point_func=lambda _seed: point)

    def propose(self, rng: np.random.Generator, _reach: float) -> Floats:
        """Return PyMC's initial point with its own jitter."""
        return self.density.initial_point(int(rng.integers(2**31)))

    def run(self, plans: Sequence[ChainPlan], cores: int) -> list[Chain]:
        """Return the chains; each runs in machine code, on a thread of its own."""
        return run_chains(plans, cores, current_watch())


def _warm_points(density: LogDensity, request: FitRequest) -> Floats | None:
    """Return the first point of each chain from the warm start; None when it is of another model's shape."""
    warm = request.warm
    if warm is None or warm.points.ndim != 2 or warm.points.shape[1:] != (len(density.names),):
        return None
    points = np.asarray(warm.points, dtype=np.float64)
    if not len(points) or not np.isfinite(density.gradient(points)[0]).all():
        return None
    return points[np.arange(request.chains) % len(points)]


def _settings(request: FitRequest) -> dict[str, object]:
    settings: dict[str, object] = {
        "draws": request.draws,
        "tune": max(request.tune, 1),  # nutpie panics without any
        "target_accept": request.target_accept,
    }
    settings |= {
        theirs: request.options[ours] for ours, theirs in _OPTIONS.items() if ours in request.options
    }
    if request.warm is not None and request.warm.step_size is not None:
        settings["initial_step"] = request.warm.step_size
    return settings


def _cores(request: FitRequest) -> int:
    """Return how many chains run at a time."""
    wanted = request.options.get("cores")
    return min(request.chains, (os.cpu_count() or 1) if wanted is None else int(str(wanted)))


def _assemble(density: LogDensity, chains: Sequence[Chain], request: FitRequest) -> Fit:
    """Return the fit of the chains, cut to the shortest."""
    length = min(len(chain.points) for chain in chains)
    gradients = sum(chain.gradients for chain in chains)
    failures = [f"the sampler stopped: {chain.error}" for chain in chains if chain.error][:1]
    if length < request.draws and not failures:
        failures.append(_incomplete(length, request))
    if length == 0:
        return replace(_empty(density, request, tuple(failures), 0.0), gradients=gradients)
    points = np.array([chain.points[:length] for chain in chains])
    draws, log_likelihood = _outputs(density, points)
    statistics = {
        name: np.array([chain.statistics[name][:length] for chain in chains]) for name in chains[0].statistics
    }
    return Fit(
        rung="nuts",
        draws=draws,
        points=points,
        log_likelihood=log_likelihood if log_likelihood.shape[-1] else None,
        statistics=statistics,
        failures=tuple(failures),
        seed=request.seed,
        gradients=gradients,
        warm=WarmStart(
            points=points[:, -1],
            step_size=float(np.median(statistics["step_size"][:, -1])),
            mass_matrix=points.reshape(-1, points.shape[-1]).var(axis=0),
        ),
    )


def _incomplete(length: int, request: FitRequest) -> str:
    if current_watch().stop():
        return f"cancelled after {length} of {request.draws} draws per chain"
    return (
        f"chains incomplete: the budget of {request.max_gradients} gradients ended them after {length} of"
        f" {request.draws} draws"
    )


def _outputs(density: LogDensity, points: Floats) -> tuple[dict[str, Floats], Floats]:
    """Return quantities and log likelihoods at the points, leading axes (chain, draw)."""
    flat, leading = points.reshape(-1, points.shape[-1]), points.shape[:2]
    parts = [_at(density, flat[low : low + _BLOCK]) for low in range(0, len(flat), _BLOCK)]
    draws = {
        name: np.concatenate([part[0][name] for part in parts]).reshape(
            *leading, *parts[0][0][name].shape[1:]
        )
        for name in parts[0][0]
    }
    return draws, np.concatenate([part[1] for part in parts]).reshape(*leading, -1)


def _at(density: LogDensity, z: Floats) -> tuple[dict[str, Floats], Floats]:
    if isinstance(density, CompiledDensity):
        return density.outputs(z)
    return density.quantities(z), density.log_likelihood(z)


def _empty(density: LogDensity, request: FitRequest, failures: tuple[str, ...], seconds: float) -> Fit:
    """Return a fit without draws."""
    shape = (request.chains, 0)
    return Fit(
        rung="nuts",
        draws={},
        points=np.empty((*shape, len(density.names))),
        failures=failures,
        seed=request.seed,
        seconds=seconds,
    )


NUTS: Final = Nuts()
