"""Stacking: the mixture of fits that predicts left-out units best.

References
----------
Yao, Vehtari, Simpson, Gelman (2018), Using stacking to average Bayesian predictive distributions. Bayesian
Analysis 13, 917-1007: equation 5 with the logarithmic score.
Lindsay (1983), The geometry of mixture likelihoods. Annals of Statistics 11, 86-94: the gradient bounds what
is left to gain.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["stacking_weights"]

type Floats = NDArray[np.float64]

MOST_STEPS = 20_000
GAP = 1e-7
"""Nats per unit that better weights could still gain when the search ends."""


def stacking_weights(pointwise: Floats) -> Floats:
    """Return weights that sum to one and maximise the mean log score of the mixture, shape (fit,).

    The score is concave in the weights. The steps are those of the EM algorithm for mixture proportions,
    lengthened while that raises the score; from equal weights, fits that predict alike keep equal weights.

    Parameters
    ----------
    pointwise : ndarray, shape (fit, unit)
        Log predictive density of each unit when left out.
    """
    # Relative to each unit's best fit: densities of 1e-400 would vanish.
    density = np.exp(pointwise - np.max(pointwise, axis=0))
    weights = np.full(pointwise.shape[0], 1.0 / pointwise.shape[0])
    score, stride = _score(weights, density), 1.0
    for _ in range(MOST_STEPS):
        gradient = np.mean(density / (weights @ density), axis=1)
        # Lindsay 1983: log score at the optimum minus here is at most max gradient - 1.
        if np.max(gradient) - 1.0 < GAP:
            break
        longer = _step(weights, gradient, stride)
        if _score(longer, density) >= score:
            weights, stride = longer, 2.0 * stride
        else:
            weights, stride = _step(weights, gradient, 1.0), max(1.0, stride / 4.0)
        score = _score(weights, density)
    return weights


def _step(weights: Floats, gradient: Floats, stride: float) -> Floats:
    """Return the weights of an EM step (stride 1), or of one that goes further the same way."""
    # The floor keeps the power of a tiny gradient above zero, from where no weight would return.
    moved = weights * np.maximum((gradient / np.max(gradient)) ** stride, 1e-12)
    return np.asarray(moved / np.sum(moved))


def _score(weights: Floats, density: Floats) -> float:
    return float(np.mean(np.log(weights @ density)))
