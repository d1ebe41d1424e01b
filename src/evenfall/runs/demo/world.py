"""The shop of the example project: its traffic, its edges, and what goes wrong in its thirty days."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

from evenfall.beliefs.cube import Visited
from evenfall.funnels.simulate import Edge

__all__ = [
    "ATTEMPT_EVENT",
    "CHANNELS",
    "CONDITIONAL",
    "CUSTOMERS",
    "DAYS",
    "DEFAULT_SEED",
    "DESK_HOURS",
    "DEVICES",
    "DRIFTING",
    "DRIFT_FACTOR",
    "DRIFT_FROM",
    "EVENT_EDGE",
    "LAGGED",
    "LATE_SHARE",
    "LEARNED_KAPPA",
    "LETTER_EVENTS",
    "LONGEST_DELAY",
    "LOST_SHARE",
    "MEMBER_EDGE",
    "MEMBER_NODE",
    "NIGHTS",
    "READERS_PER_DAY",
    "RESTATED_DAY",
    "RESTATED_ON",
    "SESSIONS_PER_DAY",
    "SHARES",
    "SLICES",
    "SUCCESS_EVENT",
    "TRACKED",
    "WEEKDAY_FACTORS",
    "Lag",
]

DEFAULT_SEED: Final = 7
DAYS: Final = tuple(date(2026, 9, 1) + timedelta(days=number) for number in range(30))
NIGHTS: Final = tuple(day + timedelta(days=1) for day in DAYS)
"""Every night reads the days before it; the last one is the night of the example's pinned clock."""

CHANNELS: Final = ("google", "facebook", "email")
DEVICES: Final = ("mobile", "desktop")
SLICES: Final = tuple((channel, device) for channel in CHANNELS for device in DEVICES)
SHARES: Final = (0.30, 0.22, 0.21, 0.10, 0.16, 0.01)
"""Share of the traffic per slice; the last one is too small for its light to be judged."""

SESSIONS_PER_DAY: Final = 900
WEEKDAY_FACTORS: Final = (1.05, 1.0, 1.0, 1.0, 0.95, 0.9, 1.1)

TRACKED: Final = {
    Edge("browse", "landing", "product"): "browse",
    Edge("use-search", "landing", "search"): "use-search",
    Edge("see-deals", "landing", "deals"): "see-deals",
    Edge("find", "search", "product"): "find",
    Edge("pick-deal", "deals", "product"): "pick-deal",
    Edge("read-reviews", "product", "reviews"): "read-reviews",
    Edge("add-to-cart", "product", "cart"): "add-to-cart",
    Edge("signup", "product", "account"): "signup",
    Edge("cart-after-reviews", "reviews", "cart"): "cart-after-reviews",
    Edge("member-cart", "account", "cart"): "member-cart",
    Edge("checkout", "cart", "shipping"): "checkout",
    Edge("save-for-later", "cart", "wishlist"): "save-for-later",
    Edge("choose-delivery", "shipping", "payment"): "choose-delivery",
    Edge("pay", "payment", "order"): "pay-guest",
    Edge("take-upsell", "order", "upsell"): "take-upsell",
    Edge("keep-shopping", "cart", "product"): "keep-shopping",
}
"""The edges that leave events behind, and the parameter that speaks of each."""

MEMBER_NODE, MEMBER_EDGE = "account", "pay"
_LOOKED = frozenset({"search", "deals"})
CONDITIONAL: Final = {
    MEMBER_EDGE: {"pay-member": Visited(all=frozenset({MEMBER_NODE}))},
    "keep-shopping": {
        "keep-shopping-looked": Visited(any=(_LOOKED,), none=frozenset({"reviews"})),
        "keep-shopping-compared": Visited(all=frozenset({"reviews"}), any=(_LOOKED,)),
    },
}
"""Per edge the parameters that speak of some visitors; the one of `TRACKED` speaks of all others."""

EVENT_EDGE, ATTEMPT_EVENT, SUCCESS_EVENT = "keep-shopping", "cart_opened", "kept_shopping"
"""The edge whose attempts and successes are events of their own, among the page views."""

DRIFTING: Final = "checkout"
DRIFT_FACTOR: Final = 0.7
DRIFT_FROM: Final = DAYS[7]

LATE_SHARE: Final = 0.03
LONGEST_DELAY: Final = 3
RESTATED_DAY: Final = DAYS[11]
RESTATED_ON: Final = RESTATED_DAY + timedelta(days=5)
LOST_SHARE: Final = 0.2
"""Share of the restated day's conversions that its first delivery had lost."""

LEARNED_KAPPA: Final = 80.0
"""How much days really scatter where the definition leaves that to be learned."""

DESK_HOURS: Final = range(8, 18)
CUSTOMERS: Final = 20_000

LETTER_EVENTS: Final = ("letter_opened", "came_back", "ordered_again")
READERS_PER_DAY: Final = 400


@dataclass(frozen=True, slots=True)
class Lag:
    """How long those who take an edge take for it: lognormal, or Weibull when it has a `power`.

    Attributes
    ----------
    t50_days, t95_days
        Time by which half, and 95 %, have done so.
    horizon_days
        Within which the edge's rate counts.
    """

    family: str
    t50_days: float
    t95_days: float
    horizon_days: float

    def cdf(self, days: float) -> float:
        """Return the share that has done so within `days`."""
        if self.family == "lognormal":
            return float(ndtr(math.log(days / self.t50_days) / self._sigma))
        return float(1 - 2.0 ** -((days / self.t50_days) ** self._power))

    def draw(self, rng: np.random.Generator, size: int) -> NDArray[np.float64]:
        """Return so many lags in days."""
        if self.family == "lognormal":
            return rng.lognormal(math.log(self.t50_days), self._sigma, size)
        scale = self.t50_days / math.log(2) ** (1 / self._power)
        lags: NDArray[np.float64] = scale * rng.weibull(self._power, size)
        return lags

    @property
    def _sigma(self) -> float:
        return math.log(self.t95_days / self.t50_days) / 1.6448536269514722  # the normal 95 % quantile

    @property
    def _power(self) -> float:
        return math.log(math.log(20) / math.log(2)) / math.log(self.t95_days / self.t50_days)


LAGGED: Final = {
    "come-back": Lag("lognormal", 2.0, 8.0, 10.0),
    "order-again": Lag("weibull", 1.0, 4.0, 6.0),
}
"""The edges that take their time, one after the other, and the parameter of the same name."""
