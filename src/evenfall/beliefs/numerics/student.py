"""Tail probabilities and quantiles of Student t laws."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike
from scipy import special

from evenfall.beliefs.numerics.arrays import Floats, broadcast_floats, floats
from evenfall.beliefs.numerics.incomplete_beta import beta_log_tails

__all__ = ["student_log_tails", "student_quantile"]


def student_log_tails(dof: ArrayLike, t: ArrayLike) -> tuple[Floats, Floats]:
    """Return log P(T <= t) and log P(T > t), by P(|T| > t) = I_x(ν/2, 1/2) at x = ν/(ν + t²)."""
    dof, t = broadcast_floats(dof, t)
    square = t * t
    outside, _ = beta_log_tails(0.5 * dof, 0.5, dof / (dof + square), square / (dof + square))
    near = outside - np.log(2.0)
    other = np.log1p(-np.exp(near))
    return np.where(t < 0, near, other), np.where(t < 0, other, near)


def student_quantile(dof: ArrayLike, q: ArrayLike) -> Floats:
    """Return t with P(T <= t) = q."""
    return np.asarray(special.stdtrit(floats(dof), floats(q)))
