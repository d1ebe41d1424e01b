"""Tonight's digest: which changes come first when many parameters are watched."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from evenfall.monitoring.detector import Detection

__all__ = ["LEVEL", "ranked"]

LEVEL: Final = 0.1
"""Expected share of false entries in one night's digest, at most."""


def ranked(detections: Sequence[Detection], level: float = LEVEL) -> list[Detection]:
    """Return the detections worth a line in the digest, the strongest first.

    With m parameters the k strongest stay for the largest k whose weakest e-value is m/(level·k) or more.
    The expected share of healthy parameters among them is at most `level` for this one night, however the
    parameters depend on each other. Nights overlap in their data, so nothing is said about many nights
    together; an alarm is judged by its run length alone and rings whether or not it is listed here.

    References
    ----------
    Wang, R. and Ramdas, A. (2022), False discovery rate control with e-values, JRSS B 84, theorem 5.1.
    """
    strongest = sorted(detections, key=lambda one: (-one.log_e_value, one.parameter_id))
    keep = 0
    for k, one in enumerate(strongest, start=1):
        if one.e_value >= len(strongest) / (level * k):
            keep = k
    return strongest[:keep]
