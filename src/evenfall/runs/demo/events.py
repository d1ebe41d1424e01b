"""The event table of the example: every page a session saw, and what it did at one edge."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import Final

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from evenfall.funnels.simulate import Journeys
from evenfall.runs.demo import world as acme

__all__ = ["PAGE_EVENT", "event_tables"]

PAGE_EVENT: Final = "page_view"
_EVENTS: Final = (PAGE_EVENT, acme.ATTEMPT_EVENT, acme.SUCCESS_EVENT)
_CLICK_SECONDS: Final = 5  # from the attempt to its success; the next page is at least 15 s away


def event_tables(journeys: Journeys) -> Iterator[tuple[date, pa.Table]]:
    """Return every day with its events, in order of session and time.

    A page view per node a session stood at; at the origin of `acme.EVENT_EDGE` an attempt as well, and its
    success where the session took the edge. What a session sees after its success stands there too.
    """
    edges = list(acme.TRACKED)
    at_edge = journeys.edge == [edge.slug for edge in edges].index(acme.EVENT_EDGE)
    chosen = [
        np.flatnonzero(_arrivals(journeys)),
        np.flatnonzero(at_edge),
        np.flatnonzero(at_edge & journeys.converted),
    ]
    row = np.concatenate(chosen)
    event = np.repeat(np.arange(len(_EVENTS)), [len(rows) for rows in chosen])
    second = journeys.second[row] + np.where(event == 2, _CLICK_SECONDS, 0)
    order = np.lexsort((event, second, journeys.session[row]))
    row, event, second = row[order], event[order], second[order]
    number = journeys.day[row]
    midnight = np.datetime64(acme.DAYS[0], "s") + number.astype("timedelta64[D]")
    page = np.array([edge.origin for edge in edges], dtype=object)[journeys.edge[row]]
    channel, device = (
        np.array(names, dtype=object)[journeys.slice[row]] for names in zip(*acme.SLICES, strict=True)
    )
    table = pa.table(
        {
            "session_id": journeys.session[row],
            "created_at": pa.array((midnight + second.astype("timedelta64[s]")).astype("datetime64[us]")),
            "event": pa.array(np.array(_EVENTS, dtype=object)[event], pa.string()),
            "node_slug": pa.array(page, pa.string(), mask=event > 0),
            "channel": pa.array(channel, pa.string()),
            "device": pa.array(device, pa.string()),
        }
    )
    for position, day in enumerate(acme.DAYS):
        yield day, table.take(np.flatnonzero(number == position))


def _arrivals(journeys: Journeys) -> NDArray[np.bool_]:
    """Return which rows are the first of the attempts that a session makes at one moment."""
    moment = np.stack([journeys.session, journeys.second])
    return np.append(True, (np.diff(moment) != 0).any(axis=0))
