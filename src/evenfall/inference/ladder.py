"""From the cheapest engine whose answer holds to the most thorough one, within a budget of gradients."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from evenfall.inference.engines import ENGINES, Engine
from evenfall.inference.engines.batch import as_log_density
from evenfall.inference.engines.conjugate import ConjugateModel
from evenfall.inference.fit import Fit, FitRequest
from evenfall.inference.gates import LAPLACE_COORDINATES, check
from evenfall.inference.model import LogDensity, PymcModel
from evenfall.inference.reweight import reweight

__all__ = ["AUDIT_NIGHTS", "NightlyFit", "climb", "needs_full_fit"]

type Floats = NDArray[np.float64]
type Model = LogDensity | PymcModel | ConjugateModel

AUDIT_NIGHTS: Final = 7
"""A full fit at least every so many nights, whatever the weights say of the last one's draws."""

_WORRYING: Final = 0.5
"""k_hat from which weights have no variance; twice running, the draws are growing stale."""

_GRID_COORDINATES: Final = 2  # of which a grid costs no more than a few thousand evaluations
_LAPLACE_SHARE: Final = 10  # a part in so many of the budget
_RETRIES: Final = ((2, 0.95), (4, 0.99))  # how much longer, and target_accept at least so high


@dataclass(frozen=True, slots=True)
class NightlyFit:
    """One night's published fit, as far as it matters to the next: its rung and its k_hat."""

    rung: str
    k_hat: float


@dataclass(frozen=True, eq=False)
class _Rung:
    """One try: the engine's name, and what it does within a budget."""

    name: str
    run: Callable[[int], Fit]
    share: int = 1


def needs_full_fit(history: Sequence[NightlyFit]) -> bool:
    """Return whether tonight must not be a reweighting of the last full fit.

    Parameters
    ----------
    history
        Fits of the nights before, the latest last.

    Examples
    --------
    >>> full, light = NightlyFit("nuts", 0.0), NightlyFit("reweighted", 0.2)
    >>> needs_full_fit([full, light]), needs_full_fit([full] + 6 * [light]), needs_full_fit([])
    (False, True, True)
    """
    since: list[float] = []
    for night in reversed(history):
        if night.rung != "reweighted":
            break
        since.append(night.k_hat)
    else:
        return True
    # written so that a NaN worries
    stale = len(since) >= 2 and all(not k_hat <= _WORRYING for k_hat in since[:2])
    return stale or len(since) >= AUDIT_NIGHTS - 1


