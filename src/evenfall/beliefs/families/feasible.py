"""Refusals shared by the families: which numbers no belief can have, and what to give instead."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from evenfall.beliefs.numerics.arrays import Booleans, Floats, floats
from evenfall.errors import InfeasibleBelief

__all__ = ["require_finite", "require_least", "require_positive", "require_positive_stdev"]


def _refuse(bad: Booleans, values: Floats, message: str, remedy: str) -> None:
    if bad.any():
        raise InfeasibleBelief(message.format(value=float(values[bad][0])), remedy=remedy)


def require_finite(**values: ArrayLike) -> None:
    """Raise `InfeasibleBelief` when one of the named values is not a finite number."""
    for name, given in values.items():
        value = floats(given)
        _refuse(
            ~np.isfinite(value), value, f"{name} {{value:g}} is not a finite number", "give a finite number"
        )


def require_positive_stdev(stdev: Floats) -> None:
    """Raise `InfeasibleBelief` when a stdev is not above zero."""
    _refuse(
        ~(stdev > 0),
        stdev,
        "a belief with stdev {value:g} cannot learn",
        "give a stdev above 0, however small",
    )


def require_positive(**values: ArrayLike) -> None:
    """Raise `InfeasibleBelief` when one of the named values is not a finite number above zero."""
    require_finite(**values)
    for name, given in values.items():
        value = floats(given)
        _refuse(~(value > 0), value, f"{name} {{value:g}} is not positive", f"give {name} above 0")


def require_least(keys: Sequence[str], theta: Floats, least: float) -> None:
    """Raise `InfeasibleBelief` when a column of `theta` is not finite or lies below `least`."""
    require_finite(**{key: theta[..., i] for i, key in enumerate(keys)})
    for i, key in enumerate(keys):
        column = theta[..., i]
        _refuse(
            ~(column >= least),
            column,
            f"{key} {{value:g}} is below {least:g}",
            f"give {key} of at least {least:g}; smaller ones say the rate is 0 or 1",
        )
