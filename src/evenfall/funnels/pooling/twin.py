"""The pooled model as one would write it in PyMC: to read, to sample, and to hold the fast one to.

Its free variables are in PyMC's own coordinates; effects are in units of their spread in both.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from evenfall.funnels.pooling.model import PooledRates, pooled_rates
from evenfall.funnels.pooling.scales import LOG_KAPPA_MEAN, LOG_KAPPA_STDEV
from evenfall.inference.model import PymcModel

__all__ = ["build_pooled", "pooled_rates_pymc"]


def pooled_rates_pymc(data: Mapping[str, NDArray[np.generic]], options: Mapping[str, object]) -> PymcModel:
    """Return the pooled model of a specification in PyMC; every input is data, so slices may come and go."""
    model = pooled_rates(data, options)
    days, centre = model.days, model.centre
    overdispersed = model.settings.overdispersed
    return PymcModel(
        f"{__name__}:build_pooled",
        {
            "design": model.design,
            "group": model.group.astype(np.int64),
            "scales": model.scales,
            "centre_prior": np.array(centre),
            "place": days.place.astype(np.int64),
            "trials": days.trials.astype(np.int64),
            "successes": days.successes.astype(np.int64),
            "times": days.times,
        },
        _quantities(model),
        structure="overdispersed" if overdispersed else "binomial",
        options={"overdispersed": overdispersed},
    )


def _quantities(model: PooledRates) -> tuple[str, ...]:
    kappa = ("kappa",) if model.settings.overdispersed else ()
    return ("p", "population_p", "centre", "spread", "effects", *kappa)


def build_pooled(data: Mapping[str, NDArray[np.generic]], *, overdispersed: bool = False) -> Any:
    """Return the ``pymc.Model`` of `PooledRates`; its spreads are one vector in the order of the groups."""
    import pymc as pm  # noqa: PLC0415
    from pytensor import tensor as pt  # noqa: PLC0415

    with pm.Model() as model:
        given = {name: pm.Data(name, value) for name, value in data.items()}
        centre = pm.Normal("centre", given["centre_prior"][0], given["centre_prior"][1])
        unit = pm.HalfNormal("unit_spread", 1.0, size=given["scales"].shape[0])
        spread = pm.Deterministic("spread", unit * given["scales"])
        standard = pm.Normal("standard", 0.0, 1.0, size=given["design"].shape[1])
        effects = pm.Deterministic("effects", standard * spread[given["group"]])
        p = pm.Deterministic("p", pm.math.sigmoid(centre + given["design"] @ effects))
        pm.Deterministic("population_p", pm.math.sigmoid(centre))
        rate, trials = p[given["place"]], given["trials"]
        if overdispersed:
            log_kappa = pm.Normal("log_kappa", LOG_KAPPA_MEAN, LOG_KAPPA_STDEV)
            kappa = pm.Deterministic("kappa", pt.exp(log_kappa))
            law = pm.BetaBinomial.dist(n=trials, alpha=kappa * rate, beta=kappa * (1.0 - rate))
        else:
            law = pm.Binomial.dist(n=trials, p=rate)
        # A day that occurs several times is written once: its log likelihood counts as often.
        each = pm.logp(law, given["successes"])
        pm.Potential("days", (given["times"] * each).sum())
    return model
