"""Several families of one model as one posterior: their mixture, by how they predict units left out."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from evenfall.inference.comparison.elpd import loo
from evenfall.inference.comparison.stacking import stacking_weights
from evenfall.inference.fit import Fit

__all__ = ["stack"]


def stack(fits: Mapping[str, Fit]) -> tuple[Fit, dict[str, float]]:
    """Return the mixture of the fits that passed their gate, and the weight of each family in it.

    Where families predict alike and disagree on something, the mixture is as wide as their disagreement.
    Quantities that not all of them have are left out. When none passed, the first one comes back, refused.

    References
    ----------
    Yao, Vehtari, Simpson and Gelman (2018), Using stacking to average Bayesian predictive distributions.
    """
    good = {name: fit for name, fit in fits.items() if fit.passed and fit.log_likelihood is not None}
    if not good:
        return next(iter(fits.values())), {}
    scores = [loo(_likelihood(fit), weights=fit.weights).pointwise for fit in good.values()]
    shares = stacking_weights(np.array(scores))
    common = set.intersection(*(set(fit.draws) for fit in good.values()))
    parts = [_weights(fit) * share for fit, share in zip(good.values(), shares, strict=True)]
    mixed = Fit(
        rung="stacked",
        draws={
            name: np.concatenate([fit.draws[name].reshape(1, -1) for fit in good.values()], axis=1)
            for name in sorted(common)
        },
        points=np.zeros((1, sum(len(part) for part in parts), 0)),
        weights=np.concatenate(parts)[None, :],
        diagnostics={"k_hat": max(fit.diagnostics.get("k_hat", 0.0) for fit in good.values())},
        tried=tuple((name, "; ".join(fit.failures)) for name, fit in fits.items() if name not in good),
        seed=next(iter(good.values())).seed,
        gradients=sum(fit.gradients for fit in fits.values()),
        seconds=sum(fit.seconds for fit in fits.values()),
    )
    return mixed, {name: float(share) for name, share in zip(good, shares, strict=True)}


def _likelihood(fit: Fit) -> NDArray[np.float64]:
    assert fit.log_likelihood is not None, "chosen for having one"
    return fit.log_likelihood


def _weights(fit: Fit) -> NDArray[np.float64]:
    """Return the weight of each draw, shape (draw,), summing to one."""
    count = int(np.prod(fit.points.shape[:2]))
    return np.full(count, 1 / count) if fit.weights is None else fit.weights.reshape(-1)
