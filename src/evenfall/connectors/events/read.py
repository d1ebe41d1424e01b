"""Evidence from an event table: one cube for all parameters that ask the same, then a lookup for each."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from itertools import pairwise
from typing import Final

import numpy as np
from numpy.typing import NDArray

from evenfall.beliefs.cohorts import Cohorts
from evenfall.beliefs.cube import MAX_NODES, NEVER, Cube
from evenfall.beliefs.observations import Observations, Skipped
from evenfall.clock import Night
from evenfall.connectors.answers import Fetched
from evenfall.connectors.cohorts import as_observations
from evenfall.connectors.events.clocks import DAY
from evenfall.connectors.events.layout import Layout, fetch_layout
from evenfall.connectors.events.questions import CubeAsk, EventCondition, EventQuestion
from evenfall.connectors.events.slices import Slicing, sliced
from evenfall.connectors.events.statement import counting_statement
from evenfall.connectors.warehouses import Warehouse
from evenfall.errors import QueryRefused, SourceRejected
from evenfall.window import DayWindow, day_start

__all__ = ["EventRead", "fetch_cube", "fetch_events"]

_NO_ATTEMPT: Final = "no attempt was counted in the days that were read"

type _Rows = list[tuple[object, ...]]


@dataclass(frozen=True)
class EventRead:
    """One question to an event table, and who asks it.

    Attributes
    ----------
    conditions
        The attempts each parameter is about.
    windows
        The days each parameter wants, one by one, in order.
    night
        Gives the zone, and the end of the data.
    followed
        Ages, in whole days, of the parameters whose conversions are told apart by age. Their windows may be
        days whose horizon has not passed: what counts is then what was seen in full.
    slicings
        By what the attempts of a parameter are told apart, for those that are sliced.
    """

    question: EventQuestion
    conditions: Mapping[str, EventCondition]
    windows: Mapping[str, tuple[DayWindow, ...]]
    night: Night
    followed: Mapping[str, int] = field(default_factory=dict)
    slicings: Mapping[str, Slicing] = field(default_factory=dict)

    @property
    def keys(self) -> tuple[str, ...]:
        """Context keys that anybody looks at, sorted."""
        conditions, slicings = self.conditions.values(), self.slicings.values()
        named = [*(each.keys for each in conditions), *(each.effects for each in slicings)]
        return tuple(sorted({key for keys in named for key in keys}))

    def nodes(self, parameter_id: str) -> frozenset[str]:
        """Return the nodes whose visits a parameter looks at."""
        slicing = self.slicings.get(parameter_id)
        return self.conditions[parameter_id].visited.nodes.union(slicing.visited if slicing else ())

    @property
    def span(self) -> DayWindow:
        """The days from the first to the last that anybody wants."""
        wanted = [window for windows in self.windows.values() for window in windows]
        return DayWindow(min(w.first for w in wanted), max(w.stop for w in wanted))


def fetch_events(read: EventRead, warehouse: Warehouse) -> dict[str, Fetched]:
    """Return what the table says of each parameter; a day without an attempt counts as zero.

    When the table has no attempt at all in the days read, every parameter is skipped with ``no_data``.

    Raises
    ------
    QueryRefused
        When the table, or a column of it, is not there.
    SourceDown, SourceRejected
        When the source cannot answer.
    """
    fetched: dict[str, Fetched] = {}
    for ids, nodes in _bundles(read):
        cube = fetch_cube(CubeAsk(read.question, nodes, read.keys, read.span, read.night.zone), warehouse)
        for parameter_id in ids:
            if len(cube):
                fetched[parameter_id] = _fetched(cube, read, parameter_id)
            else:
                skipped = Skipped("no_data", _NO_ATTEMPT)
                fetched[parameter_id] = Fetched(Observations.of(()), skipped=skipped)
    return fetched


def fetch_cube(ask: CubeAsk, warehouse: Warehouse) -> Cube:
    """Return the counts of all attempts of some days, without a row when there was none.

    Raises
    ------
    QueryRefused
        When there are more nodes than a cube holds, or the table or a column of it is not there.
    SourceDown, SourceRejected
        When the source cannot answer.
    """
    if len(ask.nodes) > MAX_NODES:
        raise QueryRefused(
            f"{len(ask.nodes)} nodes are to be told apart; one cube holds {MAX_NODES}",
            remedy="ask for fewer nodes at once",
        )
    layout = fetch_layout(ask, warehouse)
    return _cube([] if layout is None else _rows(ask, layout, warehouse), ask)


def _bundles(read: EventRead) -> Iterator[tuple[list[str], tuple[str, ...]]]:
    """Yield parameters that share a cube, with its nodes: all of them, unless they name more than fit."""
    ids: list[str] = []
    nodes: frozenset[str] = frozenset()
    for parameter_id in sorted(read.conditions):
        own = read.nodes(parameter_id)
        if len(nodes | own) > MAX_NODES:
            yield ids, tuple(sorted(nodes))
            ids, nodes = [], frozenset()
        ids.append(parameter_id)
        nodes |= own
    yield ids, tuple(sorted(nodes))


def _rows(ask: CubeAsk, layout: Layout, warehouse: Warehouse) -> _Rows:
    """Return the rows of a span; when it is too much for the warehouse at once, those of its halves."""
    statement, span = counting_statement(ask, layout, warehouse), ask.span
    try:
        return warehouse.query(statement.sql, statement.binds).rows
    except SourceRejected:
        if len(span) == 1:
            raise
    middle = span.first + (span.stop - span.first) // 2
    halves = (DayWindow(first, stop) for first, stop in pairwise((span.first, middle, span.stop)))
    return [row for half in halves for row in _rows(replace(ask, span=half), layout, warehouse)]


def _cube(rows: _Rows, ask: CubeAsk) -> Cube:
    """Return rows (day, mask, age, trials, contexts…), lengths in microseconds, as a cube."""
    days, masks, ages, trials, *contexts = zip(*rows, strict=True) if rows else [()] * (4 + len(ask.keys))
    age = np.array([NEVER * DAY if age is None else age for age in ages], dtype=np.int64) // DAY
    counts = np.array(trials, dtype=np.int64)
    coded = [_coded(column) for column in contexts]
    codes = np.column_stack([codes for codes, _ in coded]) if coded else np.zeros((len(rows), 0), np.int64)
    return Cube(
        nodes=ask.nodes,
        contexts=ask.keys,
        values=tuple(values for _, values in coded),
        span=ask.span,
        day=(np.array(days, dtype=np.int64) // DAY).astype("datetime64[D]"),
        mask=np.array(masks, dtype=np.uint64),
        codes=codes,
        age_days=age,
        trials=counts,
        successes=np.where(age == NEVER, 0, counts),
    )


def _coded(column: Sequence[object]) -> tuple[NDArray[np.int64], tuple[str | None, ...]]:
    """Return a column's values as indices, and the values as texts."""
    distinct = list(dict.fromkeys(column))
    place = {value: i for i, value in enumerate(distinct)}
    codes = np.fromiter((place[value] for value in column), dtype=np.int64, count=len(column))
    return codes, tuple(None if value is None else str(value) for value in distinct)


