"""One more day under two ideas: nothing changed since the baseline, or the quantity now stands at a point.

Arrays have the axes (parameter, node, point): a node is one value of the overdispersion, a point one value
the quantity may have moved to. `theta` has shape (parameter, node, key), a day's `sums` (parameter, 1, 3).

The law of a day under "nothing changed" is the predictive of the posterior of all days before it. Whatever
the posterior, that is a proper law of the day, so the product over days is one too and the ratio of any other
law to it averages one. It is never the law of a point estimate, whose error would be taken for a change.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Protocol

import numpy as np
from scipy import special

from evenfall.beliefs.families.gamma import GAMMA
from evenfall.beliefs.families.normal import NORMAL, NORMAL_INVERSE_GAMMA
from evenfall.beliefs.numerics.arrays import Booleans, Floats

__all__ = ["DAY_LAWS", "POINTS_A_SIDE", "DayLaw"]

POINTS_A_SIDE: Final = 11
"""Points above and as many below the baseline: a factor of 1.4 apart where the span is 30 to 1.

A change is found when its days stand some 4.5 standard errors from the baseline; a point off by a fifth of
the change then costs at most 0.4 nats, less than a day of evidence.
"""

_FARTHEST: Final = 1.6  # log odds or log: a change to a fifth; what goes farther is found within the day
_FARTHEST_IN_NOISE: Final = 1.0  # noise sds of one observation
_REACH: Final = 2.5  # the farthest point lies at least this many times as far as the nearest
_NEAREST_SHARE: Final = 0.01


class DayLaw(Protocol):
    """What the detector asks of a family of beliefs."""

    def points(self, theta: Floats, margin: Floats) -> Floats:
        """Return the values the quantity may move to, below then above theta's, shape (parameter, point).

        `theta` has shape (parameter, key), `margin` (parameter,).
        """

    def outside(self, points: Floats, theta: Floats, margin: Floats) -> Booleans:
        """Return which points lie the margin or more from theta's mean, shape (parameter, node, point)."""

    def update(self, theta: Floats, sums: Floats) -> Floats:
        """Return theta after a day."""

    def log_unchanged(self, theta: Floats, sums: Floats) -> Floats:
        """Return the log predictive of a day under theta, shape (parameter, node)."""

    def log_moved(self, points: Floats, theta: Floats, sums: Floats) -> Floats:
        """Return the log law of a day at each point, up to what `log_unchanged` leaves out too."""


@dataclass(frozen=True, slots=True)
class BetaDays:
    """Successes of a day; theta is (alpha, beta, rho), rho the correlation within a day, 0 for none.

    With rho the day's own rate scatters around the common one: k ~ BetaBinomial(n, p·κ, (1 − p)·κ) with
    κ = 1/rho − 1 at a point, and under theta the beta-binomial with the exact predictive mean and variance of
    the day, strength s(1 − ρ)/(sρ + 1). A day then counts as n/(1 + (n − 1)ρ) trials of the posterior.
    C(n, k) stands in both laws and is left out of both.
    """

    overdispersed: bool

    def points(self, theta: Floats, margin: Floats) -> Floats:
        """Return log odds, geometrically spaced from the margin on."""
        mean = theta[:, 0] / (theta[:, 0] + theta[:, 1])
        centre = special.logit(mean)
        with np.errstate(divide="ignore", invalid="ignore"):
            down = centre - special.logit(mean * (1.0 - margin))
            up = special.logit(np.minimum(mean * (1.0 + margin), 1.0)) - centre
        # Where the rate has no room for the margin above it, no point above will count: see `outside`.
        return _spread(centre, down, np.where(np.isfinite(up), up, down), np.full_like(centre, _FARTHEST))

    def outside(self, points: Floats, theta: Floats, margin: Floats) -> Booleans:
        """Return where the rate differs by the margin, relative to the mean."""
        mean = (theta[..., 0] / (theta[..., 0] + theta[..., 1]))[..., None]
        return np.asarray(np.abs(special.expit(points)[:, None, :] - mean) >= margin[:, None, None] * mean)

    def update(self, theta: Floats, sums: Floats) -> Floats:
        """Return alpha and beta with the day's effective successes and failures added."""
        trials, successes = sums[..., 0], sums[..., 1]
        share = 1.0 / (1.0 + np.maximum(trials - 1.0, 0.0) * theta[..., 2])
        return np.stack(
            [
                theta[..., 0] + share * successes,
                theta[..., 1] + share * (trials - successes),
                theta[..., 2],
            ],
            axis=-1,
        )

    def log_unchanged(self, theta: Floats, sums: Floats) -> Floats:
        """Return the log beta-binomial mass over C(n, k)."""
        rho, s = theta[..., 2], theta[..., 0] + theta[..., 1]
        of_a_day = (1.0 - rho) / (s * rho + 1.0)
        return _log_beta_ratio(theta[..., 0] * of_a_day, theta[..., 1] * of_a_day, sums[..., 0], sums[..., 1])

    def log_moved(self, points: Floats, theta: Floats, sums: Floats) -> Floats:
        """Return the log binomial or beta-binomial mass at each point, over C(n, k)."""
        at, trials, successes = points[:, None, :], sums[..., 0, None], sums[..., 1, None]
        if not self.overdispersed:
            return np.asarray(
                successes * special.log_expit(at) + (trials - successes) * special.log_expit(-at)
            )
        kappa = 1.0 / theta[..., 2, None] - 1.0
        return _log_beta_ratio(kappa * special.expit(at), kappa * special.expit(-at), trials, successes)


