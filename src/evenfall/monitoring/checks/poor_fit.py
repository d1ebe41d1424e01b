"""Poor-fit check: the model does not make data like those it was fitted to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from evenfall.findings import Finding, Light
from evenfall.monitoring.checks import Check
from evenfall.monitoring.inputs import CheckInput

__all__ = ["POOR_FIT", "PoorFitCheck"]


@dataclass(frozen=True)
class PoorFitCheck:
    """The verdict of the posterior predictive check."""

    name: str = "poor_fit"
    colours: bool = False

    def check(self, inputs: Sequence[CheckInput]) -> list[Finding | None]:
        """Return an amber finding for each input whose model does not reproduce its data."""
        return [self._poor(item) if item.poor_fit else None for item in inputs]

    def _poor(self, item: CheckInput) -> Finding:
        return Finding(
            self.name,
            item.parameter_id,
            Light.AMBER,
            f"{item.parameter_id} is fitted poorly: {item.poor_fit}",
            "compare other families or poolings with `evenfall fit --compare`, and look for unlike days",
        )


POOR_FIT: Check = PoorFitCheck()
