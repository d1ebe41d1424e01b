"""The smallest error of a posterior that so many simulations would probably show."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy import special

from evenfall.calibration.sbc.uniformity import rejection_share

__all__ = ["MinimumDetectable", "distorted_ranks", "minimum_detectable"]

type Floats = NDArray[np.float64]

_NODES: Final = 801
_REACH: Final = 8.5  # standard deviations; the truth is farther out once in 10¹⁷ draws
_HALVINGS: Final = 16


@dataclass(frozen=True, slots=True)
class MinimumDetectable:
    """Errors of a normal posterior that are found with probability `power`.

    Attributes
    ----------
    narrow, wide
        Factors of the posterior's standard deviation, below and above 1; nan where none is found.
    shift
        Of the posterior's centre, in its own standard deviations.
    power
        Probability of finding an error of that size.
    """

    narrow: float
    wide: float
    shift: float
    power: float


def distorted_ranks(draws: int, factor: float = 1.0, shift: float = 0.0) -> Floats:
    """Return the probability of each rank when the posterior is normal but wrong, shape (draws + 1,).

    Parameters
    ----------
    factor
        Standard deviation reported, over the true one.
    shift
        Centre reported less the true one, in true standard deviations.

    Examples
    --------
    >>> bool(np.allclose(distorted_ranks(9), 0.1))
    True
    """
    truth = np.linspace(-_REACH, _REACH, _NODES)
    weight = np.exp(-0.5 * np.square(truth))
    # The share of reported draws below the truth; the rank is binomial given it.
    at = (truth - shift) / factor
    rank = np.arange(draws + 1)[:, None]
    ways = -np.log(draws + 1.0) - special.betaln(rank + 1.0, draws - rank + 1.0)
    mass = np.exp(ways + rank * special.log_ndtr(at) + (draws - rank) * special.log_ndtr(-at)) @ weight
    return np.asarray(mass / mass.sum())


@cache
def minimum_detectable(
    simulations: int, draws: int, quantities: int = 1, level: float = 0.05, power: float = 0.8
) -> MinimumDetectable:
    """Return the errors that a report on so many quantities finds with probability `power`.

    Each quantity is tested at `level` over their number: Holm's procedure does a little better.
    """
    each = level / quantities

    def found(factor: float, shift: float) -> bool:
        return rejection_share(distorted_ranks(draws, factor, shift), simulations, each) >= power

    return MinimumDetectable(
        narrow=_threshold(lambda x: found(np.exp(-x), 0.0), lambda x: np.exp(-x), 3.0),
        wide=_threshold(lambda x: found(np.exp(x), 0.0), np.exp, 3.0),
        shift=_threshold(lambda x: found(1.0, x), lambda x: x, 5.0),
        power=power,
    )


def _threshold(found: Callable[[float], bool], shown: Callable[[float], float], most: float) -> float:
    """Return the smallest size that is found, as it is shown; nan when not even `most` is."""
    if not found(most):
        return float("nan")
    low, high = 0.0, most
    for _ in range(_HALVINGS):
        middle = 0.5 * (low + high)
        low, high = (low, middle) if found(middle) else (middle, high)
    return float(shown(high))
