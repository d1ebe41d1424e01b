"""Weibull lags: a hazard that rises or falls as a power of time; W = log of a unit exponential."""

from __future__ import annotations

from typing import Final

import numpy as np

from evenfall.beliefs.numerics.arrays import Floats
from evenfall.funnels.delays.families.lag import LagFamily
from evenfall.funnels.delays.families.location_scale import LocationScale

__all__ = ["WEIBULL"]

_LARGEST: Final = 700.0  # e^700 is finite, and nobody survives a cumulated hazard anywhere near it


def _law(w: Floats) -> tuple[Floats, Floats, Floats]:
    hazard = np.exp(np.minimum(w, _LARGEST))
    survival = np.exp(-hazard)
    return -np.expm1(-hazard), survival, np.where(survival > 0, hazard, 0.0) * survival


def _log_upper(w: Floats) -> Floats:
    return np.asarray(-np.exp(np.minimum(w, _LARGEST)))


def _inverse(level: Floats) -> Floats:
    with np.errstate(divide="ignore"):
        return np.asarray(np.log(-np.log1p(-level)))


WEIBULL: Final = LagFamily(
    LocationScale(
        "weibull",
        w50=float(np.log(np.log(2.0))),
        w95=float(np.log(np.log(20.0))),
        law=_law,
        log_upper=_log_upper,
        inverse=_inverse,
    )
)
