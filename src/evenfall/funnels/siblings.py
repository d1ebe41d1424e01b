"""Edges that leave one node take at most everybody: draws that say otherwise are redrawn together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy import special

from evenfall.findings import Finding, Light

__all__ = ["Siblings", "join_siblings"]

type Floats = NDArray[np.float64]

_ROUNDING: Final = 1e-12
_REMEDY: Final = "model the edges together, or look whether their trials are the same visitors"


@dataclass(frozen=True, slots=True, eq=False)
class Siblings:
    """Draws of the edges that leave one node, which add up to at most 1 in every draw.

    Attributes
    ----------
    draws : ndarray, shape (draw, edge)
        As they came, or redrawn together.
    finding
        What was found when they had to be redrawn.
    """

    draws: Floats
    finding: Finding | None = None


def join_siblings(draws: Floats, node: str, edges: Sequence[str], rng: np.random.Generator) -> Siblings:
    """Return sibling draws that never add up to more than 1.

    Draws that do so already stay as they are. Otherwise all of them are redrawn from one Dirichlet law over
    the edges and "leaves by none of them", which keeps every edge's mean m_i and their total variance:
    a Dirichlet(s·m) has variances m_i(1 − m_i)/(s + 1), hence s = Σ m_i(1 − m_i) / Σ v_i − 1. Each redrawn
    edge keeps the ranks of its own draws, so that comparisons draw by draw stay meaningful. An edge without
    uncertainty (an override) keeps its value, and the others share what it leaves.

    When the means alone leave nobody over, no such law exists: then the uncertain edges of each draw are
    scaled by one common factor.

    Parameters
    ----------
    draws : ndarray, shape (draw, edge)
        Independent draws per edge.
    node, edges
        Names, for the finding.
    rng
        For the share that takes none of the edges.
    """
    total = draws.sum(axis=1)
    if not (total > 1.0 + _ROUNDING).any():
        return Siblings(draws)
    fixed = draws.max(axis=0) == draws.min(axis=0)
    room = 1.0 - float(draws[0, fixed].sum())
    above = float((total > 1.0 + _ROUNDING).mean())
    figures: dict[str, float | int | str | None] = {
        "draws_above_1": above,
        "mean_sum": float(draws.mean(axis=0).sum()),
    }
    names = ", ".join(edges)
    precision = _precision(draws[:, ~fixed] / room) if room > 0 else None
    if precision is None:
        return Siblings(_rescaled(draws, fixed, room), _too_much(node, names, figures))
    shares = draws[:, ~fixed] / room
    joined = draws.copy()
    joined[:, ~fixed] = room * _dirichlet(shares, precision, rng)
    message = (
        f"the edges {names} that leave {node} together exceed 1 in {above:.1%} of the draws; they were "
        "redrawn together, with the same means and total variance"
    )
    return Siblings(joined, Finding("siblings", "", Light.AMBER, message, _REMEDY, figures, node))


def _precision(shares: Floats) -> float | None:
    """Return s of the Dirichlet law matched to the shares of the room, or None when there is none."""
    mean, variance = shares.mean(axis=0), shares.var(axis=0)
    if mean.sum() >= 1.0:
        return None
    precision = float((mean * (1.0 - mean)).sum() / variance.sum() - 1.0)
    return precision if precision > 0 else None


def _dirichlet(shares: Floats, precision: float, rng: np.random.Generator) -> Floats:
    """Return Dirichlet draws by the gamma method, each edge in the ranks of its old draws."""
    count, mean = len(shares), shares.mean(axis=0)
    ranks = (shares.argsort(axis=0).argsort(axis=0) + 0.5) / count
    taken = special.gammaincinv(precision * mean, ranks)
    left = special.gammaincinv(precision * (1.0 - mean.sum()), rng.random(count))
    whole = np.maximum(taken.sum(axis=1) + left, np.finfo(np.float64).tiny)
    return np.asarray(taken / whole[:, np.newaxis])


def _rescaled(draws: Floats, fixed: NDArray[np.bool_], room: float) -> Floats:
    """Return the uncertain edges scaled to what the fixed ones leave; these only when they leave nothing."""
    scaled = draws.copy()
    taken = draws[:, ~fixed].sum(axis=1, keepdims=True)
    scaled[:, ~fixed] *= max(room, 0.0) / np.maximum(taken, np.finfo(np.float64).tiny)
    if room < 0:
        scaled[:, fixed] /= 1.0 - room
    return scaled


def _too_much(node: str, names: str, figures: dict[str, float | int | str | None]) -> Finding:
    message = (
        f"the edges {names} that leave {node} are believed to take {figures['mean_sum']:.1%} of its "
        "visitors, which is everybody or more or more than fixed edges leave; the uncertain ones were scaled "
        "together until nobody is left over, so their rates are no longer what was believed"
    )
    return Finding("siblings", "", Light.RED, message, _REMEDY, figures, node)
