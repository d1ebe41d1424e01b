"""Belief check: whether the window still looks like the last accepted prior."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from evenfall.findings import Finding
from evenfall.monitoring.checks import Check
from evenfall.monitoring.inputs import CheckInput
from evenfall.monitoring.judging import Reading, Silence, judge, too_little

__all__ = ["BELIEF", "BeliefCheck"]


@dataclass(frozen=True)
class BeliefCheck:
    """The window against what the business says it believes."""

    name: str = "belief"

    def check(self, inputs: Sequence[CheckInput]) -> list[Finding | None]:
        """Return one finding per input; grey, with its reason, where the window cannot be judged."""
        return judge(
            self.name, inputs, [item.expected for item in inputs], [_silence(item) for item in inputs], _words
        )


def _silence(item: CheckInput) -> Silence | None:
    if item.expected is None:
        return Silence("there is no prior to compare with", "give the parameter a prior_source or a value")
    return too_little(item)


def _words(reading: Reading) -> tuple[str, str]:
    name = reading.item.parameter_id
    expected = reading.quantity(reading.expected)
    message = f"{name} diverging: expected {expected}, {reading.seen}"
    return message, (
        "find out what changed; when the data are right, accept the posterior as the new prior with "
        f"`evenfall update '{name}' --accept`"
    )


BELIEF: Check = BeliefCheck()
