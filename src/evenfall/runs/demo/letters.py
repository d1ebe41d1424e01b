"""The newsletter of the example: who reads it comes back days later, or never; some of them order again."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date, timedelta

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from evenfall.funnels.truth import generator
from evenfall.runs.demo import world as acme

__all__ = ["letter_tables"]

_DAY_SECONDS = 86_400


def letter_tables(rates: Mapping[str, float], seed: int) -> Iterator[tuple[date, pa.Table]]:
    """Return every day with its events, in order of time; what happens after the last day is not there.

    Parameters
    ----------
    rates
        Per edge of `acme.LAGGED` the probability to take it within its horizon.
    """
    rng = generator(seed, "letters")
    readers = rng.poisson(acme.READERS_PER_DAY, size=len(acme.DAYS))
    days = np.repeat(np.arange(len(acme.DAYS)), readers)
    second = days * _DAY_SECONDS + rng.integers(0, _DAY_SECONDS, size=len(days))
    user = np.arange(len(days))
    at = [(np.full(len(user), 0), user, second)]
    for number, (edge, lag) in enumerate(acme.LAGGED.items(), start=1):
        eventual = rates[edge] / lag.cdf(lag.horizon_days)
        took = rng.random(len(user)) < eventual
        user = user[took]
        second = second[took] + (lag.draw(rng, len(user)) * _DAY_SECONDS).astype(np.int64)
        at.append((np.full(len(user), number), user, second))
    event, user, second = (np.concatenate(column) for column in zip(*at, strict=True))
    yield from _by_day(event, user, second)


def _by_day(
    event: NDArray[np.int64], user: NDArray[np.int64], second: NDArray[np.int64]
) -> Iterator[tuple[date, pa.Table]]:
    order = np.lexsort((event, user, second))
    event, user, second = event[order], user[order], second[order]
    first = np.datetime64(acme.DAYS[0], "s")
    table = pa.table(
        {
            "user_id": user + 1,
            "created_at": pa.array((first + second.astype("timedelta64[s]")).astype("datetime64[us]")),
            "event": pa.array(np.array(acme.LETTER_EVENTS, dtype=object)[event], pa.string()),
        }
    )
    day = second // _DAY_SECONDS
    for number in range(len(acme.DAYS)):
        yield acme.DAYS[0] + timedelta(days=number), table.take(np.flatnonzero(day == number))
