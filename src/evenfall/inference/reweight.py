"""Last full fit's draws, reweighted to today's data."""

from __future__ import annotations

import time
from typing import Final

import numpy as np
from numpy.typing import NDArray

from evenfall.inference.fit import Fit
from evenfall.inference.gates import SAMPLED
from evenfall.inference.psis import importance_ess, smooth

__all__ = ["effective_share", "reweight"]

type Floats = NDArray[np.float64]

_RUNG: Final = "reweighted"


def reweight(base: Fit, log_ratio: Floats) -> Fit:
    """Return the draws of a full fit with weights that make them draws of the posterior after more data.

    The draws stay as they are and are never resampled: tomorrow starts from the same full fit, with the log
    ratio accumulated since.

    Parameters
    ----------
    base
        A full fit, not itself reweighted.
    log_ratio : ndarray, shape (chain, draw)
        Log likelihood of all data of now, minus that of the data of the full fit, at each of its draws.

    Returns
    -------
    Fit
        Rung ``reweighted``, with k_hat and importance_ess to be judged by the gate. The latter counts what
        the chains' own correlation costs too.

    Raises
    ------
    ValueError
        When the base is no full fit, or the shapes differ.
    """
    began = time.perf_counter()
    shape = base.points.shape[:2]
    if base.rung == _RUNG:
        raise ValueError(
            "only draws of a full fit can be reweighted: errors of weights of weights add up unseen"
        )
    if log_ratio.shape != shape or not log_ratio.size:
        raise ValueError(
            f"log_ratio must have shape {shape}, one value per draw of the base, not {log_ratio.shape}"
        )
    share = effective_share(base)
    with np.errstate(divide="ignore"):  # a weight of zero stays one
        before = 0.0 if base.weights is None else np.log(base.weights)
    log_weights, k_hat = smooth((log_ratio + before).reshape(-1), share if share > 0 else 1.0)
    return Fit(
        rung=_RUNG,
        draws=base.draws,
        points=base.points,
        weights=np.exp(log_weights).reshape(shape),
        diagnostics={"k_hat": float(k_hat), "importance_ess": share * float(importance_ess(log_weights))},
        failures=_of_base(base),
        seed=base.seed,
        seconds=time.perf_counter() - began,
        warm=base.warm,
    )


def effective_share(base: Fit) -> float:
    """Return the bulk ESS of the least known quantity per draw; 1 where draws are independent.

    NaN for chains that no gate has looked at.
    """
    draws = int(np.prod(base.points.shape[:2]))
    unknown = np.nan if base.rung in SAMPLED else draws
    return float(np.minimum(1.0, base.diagnostics.get("ess_bulk", unknown) / draws))


def _of_base(base: Fit) -> tuple[str, ...]:
    """Return what is wrong with the base; weights cannot mend it."""
    return tuple(f"the full fit under it was refused: {failure}" for failure in base.failures)
