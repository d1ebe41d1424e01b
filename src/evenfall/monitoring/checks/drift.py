"""Drift check: whether the window still looks like the days before it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from evenfall.findings import Finding
from evenfall.monitoring.checks import Check
from evenfall.monitoring.inputs import CheckInput
from evenfall.monitoring.judging import Reading, Silence, judge, too_little

__all__ = ["DRIFT", "DriftCheck"]


@dataclass(frozen=True)
class DriftCheck:
    """The window against the posterior of everything seen before it."""

    name: str = "drift"

    def check(self, inputs: Sequence[CheckInput]) -> list[Finding | None]:
        """Return one finding per input; grey without a word where nothing was seen before the window."""
        return judge(
            self.name, inputs, [item.baseline for item in inputs], [_silence(item) for item in inputs], _words
        )


def _silence(item: CheckInput) -> Silence | None:
    """Return why drift is not judged; the belief check already says it when the window is too small."""
    return Silence() if item.baseline is None or too_little(item) is not None else None


def _words(reading: Reading) -> tuple[str, str]:
    name = reading.item.parameter_id
    expected = reading.quantity(reading.expected)
    message = f"{name} drifting: {expected} before the window, {reading.seen}"
    return message, (
        "look at what changed in the days of the window, such as tracking, a release or the traffic mix, "
        "before touching the prior"
    )


DRIFT: Check = DriftCheck()
