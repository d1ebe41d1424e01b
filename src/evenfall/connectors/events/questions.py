"""What a parameter asks of an event table: the question many parameters share, and its own condition."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Final
from zoneinfo import ZoneInfo

from evenfall.beliefs.cube import MAX_NODES, Visited
from evenfall.connectors.events.slices import Slicing
from evenfall.errors import QueryRefused
from evenfall.registry.fallback import Scope, scope_of
from evenfall.registry.schemas import EventObservations
from evenfall.window import DayWindow, parse_duration

if TYPE_CHECKING:
    from evenfall.registry.parameter import Parameter
    from evenfall.registry.schemas import Context

__all__ = ["CubeAsk", "EventCondition", "EventQuery", "EventQuestion", "event_query"]

_LOOKBACK: Final = timedelta(days=30)
_HORIZON: Final = timedelta(days=1)
_DECIDED_IN: Final = "0005"
"""Decision record of what an attempt is; part of every identity, so that another one counts anew."""


@dataclass(frozen=True, slots=True)
class EventQuestion:
    """Which events of which table are attempts and successes, and of whom.

    Attributes
    ----------
    user, session, node, event, time
        Columns as the definition names them; empty where it names none.
    contexts
        Pairs of context key and column.
    lookback
        How far before an attempt a visit counts.
    horizon
        How long after an attempt a success counts, and a further attempt of the unit does not.
    """

    connection: str
    table: str
    attempt: str
    success: str
    unit: str = "user"
    user: str = ""
    session: str = ""
    node: str = ""
    event: str = ""
    time: str = ""
    contexts: tuple[tuple[str, str], ...] = ()
    lookback: timedelta = _LOOKBACK
    horizon: timedelta = _HORIZON


@dataclass(frozen=True, slots=True)
class EventCondition:
    """The attempts one parameter is about.

    Attributes
    ----------
    context
        Value of each context key on the attempt's row.
    rest
        Per context key the values of which the attempt has none: what remains beside those listed.
    """

    visited: Visited = field(default_factory=Visited)
    context: Mapping[str, str] = field(default_factory=dict)
    rest: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    @property
    def keys(self) -> frozenset[str]:
        """Context keys it looks at."""
        return frozenset({*self.context, *self.rest})


@dataclass(frozen=True, slots=True)
class CubeAsk:
    """What one cube is to hold.

    Attributes
    ----------
    nodes
        Nodes whose visits are told apart.
    keys
        Context keys that are told apart.
    span
        The attempt days.
    zone
        Where days begin and end, and which wall times a column without a zone holds.
    """

    question: EventQuestion
    nodes: tuple[str, ...]
    keys: tuple[str, ...]
    span: DayWindow
    zone: ZoneInfo


@dataclass(frozen=True, slots=True)
class EventQuery:
    """A parameter's question with its condition.

    Attributes
    ----------
    followed
        Ages, in whole days, at which conversions are told apart; None when only the horizon matters.
    slicing
        By what the attempts are told apart; None when they are not.
    """

    question: EventQuestion
    condition: EventCondition
    type: str = "probability"
    followed: int | None = None
    slicing: Slicing | None = None

    @property
    def connection(self) -> str:
        """Name of the connection that is asked."""
        return self.question.connection

    def query_hash(self) -> str:
        """Return the identity of what is counted; columns that do not decide it are left out."""
        question, condition = self.question, self.condition
        visited = condition.visited
        columns = dict(question.contexts)
        identity: dict[str, object] = {
            "rule": _DECIDED_IN,
            "source": [question.connection, question.table, question.event, question.time],
            "unit": [question.unit, question.user, question.session if question.unit == "session" else ""],
            "events": [question.attempt, question.success, question.horizon.total_seconds()],
            "visited": [
                sorted(visited.all),
                sorted(sorted(group) for group in visited.any),
                sorted(visited.none),
            ],
            "visits": [question.node, question.lookback.total_seconds()] if visited.nodes else [],
            "context": {key: [columns.get(key, ""), value] for key, value in condition.context.items()},
            "rest": {key: [columns.get(key, ""), *sorted(values)] for key, values in condition.rest.items()},
        }
        if self.followed is not None:
            identity["followed"] = self.followed
        if self.slicing is not None:
            keyed = [[key, columns.get(key, "")] for key in self.slicing.effects]
            visits = [question.node, question.lookback.total_seconds()] if self.slicing.visited else []
            identity["slices"] = [*self.slicing.identity, keyed, visits]
        return hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()


def event_query(parameter: Parameter, contexts: Mapping[str, Context]) -> EventQuery | None:
    """Return what a parameter asks of an event table; None when its source is none.

    Raises
    ------
    QueryRefused
        When such a table cannot answer it.
    """
    source = parameter.observation_source
    if not isinstance(source, EventObservations):
        return None
    if parameter.type != "probability":
        raise QueryRefused(
            f"events count attempts and successes, which a {parameter.type} has not",
            remedy="set type: probability, or write a query",
        )
    if source.attempt == source.success:
        raise QueryRefused(
            f"attempt and success are the same event, {source.attempt}", remedy="name two different events"
        )
    columns = source.columns
    question = EventQuestion(
        connection=source.connection,
        table=source.table,
        attempt=source.attempt,
        success=source.success,
        unit=source.unit,
        user=columns.user or "",
        session=columns.session or "",
        node=columns.node or "",
        event=columns.event or "",
        time=columns.time or "",
        contexts=tuple(sorted(columns.contexts.items())),
        lookback=parse_duration(source.lookback) if source.lookback else _LOOKBACK,
        horizon=_follow_up(parameter, source),
    )
    condition = _condition(scope_of(parameter), contexts)
    return EventQuery(
        question,
        condition,
        followed=_followed(parameter, question.horizon),
        slicing=_slicing(parameter, contexts, condition),
    )


def _follow_up(parameter: Parameter, source: EventObservations) -> timedelta:
    """Return how long after an attempt a success counts; a latency follows its cohorts unless told so."""
    if source.horizon:
        return parse_duration(source.horizon)
    return timedelta(days=parameter.latency.max_age_days) if parameter.latency else _HORIZON


def _followed(parameter: Parameter, horizon: timedelta) -> int | None:
    """Return the whole days of age that the horizon holds, up to the age a cohort is followed to."""
    return min(parameter.latency.max_age_days, horizon.days) if parameter.latency else None


def _slicing(
    parameter: Parameter, contexts: Mapping[str, Context], condition: EventCondition
) -> Slicing | None:
    """Return by what the parameter's pooling tells attempts apart; None when it pools nothing."""
    pooling = parameter.pooling
    if pooling is None:
        return None
    effects = tuple(sorted(set(pooling.effects or ()) - condition.keys))
    visited = tuple(sorted(set(pooling.visited) - condition.visited.all - condition.visited.none))
    if len(condition.visited.nodes.union(visited)) > MAX_NODES:
        raise QueryRefused(
            f"its condition and its pooling name more than {MAX_NODES} nodes",
            remedy="pool fewer visited nodes",
        )
    declared = {key: contexts[key] for key in effects if key in contexts and contexts[key].values}
    listed = {key: context.value_ids for key, context in declared.items()}
    rest = {key: "other" for key, context in declared.items() if _computes_other(context)}
    return Slicing(effects, visited, listed, rest) if effects or visited else None


def _condition(scope: Scope, contexts: Mapping[str, Context]) -> EventCondition:
    """Return a scope as a cube understands it; ``other`` of a context that computes it is what remains."""
    visited = Visited(scope.visited, tuple(sorted(scope.visited_any, key=sorted)), scope.exclude)
    if len(visited.nodes) > MAX_NODES:
        raise QueryRefused(
            f"its condition names {len(visited.nodes)} nodes; one condition may name {MAX_NODES}",
            remedy="split it into several parameters, or write a query",
        )
    context = dict(scope.context)
    if len(context) < len(scope.context):
        raise QueryRefused(
            "edge_reference and context_filter give a context two values", remedy="keep one of the two"
        )
    rest = {
        key: contexts[key].value_ids
        for key, value in context.items()
        if value == "other" and key in contexts and _computes_other(contexts[key])
    }
    return EventCondition(visited, {key: context[key] for key in context if key not in rest}, rest)


def _computes_other(context: Context) -> bool:
    return context.other_policy == "computed" and "other" not in context.value_ids
