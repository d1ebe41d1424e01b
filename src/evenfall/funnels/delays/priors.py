"""What is believed about rate, lag and scatter before the data: weak unless somebody says more.

The rate within the horizon is Beta. All else is normal in its own coordinate, by default

====================  ==========================  ====================================================
coordinate            default N(mean, stdev²)     in words, with probability .95
====================  ==========================  ====================================================
log_t50               log 2, 1.5                  median lag between 2.5 hours and 38 days
log_log_ratio         log log 5, 0.6              t95/t50 between 1.6 and 180; an exponential has 4.3
onset_logit           −1, 1                       onset between 5 % and 72 % of the median
q                     0.5, 0.7                    around both lognormal (0) and Weibull (1)
log_rho               log 0.01, 2                 κ between 2 and 5,000
log_rho_spread        log 0.01, 2                 the same of the spread over ages
====================  ==========================  ====================================================
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Final, cast

import numpy as np

from evenfall.beliefs.overdispersion import LOG_RHO_MEAN, LOG_RHO_STDEV

__all__ = ["DelayPriors", "Normal", "priors_from"]

_LOG_T50_STDEV: Final = 1.0  # of a median given as a bare number: within a factor of 7
_LOG_LOG_RATIO_STDEV: Final = 0.5


@dataclass(frozen=True, slots=True)
class Normal:
    """N(mean, stdev²) in an unconstrained coordinate."""

    mean: float
    stdev: float


@dataclass(frozen=True, slots=True)
class DelayPriors:
    """Prior of every coordinate; those a model does not have are not used.

    Attributes
    ----------
    alpha, beta
        Of the rate within the horizon.
    log_rho, log_rho_spread
        Beliefs about −log κ and −log s, which for κ well above 1 is log ρ, ρ = 1/(κ + 1).
    """

    alpha: float = 1.0
    beta: float = 1.0
    log_t50: Normal = Normal(float(np.log(2.0)), 1.5)
    log_log_ratio: Normal = Normal(float(np.log(np.log(5.0))), 0.6)
    onset_logit: Normal = Normal(-1.0, 1.0)
    q: Normal = Normal(0.5, 0.7)
    log_rho: Normal = Normal(LOG_RHO_MEAN, LOG_RHO_STDEV)
    log_rho_spread: Normal = Normal(LOG_RHO_MEAN, LOG_RHO_STDEV)


def priors_from(prior: Mapping[str, object]) -> DelayPriors:
    """Return the priors that JSON-ready options say.

    Parameters
    ----------
    prior
        ``rate``: {alpha, beta}; ``median_days``, ``t95_days``: a number, or {mean, stdev} of the days
        themselves; any coordinate by name: {mean, stdev} in that coordinate, which comes first.
    """
    rate = cast("Mapping[str, float]", prior.get("rate", {}))
    found: dict[str, object] = {k: float(rate[k]) for k in ("alpha", "beta") if k in rate}
    default = DelayPriors()
    median, stdev = _days(prior.get("median_days"))
    if median is not None:
        found["log_t50"] = Normal(*_log_moments(median, stdev, _LOG_T50_STDEV))
    t95, stdev = _days(prior.get("t95_days"))
    if t95 is not None:
        centre = cast("Normal", found.get("log_t50", default.log_t50)).mean
        log_t95, width = _log_moments(t95, stdev, 0.0)
        log_ratio = max(log_t95 - centre, 0.05)
        # By the delta rule the log of a log ratio r ± s is log r ± s/r.
        found["log_log_ratio"] = Normal(
            float(np.log(log_ratio)), max(width / log_ratio, 0.05) if width else _LOG_LOG_RATIO_STDEV
        )
    for name in (field.name for field in fields(DelayPriors) if field.name not in ("alpha", "beta")):
        if name in prior:
            given = cast("Mapping[str, float]", prior[name])
            found[name] = Normal(float(given["mean"]), float(given["stdev"]))
    return DelayPriors(**found)  # type: ignore[arg-type]


def _days(value: object) -> tuple[float | None, float | None]:
    if isinstance(value, Mapping):
        stdev = value.get("stdev")
        return float(value["mean"]), None if stdev is None else float(stdev)
    return (None if value is None else float(cast("float", value))), None


def _log_moments(mean: float, stdev: float | None, otherwise: float) -> tuple[float, float]:
    """Return mean and stdev of the log of a lognormal with these moments; a bare number is the median."""
    if stdev is None:
        return float(np.log(mean)), otherwise
    variance = float(np.log1p((stdev / mean) ** 2))
    return float(np.log(mean)) - variance / 2.0, float(np.sqrt(variance))
