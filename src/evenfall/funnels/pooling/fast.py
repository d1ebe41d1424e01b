"""The fast path of pooled rates: Laplace given the spreads, integrated over them, corrected by weights.

Spreads and κ are drawn from a grid (one or two) or a Student t (three to five); centre and effects from
their Gaussian given those. The weights of the draws under the exact posterior make good what the Gaussian
gets wrong, and their Pareto k_hat says whether they can. The joint mode is never used: at spreads near zero
it is infinitely high and says nothing.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from evenfall.funnels.pooling.conditional import Inner
from evenfall.funnels.pooling.place import Pooled
from evenfall.funnels.pooling.proposals import MOST_ON_GRID, Proposal, grid_proposal, student_proposal
from evenfall.inference.fit import Fit, FitRequest
from evenfall.inference.psis import LEAST_ESS, importance_ess, k_hat_limit, smooth

__all__ = ["MOST_HYPERS", "fast_fit"]

type Floats = NDArray[np.float64]

MOST_HYPERS: Final = 5
"""Spreads, κ among them, that importance sampling integrates over; with more a sampler is needed."""

_STEPS: Final = 1  # of scoring, from the mode at a neighbouring hyper
_FARTHEST: Final = 8.0  # prior standard deviations beyond which no hyper is looked at: 1e-15 of the mass


@dataclass(frozen=True, eq=False)
class _Drawn:
    """Draws of the whole model with their log ratios, posterior over proposal."""

    z: Floats
    log_ratio: Floats


def fast_fit(model: Pooled, request: FitRequest) -> Fit:
    """Return weighted draws of the exact posterior, and whether they may be published.

    Parameters
    ----------
    model
        With at most `MOST_HYPERS` spreads, κ counted; with more the fit comes back empty and failed.
    request
        Its chains × draws are drawn; its seed decides them.

    Returns
    -------
    Fit
        Of rung ``laplace``; `failures` says why a sampler must take over.
    """
    started = time.perf_counter()
    hypers = model.hypers.stop - model.hypers.start
    shape = (request.chains, request.draws)
    if hypers > MOST_HYPERS:
        reason = f"{hypers} spreads are more than the {MOST_HYPERS} that weighted draws can integrate over"
        return Fit("laplace", {}, np.zeros((*shape, 0)), failures=(reason,), seed=request.seed)
    rng = np.random.default_rng(request.seed)
    drawn = _draw(model, rng, shape[0] * shape[1], hypers)
    log_weights, k_hat = smooth(drawn.log_ratio)
    ess = float(importance_ess(log_weights))
    values = model.quantities(drawn.z)
    return Fit(
        rung="laplace",
        draws={name: value.reshape(*shape, *value.shape[1:]) for name, value in values.items()},
        points=drawn.z.reshape(*shape, -1),
        weights=np.exp(log_weights).reshape(shape),
        log_likelihood=model.log_likelihood(drawn.z).reshape(*shape, -1),
        diagnostics={"k_hat": float(k_hat), "importance_ess": ess},
        failures=_failures(float(k_hat), ess, drawn.z),
        seed=request.seed,
        seconds=time.perf_counter() - started,
    )


def _failures(k_hat: float, ess: float, z: Floats) -> tuple[str, ...]:
    """Return why the weights are not good enough; comparisons are written so that NaN fails."""
    limit = k_hat_limit(len(z))
    failures = []
    if not k_hat < limit:
        failures.append(f"k_hat is {k_hat:.2f}, not below {limit:.2f}")
    if not ess > LEAST_ESS:
        failures.append(f"the weighted draws are worth {ess:.0f}, not more than {LEAST_ESS:.0f}")
    return tuple(failures)


def _draw(model: Pooled, rng: np.random.Generator, count: int, hypers: int) -> _Drawn:
    """Return draws of hypers and, given them, of centre and effects."""
    inner = Inner(model)
    start = model.start()[model.hypers]
    origin = inner.fit(start[None], np.zeros((1, inner.size))).mode
    known: list[tuple[Floats, Floats]] = [(start[None], origin)]

    def log_mass(h: Floats) -> Floats:
        at = np.clip(h, -_FARTHEST, _FARTHEST)
        fitted = inner.fit(at, _nearest(known[-1], at))
        known.append((at, fitted.mode))
        return np.asarray(fitted.log_mass - 0.5 * np.square(h).sum(axis=1))

    few = hypers <= MOST_ON_GRID
    proposal: Proposal = grid_proposal(log_mass, hypers) if few else student_proposal(log_mass, start, rng)
    h, density = proposal.draw(rng, count)
    inside = np.all(np.abs(h) < _FARTHEST, axis=1)
    h = np.where(inside[:, None], h, 0.0)
    gaussian = inner.fit(h, _nearest(known[-1], h), _STEPS)
    noise, log_noise = _noise(rng, count, inner.size)
    z = inner.whole(h, gaussian.draws(noise))
    target = model.log_prior(z) + _in_blocks(model, z)
    log_ratio = target - density - log_noise - gaussian.log_root_determinant
    return _Drawn(z, np.where(inside, log_ratio, -np.inf))


def _noise(rng: np.random.Generator, count: int, size: int) -> tuple[Floats, Floats]:
    """Return Student t noise (draw, inner) and its log density up to a constant, shape (draw,).

    A Gaussian falls faster than the posterior of a slice without successes, whose tail is the prior's. The
    degrees grow with the coordinates, or the radius of the t would scatter more than the posterior's.
    """
    degrees = 10.0 + 2.0 * size
    noise = rng.normal(size=(count, size)) / np.sqrt(rng.chisquare(degrees, (count, 1)) / degrees)
    return noise, -(degrees + size) / 2 * np.log1p(np.square(noise).sum(axis=1) / degrees)


def _nearest(known: tuple[Floats, Floats], h: Floats) -> Floats:
    """Return the modes found at the hypers closest to `h`, shape (point, inner)."""
    at, modes = known
    if len(at) == 1:
        return np.repeat(modes, len(h), axis=0)
    distance = np.square(h).sum(axis=1)[:, None] - 2 * h @ at.T + np.square(at).sum(axis=1)
    return np.asarray(modes[np.argmin(distance, axis=1)])


def _in_blocks(model: Pooled, z: Floats) -> Floats:
    """Return the log likelihood over all slices, shape (point,), a block of points at a time."""
    step = max(1, (1 << 21) // max(len(model.days.place), 1))
    blocks = [model.log_likelihood(z[i : i + step]).sum(axis=1) for i in range(0, len(z), step)]
    return np.concatenate(blocks)
