"""Lognormal lags: many small delays multiplied; W is standard normal."""

from __future__ import annotations

from typing import Final

import numpy as np
from scipy import special

from evenfall.beliefs.numerics.arrays import Floats
from evenfall.funnels.delays.families.lag import LagFamily
from evenfall.funnels.delays.families.location_scale import LocationScale

__all__ = ["LOGNORMAL"]

_ROOT_2PI: Final = float(np.sqrt(2.0 * np.pi))


def _law(w: Floats) -> tuple[Floats, Floats, Floats]:
    tail = special.ndtr(-np.abs(w))
    late = w > 0
    with np.errstate(under="ignore"):
        density = np.exp(-0.5 * np.square(np.clip(w, -40.0, 40.0))) / _ROOT_2PI
    return np.where(late, 1.0 - tail, tail), np.where(late, tail, 1.0 - tail), density


def _log_upper(w: Floats) -> Floats:
    return np.asarray(special.log_ndtr(-w))


def _inverse(level: Floats) -> Floats:
    return np.asarray(special.ndtri(level))


LOGNORMAL: Final = LagFamily(
    LocationScale(
        "lognormal", w50=0.0, w95=float(special.ndtri(0.95)), law=_law, log_upper=_log_upper, inverse=_inverse
    )
)
