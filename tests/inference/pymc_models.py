"""Models in PyMC with a closed form."""

from __future__ import annotations

from typing import Any

import numpy as np


def normal_mean(data: dict[str, np.ndarray], noise: float = 0.5) -> Any:
    """A mean ~ N(0, 1) seen `y` times with known noise."""
    import pymc as pm

    with pm.Model() as model:
        y = pm.Data("y", data["y"])
        mean = pm.Normal("mean", 0.0, 1.0)
        pm.Deterministic("double", 2.0 * mean)
        pm.Normal("seen", mean, noise, observed=y)
    return model


def constant_mean(data: dict[str, np.ndarray]) -> Any:
    """The same without ``pm.Data``, noise 1."""
    import pymc as pm

    with pm.Model() as model:
        mean = pm.Normal("mean", 0.0, 1.0)
        pm.Normal("seen", mean, 1.0, observed=data["y"])
    return model


def mean_per_day(data: dict[str, np.ndarray]) -> Any:
    """As many parameters as observations."""
    import pymc as pm

    with pm.Model() as model:
        y = pm.Data("y", data["y"])
        means = pm.Normal("means", 0.0, 1.0, shape=len(data["y"]))
        pm.Normal("seen", means, 1.0, observed=y)
    return model


def unit_pairs(data: dict[str, np.ndarray]) -> Any:
    """A likelihood as a potential, each unit of two observations."""
    import pymc as pm

    with pm.Model() as model:
        y = pm.Data("y", data["y"])
        mean = pm.Normal("mean", 0.0, 1.0)
        units = pm.Deterministic("log_likelihood", (-0.5 * (y - mean) ** 2).reshape((-1, 2)).sum(axis=1))
        pm.Potential("likelihood", units.sum())
    return model