@dataclass(frozen=True, slots=True)
class GammaDays:
    """Events of a day over its exposure; theta is (shape, rate). e^k/k! stands in both laws: left out."""

    def points(self, theta: Floats, margin: Floats) -> Floats:
        """Return log rates, geometrically spaced from the margin on."""
        centre = np.log(theta[:, 0]) - np.log(theta[:, 1])
        return _spread(centre, -np.log1p(-margin), np.log1p(margin), np.full_like(centre, _FARTHEST))

    def outside(self, points: Floats, theta: Floats, margin: Floats) -> Booleans:
        """Return where the rate differs by the margin, relative to the mean."""
        mean = (theta[..., 0] / theta[..., 1])[..., None]
        return np.asarray(np.abs(np.exp(points)[:, None, :] - mean) >= margin[:, None, None] * mean)

    def update(self, theta: Floats, sums: Floats) -> Floats:
        """Return shape + events and rate + exposure."""
        return GAMMA.update(theta, sums)

    def log_unchanged(self, theta: Floats, sums: Floats) -> Floats:
        """Return the log negative binomial mass over e^k/k!."""
        shape, rate, exposure, events = theta[..., 0], theta[..., 1], sums[..., 0], sums[..., 1]
        ratio = special.gammaln(shape + events) - special.gammaln(shape)
        return np.asarray(ratio - shape * np.log1p(exposure / rate) - events * np.log(rate + exposure))

    def log_moved(self, points: Floats, theta: Floats, sums: Floats) -> Floats:
        """Return the log Poisson mass at each point, over e^k/k!."""
        at = points[:, None, :]
        return np.asarray(sums[..., 1, None] * at - sums[..., 0, None] * np.exp(at))


@dataclass(frozen=True, slots=True)
class NormalDays:
    """Mean of a day's observations with known noise; theta is (mu, sigma, noise_sigma).

    Attributes
    ----------
    logged
        Whether the observations are logs, so that a difference of means is a ratio.
    """

    logged: bool

    def points(self, theta: Floats, margin: Floats) -> Floats:
        """Return means, geometrically spaced from the margin on."""
        return _means(theta[:, 0], theta[:, 2], margin, self.logged)

    def outside(self, points: Floats, theta: Floats, margin: Floats) -> Booleans:
        """Return where the mean differs by the margin: absolute, on the log scale relative."""
        return _beyond(points[:, None, :] - theta[..., :1], margin, self.logged)

    def update(self, theta: Floats, sums: Floats) -> Floats:
        """Return the posterior of the mean."""
        return NORMAL.update(theta, sums)

    def log_unchanged(self, theta: Floats, sums: Floats) -> Floats:
        """Return the log density of the day's mean: noise and the doubt of the mean add."""
        n = np.maximum(sums[..., 0], 1.0)
        variance = np.square(theta[..., 1]) + np.square(theta[..., 2]) / n
        return np.asarray(-0.5 * (np.log(variance) + np.square(sums[..., 1] / n - theta[..., 0]) / variance))

    def log_moved(self, points: Floats, theta: Floats, sums: Floats) -> Floats:
        """Return the log density of the day's mean around each point."""
        n = np.maximum(sums[..., 0, None], 1.0)
        variance = np.square(theta[..., 2, None]) / n
        deviation = sums[..., 1, None] / n - points[:, None, :]
        return np.asarray(-0.5 * (np.log(variance) + np.square(deviation) / variance))


