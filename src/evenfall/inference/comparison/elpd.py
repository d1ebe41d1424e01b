"""How well a fit predicts units it has not seen: PSIS leave-one-out and WAIC, unit by unit.

A unit is what the model gives one log likelihood for, such as a cohort: leaving it out leaves out all of it.

References
----------
Vehtari, Gelman, Gabry (2017), Practical Bayesian model evaluation using leave-one-out cross-validation and
WAIC. Statistics and Computing 27, 1413-1432: equations 10 and 22-24.
Vehtari, Simpson, Gelman, Yao, Gabry (2024), Pareto smoothed importance sampling. JMLR 25(72): the limit of
k-hat, section 3.2.4.
Watanabe (2010), Asymptotic equivalence of Bayes cross validation and widely applicable information criterion.
JMLR 11, 3571-3594.
Gelman, Hwang, Vehtari (2014), Understanding predictive information criteria for Bayesian models. Statistics
and Computing 24, 997-1016: p_waic2, equation 12.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.special import logsumexp

from evenfall.errors import UsageError
from evenfall.inference.diagnostics.arviz import array_stats
from evenfall.inference.psis import k_hat_limit, smooth

__all__ = ["Elpd", "loo", "refit_bad", "waic"]

type Floats = NDArray[np.float64]

WAIC_VARIANCE_LIMIT = 0.4
"""A unit whose log likelihood varies more makes WAIC undependable (Vehtari et al. 2017, section 2.2)."""


@dataclass(frozen=True, eq=False)
class Elpd:
    """Expected log predictive density of all units, in nats; higher predicts better.

    Attributes
    ----------
    kind
        ``loo`` or ``waic``.
    value, se
        The sum over units, and its standard error; NaN with one unit.
    pointwise : ndarray, shape (unit,)
    effective_parameters
        p_loo or p_waic: how much better the fit knows the units it has seen.
    pareto_k : ndarray, shape (unit,)
        Of the leave-one-out weights; all NaN for WAIC.
    limit
        What `pareto_k`, or for WAIC a unit's variance, should stay below.
    bad
        Units that do not: their share of the sum cannot be trusted.
    """

    kind: Literal["loo", "waic"]
    value: float
    se: float
    pointwise: Floats
    effective_parameters: float
    pareto_k: Floats
    limit: float
    bad: tuple[int, ...]

    @property
    def bad_share(self) -> float:
        """Share of units that cannot be trusted."""
        return len(self.bad) / self.pointwise.size

    def __str__(self) -> str:
        note = f", {len(self.bad)} of {self.pointwise.size} units not dependable" if self.bad else ""
        return f"elpd_{self.kind} {self.value:.1f} ± {self.se:.1f}{note}"


def loo(
    log_likelihood: Floats,
    *,
    weights: Floats | None = None,
    log_jacobian: Floats | float = 0.0,
    relative_ess: float | None = None,
) -> Elpd:
    """Return the leave-one-unit-out elpd by Pareto-smoothed importance sampling.

    Parameters
    ----------
    log_likelihood : ndarray, shape (chain, draw, unit)
    weights : ndarray, shape (chain, draw)
        Importance weights of the draws; leaving a unit out divides each by the unit's likelihood.
    log_jacobian : scalar or ndarray, shape (unit,)
        Added to each unit's log density: log of |dz/dy| when the model sees z(y) and is compared on the scale
        of y.
    relative_ess
        Effective draws of the likelihoods over draws; None estimates it for each unit.

    Raises
    ------
    UsageError
        When the shapes do not belong together.
    """
    values, log_weights = _flat(log_likelihood, weights)
    units = values.shape[1]
    left_out, k = np.full(units, np.nan), np.full(units, np.nan)
    for unit in np.flatnonzero(np.isfinite(values).all(axis=0)):
        efficiency = _relative_ess(log_likelihood[..., unit]) if relative_ess is None else relative_ess
        smoothed, k[unit] = smooth(log_weights - values[:, unit], efficiency)
        left_out[unit] = logsumexp(smoothed + values[:, unit])
    limit = k_hat_limit(values.shape[0])
    bad = np.flatnonzero(~(k < limit))  # NaN is bad
    lppd = _lppd(values, log_weights)
    return _total("loo", left_out, lppd=lppd, k=k, limit=limit, bad=bad, log_jacobian=log_jacobian)


def waic(
    log_likelihood: Floats, *, weights: Floats | None = None, log_jacobian: Floats | float = 0.0
) -> Elpd:
    """Return the widely applicable information criterion as an elpd (not times minus two).

    The parameters are those of `loo`, which is to be preferred: it knows when it fails.
    """
    values, log_weights = _flat(log_likelihood, weights)
    share = np.exp(log_weights)[:, None]
    with np.errstate(invalid="ignore"):
        mean = np.sum(share * values, axis=0)
        # Gelman et al. 2014, equation 12: the posterior variance, by S - 1; 1 - sum w^2 is that for weights.
        freedom = 1.0 - float(np.sum(share**2))
        variance = np.sum(share * (values - mean) ** 2, axis=0) / (freedom if freedom > 0 else np.nan)
        lppd = _lppd(values, log_weights)
    bad = np.flatnonzero(~(variance <= WAIC_VARIANCE_LIMIT))
    return _total(
        "waic",
        lppd - variance,
        lppd=lppd,
        k=np.full(variance.shape, np.nan),
        limit=WAIC_VARIANCE_LIMIT,
        bad=bad,
        log_jacobian=log_jacobian,
    )


def refit_bad(elpd: Elpd, refit: Callable[[int], float]) -> Elpd:
    """Return `elpd` with every unit that cannot be trusted replaced by a fit without it.

    Parameters
    ----------
    elpd
        Of `loo` or `waic`.
    refit
        Called with a unit; fits the model to all other units and returns the log predictive density of the
        one left out: log of the mean over draws of its likelihood, Jacobian included.
    """
    pointwise, k = elpd.pointwise.copy(), elpd.pareto_k.copy()
    gained = 0.0
    for unit in elpd.bad:
        exact = float(refit(unit))
        gained += exact - pointwise[unit]
        pointwise[unit], k[unit] = exact, 0.0
    return replace(
        elpd,
        value=float(np.sum(pointwise)),
        se=_standard_error(pointwise),
        pointwise=pointwise,
        effective_parameters=elpd.effective_parameters - gained,
        pareto_k=k,
        bad=tuple(int(unit) for unit in np.flatnonzero(~np.isfinite(pointwise))),
    )


def _flat(log_likelihood: Floats, weights: Floats | None) -> tuple[Floats, Floats]:
    """Return values (draw, unit) and normalised log weights (draw,), draws of no weight left out."""
    if log_likelihood.ndim != 3 or 0 in log_likelihood.shape:
        raise UsageError(
            f"a log likelihood has the shape (chain, draw, unit), and this one {log_likelihood.shape}",
            remedy="give one value for each unit at each draw",
        )
    values = np.asarray(log_likelihood, dtype=float).reshape(-1, log_likelihood.shape[2])
    if weights is None:
        return values, np.full(values.shape[0], -np.log(values.shape[0]))
    if weights.shape != log_likelihood.shape[:2] or not np.all(weights >= 0) or not np.sum(weights) > 0:
        raise UsageError(
            f"importance weights are not negative and have the shape {log_likelihood.shape[:2]}",
            remedy="give the weights of the same fit",
        )
    flat = weights.reshape(-1)
    kept = flat > 0
    return values[kept], np.log(flat[kept] / np.sum(flat))


def _lppd(values: Floats, log_weights: Floats) -> Floats:
    return np.asarray(logsumexp(values + log_weights[:, None], axis=0))


def _relative_ess(log_likelihood: Floats) -> float:
    """Return effective draws over draws of one unit's likelihood, shape (chain, draw)."""
    likelihood = np.exp(log_likelihood - np.max(log_likelihood))
    if likelihood.shape[1] < 4 or np.ptp(likelihood) < 1e-12:
        return 1.0
    return float(array_stats().ess(likelihood / np.std(likelihood), method="mean", relative=True))


def _standard_error(pointwise: Floats) -> float:
    # Vehtari et al. 2017, equation 23.
    return float(np.sqrt(pointwise.size * np.var(pointwise, ddof=1))) if pointwise.size > 1 else float("nan")


def _total(
    kind: Literal["loo", "waic"],
    pointwise: Floats,
    *,
    lppd: Floats,
    k: Floats,
    limit: float,
    bad: NDArray[np.intp],
    log_jacobian: Floats | float,
) -> Elpd:
    shifted = pointwise + np.broadcast_to(np.asarray(log_jacobian, dtype=float), pointwise.shape)
    return Elpd(
        kind,
        value=float(np.sum(shifted)),
        se=_standard_error(shifted),
        pointwise=shifted,
        effective_parameters=float(np.sum(lppd - pointwise)),
        pareto_k=k,
        limit=limit,
        bad=tuple(int(unit) for unit in bad),
    )
