"""Simulation after simulation: draw from the prior, make data, fit, rank.

Everything random in simulation i is a function of the seed and of i alone, so one worker and many, one run
and a resumed one, give the same outcomes.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from itertools import pairwise
from typing import Any, Final, Protocol

import numpy as np
from numpy.typing import NDArray

from evenfall.calibration.sbc.ranks import choose, position, rank, values_of
from evenfall.calibration.sbc.report import SbcReport, report
from evenfall.calibration.sbc.result import LOG_LIKELIHOOD, Outcome, SbcResult
from evenfall.errors import EvenfallError, UsageError
from evenfall.inference.fit import Fit, FitRequest
from evenfall.inference.model import GenerativeModel, ModelSpec

__all__ = ["CHECKPOINTS", "Fitter", "Plan", "execute_fit", "identity", "run_sbc", "simulate_one"]

type Floats = NDArray[np.float64]
type Fitter = Callable[[ModelSpec, FitRequest], Fit]

CHECKPOINTS: Final = (100, 300, 1000)
"""Numbers of simulations after which there is a report."""

_CHUNK: Final = 10  # simulations a worker takes at a time


class _Map(Protocol):
    """What `map`, and the map of an executor, do."""

    def __call__(
        self, function: Callable[[range], list[Outcome]], ranges: list[range], /
    ) -> Iterable[Any]: ...


def execute_fit(spec: ModelSpec, request: FitRequest) -> Fit:
    """Return the fit as the nightly run makes it: the whole ladder, gated."""
    from evenfall.inference.execute import execute  # noqa: PLC0415  brings in every engine

    return execute(spec, request)


@dataclass(frozen=True)
class Plan:
    """What every simulation is a function of, its number apart; a worker gets it whole.

    Attributes
    ----------
    draws
        L, the draws that ranks are counted among.
    request
        How fits are made; its seed is replaced by the simulation's own.
    fit
        From specification and request to fit; a function of a module, where workers are processes.
    """

    model: GenerativeModel
    seed: int
    draws: int
    request: FitRequest
    fit: Fitter = execute_fit

    def __call__(self, simulations: range) -> list[Outcome]:
        """Return the outcomes of these simulations."""
        return [simulate_one(self, i) for i in simulations]


def run_sbc(
    model: GenerativeModel,
    simulations: int,
    *,
    seed: int,
    draws: int = 99,
    request: FitRequest | None = None,
    map: _Map = map,  # noqa: A002  the name of what it stands for
    fit: Fitter = execute_fit,
    before: SbcResult | None = None,
    on_progress: Callable[[SbcResult], None] | None = None,
    on_report: Callable[[SbcReport], None] | None = None,
) -> SbcResult:
    """Return the outcomes of so many simulations.

    Parameters
    ----------
    model
        Draws parameters and data, and says how to fit them.
    draws
        L: one less than a multiple of 20 makes the ends of 50, 80 and 95 % intervals fall between ranks.
    map
        The built-in, or the map of a pool of workers; it gets chunks in order.
    before
        An earlier result of the same identity, to be gone on with.
    on_progress
        Gets the result so far after every chunk, to be saved.
    on_report
        Gets a report after 100, 300 and 1000 simulations; the level is divided among those there will be.

    Raises
    ------
    UsageError
        When `before` is of another identity.
    """
    plan = Plan(model, seed, draws, request or FitRequest(), fit)
    result = _begun(plan, before)
    stops = [n for n in CHECKPOINTS if n <= simulations]
    ranges = _ranges(len(result), simulations, stops)
    for outcomes in map(plan, ranges):
        result = result.extended(outcomes)
        if on_progress is not None:
            on_progress(result)
        if on_report is not None and len(result) in stops:
            on_report(report(result, looks=len(stops)))
    return result.first(simulations)


def simulate_one(plan: Plan, number: int) -> Outcome:
    """Return the outcome of one simulation."""
    world, fitting, ranking = np.random.SeedSequence(plan.seed, spawn_key=(number,)).spawn(3)
    rng = np.random.default_rng(world)
    truth = plan.model.prior_draw(rng)
    data = plan.model.simulate(truth, rng)
    own_seed = int(fitting.generate_state(1)[0])
    try:
        fit = plan.fit(plan.model.spec(data), replace(plan.request, seed=own_seed))
    # What a model or an engine says cannot be fitted; anything else is a fault of the program and is raised.
    except (EvenfallError, ArithmeticError, np.linalg.LinAlgError) as error:
        return Outcome("none", {}, {}, reason=f"{type(error).__name__}: {error}")
    if fit.failures:
        return _failed(fit, fit.failures[-1])
    return _ranked(plan, fit, truth, data, np.random.default_rng(ranking))


def identity(plan: Plan) -> str:
    """Return a hash of the model, its prior, the request and the seed: the key under which a result is kept.

    The model counts with all it is made of, as its fields tell, and the specification it makes of the first
    simulated data.
    """
    rng = np.random.default_rng(np.random.SeedSequence(plan.seed, spawn_key=(0,)).spawn(1)[0])
    truth = plan.model.prior_draw(rng)
    data = plan.model.simulate(truth, rng)
    spec = plan.model.spec(data)
    found = hashlib.sha256()
    words: list[Any] = [plan.model.name, spec.factory, plan.seed, plan.draws, _jsonable(asdict(plan.request))]
    words.append(getattr(plan.fit, "__qualname__", repr(plan.fit)))
    found.update(json.dumps([*words, _jsonable(dict(spec.options))], sort_keys=True).encode())
    for name, values in sorted({**{f"truth {k}": v for k, v in truth.items()}, **data}.items()):
        array = np.asarray(values)
        found.update(f"{name} {array.dtype} {array.shape}".encode() + array.tobytes())
    return found.hexdigest()


def _begun(plan: Plan, before: SbcResult | None) -> SbcResult:
    """Return what there is to go on from."""
    own = identity(plan)
    if before is None:
        return SbcResult(plan.model.name, own, plan.seed, plan.draws)
    if before.identity != own:
        raise UsageError(
            f"these simulations of {before.name} were made with another model, prior, seed or request",
            remedy="begin anew",
        )
    return before


def _ranges(begin: int, end: int, stops: list[int]) -> list[range]:
    """Return the simulations in chunks, none of which reaches over a checkpoint."""
    edges = sorted({begin, end, *(s for s in stops if begin < s < end), *range(begin, end, _CHUNK)})
    return [range(low, high) for low, high in pairwise(edges) if low >= begin]


def _failed(fit: Fit, reason: str) -> Outcome:
    return Outcome(fit.rung, {}, {}, reason, gradients=fit.gradients)


def _ranked(
    plan: Plan,
    fit: Fit,
    truth: Mapping[str, Floats],
    data: Mapping[str, NDArray[np.generic]],
    rng: np.random.Generator,
) -> Outcome:
    """Return the ranks of one simulation."""
    kept = choose(fit, plan.draws, rng)
    if kept is None:
        return _failed(fit, f"the draws of {fit.rung} are worth fewer than the {plan.draws} that ranks need")
    truths = plan.model.quantities(truth)
    values = {name: values_of(fit, name) for name in truths}
    even = np.full(plan.draws, 1.0 / plan.draws)
    ranks, positions = {}, {}
    for name, own in truths.items():
        ranks[name] = rank(own, values[name][kept.chosen], rng)
        positions[name] = position(own, values[name], kept.weights)
    own, joint = plan.model.log_likelihood(truth, data), _joint(plan.model, fit, values, kept.chosen, data)
    ranks[LOG_LIKELIHOOD] = rank(own, joint, rng)
    positions[LOG_LIKELIHOOD] = position(own, joint, even)
    return Outcome(fit.rung, ranks, positions, "", kept.effective, fit.gradients)


def _joint(
    model: GenerativeModel,
    fit: Fit,
    values: Mapping[str, Floats],
    chosen: NDArray[np.intp],
    data: Mapping[str, NDArray[np.generic]],
) -> Floats:
    """Return the log likelihood of all data at the chosen draws.

    Where the fit does not say, the generative model does, its parameters being the quantities.
    """
    if fit.log_likelihood is not None:
        return np.asarray(fit.log_likelihood.reshape(-1, fit.log_likelihood.shape[-1])[chosen].sum(axis=-1))
    at = ({name: draws[i] for name, draws in values.items()} for i in chosen.tolist())
    return np.array([model.log_likelihood(parameters, data) for parameters in at])


def _jsonable(value: Any) -> Any:
    """Return settings as JSON can hold them; arrays by their contents."""
    if isinstance(value, Mapping):
        return {str(key): _jsonable(one) for key, one in value.items()}
    if isinstance(value, np.ndarray | np.generic):
        return value.tolist()
    if isinstance(value, tuple | list):
        return [_jsonable(one) for one in value]
    return value
