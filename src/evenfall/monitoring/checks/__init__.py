"""The checks that turn a parameter's night into findings, by name.

A check is told about many parameters at once and answers, for each, one `Finding`, or None when it has
nothing to say. The worst of them wins the light. A check with ``colours = False`` speaks without taking part:
the light compares belief and data, and whether a fit converged is another matter.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Protocol

from evenfall.catalogue import Catalogue
from evenfall.findings import Finding
from evenfall.monitoring.inputs import CheckInput

__all__ = ["CHECKS", "Check"]


class Check(Protocol):
    """One question asked of every parameter of a chunk."""

    @property
    def name(self) -> str:
        """The name its findings carry."""
        ...

    def check(self, inputs: Sequence[CheckInput]) -> list[Finding | None]:
        """Return what is to be said of each input, in the same order; None for nothing."""
        ...


CHECKS: Final = Catalogue(
    kind="check",
    built_in={
        "belief": "evenfall.monitoring.checks.belief:BELIEF",
        "drift": "evenfall.monitoring.checks.drift:DRIFT",
        "freshness": "evenfall.monitoring.checks.freshness:FRESHNESS",
        "fit_failed": "evenfall.monitoring.checks.fit_failed:FIT_FAILED",
        "poor_fit": "evenfall.monitoring.checks.poor_fit:POOR_FIT",
        "changed": "evenfall.monitoring.checks.changed:CHANGED",
        "low_sample": "evenfall.monitoring.checks.low_sample:LOW_SAMPLE",
    },
    extras={},
)
"""Every check, in the order in which a reader wants to hear of them."""