def climb(
    model: Model,
    request: FitRequest,
    *,
    base: Fit | None = None,
    log_ratio: Floats | None = None,
    audit_due: bool = False,
) -> Fit:
    """Return the first fit that passes the gate, or the last one tried, marked as not converged.

    With engine ``auto``: in closed form; on a grid for one or two coordinates; by reweighting the last full
    fit; by the model's own fast way, or Laplace's approximation up to six coordinates; by NUTS, and twice
    more with longer chains and smaller steps. A named engine is the only one tried, NUTS again with its own
    retries.

    Parameters
    ----------
    base
        The last full fit of this model, when there is one.
    log_ratio : ndarray, shape (chain, draw)
        At its draws, the log likelihood of the data of now minus that of its own data.
    audit_due
        Whether a full fit must be made even if reweighting would do; see `needs_full_fit`.

    Returns
    -------
    Fit
        `gradients` and `seconds` are those of all rungs together; `tried` says why earlier rungs were left.
    """
    left, spent, seconds = request.max_gradients, 0, 0.0
    tried: list[tuple[str, str]] = []
    last: Fit | None = None
    for rung in _rungs(model, request, base, log_ratio, audit_due):
        if last is not None:
            tried.append((last.rung, "; ".join(last.failures)))
        if left <= 0:
            break
        budget = max(1, left // rung.share)
        last = check(replace(rung.run(budget), rung=rung.name))
        left, spent, seconds = left - last.gradients, spent + last.gradients, seconds + last.seconds
        if last.passed:
            return replace(last, tried=tuple(tried), gradients=spent, seconds=seconds)
    return _not_converged(last, request, tried, spent, seconds)


def _rungs(
    model: Model, request: FitRequest, base: Fit | None, log_ratio: Floats | None, audit_due: bool
) -> Iterator[_Rung]:
    """Return what to try, in order."""
    if isinstance(model, ConjugateModel):
        known = request.engine in {"auto", "conjugate"}
        yield (
            _one("conjugate", model, request) if known else _Rung(request.engine, lambda _: _closed(request))
        )
        return
    if request.engine != "auto":
        yield from (
            _nuts(model, request) if request.engine == "nuts" else [_one(request.engine, model, request)]
        )
        return
    width = None if isinstance(model, PymcModel) else len(model.names)
    if width is not None and width <= _GRID_COORDINATES:
        yield _one("quadrature", model, request, _LAPLACE_SHARE)
    if base is not None and log_ratio is not None and not audit_due:
        yield _Rung("reweighted", lambda _: reweight(base, log_ratio))
    if width is None:
        width = len(as_log_density(model).names)
    fast = getattr(model, "fast_fit", None)
    if fast is not None:
        yield _Rung(
            "nested-laplace", lambda budget: fast(replace(request, max_gradients=budget)), _LAPLACE_SHARE
        )
    elif width <= LAPLACE_COORDINATES:
        yield _one("laplace", model, request, _LAPLACE_SHARE)
    yield from _nuts(model, request)


def _closed(request: FitRequest) -> Fit:
    """Return why an engine that needs a density cannot fit a model in closed form."""
    reason = (
        f"a model in closed form has no density for {request.engine}: let the engine be auto or conjugate"
    )
    return Fit(request.engine, {}, np.empty((request.chains, 0, 0)), failures=(reason,), seed=request.seed)


def _one(engine: str, model: Model, request: FitRequest, share: int = 1) -> _Rung:
    """Return the try of an engine as the request has it."""
    return _Rung(engine, _runner(engine, model, request), share)


def _nuts(model: Model, request: FitRequest) -> Iterator[_Rung]:
    """Return NUTS and its retries: longer, with smaller steps, and with other random numbers.

    Each try may spend half of what is left, the last one all of it.
    """
    yield _one("nuts", model, request, 2)
    for number, (longer, accept) in enumerate(_RETRIES, start=1):
        again = replace(
            request,
            seed=_derived(request.seed, number),
            draws=longer * request.draws,
            tune=longer * request.tune,
            target_accept=max(accept, request.target_accept),
        )
        share = 1 if number == len(_RETRIES) else 2
        yield _Rung("nuts-again", _runner("nuts", model, again), share)


def _runner(engine: str, model: Model, request: FitRequest) -> Callable[[int], Fit]:
    """Return what fits within a budget."""

    def run(budget: int) -> Fit:
        part: Engine = ENGINES.resolve(engine)
        return part.fit(model, replace(request, max_gradients=budget))  # type: ignore[arg-type]

    return run


def _derived(seed: int, number: int) -> int:
    """Return a seed of its own for a retry: the same each time, and unlike the first."""
    return int(np.random.SeedSequence([seed, number]).generate_state(1, np.uint64)[0] >> np.uint64(1))


def _not_converged(
    last: Fit | None, request: FitRequest, tried: list[tuple[str, str]], spent: int, seconds: float
) -> Fit:
    """Return the last fit with a first sentence that says what it is."""
    if last is None:
        last = Fit(request.engine, {}, np.empty((request.chains, 0, 0)), seed=request.seed)
    if tried and tried[-1] == (last.rung, "; ".join(last.failures)):
        tried = tried[:-1]
    rungs = ", ".join(dict.fromkeys([*(name for name, _ in tried), last.rung]))
    broke = f" within {request.max_gradients} gradients" if spent >= request.max_gradients else ""
    head = f"not converged{broke} after {rungs}: the last good posterior stays"
    return replace(
        last, failures=(head, *last.failures), tried=tuple(tried), gradients=spent, seconds=seconds
    )
