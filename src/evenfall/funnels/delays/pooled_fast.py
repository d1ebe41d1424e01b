"""The fast path of pooled delays: hypers from a Student t, each slice by importance resampling given them.

A joint proposal of all slices would multiply their weights, which scatter the more the more slices there are.
Instead each slice estimates the integral over its own two coordinates by the mean of a few weights and keeps
one of its candidates by weight. Write h for the hypers, drawn from q, and u_s1 … u_sM for the candidates of
slice s, each from q_s(·|h), with weights w_sm = p(data_s, u_sm | h)/q_s(u_sm | h). The draw
(h, u_1k, u_2k, …) with weight

    p(h)/q(h) · Π_s (1/M) Σ_m w_sm

is exact: summed over the candidate kept, whose probability is w_sk/Σ_m w_sm, weight × probability is
(1/M) Σ_m w_sm f(u_sm), whose mean over candidates is ∫ p(data_s, u | h) f(u) du, for any M, and whether or
not the candidates depend on each other. So they are taken as one Student-t draw turned by quarter turns:
what the proposal misses in odd orders, and the quadrupole, cancels within a slice.

References
----------
Andrieu, C., Roberts, G. (2009), The pseudo-marginal approach for efficient Monte Carlo computations, Annals
of Statistics 37(2). Vehtari et al. (2024), Pareto smoothed importance sampling, JMLR 25.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Final

import numpy as np
from scipy import special

from evenfall.beliefs.numerics.arrays import Floats
from evenfall.funnels.delays.pooled_climb import climb
from evenfall.funnels.delays.pooled_place import SlicedDelays
from evenfall.funnels.delays.pooled_slices import SliceGaussians, Slices
from evenfall.funnels.pooling.proposals import StudentT
from evenfall.inference.fit import Fit, FitRequest
from evenfall.inference.psis import LEAST_ESS, importance_ess, k_hat_limit, smooth

__all__ = ["fast_fit"]

_CANDIDATES: Final = 4
_COSTLY_CANDIDATES: Final = 2  # where a likelihood costs more than ten of the others; they lie opposite
_DEGREES: Final = 10.0
_FARTHEST: Final = 8.0  # prior standard deviations beyond which no hyper is looked at: 1e-15 of the mass
_PILOTS: Final = (300, 600, 1200)
_HALF_LOG_2PI: Final = 0.9189385332046727


@dataclass(frozen=True, eq=False)
class _Shapes:
    """How the candidates of each slice stand to its Gaussian.

    Attributes
    ----------
    shift : ndarray, shape (slice, 2)
        In units of the Gaussian's root.
    root : ndarray, shape (slice, 2, 2)
    line : ndarray, shape (1 + hyper, slice · 2)
        Coefficients of the modes on the hypers, from which scoring starts.
    """

    shift: Floats
    root: Floats
    line: Floats


@dataclass(frozen=True, eq=False)
class _Drawn:
    """Weighted draws.

    Attributes
    ----------
    hypers : ndarray, shape (draw, hyper)
    u : ndarray, shape (draw, slice, 2)
    standard : ndarray, shape (draw, slice, 2)
        The same in units of the Gaussians, from their modes.
    log_ratio : ndarray, shape (draw,)
    mode : ndarray, shape (draw, slice, 2)
    """

    hypers: Floats
    u: Floats
    standard: Floats
    log_ratio: Floats
    mode: Floats


def fast_fit(model: SlicedDelays, request: FitRequest) -> Fit:
    """Return weighted draws of the exact posterior, and whether they may be published.

    Returns
    -------
    Fit
        Of rung ``nested-laplace``; `failures` says why a sampler must take over.
    """
    started = time.perf_counter()
    shape = (request.chains, request.draws)
    drawn = _draw(model, np.random.default_rng(request.seed), shape[0] * shape[1])
    log_weights, k_hat = smooth(drawn.log_ratio)
    ess = float(importance_ess(log_weights))
    z = model.whole(drawn.hypers, drawn.u)
    values = model.quantities(z)
    return Fit(
        rung="nested-laplace",
        draws={name: value.reshape(*shape, *value.shape[1:]) for name, value in values.items()},
        points=z.reshape(*shape, -1),
        weights=np.exp(log_weights).reshape(shape),
        log_likelihood=model.log_likelihood(z).reshape(*shape, -1),
        diagnostics={"k_hat": float(k_hat), "importance_ess": ess},
        failures=_failures(float(k_hat), ess, len(z)),
        seed=request.seed,
        seconds=time.perf_counter() - started,
    )


def _failures(k_hat: float, ess: float, draws: int) -> tuple[str, ...]:
    """Return why the weights are not good enough; comparisons are written so that NaN fails."""
    limit, failures = k_hat_limit(draws), []
    if not k_hat < limit:
        failures.append(f"k_hat is {k_hat:.2f}, not below {limit:.2f}")
    if not ess > LEAST_ESS:
        failures.append(f"the weighted draws are worth {ess:.0f}, not more than {LEAST_ESS:.0f}")
    return tuple(failures)


def _draw(model: SlicedDelays, rng: np.random.Generator, count: int) -> _Drawn:
    """Return draws from a proposal that smaller runs of itself have put in place."""
    slices = Slices(model)
    proposal, shapes = _first(model, slices)
    for pilot in _PILOTS:
        drawn = _weighted(slices, proposal, shapes, rng, pilot)
        proposal, shapes = _adapted(drawn, proposal)
    return _weighted(slices, proposal, shapes, rng, count)


def _first(model: SlicedDelays, slices: Slices) -> tuple[StudentT, _Shapes]:
    """Return a Student t at the peak of the approximate density of the hypers."""
    start = model.start()[: model.hypers]
    known = start[None], slices.fit(start[None], np.zeros((1, model.slices, 2))).mode

    def log_mass(h: Floats) -> Floats:
        nonlocal known
        at = np.clip(h, -_FARTHEST, _FARTHEST)
        fitted = slices.fit(at, _nearest(known, at))
        known = at, fitted.mode
        return np.asarray(fitted.log_mass - 0.5 * np.square(h).sum(axis=1))

    peak, root = climb(log_mass, start)
    log_mass(np.concatenate([peak[None], peak + root.T, peak - root.T]))
    plain = np.tile(np.eye(2), (model.slices, 1, 1))
    return StudentT(peak, root), _Shapes(np.zeros((model.slices, 2)), plain, _line(*known))


def _weighted(
    slices: Slices, proposal: StudentT, shapes: _Shapes, rng: np.random.Generator, count: int
) -> _Drawn:
    """Return draws of hypers and, given them, of one candidate for each slice."""
    h, density = proposal.draw(rng, count)
    inside = np.all(np.abs(h) < _FARTHEST, axis=1)
    h = np.where(inside[:, None], h, proposal.mean)
    gaussians = _near(slices, shapes, h)
    noise, log_noise = _noise(rng, (count, len(shapes.shift)))
    base = gaussians.log_root + np.log(shapes.root[:, 0, 0] * shapes.root[:, 1, 1]) + _HALF_LOG_2PI * 2
    weights, tried, standards = [], [], []
    candidates = _COSTLY_CANDIDATES if slices.costly else _CANDIDATES
    for _ in range(candidates):
        standard = shapes.shift + np.einsum("sij,psj->psi", shapes.root, noise)
        u = gaussians.mode + np.einsum("psij,psj->psi", gaussians.root, standard)
        target = slices.value(h, u) - 0.5 * np.square(u).sum(axis=-1)
        weights.append(target + base - 2 * _HALF_LOG_2PI - log_noise)
        tried.append(u)
        standards.append(standard)
        noise = -noise if slices.costly else np.stack([-noise[..., 1], noise[..., 0]], axis=-1)
    log_weight = np.stack(weights)
    total = special.logsumexp(log_weight, axis=0)
    kept = _pick(log_weight - np.where(np.isfinite(total), total, 0.0), rng)
    log_ratio = (total - np.log(candidates)).sum(axis=1) - 0.5 * np.square(h).sum(axis=1) - density
    return _Drawn(
        h,
        np.take_along_axis(np.stack(tried), kept[None, ..., None], axis=0)[0],
        np.take_along_axis(np.stack(standards), kept[None, ..., None], axis=0)[0],
        np.where(inside & ~np.isnan(log_ratio), log_ratio, -np.inf),
        gaussians.mode,
    )


def _near(slices: Slices, shapes: _Shapes, h: Floats) -> SliceGaussians:
    """Return Gaussians at the hypers, one step from where their modes are expected."""
    start = (_with_one(h) @ shapes.line).reshape(len(h), -1, 2)
    return slices.step(h, start)


def _noise(rng: np.random.Generator, shape: tuple[int, int]) -> tuple[Floats, Floats]:
    """Return Student t noise in two dimensions, shape (draw, slice, 2), and its log density × 2π."""
    noise = rng.normal(size=(*shape, 2)) / np.sqrt(rng.chisquare(_DEGREES, (*shape, 1)) / _DEGREES)
    # In two dimensions Γ((ν + 2)/2)/Γ(ν/2) = ν/2, so the density is (1 + r²/ν)^−(ν + 2)/2 / 2π.
    return noise, -(_DEGREES + 2) / 2 * np.log1p(np.square(noise).sum(axis=-1) / _DEGREES)


def _pick(log_share: Floats, rng: np.random.Generator) -> np.ndarray:
    """Return which candidate is kept, shape (draw, slice)."""
    ladder = np.cumsum(np.exp(np.nan_to_num(log_share, nan=-np.inf)), axis=0)
    passed = (ladder[:-1] < rng.random(ladder.shape[1:]) * ladder[-1]).sum(axis=0)
    return np.asarray(passed)


def _adapted(drawn: _Drawn, proposal: StudentT) -> tuple[StudentT, _Shapes]:
    """Return the proposal moved to where the weights say, as far as they are worth saying it."""
    log_weights, _ = smooth(drawn.log_ratio)
    weight = np.exp(log_weights)
    worth = float(importance_ess(log_weights))
    h = drawn.hypers
    if worth >= 5 * h.shape[1]:
        mean = weight @ h
        spread = (weight[:, None] * (h - mean)).T @ (h - mean)
        old = proposal.root @ proposal.root.T
        share = worth / (worth + 2 * h.shape[1])
        proposal = StudentT(mean, np.linalg.cholesky(share * spread + (1.0 - share) * old))
    else:
        weight = np.full(len(h), 1.0 / len(h))
    shift = np.einsum("p,psi->si", weight, drawn.standard)
    off = drawn.standard - shift
    spread = np.einsum("p,psi,psj->sij", weight, off, off)
    share = worth / (worth + 10.0)
    root = np.linalg.cholesky(share * spread + (1.0 - share) * np.eye(2))
    return proposal, _Shapes(share * shift, root, _line(h, drawn.mode))


def _line(hypers: Floats, values: Floats) -> Floats:
    """Return the coefficients of values, shape (point, …), as linear functions of the hypers."""
    found = np.linalg.lstsq(_with_one(hypers), values.reshape(len(hypers), -1), rcond=1e-8)[0]
    return np.asarray(found)


def _with_one(hypers: Floats) -> Floats:
    return np.concatenate([np.ones((len(hypers), 1)), hypers], axis=1)


def _nearest(known: tuple[Floats, Floats], h: Floats) -> Floats:
    """Return the modes found at the hypers closest to `h`."""
    at, modes = known
    distance = np.square(at).sum(axis=1) - 2 * h @ at.T
    return np.asarray(modes[np.argmin(distance, axis=1)])
