"""A belief from the numbers people write: mean and stdev, a family's own numbers, or both when they agree."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import numpy as np

from evenfall.beliefs.belief import Belief, Origin
from evenfall.beliefs.families import FAMILIES, Family
from evenfall.beliefs.numerics.arrays import Floats
from evenfall.errors import InfeasibleBelief, nearest

__all__ = ["belief_from_numbers"]

_MOMENTS: Final = ("mean", "stdev")
_AGREE: Final = 0.01
"""Relative difference up to which mean/stdev and native numbers agree, since people round them."""


def belief_from_numbers(distribution: str, numbers: Mapping[str, float], origin: Origin) -> Belief:
    """Return the belief that `numbers` describe.

    Parameters
    ----------
    distribution
        Name of the family: beta, normal, gamma, lognormal, or any other in the catalogue; normal and
        lognormal become their inverse-gamma variant when noise_shape or noise_scale is given.
    numbers
        ``mean`` and ``stdev`` of the reported quantity, the family's own numbers, or both; plus the family's
        noise numbers.
    origin
        Where the numbers come from.

    Raises
    ------
    InfeasibleBelief
        For unknown, missing, contradicting or infeasible numbers.
    UnknownName
        For an unknown distribution.

    Examples
    --------
    >>> print(belief_from_numbers("beta", {"alpha": 8, "beta": 17}, Origin("manual")))
    Beta(8, 17)  mean 0.320 ± 0.091
    """
    family = _choose_family(distribution, numbers)
    own = tuple(key for key in family.keys if key not in family.noise_keys)
    _refuse_unknown(family, own, numbers)
    values = {key: np.float64(value) for key, value in numbers.items() if value is not None}
    noise = _require_all(family, family.noise_keys, values)
    given_moments, given_own = (any(key in values for key in keys) for keys in (_MOMENTS, own))
    if given_own:
        native = _require_all(family, own, values)
        theta = np.array([{**native, **noise}[key] for key in family.keys])
        family.check(theta)
        if given_moments:
            _refuse_disagreement(family, theta, values)
    else:
        moments = _require_all(family, _MOMENTS, values)
        theta = family.match(moments["mean"], moments["stdev"], **noise)
        family.check(theta)
    return Belief(family.name, family.keys, tuple(float(number) for number in theta), origin)


def _choose_family(distribution: str, numbers: Mapping[str, float]) -> Family:
    """Return the family; noise_shape and noise_scale ask for the inverse-gamma variant where there is one."""
    unknown_noise = any(numbers.get(key) is not None for key in ("noise_shape", "noise_scale"))
    variant = f"{distribution}-inverse-gamma"
    if unknown_noise and variant in FAMILIES.entries:
        if numbers.get("noise_sigma") is not None:
            raise InfeasibleBelief(
                "noise_sigma says the noise is known, noise_shape and noise_scale that it is not",
                remedy="give noise_sigma, or noise_shape and noise_scale",
            )
        distribution = variant
    family: Family = FAMILIES.resolve(distribution)
    return family


def _refuse_unknown(family: Family, own: tuple[str, ...], numbers: Mapping[str, float]) -> None:
    valid = (*own, *_MOMENTS, *family.noise_keys)
    for key in numbers:
        if key not in valid:
            close = nearest(key, valid)
            remedy = f"did you mean {' or '.join(close)}?" if close else f"give some of {', '.join(valid)}"
            raise InfeasibleBelief(f"a {family.name} belief has no number {key!r}", remedy=remedy)


def _require_all(
    family: Family, keys: tuple[str, ...], values: Mapping[str, np.float64]
) -> dict[str, np.float64]:
    """Return the values of `keys`, all of them."""
    missing = [key for key in keys if key not in values]
    if missing:
        raise InfeasibleBelief(
            f"a {family.name} belief lacks {' and '.join(missing)}", remedy=_what_to_give(family, missing)
        )
    return {key: values[key] for key in keys}


def _what_to_give(family: Family, missing: list[str]) -> str:
    if missing[0] in family.noise_keys and not family.name.endswith("inverse-gamma"):
        return "give noise_sigma, the stdev of one observation, or noise_shape and noise_scale if unknown"
    own = [key for key in family.keys if key not in family.noise_keys]
    return f"give mean and stdev, or {' and '.join(own)}" + "".join(
        f", with {key}" for key in family.noise_keys
    )


def _refuse_disagreement(family: Family, theta: Floats, values: Mapping[str, np.float64]) -> None:
    law = family.belief(theta)
    stdev = float(law.stdev)
    for name, implied in zip(_MOMENTS, (float(law.mean), stdev), strict=True):
        # A mean near zero agrees when it lies within a hundredth of the stdev.
        if name in values and not abs(values[name] - implied) <= _AGREE * max(abs(implied), stdev):
            given = ", ".join(f"{key} {number:g}" for key, number in zip(family.keys, theta, strict=True))
            raise InfeasibleBelief(
                f"{name} {values[name]:g} disagrees with {given}, whose {name} is {implied:.4g}",
                remedy=f"give either mean and stdev or {' and '.join(family.keys)}, not both",
            )
