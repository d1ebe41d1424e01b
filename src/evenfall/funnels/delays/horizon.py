"""The horizon within which conversions count: a whole number of days, chosen once and kept."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from evenfall.funnels.delays.empirical import empirical_lag

__all__ = ["HORIZON_MASS", "Horizon", "default_horizon"]

HORIZON_MASS: Final = 0.95
"""Share of the conversions that a default horizon holds."""


@dataclass(frozen=True, slots=True)
class Horizon:
    """A horizon in days, and where it comes from.

    Attributes
    ----------
    from_data
        False when nobody has converted yet and it is one week for want of anything better.
    """

    days: int
    from_data: bool


def default_horizon(conversions: NDArray[np.integer], observed: NDArray[np.integer]) -> Horizon:
    """Return the smallest whole number of days within which 95 % of the conversions seen came.

    Conversions that nobody could have seen yet are not known of: the figure grows with the cohorts until they
    are mature, which is why it is chosen once and stored with the definition.
    """
    lag = empirical_lag(conversions, observed)
    if lag is None:
        return Horizon(7, from_data=False)
    return Horizon(int(np.searchsorted(lag.cdf, HORIZON_MASS - 1e-12)) + 1, from_data=True)
