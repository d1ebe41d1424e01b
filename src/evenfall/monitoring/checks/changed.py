"""Changed check: the posterior to be published is not the one people last saw."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from evenfall.beliefs.belief import Belief
from evenfall.findings import Finding, Light
from evenfall.monitoring.checks import Check
from evenfall.monitoring.inputs import CheckInput
from evenfall.monitoring.wording import quantity, sigmas

__all__ = ["CHANGED", "ChangedCheck"]


@dataclass(frozen=True)
class ChangedCheck:
    """Two published posteriors, side by side.

    Their difference is counted in root sums of squares of their standard deviations. The two share data, so
    this is a cautious measure: what it calls changed has moved by more than both leave open.
    """

    name: str = "changed"
    colours: bool = False

    def check(self, inputs: Sequence[CheckInput]) -> list[Finding | None]:
        """Return an amber finding for each input whose posterior moved far and by more than the margin."""
        return [
            None
            if item.previous is None or item.published is None
            else self._moved(item, item.previous, item.published)
            for item in inputs
        ]

    def _moved(self, item: CheckInput, before: Belief, after: Belief) -> Finding | None:
        difference = after.mean - before.mean
        sigma = difference / math.hypot(before.stdev, after.stdev)
        yardstick = (item.expected or before).stdev if item.type == "mean" else abs(before.mean)
        effect = difference / yardstick if yardstick else math.inf
        # Written so that a distance that is no number is spoken of, not passed over.
        if abs(sigma) < item.divergence_threshold or abs(effect) < item.margin:
            return None
        was, now = (quantity(item.type, one.mean, abs(difference) / 2) for one in (before, after))
        return Finding(
            self.name,
            item.parameter_id,
            Light.AMBER,
            f"{item.parameter_id} changed: {was} when last published, {now} now ({sigmas(sigma)})",
            "see in its history what moved it: new data, restated days, another prior or another definition",
            {
                "sigma": sigma if math.isfinite(sigma) else None,
                "effect": effect if math.isfinite(effect) else None,
                "before": before.mean,
                "after": after.mean,
            },
        )


CHANGED: Check = ChangedCheck()
