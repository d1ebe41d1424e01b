"""Fit-failed check: tonight's fit was refused and the last good posterior stays."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from evenfall.findings import Finding, Light
from evenfall.monitoring.checks import Check
from evenfall.monitoring.inputs import CheckInput

__all__ = ["FIT_FAILED", "FitFailedCheck"]


@dataclass(frozen=True)
class FitFailedCheck:
    """What the gate refused, in its own words."""

    name: str = "fit_failed"
    colours: bool = False

    def check(self, inputs: Sequence[CheckInput]) -> list[Finding | None]:
        """Return an amber finding for each input whose fit was refused."""
        return [self._refused(item) if item.fit_failures else None for item in inputs]

    def _refused(self, item: CheckInput) -> Finding:
        return Finding(
            self.name,
            item.parameter_id,
            Light.AMBER,
            f"{item.parameter_id} keeps its last good posterior: {'; '.join(item.fit_failures)}",
            "see the diagnostics with `evenfall fit`; then a tighter prior, more draws or fewer effects",
            {"failures": len(item.fit_failures)},
        )


FIT_FAILED: Check = FitFailedCheck()
