"""Named points at which a test may kill the program, so that every crash can be tried at the worst moment.

``EVENFALL_FAULT=ledger.after:3`` kills the process, without any clean-up, the third time it passes the point;
``raise:ledger.after:3`` raises instead.
"""

from __future__ import annotations

import os
import signal
from collections import Counter
from typing import Final

from evenfall.errors import StoreError, UsageError

__all__ = ["FAULT_POINTS", "reach"]

FAULT_POINTS: Final = (
    "ledger.before",
    "ledger.after",
    "fit.before",
    "fit.after",
    "posterior.before",
    "posterior.after",
    "outbox.before",
    "outbox.after",
    "commit.before",
    "commit.after",
    "artifact.written",
    "artifact.manifest",
    "artifact.renamed",
)

_passes: Counter[str] = Counter()


def reach(point: str) -> None:
    """Pass a fault point; die here when the environment says so.

    Raises
    ------
    StoreError
        When the environment asks for an error instead of a kill.
    UsageError
        When the environment names a point that does not exist.
    """
    wanted = os.environ.get("EVENFALL_FAULT")
    if not wanted:
        return
    raises = wanted.startswith("raise:")
    name, _, nth = wanted.removeprefix("raise:").partition(":")
    if name not in FAULT_POINTS:
        raise UsageError(f"no fault point is called {name!r}", remedy=f"use one of {', '.join(FAULT_POINTS)}")
    if name != point:
        return
    _passes[point] += 1
    if _passes[point] != int(nth or 1):
        return
    if raises:
        raise StoreError(f"fault asked for at {point}")
    os.kill(os.getpid(), signal.SIGKILL)
