"""Where the truth lies among the draws of a fit.

Ranks mean something only among independent draws. So of every fit L draws are taken as follows.

- Chains: the draws are worth the bulk ESS of the gate, the least over all quantities. L of them, evenly
  spaced, lie further apart than the chain remembers as long as the ESS is at least L; with less the
  simulation fails.
- Weighted draws: they are worth their importance ESS. They are resampled systematically to that number, so
  that each occurs in proportion to its weight, and L of these are kept at random, without replacement. With
  equal weights this is a plain random choice and the ranks are exactly uniform; picking with replacement
  instead would repeat draws and put too many truths outside all of them.
- Independent draws: L of them at random.

The same draws serve every quantity, so that the ranks of one simulation hang together as the quantities do.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from evenfall.errors import UsageError
from evenfall.inference.fit import Fit
from evenfall.inference.gates import SAMPLED, check
from evenfall.inference.psis import importance_ess

__all__ = ["Draws", "choose", "position", "rank", "values_of", "worth"]

type Floats = NDArray[np.float64]
type Positions = NDArray[np.intp]


@dataclass(frozen=True, eq=False)
class Draws:
    """Draws of a fit in one row.

    Attributes
    ----------
    chosen : ndarray of int, shape (L,)
        Positions, among all draws, of those that ranks are counted among.
    weights : ndarray, shape (draw,)
        Of all draws; they sum to one.
    effective
        Independent draws they are all worth.
    """

    chosen: Positions
    weights: Floats
    effective: float


def worth(fit: Fit) -> float:
    """Return how many independent draws the fit's draws are worth."""
    count = int(np.prod(fit.points.shape[:2]))
    if fit.rung in SAMPLED:
        known = fit if "ess_bulk" in fit.diagnostics else check(fit)
        return min(float(known.diagnostics.get("ess_bulk", 0.0)), count)
    if fit.weights is None:
        return count
    with np.errstate(divide="ignore"):
        # What reweighted chains are worth is less than their weights say; the fit knows.
        own = fit.diagnostics.get("importance_ess", np.inf)
        return min(float(importance_ess(np.log(fit.weights.reshape(-1)))), float(own))


def choose(fit: Fit, draws: int, rng: np.random.Generator) -> Draws | None:
    """Return the draws that ranks are counted among; None when the fit's are worth fewer than `draws`."""
    count = int(np.prod(fit.points.shape[:2]))
    effective = worth(fit)
    if not effective >= draws:
        return None
    if fit.weights is not None:
        weights = fit.weights.reshape(-1)
        pool = _resampled(weights, int(effective), rng)
        return Draws(rng.choice(pool, draws, replace=False), weights, effective)
    even = np.full(count, 1.0 / count)
    if fit.rung in SAMPLED:
        return Draws((np.arange(draws) * count // draws).astype(np.intp), even, effective)
    return Draws(rng.choice(count, draws, replace=False), even, effective)


def values_of(fit: Fit, name: str) -> Floats:
    """Return the draws of a scalar quantity in one row, shape (draw,).

    Parameters
    ----------
    name
        As the fit has it, or with the position of one entry behind it: ``p[3]``, ``effects[0,2]``.

    Raises
    ------
    UsageError
        When the fit has no such quantity.
    """
    if name in fit.draws:
        values = fit.draws[name]
        if values.ndim == 2:
            return values.reshape(-1)
    stem, _, index = name.removesuffix("]").rpartition("[")
    if stem in fit.draws and index.replace(",", "").isdigit():
        place = tuple(int(part) for part in index.split(","))
        if fit.draws[stem].ndim == 2 + len(place):
            column = int(np.ravel_multi_index(place, fit.draws[stem].shape[2:]))
            return fit.draws[stem].reshape(len(fit.points[0]) * len(fit.points), -1)[:, column]
    raise UsageError(
        f"the fit has no scalar quantity {name!r}", remedy=f"it has {', '.join(sorted(fit.draws))}"
    )


def rank(truth: float, values: Floats, rng: np.random.Generator) -> int:
    """Return how many of the values lie below the truth, those equal to it on a random side each alike.

    A tie of t values leaves t + 1 places for the truth; each is as likely.
    """
    below, equal = int((values < truth).sum()), int((values == truth).sum())
    return below + int(rng.integers(equal + 1))


def position(truth: float, values: Floats, weights: Floats) -> float:
    """Return the share of the posterior below the truth, half of what equals it; 0..1."""
    return float(weights @ ((values < truth) + 0.5 * (values == truth)))


def _resampled(weights: Floats, count: int, rng: np.random.Generator) -> Positions:
    """Return `count` positions, each as often as its weight says, rounded up or down (Kitagawa 1996)."""
    ladder = (np.arange(count) + rng.random()) / count
    return np.searchsorted(np.cumsum(weights), ladder).clip(max=len(weights) - 1)
