"""The families of beliefs written in PyMC."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from evenfall.errors import UnknownName

__all__ = ["build_family"]

type Inputs = Mapping[str, NDArray[np.generic]]

_HALF_LOG_2PI: Final = 0.9189385332046727


def build_family(data: Inputs, family: str) -> Any:
    """Return the ``pymc.Model`` of a family; see `evenfall.inference.families` for its inputs.

    Weighted likelihoods stand in a potential, and per day in the variable ``log_likelihood``.
    """
    import pymc as pm  # noqa: PLC0415  (heavy)

    if family not in _BUILDERS:
        raise UnknownName("family", family, _BUILDERS)
    with pm.Model() as model:
        given = {name: pm.Data(name, np.asarray(values)) for name, values in data.items()}
        days = _BUILDERS[family](given)
        each = pm.Deterministic("log_likelihood", given["weights"] * days)
        pm.Potential("days", each.sum())
    return model


def _rate(given: Mapping[str, Any]) -> Any:
    import pymc as pm  # noqa: PLC0415

    theta = given["theta"]
    return _days_of_rate(pm.Beta("value", theta[0], theta[1]), given)


def _robust_rate(given: Mapping[str, Any]) -> Any:
    import pymc as pm  # noqa: PLC0415

    theta = given["theta"]
    share = pm.math.sigmoid(theta[4])
    parts = [pm.Beta.dist(theta[0], theta[1]), pm.Beta.dist(theta[2], theta[3])]
    return _days_of_rate(pm.Mixture("value", pm.math.stack([share, 1 - share]), parts), given)


def _days_of_rate(rate: Any, given: Mapping[str, Any]) -> Any:
    import pymc as pm  # noqa: PLC0415

    trials, successes = given["sums"][:, 0], given["sums"][:, 1]
    if "kappa" not in given:
        law = pm.Binomial.dist(n=trials, p=rate)
    else:
        kappa = given["kappa"]
        law = pm.BetaBinomial.dist(n=trials, alpha=rate * kappa, beta=(1 - rate) * kappa)
    return pm.logp(law, successes)


def _events(given: Mapping[str, Any]) -> Any:
    import pymc as pm  # noqa: PLC0415

    theta = given["theta"]
    expected = given["sums"][:, 0] * pm.Gamma("value", theta[0], theta[1])
    # A day without exposure says nothing; Poisson(0) has no gradient there.
    seen = given["sums"][:, 0] > 0
    law = pm.Poisson.dist(pm.math.switch(seen, expected, 1.0))
    return pm.math.switch(seen, pm.logp(law, given["sums"][:, 1]), 0.0)


def _mean(given: Mapping[str, Any]) -> Any:
    import pymc as pm  # noqa: PLC0415

    mean = _known_mean(given)
    pm.Deterministic("value", mean)
    return _days_of_mean(mean, given["theta"][2] ** 2, given)


def _log_mean(given: Mapping[str, Any]) -> Any:
    import pymc as pm  # noqa: PLC0415

    mean, variance = _known_mean(given), given["theta"][2] ** 2
    pm.Deterministic("value", pm.math.exp(mean + variance / 2))
    return _days_of_mean(mean, variance, given)


def _mean_and_noise(given: Mapping[str, Any]) -> Any:
    import pymc as pm  # noqa: PLC0415

    mean, variance = _unknown_noise(given)
    pm.Deterministic("value", mean)
    return _days_of_mean(mean, variance, given)


def _log_mean_and_noise(given: Mapping[str, Any]) -> Any:
    import pymc as pm  # noqa: PLC0415

    mean, variance = _unknown_noise(given)
    pm.Deterministic("value", pm.math.exp(mean + variance / 2))
    return _days_of_mean(mean, variance, given)


def _known_mean(given: Mapping[str, Any]) -> Any:
    import pymc as pm  # noqa: PLC0415

    theta = given["theta"]
    return theta[0] + theta[1] * pm.Normal("deviation", 0.0, 1.0)


def _unknown_noise(given: Mapping[str, Any]) -> tuple[Any, Any]:
    import pymc as pm  # noqa: PLC0415

    mu, sigma, shape, scale = (given["theta"][i] for i in range(4))
    excess = pm.InverseGamma("excess", shape, shape)  # the variance over scale/shape
    deviation = pm.Normal("deviation", 0.0, pm.math.sqrt(excess))
    return mu + sigma * deviation, excess * scale / shape


def _days_of_mean(mean: Any, variance: Any, given: Mapping[str, Any]) -> Any:
    import pymc as pm  # noqa: PLC0415

    n, total, squares = (given["sums"][:, i] for i in range(3))
    own = total / pm.math.maximum(n, 1e-300)
    within = pm.math.maximum(squares - own * total, 0.0) + n * (own - mean) ** 2
    return -n * (_HALF_LOG_2PI + pm.math.log(variance) / 2) - within / (2 * variance)


_BUILDERS: Final[Mapping[str, Callable[[Mapping[str, Any]], Any]]] = {
    "beta": _rate,
    "gamma": _events,
    "lognormal": _log_mean,
    "lognormal-inverse-gamma": _log_mean_and_noise,
    "normal": _mean,
    "normal-inverse-gamma": _mean_and_noise,
    "robust-beta": _robust_rate,
}
