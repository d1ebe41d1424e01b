"""Delayed conversion on one edge as a density: rate within a horizon, lag, and two kinds of scatter.

The rate coordinate is z = log(q / (1 − p)) with q = p F(H), the rate within the horizon, and p the eventual
one. For small rates it is log q, so cohorts older than the horizon fix it whatever the lag beyond; where all
conversions come within the horizon it is logit q; and p = 1 lies at infinity, so no point needs a penalty.
The prior holds q as a beta and the lag as normals, given p < 1.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Literal, cast

import numpy as np
from numpy.typing import NDArray
from scipy import special

from evenfall.beliefs.cohorts import Clock
from evenfall.beliefs.numerics.arrays import Floats
from evenfall.errors import UsageError
from evenfall.funnels.delays.coordinates import Coordinates, DelayPoint
from evenfall.funnels.delays.empirical import empirical_lag, spread_excess
from evenfall.funnels.delays.families import lag_family
from evenfall.funnels.delays.horizon import default_horizon
from evenfall.funnels.delays.likelihood import CohortLikelihood
from evenfall.funnels.delays.priors import Normal, priors_from

__all__ = ["DelayModel", "delay_model"]

type Scatter = Literal["none", "learned"]

_BLOCK: Final = 400_000  # cells of a block of points, of which each holds a few dozen values
_LONGEST_DAYS: Final = 1e6  # where a lag without any evidence is cut, so that its moments are finite
_SHOWN: Final = 3.0  # standard errors of `spread_excess` from which a concentration over ages is learned


class DelayModel:
    """The posterior of one edge, a `LogDensity` whose units are cohorts.

    Parameters
    ----------
    data
        ``entry``, ``size``, ``observed``, shape (cohort,), and ``conversions``, shape (cohort, age).
    options
        ``family`` (weibull), ``clock`` (elapsed), ``onset`` (false), ``horizon_days`` (the smallest within
        which 95 % of the conversions seen came), ``overdispersion`` (none) and ``spread``: none or learned
        (by default learned when the data show it), ``prior``: see `priors_from`.
    """

    def __init__(self, data: Mapping[str, NDArray[np.generic]], options: Mapping[str, object]) -> None:
        self.entry, self.size, self.observed = (_integers(data[key]) for key in ("entry", "size", "observed"))
        self.conversions = _integers(data["conversions"])
        self.family = lag_family(str(options.get("family", "weibull")))
        self.clock = cast("Clock", options.get("clock", "elapsed"))
        self.priors = priors_from(cast("Mapping[str, object]", options.get("prior", {})))
        self.horizon_days = self._horizon(options.get("horizon_days"))
        self.coordinates = Coordinates(
            onset=bool(options.get("onset", False)),
            q="q" in self.family.coordinates,
            kappa=_learned(options, "overdispersion", "none"),
            spread=_learned(options, "spread", self._spread_shown()),
        )
        self.likelihood = CohortLikelihood(
            self.family, self.clock, self.size, self.conversions, self.observed
        )

    def _horizon(self, given: object) -> float:
        if given is not None:
            return float(cast("float", given))
        return float(default_horizon(self.conversions, self.observed).days)

    def _spread_shown(self) -> Scatter:
        return "learned" if spread_excess(self.conversions, self.observed) > _SHOWN else "none"

    @property
    def names(self) -> tuple[str, ...]:
        """One name per coordinate."""
        return self.coordinates.names

    def start(self) -> Floats:
        """Return what the cohorts show without any family, and the prior's centre where they show nothing."""
        lag = empirical_lag(self.conversions, self.observed)
        start = {name: prior.mean for name, prior in self._normals().items()}
        start["rate"] = float(np.log(self.priors.alpha / self.priors.beta))
        if lag is not None:
            t50, t95 = max(lag.quantile(0.5), 0.05), lag.quantile(0.95)
            seen = np.concatenate([[0.0], lag.cdf])[np.minimum(self.observed, len(lag.cdf))]
            people, converted = float((self.size * seen).sum()), float(self.conversions.sum())
            rate = (converted + 0.5) / (people + 1.0)
            start["rate"] = float(special.logit(np.clip(rate, 1e-9, 0.98)))
            start["log_t50"] = float(np.log(t50))
            start["log_log_ratio"] = float(np.log(np.log(max(t95 / t50, 1.2))))
        return np.array([start[name] for name in self.names])

    def log_prior(self, z: Floats) -> Floats:
        """Return the log prior density, shape (point,), up to the probability of p < 1."""
        z = np.asarray(z, dtype=np.float64)
        point = self.coordinates.point(z)
        mass = self.horizon_mass(z)
        return np.asarray(self._log_rate_prior(point, mass) + self._log_normals(z) + _outside(point))

    def log_likelihood(self, z: Floats) -> Floats:
        """Return the log likelihood of each cohort, shape (point, cohort)."""
        return np.concatenate([self._log_likelihood(part) for part in self._blocks(z)])

    def gradient(self, z: Floats) -> tuple[Floats, Floats]:
        """Return the log posterior density and its gradient; a gradient of zero where the density is."""
        parts = [self._gradient(part) for part in self._blocks(z)]
        return np.concatenate([p[0] for p in parts]), np.concatenate([p[1] for p in parts])

    def quantities(self, z: Floats) -> dict[str, Floats]:
        """Return what people ask for, each of shape (point,).

        ``p`` is the rate within the horizon, ``p_eventual`` the one without; ``horizon_mass`` is F(H), and
        ``observed_mass`` F at the oldest age seen. Lags are cut at a million days.
        """
        point = self.coordinates.point(np.asarray(z, dtype=np.float64))
        shape = point.shape
        days = np.array([self.horizon_days, float(self.likelihood.ages)])
        mass = self.family.cdf(days, shape)
        eventual = point.eventual(_positive(mass[:, 0]))
        found = {
            "p": eventual * mass[:, 0],
            "p_eventual": eventual,
            "t50": np.minimum(shape.t50_days, _LONGEST_DAYS),
            "t95": np.minimum(shape.t95_days, _LONGEST_DAYS),
            "log_ratio": shape.log_ratio,
            "horizon_mass": mass[:, 0],
            "observed_mass": mass[:, 1],
        }
        optional = {
            "onset_days": shape.onset_days if self.coordinates.onset else None,
            "q": shape.q if self.coordinates.q else None,
            "kappa": point.kappa,
            "spread_kappa": point.spread,
        }
        return found | {name: value for name, value in optional.items() if value is not None}

    def horizon_mass(self, z: Floats) -> Floats:
        """Return F(H), shape (point,)."""
        point = self.coordinates.point(np.atleast_2d(np.asarray(z, dtype=np.float64)))
        return self.family.cdf(np.array([self.horizon_days]), point.shape)[:, 0]

    def _blocks(self, z: Floats) -> list[Floats]:
        z = np.atleast_2d(np.asarray(z, dtype=np.float64))
        width = 8 * self.likelihood.ages + len(self.size) + 100
        step = max(1, _BLOCK // width)
        return [z[i : i + step] for i in range(0, max(len(z), 1), step)]

    def _log_likelihood(self, z: Floats) -> Floats:
        point = self.coordinates.point(z)
        mass = _positive(self.family.cdf(np.array([self.horizon_days]), point.shape)[:, 0])
        return self.likelihood.values(point.shape, point.eventual(mass), point.kappa, point.spread)

    def _gradient(self, z: Floats) -> tuple[Floats, Floats]:
        point = self.coordinates.point(z)
        horizon = self.family.values(np.array([self.horizon_days]), point.shape)
        mass = _positive(horizon.cdf[:, 0])
        p, missing = point.eventual(mass), point.missing(mass)
        q = p * mass
        at = self.likelihood.slopes(point.shape, p, point.kappa, point.spread)
        # q = e^z (1 − p): d log q/dz = 1 − p, dp/dz = p(1 − p); at a fixed z, d log q/d log F = p and
        # dp/d log F = −p(1 − p).
        pull = self.priors.alpha - (self.priors.beta - 1.0) * q / (1.0 - q)
        by_p = at.by_p * p * missing
        by_log_mass = pull * p + p - by_p
        by_mass = by_log_mass / mass
        slopes = {
            "rate": pull * missing - p + by_p,
            **self.coordinates.shape_slopes(
                point,
                {
                    name: at.by_shape.get(name, 0.0) + by_mass * slope[:, 0]
                    for name, slope in _horizon_slopes(horizon).items()
                },
            ),
            "log_rho": -at.by_log_kappa,
            "log_rho_spread": -at.by_log_spread,
        }
        gradient = np.stack([slopes[name] for name in self.names], axis=-1)
        for i, name in enumerate(self.names):
            if name != "rate":
                prior = self._normals()[name]
                gradient[:, i] -= (z[:, i] - prior.mean) / prior.stdev**2
        value = (
            self._log_rate_prior(point, mass) + self._log_normals(z) + _outside(point) + at.value.sum(axis=-1)
        )
        lost = ~np.isfinite(value) | ~np.isfinite(gradient).all(axis=-1)
        return np.where(lost, -np.inf, value), np.where(lost[:, None], 0.0, gradient)

    def _log_rate_prior(self, point: DelayPoint, mass: Floats) -> Floats:
        """Return log Beta(q) + log dq/dz, with dq/dz = q(1 − p)."""
        mass = _positive(mass)
        log_missing = special.log_expit(np.log(mass) - point.rate)
        log_q = point.rate + log_missing
        a, b = self.priors.alpha, self.priors.beta
        q = np.minimum(np.exp(log_q), 1.0 - 1e-16)
        return np.asarray(a * log_q + (b - 1.0) * np.log1p(-q) + log_missing - special.betaln(a, b))

    def _normals(self) -> dict[str, Normal]:
        return {name: getattr(self.priors, name) for name in self.names if name != "rate"}

    def _log_normals(self, z: Floats) -> Floats:
        total = np.zeros(len(z))
        for name, prior in self._normals().items():
            away = (z[:, self.names.index(name)] - prior.mean) / prior.stdev
            total += -0.5 * np.square(away) - np.log(prior.stdev) - 0.5 * np.log(2.0 * np.pi)
        return total


def delay_model(data: Mapping[str, NDArray[np.generic]], options: Mapping[str, object]) -> DelayModel:
    """Return the model of delayed conversion on one edge; the factory of a `ModelSpec`."""
    return DelayModel(data, options)


def _integers(values: NDArray[np.generic]) -> NDArray[np.int64]:
    return np.asarray(values).astype(np.int64)


def _learned(options: Mapping[str, object], name: str, default: Scatter) -> bool:
    value = str(options.get(name, default))
    if value not in ("none", "learned"):
        raise UsageError(f"{name} cannot be {value!r}", remedy="write none or learned")
    return value == "learned"


def _positive(mass: Floats) -> Floats:
    """Return F(H), never quite zero: below it lies no rate within the horizon at all."""
    return np.maximum(mass, 1e-290)


def _outside(point: DelayPoint) -> Floats:
    return np.where(point.inside, 0.0, -np.inf)


def _horizon_slopes(values: object) -> dict[str, Floats]:
    names = {"log_t50": "by_log_t50", "log_ratio": "by_log_ratio", "onset": "by_onset", "q": "by_q"}
    found = {name: getattr(values, attribute) for name, attribute in names.items()}
    return {name: slope for name, slope in found.items() if slope is not None}
