"""At which ages the conversions of a cohort came: what they say about the lag, whatever the rate.

Given its D conversions among the ages seen so far, those of cohort i fall on the ages as a multinomial with
shares ΔF_j / F(A_i), or, with concentration s, as a Dirichlet-multinomial with the same shares: then the
conversions of one cohort flock together more than chance allows, as when a mailing goes out. s = ∞ is the
multinomial. Factorials that hold data alone are left out of both.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from scipy import special

from evenfall.beliefs.numerics.arrays import Floats, floats
from evenfall.beliefs.numerics.stirling import stirling_tail

__all__ = ["AgeCounts", "AgeTerm", "log_rising"]

_NEVER: Final = -1e290  # log of a share of zero that still can be multiplied by a count of zero
_LARGE: Final = 1e4


@dataclass(frozen=True, slots=True, eq=False)
class AgeTerm:
    """Log likelihood of each cohort, shape (point, cohort), and the slopes of their sum.

    Attributes
    ----------
    by_shares : ndarray, shape (point, age)
        By the share ΔF_j of each age cell.
    by_seen : ndarray, shape (point, cohort)
        By the share F(A_i) that each cohort has shown.
    by_log_spread : ndarray, shape (point,)
        By log s.
    """

    value: Floats
    by_shares: Floats
    by_seen: Floats
    by_log_spread: Floats


class AgeCounts:
    """Conversions by cohort and age, held so that cells without any cost nothing.

    Parameters
    ----------
    conversions : ndarray, shape (cohort, age)
    """

    def __init__(self, conversions: Floats) -> None:
        self._counts = floats(conversions)
        self._by_age = self._counts.sum(axis=0)
        self._converted = self._counts.sum(axis=1)
        self._row, self._age = np.nonzero(self._counts)
        self._count = self._counts[self._row, self._age]
        filled, self._starts = np.unique(self._row, return_index=True)
        self._filled = filled

    def multinomial(self, shares: Floats, seen: Floats) -> AgeTerm:
        """Return the term with s = ∞.

        Parameters
        ----------
        shares : ndarray, shape (point, age)
        seen : ndarray, shape (point, cohort)
        """
        value = np.maximum(_log(shares), _NEVER) @ self._counts.T - self._converted * np.maximum(
            _log(seen), _NEVER
        )
        with np.errstate(divide="ignore", invalid="ignore"):
            by_shares = np.where(self._by_age > 0, self._by_age / shares, 0.0)
            by_seen = np.where(self._converted > 0, -self._converted / seen, 0.0)
        return AgeTerm(_impossible(value), by_shares, by_seen, np.zeros(len(shares)))

    def dirichlet(self, shares: Floats, seen: Floats, spread: Floats) -> AgeTerm:
        """Return the term with concentration `spread`, shape (point,)."""
        s = spread[:, None]
        part = shares[:, self._age] / np.maximum(seen[:, self._row], 1e-300)
        x = np.maximum(s * part, 1e-290)
        rising = np.where(part > 0, log_rising(x, self._count), _NEVER)
        value = np.zeros(seen.shape)
        slope = _rising_slope(x, self._count)
        pull = s * slope
        by_shares, by_seen = np.zeros(shares.shape), np.zeros(seen.shape)
        log_spread = -(s * _rising_slope(np.broadcast_to(s, seen.shape), self._converted)).sum(axis=-1)
        if len(self._starts):
            value[:, self._filled] = np.add.reduceat(rising, self._starts, axis=-1)
            by_seen[:, self._filled] = -np.add.reduceat(pull * part, self._starts, axis=-1)
            by_seen /= np.maximum(seen, 1e-300)
            np.add.at(by_shares.T, self._age, (pull / np.maximum(seen[:, self._row], 1e-300)).T)
            log_spread += (pull * part).sum(axis=-1)
        value -= log_rising(np.broadcast_to(s, seen.shape), self._converted)
        return AgeTerm(_impossible(value), by_shares, by_seen, log_spread)


def _log(x: Floats) -> Floats:
    with np.errstate(divide="ignore"):
        return np.asarray(np.log(x))


def _impossible(value: Floats) -> Floats:
    """Return −inf where a conversion came at an age that has no share at all."""
    return np.where(value < 1e-10 * _NEVER, -np.inf, value)


def log_rising(x: Floats, k: Floats) -> Floats:
    """Return log Γ(x + k)/Γ(x), to full precision also where x is large beside k."""
    x, k = np.broadcast_arrays(x, k)
    result = special.gammaln(x + k) - special.gammaln(x)
    large = x > _LARGE
    if large.any():
        base, more = x[large], k[large]
        ratio = more / base
        tails = stirling_tail(base + more) - stirling_tail(base)
        result[large] = tails + (base - 1.0) * np.log1p(ratio) - more + more * np.log(base + more)
    return np.asarray(result)


def _rising_slope(x: Floats, k: Floats) -> Floats:
    """Return ψ(x + k) − ψ(x)."""
    return np.asarray(special.psi(x + k) - special.psi(x))
