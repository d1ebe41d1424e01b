"""Likelihood of the successes of many slices at many log odds, with its slopes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import special

__all__ = ["Days", "Slopes", "group_days"]

type Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Slopes:
    """The likelihood at some points.

    Attributes
    ----------
    value : ndarray, shape (point, slice)
        Log likelihood.
    score : ndarray, shape (point, slice)
        Its derivative by the log odds.
    information : ndarray, shape (point, slice)
        Fisher information about the log odds; with overdispersion that of the quasi-likelihood.
    by_log_kappa : ndarray, shape (point,) or None
        Derivative of its sum by log κ.
    """

    value: Floats
    score: Floats
    information: Floats
    by_log_kappa: Floats | None


@dataclass(frozen=True, eq=False)
class Days:
    """Distinct days of the slices, with how often each occurs.

    Attributes
    ----------
    slices
        How many slices there are; some may have no day.
    place : ndarray of int, shape (day,)
        Slice of each day, ascending.
    trials, successes, times : ndarray, shape (day,)
    """

    slices: int
    place: NDArray[np.intp]
    trials: Floats
    successes: Floats
    times: Floats

    @property
    def _ways(self) -> Floats:
        n, k = self.trials, self.successes
        return np.asarray(special.gammaln(n + 1) - special.gammaln(k + 1) - special.gammaln(n - k + 1))

    def _by_slice(self, values: Floats) -> Floats:
        """Return sums of (point, day) over the days of each slice, shape (point, slice)."""
        result = np.zeros((len(values), self.slices))
        if len(self.place):
            first = np.flatnonzero(np.diff(self.place, prepend=-1))
            result[:, self.place[first]] = np.add.reduceat(values, first, axis=1)
        return result

    def value(self, eta: Floats, kappa: Floats | None) -> Floats:
        """Return the log likelihood, shape (point, slice).

        Parameters
        ----------
        eta : ndarray, shape (point, slice)
            Log odds.
        kappa : ndarray, shape (point,)
            None for binomial days.
        """
        at, n, k = eta[:, self.place], self.trials, self.successes
        if kappa is None:
            each = k * special.log_expit(at) + (n - k) * special.log_expit(-at)
        else:
            x, y, whole = _shares(at, kappa)
            each = special.gammaln(x + k) - special.gammaln(x) + special.gammaln(y + n - k)
            each += special.gammaln(whole) - special.gammaln(whole + n) - special.gammaln(y)
        return self._by_slice(self.times * (each + self._ways))

    def slopes(self, eta: Floats, kappa: Floats | None) -> Slopes:
        """Return the log likelihood with its derivatives, arguments as of `value`."""
        at, n, k = eta[:, self.place], self.trials, self.successes
        p, q = special.expit(at), special.expit(-at)
        value = self.value(eta, kappa)
        if kappa is None:
            score, information, by_log_kappa = k - n * p, n * p * q, None
        else:
            x, y, whole = _shares(at, kappa)
            up = special.psi(x + k) - special.psi(x)
            down = special.psi(y + n - k) - special.psi(y)
            score = whole * p * q * (up - down)
            # A day of n trials says as much as n / (1 + (n − 1)ρ) independent ones, ρ = 1/(κ + 1).
            information = n / (1.0 + np.maximum(n - 1.0, 0.0) / (whole + 1.0)) * p * q
            by_kappa = p * up + q * down + special.psi(whole) - special.psi(whole + n)
            by_log_kappa = np.asarray((self.times * whole * by_kappa).sum(axis=1))
        return Slopes(
            value,
            self._by_slice(self.times * score),
            self._by_slice(self.times * information),
            by_log_kappa,
        )


def _shares(eta: Floats, kappa: Floats) -> tuple[Floats, Floats, Floats]:
    """Return κp, κ(1 − p), κ, the last with an axis for the days."""
    whole = kappa[:, None]
    x, y = whole * special.expit(eta), whole * special.expit(-eta)
    return np.maximum(x, 1e-300), np.maximum(y, 1e-300), whole


def group_days(trials: NDArray[np.int64], successes: NDArray[np.int64], *, overdispersed: bool) -> Days:
    """Return the days of (slice, day) counts; without overdispersion the days of a slice are one."""
    slices = len(trials)
    if not overdispersed:
        trials, successes = trials.sum(axis=1, keepdims=True), successes.sum(axis=1, keepdims=True)
    place = np.broadcast_to(np.arange(slices)[:, None], trials.shape)
    filled = trials > 0
    rows = np.stack([place[filled], trials[filled], successes[filled]], axis=1)
    distinct, times = np.unique(rows, axis=0, return_counts=True)
    where, n, k = distinct.T
    return Days(slices, where.astype(np.intp), n.astype(float), k.astype(float), times.astype(float))
