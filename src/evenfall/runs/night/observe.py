"""Tonight's observations: every source that is due, asked once for all that it can answer."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace

from evenfall.connectors.events.questions import EventQuery, EventQuestion
from evenfall.connectors.events.read import EventRead, fetch_events
from evenfall.connectors.observations import Read
from evenfall.connectors.observations import fetch_observations as read_source
from evenfall.connectors.questions import ObservationQuery
from evenfall.connectors.warehouses import Warehouse, open_warehouse
from evenfall.errors import EvenfallError
from evenfall.registry.parameter import Parameter
from evenfall.registry.registry import Registry
from evenfall.runs.night.case import Case
from evenfall.runs.night.sources import Reading, Shape, as_skipped, reading_of, warnings_of
from evenfall.runs.world import World

__all__ = ["fetch_observations"]


def fetch_observations(cases: Sequence[Case], world: World) -> None:
    """Read every source of the cases that is due; a source that fails is an answer too."""
    due = [case for case in cases if case.skipped is None and case.task.windows]
    with ExitStack() as open_ones:
        doors = _Doors(world.registry, open_ones)
        for query, group in _groups(due):
            if isinstance(query, EventQuery):
                answers = _count(query.question, group, doors)
            else:
                answers = _ask(query, group, world.registry, doors)
            for case in group:
                case.fetched = answers[case.id]


def _groups(cases: Sequence[Case]) -> Iterator[tuple[ObservationQuery | EventQuery, list[Case]]]:
    """Yield the cases that one read answers, with the query of one of them.

    They are the shards of a template that want the same windows, or all that ask an event table the same.
    """
    groups: dict[object, list[Case]] = {}
    for case in sorted(cases, key=lambda case: case.id):
        query = _shape(case).query
        if isinstance(query, EventQuery):
            groups.setdefault(query.question, []).append(case)
        else:
            groups.setdefault((case.parameter.template_id or case.id, case.task.windows), []).append(case)
    for group in groups.values():
        yield _shape(group[0]).query, group


def _shape(case: Case) -> Shape:
    assert case.task.shape is not None, "a task with windows to read has the shape of its query"
    return case.task.shape


class _Doors:
    """The warehouses a chunk needs, each opened once, when it is first asked."""

    def __init__(self, registry: Registry, stack: ExitStack) -> None:
        self._registry, self._stack = registry, stack
        self._open: dict[str, Warehouse] = {}

    def open(self, name: str) -> Warehouse:
        if name not in self._open:
            settings = self._registry.settings
            door = open_warehouse(settings.connections[name], settings, self._registry.root)
            self._open[name] = self._stack.enter_context(door)
        return self._open[name]


def _count(question: EventQuestion, group: Sequence[Case], doors: _Doors) -> dict[str, Reading]:
    queries: dict[str, EventQuery] = {}
    for case in group:
        query = _shape(case).query
        assert isinstance(query, EventQuery), "a group shares its question"
        queries[case.id] = query
    read = EventRead(
        question,
        {name: query.condition for name, query in queries.items()},
        {case.id: case.task.windows for case in group},
        group[0].night,
        followed={name: query.followed for name, query in queries.items() if query.followed is not None},
        slicings={name: query.slicing for name, query in queries.items() if query.slicing is not None},
    )
    try:
        answers = fetch_events(read, doors.open(question.connection))
    except EvenfallError as error:
        failed = as_skipped(error)
        return {case.id: Reading({}, skipped=failed) for case in group}
    return {case.id: reading_of(answers[case.id], _shape(case)) for case in group}


def _ask(
    query: ObservationQuery, group: Sequence[Case], registry: Registry, doors: _Doors
) -> dict[str, Reading]:
    shape = _shape(group[0])
    shards = {case.id: case.parameter.shard for case in group}
    if not shape.per_shard and group[0].parameter.template_id is not None:
        shards = _siblings(group[0].parameter, registry) | shards
    try:
        warehouse = doors.open(query.connection)
        answers = read_source(Read(query, shards, group[0].task.windows, group[0].night), warehouse)
    except EvenfallError as error:
        failed = as_skipped(error)
        return {case.id: Reading({}, skipped=failed) for case in group}
    readings = {case.id: reading_of(answers[case.id], shape) for case in group}
    first = group[0].id
    readings[first] = replace(readings[first], warnings=tuple(warnings_of(answers[first], shape)))
    return readings


def _siblings(parameter: Parameter, registry: Registry) -> dict[str, Mapping[str, str]]:
    """Return all shards of a template: rows of a shard nobody asked about tonight are not strangers."""
    return {
        other.id: other.shard
        for other in registry.parameters.values()
        if other.template_id == parameter.template_id
    }
