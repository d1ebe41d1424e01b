"""Log evidence of data under beliefs, and the Bayes factor of one belief against another."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Final

import numpy as np

from evenfall.beliefs.belief import Belief
from evenfall.beliefs.families import Family
from evenfall.beliefs.groups import by_family
from evenfall.beliefs.numerics.arrays import Floats
from evenfall.errors import UsageError

__all__ = ["REFERENCE_POWER", "log_bayes_factor", "log_evidence", "widen"]

REFERENCE_POWER: Final = 1.0 / 9.0
"""Power of a belief's own density that makes its default reference: a normal gets three times its stdev."""

_BLOCK: Final = 1 << 16  # rows whose intermediate arrays still fit a cache: a million rows take half the time


def log_evidence(beliefs: Sequence[Belief], sums: Floats) -> Floats:
    """Return the log density of each parameter's observations under its belief, in nats.

    Parameters
    ----------
    sums : ndarray, shape (parameter, 3)
        Size, total and squares of each parameter's observations.
    """
    result = np.empty(len(beliefs))
    for family, members, theta in by_family(beliefs):
        result[members] = family.log_evidence(theta, sums[members])
    return result


def log_bayes_factor(family: Family, theta: Floats, reference: Floats, sums: Floats) -> Floats:
    """Return log evidence under `reference` minus that under `theta`; above 0 is against theta.

    Parameters
    ----------
    theta, reference : ndarray, shape (..., key)
        Two beliefs of one family.
    sums : ndarray, shape (..., 3)
    """
    if theta.ndim == reference.ndim == sums.ndim == 2 and len(sums) > _BLOCK:
        cuts = range(_BLOCK, len(sums), _BLOCK)
        blocks = zip(*(np.split(array, cuts) for array in (theta, reference, sums)), strict=True)
        return np.concatenate([log_bayes_factor(family, *block) for block in blocks])
    return np.asarray(family.log_evidence(reference, sums) - family.log_evidence(theta, sums))


def widen(belief: Belief, power: float = REFERENCE_POWER) -> Belief:
    """Return the belief whose density is this one's raised to `power` and renormalised.

    With unknown noise only the belief about the mean is widened, its scale by 1/√power: a power of a Student
    t need not have a finite integral.

    Raises
    ------
    UsageError
        For a family without a rule.

    Examples
    --------
    >>> from evenfall.beliefs.constructors import Normal
    >>> print(widen(Normal(mu=2, sigma=1, noise_sigma=5)))
    Normal(2, 3, 5)  mean 2.000 ± 3.000
    """
    rule = _WIDEN.get(belief.family)
    if rule is None:
        raise UsageError(
            f"no rule widens a {belief.family} belief", remedy=f"widen one of {', '.join(sorted(_WIDEN))}"
        )
    return replace(belief, theta=tuple(float(number) for number in rule(np.array(belief.theta), power)))


def _widen_beta(theta: Floats, power: float) -> Floats:
    return 1.0 + (theta - 1.0) * power


def _widen_gamma(theta: Floats, power: float) -> Floats:
    return np.array([1.0 + (theta[0] - 1.0) * power, theta[1] * power])


def _widen_normal(theta: Floats, power: float) -> Floats:
    return np.array([theta[0], theta[1] / np.sqrt(power), *theta[2:]])


_WIDEN: Final[Mapping[str, Callable[[Floats, float], Floats]]] = {
    "beta": _widen_beta,
    "gamma": _widen_gamma,
    "lognormal": _widen_normal,
    "lognormal-inverse-gamma": _widen_normal,
    "normal": _widen_normal,
    "normal-inverse-gamma": _widen_normal,
}
