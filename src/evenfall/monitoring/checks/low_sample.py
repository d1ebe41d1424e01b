"""Low-sample check: too little evidence for a posterior of its own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from evenfall.findings import Finding, Light
from evenfall.monitoring.checks import Check
from evenfall.monitoring.inputs import CheckInput
from evenfall.monitoring.wording import count

__all__ = ["LOW_SAMPLE", "LowSampleCheck"]


@dataclass(frozen=True)
class LowSampleCheck:
    """All evidence since the prior against what a posterior needs."""

    name: str = "low_sample"
    colours: bool = False

    def check(self, inputs: Sequence[CheckInput]) -> list[Finding | None]:
        """Return a grey finding for each input that has less than it needs."""
        return [self._low(item) for item in inputs]

    def _low(self, item: CheckInput) -> Finding | None:
        have, need = item.counted, item.counted_needed
        if have is None or need is None or have >= need:
            return None
        return Finding(
            self.name,
            item.parameter_id,
            Light.GREY,
            f"{item.parameter_id}: no posterior of its own yet, {count(have)} of {count(need)} are there",
            "wait: what comes in is kept and counts; or lower min_sample_size",
            {"have": have, "needed": need},
        )


LOW_SAMPLE: Check = LowSampleCheck()
