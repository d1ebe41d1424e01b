"""Log-logistic lags: the odds of having converted grow as a power of time; W is standard logistic."""

from __future__ import annotations

from typing import Final

import numpy as np
from scipy import special

from evenfall.beliefs.numerics.arrays import Floats
from evenfall.funnels.delays.families.lag import LagFamily
from evenfall.funnels.delays.families.location_scale import LocationScale

__all__ = ["LOG_LOGISTIC"]


def _law(w: Floats) -> tuple[Floats, Floats, Floats]:
    cdf, survival = special.expit(w), special.expit(-w)
    return cdf, survival, cdf * survival


def _log_upper(w: Floats) -> Floats:
    return np.asarray(special.log_expit(-w))


def _inverse(level: Floats) -> Floats:
    return np.asarray(special.logit(level))


LOG_LOGISTIC: Final = LagFamily(
    LocationScale(
        "log_logistic", w50=0.0, w95=float(np.log(19.0)), law=_law, log_upper=_log_upper, inverse=_inverse
    )
)
