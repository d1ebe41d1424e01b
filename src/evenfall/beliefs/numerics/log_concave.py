"""Integrals of log-concave functions over a half line, by nodes fitted to how fast they fall."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import numpy as np

from evenfall.beliefs.numerics.arrays import Floats

__all__ = ["DROP", "Fall", "fall_nodes", "fall_width", "integral_to_nodes", "unit_nodes"]

DROP: Final = 46.0
"""Nats below the start at which an integral may stop: what lies beyond is 1e-20 of it."""

type Fall = Callable[[Floats], tuple[Floats, Floats]]
"""How far, in nats, a log-concave function has fallen at u >= 0 from its start, and the slope of it."""

_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(64)


def _integration_matrix() -> Floats:
    """Return A with (A f)_i the integral from −1 to node i of the polynomial through f at the nodes."""
    values = np.polynomial.legendre.legvander(_NODES, len(_NODES))  # P_0..P_64 at the nodes
    order = np.arange(1, len(_NODES))
    integrals = np.column_stack(
        [_NODES + 1.0, (values[:, order + 1] - values[:, order - 1]) / (2 * order + 1)]
    )
    coefficients = (np.arange(len(_NODES)) + 0.5)[:, None] * values[:, :-1].T * _WEIGHTS
    return np.asarray(integrals @ coefficients)


_FROM_START = _integration_matrix() / 2.0
_NODES, _LOG_WEIGHTS = (_NODES + 1.0) / 2.0, np.log(_WEIGHTS / 2.0)


def fall_width(fall: Fall, curvature: Floats) -> Floats:
    """Return u at which a convex `fall` that starts at 0 with slope >= 0 has reached `DROP`.

    Parameters
    ----------
    curvature : ndarray
        Second derivative of the fall at 0, above zero; it sets the first guess.
    """
    _, slope = fall(np.zeros_like(curvature))
    width = np.minimum(np.sqrt(2.0 * DROP / curvature), DROP / np.maximum(slope, 1e-300))
    # Newton on a convex rising function lands to the right of the root at once and then comes down to it.
    for _ in range(12):
        value, slope = fall(width)
        width = np.maximum(width - (value - DROP) / slope, 0.05 * width)
    return width


def fall_nodes(fall: Fall, curvature: Floats) -> tuple[Floats, Floats]:
    """Return nodes u and log weights, shape (..., 64), that integrate exp(−fall(u)) over u > 0."""
    width = fall_width(fall, curvature)
    nodes = width[..., None] * _NODES
    value, _ = fall(nodes)
    return nodes, np.log(width)[..., None] + _LOG_WEIGHTS - value


def integral_to_nodes(nodes: Floats, values: Floats) -> Floats:
    """Return the integral from 0 to each node of a smooth function with these `values` at the nodes."""
    width = nodes[..., :1] / _NODES[0]
    return np.asarray(width * (values @ _FROM_START.T))


def unit_nodes() -> tuple[Floats, Floats]:
    """Return the 64 nodes and log weights that integrate over [0, 1]."""
    return _NODES, _LOG_WEIGHTS
