"""What new evidence is worth at the draws of an older fit."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from evenfall.inference.engines.batch import as_log_density
from evenfall.inference.fit import Fit
from evenfall.inference.model import ModelSpec, load_model

__all__ = ["log_ratio"]


def log_ratio(base: Fit, then: ModelSpec, now: ModelSpec) -> NDArray[np.float64]:
    """Return the log likelihood of the evidence of now minus that of then, shape (chain, draw).

    The evidence is compared as a whole, so a restatement of what was known counts like news.

    Parameters
    ----------
    base
        The fit of `then`.
    then, now
        The same model with the evidence of two nights.
    """
    z = base.points.reshape(-1, base.points.shape[-1])
    totals = [as_log_density(load_model(spec)).log_likelihood(z).sum(axis=1) for spec in (then, now)]
    return np.asarray(totals[1] - totals[0]).reshape(base.points.shape[:2])
