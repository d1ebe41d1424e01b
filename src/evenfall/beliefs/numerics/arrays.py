"""Arrays of floats, and how arguments become them."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["Booleans", "Floats", "broadcast_floats", "floats"]

type Floats = NDArray[np.float64]
type Booleans = NDArray[np.bool_]


def floats(value: ArrayLike) -> Floats:
    """Return `value` as an array of floats."""
    return np.asarray(value, dtype=np.float64)


def broadcast_floats(*values: ArrayLike) -> tuple[Floats, ...]:
    """Return the values as arrays of floats of one common shape; they may share memory."""
    return np.broadcast_arrays(*(floats(value) for value in values))
