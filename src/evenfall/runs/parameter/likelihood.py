"""What a window of evidence alone says of a parameter: its likelihood, as a density."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special

from evenfall.beliefs.belief import Belief
from evenfall.beliefs.distributions.beta import BetaDistribution
from evenfall.beliefs.distributions.gamma import GammaDistribution
from evenfall.beliefs.distributions.lognormal import LogNormalDistribution
from evenfall.beliefs.distributions.normal import NormalDistribution, StudentT
from evenfall.beliefs.observations import Observations

__all__ = ["Curve", "likelihood_of"]

type Floats = NDArray[np.float64]

_TAIL = 3e-5
"""Probability beyond each end of a curve's span: four standard deviations of a normal law."""

_FINE = 4001
"""Points on which a likelihood without a closed form is integrated."""


@dataclass(frozen=True, slots=True, eq=False)
class Curve:
    """A density to be drawn: its logarithm at x, and the ends between which nearly all of it lies."""

    log_density: Callable[[ArrayLike], Floats]
    lower: float
    upper: float

    @classmethod
    def of(cls, law: _Law) -> Curve:
        """Return the curve of a law."""
        return cls(law.log_density, float(law.quantile(_TAIL)), float(law.quantile(1 - _TAIL)))


type _Law = BetaDistribution | GammaDistribution | LogNormalDistribution | NormalDistribution | StudentT


def likelihood_of(
    kind: str, window: Observations, belief: Belief, arrived: Floats | None = None
) -> Curve | None:
    """Return the likelihood of the reported quantity given a window, or None where it has no finite area.

    Parameters
    ----------
    kind
        probability, rate, mean or duration.
    belief
        The parameter's own, which may know the noise of a single observation. Where it does not, a mean has
        the profile likelihood over the noise; a duration takes the window's own spread, as its check does.
    arrived : ndarray, shape (row,)
        Share of the conversions of each row that can have arrived by now.
    """
    size, total, squares = window.total()
    if size <= 0:
        return None
    if kind == "probability":
        if arrived is not None and len(arrived) and arrived.min() < 1:
            return _immature(window, arrived)
        return Curve.of(BetaDistribution(*_floats(total + 1, size - total + 1)))
    if kind == "rate":
        return Curve.of(GammaDistribution(*_floats(total + 1, size)))
    centre, spread = total / size, max(squares - total**2 / size, 0.0)
    noise = belief.numbers.get("noise_sigma")
    law = _of_mean(size, centre, spread, noise) if kind == "mean" else _of_logs(size, centre, spread, noise)
    return None if law is None else Curve.of(law)


def _of_mean(size: float, centre: float, spread: float, noise: float | None) -> _Law | None:
    """Return the law of the mean; with the noise profiled out it is Student's t, n − 1 degrees of freedom."""
    if noise is not None:
        return NormalDistribution(*_floats(centre, noise / np.sqrt(size)))
    dof = size - 1
    if dof < 1 or spread <= 0:
        return None
    return StudentT(*_floats(centre, np.sqrt(spread / size / dof), dof))


def _of_logs(size: float, centre: float, spread: float, noise: float | None) -> _Law | None:
    """Return the law of the mean of the skewed quantity.

    The likelihood is normal in log x, with no Jacobian; as a density of x that is a lognormal shifted up by
    its own variance.
    """
    variance = spread / size if noise is None else noise**2
    if variance <= 0:
        return None
    error = variance / size
    return LogNormalDistribution(*_floats(centre + variance / 2 + error, np.sqrt(error)))


def _immature(window: Observations, arrived: Floats) -> Curve | None:
    """Return the likelihood of a rate of which each day has shown its own share: Π (pF)^k (1 − pF)^(n−k)."""
    size, made = window.sums[:, 0], window.sums[:, 1]
    effective = float((size * arrived).sum())
    if effective <= 0:
        return None
    seen = made.sum()
    around = Curve.of(BetaDistribution(*_floats(seen + 1, max(effective - seen, 0.0) + 1)))
    width = around.upper - around.lower
    lower, upper = max(around.lower - width, 0.0), min(around.upper + width, 1.0)

    def log_likelihood(x: ArrayLike) -> Floats:
        p = np.asarray(x, dtype=np.float64)[..., None] * arrived
        return np.asarray((special.xlogy(made, p) + special.xlog1py(size - made, -p)).sum(axis=-1))

    x = np.linspace(lower, upper, _FINE)
    values = log_likelihood(x)
    top = values.max()
    if not np.isfinite(top):
        return None
    log_area = top + np.log(np.trapezoid(np.exp(values - top), x))
    mass = np.cumsum(np.exp(values - top))
    ends = np.interp((_TAIL, 1 - _TAIL), mass / mass[-1], x)

    def log_density(x: ArrayLike) -> Floats:
        inside = (np.asarray(x) >= 0) & (np.asarray(x) <= 1)
        return np.where(inside, log_likelihood(np.clip(x, 0.0, 1.0)) - log_area, -np.inf)

    return Curve(log_density, float(ends[0]), float(ends[1]))


def _floats(*numbers: float) -> list[Floats]:
    return [np.asarray(number, dtype=np.float64) for number in numbers]
