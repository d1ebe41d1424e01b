"""The same model written in PyMC, to be read: lognormal and Weibull lags on the clock of elapsed days.

It has the coordinates and priors of `DelayModel`; the density agrees up to a constant of the data.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from evenfall.funnels.delays.model import DelayModel
from evenfall.inference.model import PymcModel

__all__ = ["build", "pymc_twin"]

_W: Final = {"lognormal": (0.0, 1.6448536269514722), "weibull": (-0.36651292058166435, 1.0971887003649488)}
"""Median and 95 % point of W in log T = μ + σ W: standard normal, and log of a unit exponential."""


def pymc_twin(data: Mapping[str, NDArray[np.generic]], options: Mapping[str, object]) -> PymcModel:
    """Return the twin of `delay_model` with neither onset nor concentrations."""
    model = DelayModel(data, {**options, "overdispersion": "none", "spread": "none"})
    believed = model.priors
    settled = {
        "family": model.family.name,
        "horizon_days": model.horizon_days,
        "alpha": believed.alpha,
        "beta": believed.beta,
        "log_t50": (believed.log_t50.mean, believed.log_t50.stdev),
        "log_log_ratio": (believed.log_log_ratio.mean, believed.log_log_ratio.stdev),
    }
    arrays = {
        "size": model.size.astype(float),
        "conversions": model.conversions.astype(float),
        "observed": model.observed,
    }
    return PymcModel(
        "evenfall.funnels.delays.pymc_twin:build",
        arrays,
        ("p", "p_eventual", "t50", "t95", "log_ratio"),
        structure=f"delay-twin-{settled}",
        options=settled,
    )


def build(data: Mapping[str, NDArray[np.generic]], **options: Any) -> Any:
    """Return the ``pymc.Model``; cohorts of which no age was seen must be left out."""
    import pymc as pm  # noqa: PLC0415
    from pytensor import tensor  # noqa: PLC0415

    pt: Any = tensor  # typed in parts only

    # A bare float would become float32 where that is exact, and so would its log: hence the dtype below.
    w50, w95 = _W[str(options["family"])]
    normal = options["family"] == "lognormal"
    with pm.Model() as model:
        size, conversions = pm.Data("size", data["size"]), pm.Data("conversions", data["conversions"])
        observed = pm.Data("observed", data["observed"])
        rate = pm.Flat("rate")
        log_t50 = pm.Normal("log_t50", *options["log_t50"])
        log_log_ratio = pm.Normal("log_log_ratio", *options["log_log_ratio"])
        log_ratio = pm.Deterministic("log_ratio", pt.exp(log_log_ratio))

        def cdf(t: Any) -> Any:
            w = w50 + (pt.log(t) - log_t50) * (w95 - w50) / log_ratio
            return 0.5 * pt.erfc(-w / np.sqrt(2.0)) if normal else -pt.expm1(-pt.exp(w))

        within = cdf(pt.constant(float(options["horizon_days"]), dtype="float64"))
        p = pm.Deterministic("p_eventual", pt.sigmoid(rate - pt.log(within)))
        q = pm.Deterministic("p", p * within)
        pm.Deterministic("t50", pt.exp(log_t50))
        pm.Deterministic("t95", pt.exp(log_t50 + log_ratio))
        # Beta(q) per unit of the coordinate: dq/drate = q(1 − p).
        belief = pm.logp(pm.Beta.dist(options["alpha"], options["beta"]), q)
        pm.Potential("rate_prior", belief + pt.log(q) + pt.log1p(-p))

        ends = cdf(pt.arange(1, conversions.shape[1] + 1))
        shares = pt.diff(pt.concatenate([pt.zeros(1), ends]))
        seen = ends[observed - 1]
        converted = conversions.sum(axis=1)
        pm.Potential("when", (conversions * pt.log(shares)).sum() - (converted * pt.log(seen)).sum())
        pm.Potential("how_many", pm.logp(pm.Binomial.dist(size, p * seen), converted).sum())
    return model
