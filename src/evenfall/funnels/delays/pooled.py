"""Delayed conversion in the slices of one edge: rates and medians are pooled, the shape of the lag is shared.

::

    rate_s    ~ N(μ_rate, σ_rate²)      log(q/(1 − p)) of slice s, as in the model of one edge
    log t50_s ~ N(μ_t50, σ_t50²)        σ ~ HalfNormal
    t95/t50, onset, Q and κ             one for all slices

A slice with many conversions is written in its own coordinate, one with few in units of the spread: each is
the one in which the other coordinates hardly move it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, cast

import numpy as np
from numpy.typing import NDArray
from scipy import special

from evenfall.beliefs.cohorts import Clock
from evenfall.beliefs.numerics.arrays import Floats
from evenfall.errors import UsageError
from evenfall.funnels.delays.coordinates import Coordinates, DelayPoint
from evenfall.funnels.delays.empirical import empirical_lag
from evenfall.funnels.delays.families import LagShape, lag_family
from evenfall.funnels.delays.horizon import default_horizon
from evenfall.funnels.delays.likelihood import CohortLikelihood
from evenfall.funnels.delays.pooled_fast import fast_fit
from evenfall.funnels.delays.pooled_place import Head
from evenfall.funnels.delays.priors import Normal, priors_from
from evenfall.funnels.delays.slice_counts import SliceCounts
from evenfall.funnels.pooling.scales import half_normal, half_normal_coordinate, logit_normal
from evenfall.inference.fit import Fit, FitRequest

__all__ = ["PooledDelays", "pooled_delays"]

_SHAPE_FIELDS: Final = ("log_t50", "log_ratio", "onset", "q")
_POOLED: Final = ("rate", "log_t50")
_SPREADS: Final = {"rate": 1.0, "log_t50": 0.5}
_MANY: Final = 30.0
"""Conversions from which a slice stands in its own coordinate: they fix its log odds and its log t50 to about
0.2, less than the spreads that pooling is asked for."""
_FARTHEST: Final = (500.0, 20.0)  # rate and log t50 of a slice beyond which no lag can be computed
_HALF_LOG_2PI: Final = 0.9189385332046727


@dataclass(frozen=True, eq=False)
class _Point:
    """Points in words: pooled fields have shape (point,) or (point, slice)."""

    centre: dict[str, Floats]
    spread: dict[str, Floats]
    stretch: dict[str, Floats]
    own: dict[str, Floats]
    shared: DelayPoint


class PooledDelays:
    """The posterior of all slices of one edge, a `LogDensity` whose units are cohorts.

    Parameters
    ----------
    data
        ``size`` and ``observed``, shape (cohort,), ``conversions``, shape (cohort, age), and ``slice``, shape
        (cohort,): the number of the slice each cohort belongs to.
    options
        ``slices`` (how many there are), and of the model of one edge ``family``, ``clock``, ``onset``,
        ``horizon_days``, ``overdispersion`` and ``prior``, with the same defaults; further ``spreads``, the
        scales of the half-normals of ``rate`` (1) and ``log_t50`` (0.5), and ``centred``: ``auto`` (each
        slice as its conversions say), ``never``.
    """

    def __init__(self, data: Mapping[str, NDArray[np.generic]], options: Mapping[str, object]) -> None:
        self.size, self.observed, self.conversions, self.slice = (
            np.asarray(data[name]).astype(np.int64) for name in ("size", "observed", "conversions", "slice")
        )
        self.slices = int(cast("int", options.get("slices", self.slice.max(initial=-1) + 1)))
        if np.any(self.slice < 0) or np.any(self.slice >= self.slices):
            raise UsageError(
                f"a cohort belongs to no slice of 0..{self.slices - 1}", remedy="count them again"
            )
        self.family = lag_family(str(options.get("family", "weibull")))
        self.clock = cast("Clock", options.get("clock", "elapsed"))
        self.priors = priors_from(cast("Mapping[str, object]", options.get("prior", {})))
        self.horizon_days = self._horizon(options.get("horizon_days"))
        self.scales = {**_SPREADS, **cast("Mapping[str, float]", options.get("spreads", {}))}
        kappa = str(options.get("overdispersion", "none")) == "learned"
        self.coordinates = Coordinates(
            onset=bool(options.get("onset", False)),
            q="q" in self.family.coordinates,
            kappa=kappa,
            spread=False,
        )
        self.counts = SliceCounts(
            self.family,
            self.clock,
            self.size,
            self.conversions,
            self.observed,
            place=self.slice,
            slices=self.slices,
        )
        rich = self.counts.converted >= _MANY
        self.centred = rich if options.get("centred", "auto") == "auto" else np.zeros_like(rich)
        self._prior = {"rate": Normal(*logit_normal(self.priors.alpha, self.priors.beta))}
        self._prior |= {name: getattr(self.priors, name) for name in ("log_t50", *self._shape_names)}

    def _horizon(self, given: object) -> float:
        if given is not None:
            return float(cast("float", given))
        return float(default_horizon(self.conversions, self.observed).days)

    @property
    def _shape_names(self) -> tuple[str, ...]:
        return tuple(name for name in self.coordinates.names if name not in _POOLED)

    @property
    def names(self) -> tuple[str, ...]:
        """One name per coordinate."""
        pooled = [f"{part}_{name}" for part in ("centre", "spread") for name in _POOLED]
        return (
            *pooled,
            *self._shape_names,
            *(f"{name}[{s}]" for name in _POOLED for s in range(self.slices)),
        )

    def start(self) -> Floats:
        """Return what all cohorts together show without any family; slices at their centre."""
        lag = empirical_lag(self.conversions, self.observed)
        start = {name: prior.mean for name, prior in self._prior.items()}
        if lag is not None:
            t50, t95 = max(lag.quantile(0.5), 0.05), lag.quantile(0.95)
            seen = np.concatenate([[0.0], lag.cdf])[np.minimum(self.observed, len(lag.cdf))]
            rate = (float(self.conversions.sum()) + 0.5) / (float((self.size * seen).sum()) + 1.0)
            start["rate"] = float(special.logit(np.clip(rate, 1e-9, 0.98)))
            start["log_t50"] = float(np.log(t50))
            start["log_log_ratio"] = float(np.log(np.log(max(t95 / t50, 1.2))))
        standard = [(start[name] - self._prior[name].mean) / self._prior[name].stdev for name in self._prior]
        head = [*standard[:2], *half_normal_coordinate(np.array([0.5, 0.5])), *standard[2:]]
        own = [np.where(self.centred, standard[i], 0.0) for i in range(2)]
        return np.concatenate([head, *own])

    def log_prior(self, z: Floats) -> Floats:
        """Return the log prior density, shape (point,)."""
        z = np.asarray(z, dtype=np.float64)
        return self._log_prior(z, self._point(z))

    def log_likelihood(self, z: Floats) -> Floats:
        """Return the log likelihood of each cohort, shape (point, cohort)."""
        z = np.asarray(z, dtype=np.float64)
        at = self._point(z)
        flat = self._flat(at)
        eventual, result = self._eventual(flat), np.zeros((len(z), len(self.size)))
        for s in range(self.slices):
            rows = np.flatnonzero(self.slice == s)
            if not len(rows):
                continue
            cohorts = CohortLikelihood(
                self.family, self.clock, self.size[rows], self.conversions[rows], self.observed[rows]
            )
            pick = slice(s, None, self.slices)
            shape = LagShape(*(getattr(flat.shape, n)[pick] for n in _SHAPE_FIELDS))
            result[:, rows] = cohorts.values(shape, eventual[pick], at.shared.kappa, None)
        return result

    def gradient(self, z: Floats) -> tuple[Floats, Floats]:
        """Return the log posterior density and its gradient; a gradient of zero where the density is."""
        z = np.asarray(z, dtype=np.float64)
        at = self._point(z)
        flat = self._flat(at)
        horizon = self.family.values(np.array([self.horizon_days]), flat.shape)
        mass = np.maximum(horizon.cdf[:, 0], 1e-290)
        p, missing = flat.eventual(mass), flat.missing(mass)
        found = self.counts.slopes(flat.shape, p, flat.kappa)
        # dp/dz = p(1 − p); at a fixed z dp/d log F(H) = −p(1 − p).
        by_rate = found.by_p * p * missing
        at_horizon = {
            "log_t50": horizon.by_log_t50,
            "log_ratio": horizon.by_log_ratio,
            "onset": horizon.by_onset,
            "q": horizon.by_q,
        }
        by_shape = {
            name: found.by_shape.get(name, 0.0) - by_rate / mass * slope[:, 0]
            for name, slope in at_horizon.items()
            if slope is not None
        }
        shape = (len(z), self.slices)
        slopes = {name: np.reshape(slope, shape) for name, slope in by_shape.items()}
        shared = self.coordinates.shape_slopes(at.shared, {n: v.sum(axis=1) for n, v in slopes.items()})
        shared["log_rho"] = -found.by_log_kappa.reshape(shape).sum(axis=1)
        own = {"rate": by_rate.reshape(shape), "log_t50": slopes["log_t50"]}
        value = self._log_prior(z, at) + found.value.reshape(shape).sum(axis=1)
        with np.errstate(invalid="ignore", over="ignore"):  # points that cannot be are lost
            gradient = self._chain(z, at, own, shared)
        lost = ~np.isfinite(value) | ~np.isfinite(gradient).all(axis=1)
        return np.where(lost, -np.inf, value), np.where(lost[:, None], 0.0, gradient)

    def fast_fit(self, request: FitRequest) -> Fit:
        """Return weighted draws of the exact posterior, and whether they may be published."""
        return fast_fit(self, request)

    def quantities(self, z: Floats) -> dict[str, Floats]:
        """Return what people ask for.

        Of each slice, shape (point, slice): ``p``, the rate within the horizon, ``p_eventual``, ``t50``,
        ``t95``. Of all, shape (point,): ``population_p``, ``population_t50``, ``spread_rate``,
        ``spread_log_t50``, ``log_ratio``, and where the model has them ``onset``, ``q``, ``kappa``.
        """
        z = np.asarray(z, dtype=np.float64)
        at, shape = self._point(z), (len(z), self.slices)
        flat = self._flat(at)
        eventual = self._eventual(flat)
        mass = self.family.cdf(np.array([self.horizon_days]), flat.shape)[:, 0]
        middle = self._middle(at)
        found = {
            "p": (eventual * mass).reshape(shape),
            "p_eventual": eventual.reshape(shape),
            "t50": flat.shape.t50_days.reshape(shape),
            "t95": flat.shape.t95_days.reshape(shape),
            "population_p": self._eventual(middle)
            * self.family.cdf(np.array([self.horizon_days]), middle.shape)[:, 0],
            "population_t50": middle.shape.t50_days,
            "spread_rate": at.spread["rate"],
            "spread_log_t50": at.spread["log_t50"],
            "log_ratio": middle.shape.log_ratio,
        }
        if self.coordinates.onset:
            found["onset"] = middle.shape.onset
        if self.coordinates.q:
            found["q"] = middle.shape.q
        if at.shared.kappa is not None:
            found["kappa"] = at.shared.kappa
        return found

    @property
    def hypers(self) -> int:
        """Number of leading coordinates that the slices share."""
        return 4 + len(self._shape_names)

    def head(self, hypers: Floats) -> Head:
        """Return what the leading coordinates, shape (point, hyper), stand for."""
        t, slope = half_normal(hypers[:, 2:4])
        scale = np.array([self.scales[name] for name in _POOLED])
        priors = [self._prior[name] for name in (*_POOLED, *self._shape_names)]
        z = np.concatenate([hypers[:, :2], hypers[:, 4 : self.hypers]], axis=1)
        inner = np.array([prior.mean for prior in priors]) + np.array([prior.stdev for prior in priors]) * z
        return Head(inner[:, :2], scale * t, scale * slope, self.coordinates.point(inner))

    def whole(self, hypers: Floats, u: Floats) -> Floats:
        """Return the coordinates of hypers (point, hyper) and slices u spreads off, (point, slice, 2)."""
        head, own = self.head(hypers), []
        for i, name in enumerate(_POOLED):
            prior, away = self._prior[name], u[..., i]
            rich = head.centre[:, i, None] + head.spread[:, i, None] * away
            own.append(np.where(self.centred, (rich - prior.mean) / prior.stdev, away))
        return np.concatenate([hypers, *own], axis=1)

    def _point(self, z: Floats) -> _Point:
        head = self.head(z[:, : self.hypers])
        own = {}
        for i, name in enumerate(_POOLED):
            prior, mine = self._prior[name], self._own(z, i)
            rich = prior.mean + prior.stdev * mine
            own[name] = np.where(self.centred, rich, head.centre[:, i, None] + head.spread[:, i, None] * mine)
        centre, spread, stretch = (
            {name: values[:, i] for i, name in enumerate(_POOLED)}
            for values in (head.centre, head.spread, head.stretch)
        )
        return _Point(centre, spread, stretch, own, head.shared)

    def _own(self, z: Floats, pooled: int) -> Floats:
        start = 4 + len(self._shape_names) + pooled * self.slices
        return z[:, start : start + self.slices]

    def rows(self, shared: DelayPoint, rate: Floats, log_t50: Floats) -> DelayPoint:
        """Return every slice of every point as one point, shape (point · slice,).

        Parameters
        ----------
        shared
            What the slices of each point have in common.
        rate, log_t50 : ndarray, shape (point, slice)
        """
        times = self.slices
        within = (np.abs(rate) <= _FARTHEST[0]) & (np.abs(log_t50) <= _FARTHEST[1]) & shared.inside[:, None]
        rate = np.clip(np.nan_to_num(rate), -_FARTHEST[0], _FARTHEST[0])
        log_t50 = np.clip(np.nan_to_num(log_t50), -_FARTHEST[1], _FARTHEST[1])
        shape = LagShape(
            log_t50.reshape(-1),
            *(np.repeat(x, times) for x in (shared.shape.log_ratio, shared.shape.onset, shared.shape.q)),
        )
        kappa = None if shared.kappa is None else np.repeat(shared.kappa, times)
        return DelayPoint(rate.reshape(-1), shape, kappa, None, within.reshape(-1))

    def _flat(self, at: _Point) -> DelayPoint:
        return self.rows(at.shared, at.own["rate"], at.own["log_t50"])

    def _of_slice(self, at: _Point, s: int) -> DelayPoint:
        flat = self._flat(at)
        pick = slice(s, None, self.slices)
        shape = LagShape(*(getattr(flat.shape, n)[pick] for n in _SHAPE_FIELDS))
        return DelayPoint(flat.rate[pick], shape, at.shared.kappa, None, flat.inside[pick])

    def _middle(self, at: _Point) -> DelayPoint:
        """Return the centre of the slices as a point of the model of one edge."""
        return at.shared

    def _eventual(self, point: DelayPoint) -> Floats:
        mass = self.family.cdf(np.array([self.horizon_days]), point.shape)[:, 0]
        return point.eventual(np.maximum(mass, 1e-290))

    def _log_prior(self, z: Floats, at: _Point) -> Floats:
        head = z[:, : 4 + len(self._shape_names)]
        total = -0.5 * np.square(head).sum(axis=1) - head.shape[1] * _HALF_LOG_2PI
        for i, name in enumerate(_POOLED):
            away = np.where(self.centred, self._away(at, name), self._own(z, i))
            # A centred slice is measured in prior stdevs of the centre: the Jacobian of that unit.
            unit = np.log(self._prior[name].stdev) - np.log(at.spread[name])
            total += -0.5 * np.square(away).sum(axis=1) - self.slices * _HALF_LOG_2PI
            total += self.centred.sum() * unit
        outside = ~self._flat(at).inside.reshape(len(z), -1).all(axis=1)
        return np.where(outside, -np.inf, total)

    def _away(self, at: _Point, name: str) -> Floats:
        """Return how many spreads each slice is from the centre, shape (point, slice)."""
        return np.asarray((at.own[name] - at.centre[name][:, None]) / at.spread[name][:, None])

    def _chain(
        self, z: Floats, at: _Point, own: Mapping[str, Floats], shared: Mapping[str, Floats]
    ) -> Floats:
        """Return the gradient by coordinate from slopes by each slice's own rate and log t50."""
        head = 4 + len(self._shape_names)
        gradient = np.empty_like(z)
        gradient[:, :head] = -z[:, :head]
        for i, name in enumerate(_POOLED):
            unit, spread = self._prior[name].stdev, at.spread[name][:, None]
            mine, away = self._own(z, i), self._away(at, name)
            pull = np.where(self.centred, away / spread, own[name])  # slope by the centre
            gradient[:, i] += unit * pull.sum(axis=1)
            widened = np.where(self.centred, (np.square(away) - 1.0) / spread, own[name] * mine)
            gradient[:, 2 + i] += at.stretch[name] * widened.sum(axis=1)
            start = head + i * self.slices
            gradient[:, start : start + self.slices] = np.where(
                self.centred, unit * (own[name] - away / spread), spread * own[name] - mine
            )
        for i, name in enumerate(self._shape_names):
            gradient[:, 4 + i] += self._prior[name].stdev * shared[name]
        return gradient


def pooled_delays(data: Mapping[str, NDArray[np.generic]], options: Mapping[str, object]) -> PooledDelays:
    """Return the pooled model of the slices of one edge; the factory of a `ModelSpec`."""
    return PooledDelays(data, options)
