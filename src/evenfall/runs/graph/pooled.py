"""The rate of a slice that has too little evidence of its own, from the fit that pools it with the others."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Final

from evenfall.beliefs.belief import Belief
from evenfall.beliefs.observations import Observations
from evenfall.clock import Night
from evenfall.connectors.events.slices import parse_slice
from evenfall.errors import InfeasibleBelief
from evenfall.funnels.pooling.answer import PooledAnswer, pooled_answer
from evenfall.funnels.pooling.slices import Slices
from evenfall.inference.fit import Fit
from evenfall.registry.parameter import Parameter
from evenfall.registry.schemas import Pooling
from evenfall.registry.scope import Scope
from evenfall.runs.fitting.keeping import belief_of, load_fit
from evenfall.runs.fitting.specs import pooled_slices
from evenfall.runs.night.case import is_sliced
from evenfall.runs.night.pool import pooled_id
from evenfall.runs.world import World
from evenfall.store.records import FitRecord

__all__ = ["PooledFits", "PooledRate"]

type Values = dict[str, str | bool | None]

_EMPTY: Final = Observations.of(())


@dataclass(frozen=True, slots=True, eq=False)
class PooledRate:
    """What a pooled fit says of one slice.

    Attributes
    ----------
    slice
        The values asked for, such as ``channel=tv, visited(reviews)``.
    belief
        The beta with the mean and stdev of the answer's draws.
    as_of
        Night of the fit.
    """

    slice: str
    answer: PooledAnswer
    belief: Belief
    as_of: date


@dataclass(frozen=True, slots=True, eq=False)
class _Group:
    record: FitRecord
    fit: Fit
    slices: Slices


@dataclass
class PooledFits:
    """The pooled fits of a project as of a night, each read once.

    A pooled fit serves the definition it was made for; once that changes it says nothing.
    """

    world: World
    night: Night
    _groups: dict[str, _Group | None] = field(default_factory=dict)

    def rate(self, parameter: Parameter, scope: Scope, request: Scope, prior: Belief) -> PooledRate | None:
        """Return the pooled rate of what is asked, or None when no pooled fit speaks of it.

        Parameters
        ----------
        parameter, scope
            The shard, or the parameter whose source tells slices apart, and what it is about.
        request
            The attempts that are asked for.
        prior
            Of the parameter; the answer's belief is one of its family.
        """
        values = self._values(parameter, scope, request)
        group = self._group(parameter) if values is not None else None
        if values is None or group is None:
            return None
        found = pooled_answer(group.fit, group.slices, values, seed=group.record.seed)
        figures = found.pooled
        try:
            belief = belief_of(prior, figures, None)
        except InfeasibleBelief:
            return None
        words = ", ".join(_words(key, value) for key, value in values.items())
        return PooledRate(words, found, belief, group.record.as_of)

    def visited_nodes(self, parameter: Parameter) -> frozenset[str]:
        """Return the nodes whose visits the parameter's pooled fit tells apart."""
        pooling = parameter.pooling
        if pooling is None or not is_sliced(parameter) or self._group(parameter) is None:
            return frozenset()
        return frozenset(pooling.visited)

    def _values(self, parameter: Parameter, scope: Scope, request: Scope) -> Values | None:
        """Return the values of the effects that are asked for; None when they are no effects of the fit."""
        pooling = parameter.pooling
        if pooling is None:
            return None
        if not is_sliced(parameter):
            shard: Values = {key: parameter.shard.get(key) or None for key in pooling.effects or ()}
            return shard if parameter.template_id is not None else None
        values: Values = dict(sorted(request.context - scope.context))
        values |= {f"visited({node})": True for node in sorted(request.visited - scope.visited)}
        values |= {f"visited({node})": False for node in sorted(request.exclude - scope.exclude)}
        known = {*(pooling.effects or ()), *(f"visited({node})" for node in pooling.visited)}
        if not values or not values.keys() <= known or request.visited_any != scope.visited_any:
            return None
        return values

    def _group(self, parameter: Parameter) -> _Group | None:
        name = pooled_id(parameter.id if is_sliced(parameter) else parameter.template_id or parameter.id)
        if name not in self._groups:
            self._groups[name] = self._read(name, parameter)
        return self._groups[name]

    def _read(self, name: str, parameter: Parameter) -> _Group | None:
        record = self.world.store.latest_fits([name], self.night.instant).get(name)
        pooling = parameter.pooling
        if record is None or pooling is None:
            return None
        named = [str(each) for each in record.request["slices"]]  # type: ignore[attr-defined]
        slices = (self._of_source if is_sliced(parameter) else self._of_shards)(parameter, pooling, named)
        if slices is None or slices.options()["effects"] != record.request["effects"]:
            return None
        fit = load_fit(self.world.artifacts, record)
        return None if fit is None else _Group(record, fit, slices)

    def _of_shards(self, parameter: Parameter, pooling: Pooling, named: Sequence[str]) -> Slices | None:
        shards = [self.world.registry.parameters.get(name) for name in named]
        if any(shard is None for shard in shards):
            return None
        labels = [shard.shard for shard in shards if shard is not None]
        known = self._days(named)
        days = [known.get(name, _EMPTY) for name in named]
        return pooled_slices(pooling, labels, [frozenset()] * len(named), days)

    def _days(self, ids: Sequence[str]) -> Mapping[str, Observations]:
        store, instant = self.world.store, self.night.instant
        spans = store.evidence_spans(ids, instant)
        hashes = {name: max(found, key=lambda span: span.stop).query_hash for name, found in spans.items()}
        return store.observations(hashes, instant)

    def _of_source(self, parameter: Parameter, pooling: Pooling, named: Sequence[str]) -> Slices | None:
        visits = bool(pooling.visited)
        slices = [parse_slice(name, visits=visits) for name in named]
        rows: dict[str, list[tuple[date, date, float, float, float]]] = {name: [] for name in named}
        store, instant = self.world.store, self.night.instant
        spans = store.evidence_spans([parameter.id], instant).get(parameter.id, [])
        if not spans:
            return None
        newest = max(spans, key=lambda span: span.stop).query_hash
        for row in store.evidence({parameter.id: newest}, instant).get(parameter.id, []):
            if row.slice in rows and row.age == "final":
                rows[row.slice].append((row.window.first, row.window.stop, row.size, row.total, row.squares))
        days = [Observations.of(sorted(rows[name])) for name in named]
        contexts = [dict(one.context) for one in slices]
        return pooled_slices(pooling, contexts, [one.visited or frozenset() for one in slices], days)


def _words(key: str, value: str | bool | None) -> str:
    if isinstance(value, bool):
        return key if value else f"not {key}"
    return f"{key}={value or ''}"