@dataclass(frozen=True, slots=True)
class NormalInverseGammaDays:
    """A day's observations with noise to be learned; theta is (mu, sigma, noise_shape, noise_scale).

    A point fixes the mean and leaves the noise to the InvGamma(noise_shape, noise_scale) of the days before.
    """

    logged: bool

    def points(self, theta: Floats, margin: Floats) -> Floats:
        """Return means, geometrically spaced from the margin on."""
        return _means(theta[:, 0], np.sqrt(theta[:, 3] / theta[:, 2]), margin, self.logged)

    def outside(self, points: Floats, theta: Floats, margin: Floats) -> Booleans:
        """Return where the mean differs by the margin: absolute, on the log scale relative."""
        return _beyond(points[:, None, :] - theta[..., :1], margin, self.logged)

    def update(self, theta: Floats, sums: Floats) -> Floats:
        """Return the posterior of mean and noise."""
        return NORMAL_INVERSE_GAMMA.update(theta, sums)

    def log_unchanged(self, theta: Floats, sums: Floats) -> Floats:
        """Return the log density of the day's observations without the terms of n alone."""
        n = sums[..., 0]
        strength = NORMAL_INVERSE_GAMMA.strength(theta)
        around, within = _squares(theta[..., :1], sums)
        misfit = within + around[..., 0] * strength / (strength + n)
        return np.asarray(_log_student(theta, n, misfit) - 0.5 * np.log1p(n / strength))

    def log_moved(self, points: Floats, theta: Floats, sums: Floats) -> Floats:
        """Return the log density of the day's observations around each point, without the same terms."""
        around, within = _squares(points[:, None, :], sums)
        return _log_student(theta[..., None, :], sums[..., 0, None], within[..., None] + around)


def _spread(centre: Floats, down: Floats, up: Floats, farthest: Floats) -> Floats:
    """Return points around `centre` from `down` below and `up` above to `farthest`, geometrically spaced."""
    steps = np.linspace(0.0, 1.0, POINTS_A_SIDE)
    sides = []
    for nearest, sign in ((down, -1.0), (up, 1.0)):
        ratio = np.maximum(farthest / nearest, _REACH)
        sides.append(centre[:, None] + sign * nearest[:, None] * ratio[:, None] ** steps)
    return np.concatenate(sides, axis=-1)


def _means(centre: Floats, noise: Floats, margin: Floats, logged: bool) -> Floats:
    """Return points for a mean; on the log scale a margin down is a longer way than the same margin up."""
    farthest = np.full_like(centre, _FARTHEST) if logged else _FARTHEST_IN_NOISE * noise
    least = _NEAREST_SHARE * farthest
    down, up = (-np.log1p(-margin), np.log1p(margin)) if logged else (margin, margin)
    return _spread(centre, np.maximum(down, least), np.maximum(up, least), farthest)


def _beyond(difference: Floats, margin: Floats, logged: bool) -> Booleans:
    effect = np.expm1(difference) if logged else difference
    return np.asarray(np.abs(effect) >= margin[:, None, None])


def _log_beta_ratio(a: Floats, b: Floats, trials: Floats, successes: Floats) -> Floats:
    """Return log B(a + k, b + n − k) − log B(a, b)."""
    log_gamma = special.gammaln
    return np.asarray(
        log_gamma(a + successes)
        - log_gamma(a)
        + log_gamma(b + (trials - successes))
        - log_gamma(b)
        + (log_gamma(a + b) - log_gamma(a + b + trials))
    )


def _squares(centre: Floats, sums: Floats) -> tuple[Floats, Floats]:
    """Return n(x̄ − centre)² and Σ(x − x̄)²."""
    n = np.maximum(sums[..., 0], 1.0)
    mean = sums[..., 1] / n
    around = sums[..., 0, None] * np.square(mean[..., None] - centre)
    return around, np.maximum(sums[..., 2] - n * np.square(mean), 0.0)


def _log_student(theta: Floats, n: Floats, misfit: Floats) -> Floats:
    """Return the log density of n observations with this sum of squares, their noise integrated out."""
    shape, scale = theta[..., 2], theta[..., 3]
    ratio = special.gammaln(shape + 0.5 * n) - special.gammaln(shape) - 0.5 * n * np.log(scale)
    return np.asarray(ratio - (shape + 0.5 * n) * np.log1p(0.5 * misfit / scale))


DAY_LAWS: Final[dict[tuple[str, bool], DayLaw]] = {
    ("beta", False): BetaDays(overdispersed=False),
    ("beta", True): BetaDays(overdispersed=True),
    ("gamma", False): GammaDays(),
    ("normal", False): NormalDays(logged=False),
    ("lognormal", False): NormalDays(logged=True),
    ("normal-inverse-gamma", False): NormalInverseGammaDays(logged=False),
    ("lognormal-inverse-gamma", False): NormalInverseGammaDays(logged=True),
}
"""The law of a day by family and whether its days are overdispersed."""
