"""The families of lags by name; a new one is one short file."""

from __future__ import annotations

from typing import Final

from evenfall.catalogue import Catalogue
from evenfall.funnels.delays.families.lag import LagFamily, LagValues, Standard, StandardLag
from evenfall.funnels.delays.families.shape import LagShape

__all__ = ["LAG_FAMILIES", "LagFamily", "LagShape", "LagValues", "Standard", "StandardLag", "lag_family"]

_HERE: Final = "evenfall.funnels.delays.families"

LAG_FAMILIES: Final = Catalogue(
    kind="lag_family",
    built_in={
        "gamma": f"{_HERE}.gamma:GAMMA",
        "generalised_gamma": f"{_HERE}.generalised_gamma:GENERALISED_GAMMA",
        "log_logistic": f"{_HERE}.log_logistic:LOG_LOGISTIC",
        "lognormal": f"{_HERE}.lognormal:LOGNORMAL",
        "weibull": f"{_HERE}.weibull:WEIBULL",
    },
    extras={},
)


def lag_family(name: str) -> LagFamily:
    """Return the family called `name`.

    Raises
    ------
    UnknownName
        When nothing is registered under it.
    """
    family: LagFamily = LAG_FAMILIES.resolve(name)
    return family
