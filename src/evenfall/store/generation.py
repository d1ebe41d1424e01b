"""Whether evidence or beliefs may have been written since: a value to compare, cheap to ask for."""

from __future__ import annotations

import itertools
from datetime import datetime
from typing import Final

from sqlalchemy import func, select

from evenfall.store.cells import instant
from evenfall.store.schema import current_posteriors, fits, posteriors, runs
from evenfall.store.scope import Scope

__all__ = ["Generation", "generation_of"]

type Generation = tuple[int, ...]

_NEWEST: Final = tuple(
    select(func.coalesce(func.max(table.c.id), 0)) for table in (runs, posteriors, current_posteriors, fits)
)
_AT_WORK: Final = select(runs.c.id, runs.c.lease_until).where(runs.c.status == "running").order_by(runs.c.id)

_ASKED = itertools.count(1)


def generation_of(scope: Scope, now: datetime) -> Generation:
    """Return a value that is the same only as long as nothing was written that an answer depends on.

    Whatever is believed or seen is written under the lease of a run, so the newest run and those at work tell
    most of it. While one is at work, with a lease that lasts, it may write at any moment: then every value is
    another one.
    """
    newest = [scope.connection.execute(statement).scalar_one() for statement in _NEWEST]
    at_work = scope.connection.execute(_AT_WORK).fetchall()
    alive = any(now < instant(lease_until) for _, lease_until in at_work)
    return (*newest, *(run_id for run_id, _ in at_work), *([-next(_ASKED)] if alive else []))
