"""Freshness check: whether the light still speaks of today."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from evenfall.findings import Finding, Light
from evenfall.monitoring.checks import Check
from evenfall.monitoring.inputs import CheckInput
from evenfall.monitoring.wording import age

__all__ = ["FRESHNESS", "FreshnessCheck"]


@dataclass(frozen=True)
class FreshnessCheck:
    """The age of the last good read; fresh data is nothing to talk about."""

    name: str = "freshness"

    def check(self, inputs: Sequence[CheckInput]) -> list[Finding | None]:
        """Return a stale finding for each input whose source is down or was last read too long ago."""
        return [self._stale(item) for item in inputs]

    def _stale(self, item: CheckInput) -> Finding | None:
        old = item.read_age is not None and item.read_age > item.stale_after
        if not (old or item.source_down):
            return None
        why = "its source is down" if item.source_down else "its source is overdue"
        last = (
            "it was never read"
            if item.read_age is None
            else f"the last good read is {age(item.read_age)} old"
        )
        return Finding(
            self.name,
            item.parameter_id,
            Light.STALE,
            f"{item.parameter_id} stale: {why}, {last}",
            "check the connection; the next night reads the missing days by itself",
            {"stale_after_days": item.stale_after.total_seconds() / 86400},
        )


FRESHNESS: Check = FreshnessCheck()
