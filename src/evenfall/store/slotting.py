"""Where a new reading belongs among the earlier ones of the same window; pure.

The ledger answers "what was known at T" by ``seen_at <= T < superseded_at``. Nights may be run late or out of
order, so a reading can be older than those already kept. It is put where it belongs: it supersedes the one
before it and is superseded by the one after. A reading equal to what was known then is not kept again, only
confirmed; if a late reading lands between a kept one and its confirmation, the confirmed numbers are put back
from there on. The answers are those of a ledger that keeps every reading.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, field
from operator import attrgetter

__all__ = ["Kept", "Slot", "slot"]

type Sums = tuple[float, float, float]


@dataclass(slots=True)
class Kept:
    """One kept reading of a window; the instants are the database's text."""

    seen_at: str
    version: int
    sums: Sums
    superseded_at: str | None
    backfilled: bool = False


@dataclass(frozen=True, slots=True)
class Slot:
    """What a reading changes: rows to add, rows whose end moves, or that it only confirms what was known."""

    added: list[Kept] = field(default_factory=list)
    ended: list[Kept] = field(default_factory=list)
    confirms: bool = False


def slot(
    history: list[Kept], confirmed_at: Sequence[str], seen_at: str, sums: Sums, backfilled: bool
) -> Slot:
    """Put a reading into the history of its window and return what changed.

    Parameters
    ----------
    history
        All kept readings of the window, by (seen_at, version); changed in place.
    confirmed_at
        Instants at which a reading equal to what was known then was made, in order.
    """
    place = bisect_right(history, seen_at, key=attrgetter("seen_at"))
    before = history[place - 1] if place else None
    after = history[place].seen_at if place < len(history) else None
    if before is not None and before.sums == sums:
        return Slot(confirms=before.seen_at != seen_at and seen_at not in confirmed_at)
    version = max((kept.version for kept in history), default=0) + 1
    added = [Kept(seen_at, version, sums, after, backfilled)]
    if before is not None:
        back = next((at for at in confirmed_at if seen_at < at and (after is None or at < after)), None)
        if back is not None:
            added[0].superseded_at = back
            added.append(Kept(back, version + 1, before.sums, after, before.backfilled))
        before.superseded_at = seen_at
    history[place:place] = added
    return Slot(added, [] if before is None else [before])