def _fetched(cube: Cube, read: EventRead, parameter_id: str) -> Fetched:
    """Return the counts of one parameter, as a whole and by slice."""
    whole, cohorts = _evidence(cube, read, parameter_id)
    slices: dict[str, Observations] = {}
    sliced_cohorts: dict[str, Cohorts] = {}
    slicing = read.slicings.get(parameter_id)
    for part, rows in sliced(cube, slicing) if slicing is not None else ():
        counts, aged = _evidence(rows, read, parameter_id)
        if counts.size:
            slices[str(part)] = counts
            if aged is not None:
                sliced_cohorts[str(part)] = aged
    return Fetched(whole, cohorts=cohorts, slices=slices, sliced_cohorts=sliced_cohorts)


def _evidence(cube: Cube, read: EventRead, parameter_id: str) -> tuple[Observations, Cohorts | None]:
    """Return the attempts of a cube that meet a parameter's condition, on the days it wants."""
    condition, windows = read.conditions[parameter_id], read.windows[parameter_id]
    places = [(window.first - cube.span.first).days for window in windows]
    context = _values(cube, condition)
    if parameter_id in read.followed:
        ages = cube.by_age(condition.visited, context)
        followed = read.followed[parameter_id]
        converted = np.zeros((len(places), followed), dtype=np.int64)
        known = min(followed, ages.successes.shape[1])
        converted[:, :known] = ages.successes[places, :known]
        observed = _elapsed_ages(windows, read, followed)
        converted[np.arange(followed) >= observed[:, None]] = 0
        cohorts = Cohorts(ages.day[places], ages.trials[places], converted, observed, "elapsed")
        return as_observations(cohorts), cohorts
    counts = cube.lookup(condition.visited, context)
    return Observations(counts.first[places], counts.stop[places], counts.sums[places]), None


def _elapsed_ages(windows: Sequence[DayWindow], read: EventRead, followed: int) -> NDArray[np.int64]:
    """Return how many ages of 24 hours have passed for everybody of each day when the data end."""
    whole = timedelta(days=1)
    passed = [(read.night.data_end - day_start(window.stop, read.night.zone)) // whole for window in windows]
    return np.clip(np.array(passed, dtype=np.int64), 0, followed)


def _values(cube: Cube, condition: EventCondition) -> dict[str, str | Sequence[str | None] | None]:
    """Return the context values a condition asks for, what remains beside the listed ones included."""
    context: dict[str, str | Sequence[str | None] | None] = dict(condition.context)
    for key, listed in condition.rest.items():
        values = cube.values[cube.contexts.index(key)]
        context[key] = tuple(value for value in values if value not in listed)
    return context
