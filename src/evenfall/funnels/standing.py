"""One slice as it stands: its states, rates and arrivals, and what of them moves when overrides are set."""

from __future__ import annotations

import dataclasses
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from evenfall.errors import UnknownName, UsageError
from evenfall.findings import Finding
from evenfall.funnels.draws import stream
from evenfall.funnels.masks import EdgeRate, Expansion, expand
from evenfall.funnels.mixing import slice_label
from evenfall.funnels.network import Network
from evenfall.funnels.overrides import Override, set_rows
from evenfall.funnels.reach import flow_on, start_at
from evenfall.funnels.siblings import Siblings, join_siblings

__all__ = ["Joins", "Moved", "Slice", "Standing"]

type Floats = NDArray[np.float64]
type _Group = tuple[tuple[str, int, int], ...]


@dataclass(frozen=True, slots=True)
class Slice:
    """A part of the traffic with rates of its own.

    Attributes
    ----------
    rates
        Which rate each edge has; several per edge when it has visited conditions, and the first that holds
        counts.
    context
        The context values that make the slice; empty for everybody.
    start
        Share of its entries that begins at each node; where the network begins when None.
    """

    rates: Sequence[EdgeRate]
    context: Mapping[str, str] = field(default_factory=dict)
    start: Mapping[str, float] | None = None

    @property
    def label(self) -> str:
        """The slice in writing, such as ``channel=google``."""
        return slice_label(self.context)


@dataclass(frozen=True, slots=True, eq=False)
class Moved:
    """One slice with some rates set.

    Attributes
    ----------
    expansion
        The states and the edges between them.
    rates : rows of shape (draw,), one per state edge
        Overrides set and siblings joined.
    begin : rows of shape (draw,), by state
        Where entries begin.
    arrived : rows of shape (draw,), one per state
        Arrivals per entry; None where nobody arrives.
    findings
        What was found in the rates.
    changed
        Positions of the overrides that set something.
    """

    expansion: Expansion
    rates: Sequence[Floats]
    draws: int
    begin: Mapping[int, Floats]
    arrived: Sequence[Floats | None]
    findings: tuple[Finding, ...]
    changed: frozenset[int]

    def matrix(self) -> Floats:
        """Return the rates, shape (draw, state edge)."""
        return np.stack(self.rates).T if self.rates else np.empty((self.draws, 0))

    def arrivals(self, targets: Sequence[int]) -> Floats:
        """Return the arrivals at nodes (by position), over all their states, shape (draw, target)."""
        found = np.zeros((len(targets), self.draws))
        for place, target in enumerate(targets):
            for state in np.flatnonzero(self.expansion.node == target).tolist():
                come = self.arrived[state]
                if come is not None:
                    found[place] += come
        return found.T


@dataclass(frozen=True, slots=True, eq=False)
class Standing:
    """One slice as it is believed to be, before anything is set.

    What it holds does not depend on a question, so it may answer many, in several threads at once.

    Attributes
    ----------
    believed : rows of shape (draw,), one per state edge
        The rates as they were drawn.
    base
        Arrivals and rates when nothing is set.
    found
        What others computed of it as it stands, by a key of theirs.
    """

    network: Network
    part: Slice
    rows: Mapping[str, Floats]
    start: Mapping[str, float] | None
    seed: int
    believed: Sequence[Floats]
    base: Moved
    _joining: _Joining
    _kept: dict[str, Moved] = field(default_factory=dict)
    found: dict[Hashable, Any] = field(default_factory=dict)

    @classmethod
    def of(
        cls,
        network: Network,
        part: Slice,
        rows: Mapping[str, Floats],
        *,
        draws: int,
        start: Mapping[str, float] | None = None,
        seed: int = 0,
        overrides: Sequence[Override] = (),
        joins: Joins | None = None,
    ) -> Standing:
        """Return a slice as it stands.

        Parameters
        ----------
        rows : by name of a rate, its draws, shape (draw,)
            Of every rate that the slice names.
        draws
            How many there are of each.
        overrides
            Nodes that their conditions mention are told apart too; nothing is set.
        joins
            Shared by slices of the same network, draws and seed.

        Raises
        ------
        UnknownName
            For an edge, a node or a rate that does not exist.
        ConfigError
            For an edge without a rate, or a cycle that cannot be left.
        """
        begins = start_at(network, part.start or start or _only_entry(network))
        expansion = expand(network, part.rates, begins, [override.visited for override in overrides])
        for name in expansion.rate:
            if name not in rows:
                raise UnknownName("rate", name, rows)
        believed = tuple(rows[name] for name in expansion.rate)
        setter = [-1] * len(believed)
        joining = _Joining(expansion, part.label, seed, joins or Joins())
        rates, findings = joining.join(believed, setter, "")
        entered = expansion.unfold(begins)
        begin = {state: np.full(draws, entered[state]) for state in np.flatnonzero(entered).tolist()}
        arrived = flow_on(expansion.network, rates, [None] * len(entered), begin)
        base = Moved(expansion, rates, draws, begin, arrived, findings, frozenset())
        return cls(network, part, rows, start, seed, believed, base, joining)

    @property
    def nbytes(self) -> int:
        """Memory that its rows take, those that others share included."""
        rows = (*self.believed, *self.base.rates, *self.base.arrived)
        return sum({id(row): row.nbytes for row in rows if row is not None}.values())

    def moved(self, overrides: Sequence[Override]) -> Moved:
        """Return the slice with overrides set; later ones win, as `set_rows` says.

        Only what lies downstream of a change is computed, and the last answer is kept.
        """
        overrides = tuple(overrides)
        if not overrides:
            return self.base
        key = repr(overrides)
        kept = self._kept.get(key)
        if kept is None:
            kept = self._move(overrides)
            self._kept.clear()
            self._kept[key] = kept
        return kept

    def _move(self, overrides: Sequence[Override]) -> Moved:
        expansion = self.base.expansion
        named = frozenset[str]().union(*(o.visited.nodes for o in overrides if o.visited is not None))
        if not named <= expansion.remembered:
            return self._apart(overrides)._move(overrides)
        drawn, setter = set_rows(self.believed, expansion, self.part.context, overrides, self.seed)
        rates, findings = self._joining.join(drawn, setter, repr(overrides))
        origins = expansion.network.origins.tolist()
        touched = {origin for origin, place in zip(origins, setter, strict=True) if place >= 0}
        altered = [row for row, origin in enumerate(origins) if origin in touched]
        begin = self.base.begin
        arrived = flow_on(expansion.network, rates, self.base.arrived, begin, altered)
        changed = frozenset(setter) - {-1}
        return Moved(expansion, rates, self.base.draws, begin, arrived, findings, changed)

    def _apart(self, overrides: Sequence[Override]) -> Standing:
        """Return the slice with the nodes told apart that conditions of the overrides mention."""
        return Standing.of(
            self.network,
            self.part,
            self.rows,
            draws=self.base.draws,
            start=self.start,
            seed=self.seed,
            overrides=overrides,
            joins=self._joining.joins,
        )


@dataclass(slots=True, eq=False)
class Joins:
    """Siblings that slices have in common, each joined once: as they stand, and as they were last set.

    The same edges with the same rates, set by the same overrides, have the same draws in every slice.
    """

    standing: dict[_Group, Siblings] = field(default_factory=dict)
    last: tuple[str, dict[_Group, Siblings]] = field(default_factory=lambda: ("", {}))

    def under(self, overrides: str) -> dict[_Group, Siblings]:
        """Return what was joined under overrides, in writing; only the last ones are kept."""
        said, known = self.last
        if said != overrides:
            known = {}
            self.last = overrides, known
        return known


@dataclass(frozen=True, slots=True, eq=False)
class _Joining:
    """Siblings of one slice, joined where they exceed 1."""

    expansion: Expansion
    label: str
    seed: int
    joins: Joins

    def join(
        self, drawn: Sequence[Floats], setter: Sequence[int], overrides: str
    ) -> tuple[tuple[Floats, ...], tuple[Finding, ...]]:
        """Return the rates with siblings joined, and what was found.

        States of one node whose edges have the same rates are joined together, so they keep the same draws.
        """
        joined, findings, moved = list(drawn), [], self.joins.under(overrides)
        for key, groups in _alike(self.expansion, setter).items():
            node = self._node(groups[0])
            known = self.joins.standing if all(place < 0 for _, place, _ in key) else moved
            siblings = known.get(key)
            if siblings is None:
                siblings = known[key] = self._join(key, node, np.stack([drawn[row] for row in groups[0]]))
            if siblings.finding is None:
                continue
            subject = f"{self.label}: {node}" if self.label else node
            findings.append(dataclasses.replace(siblings.finding, subject=subject))
            for rows in groups:
                for row, rate in zip(rows, siblings.draws.T, strict=True):
                    joined[row] = rate
        return tuple(joined), tuple(findings)

    def _node(self, rows: Sequence[int]) -> str:
        state = self.expansion.network.origins[rows[0]]
        return self.expansion.base.nodes[int(self.expansion.node[state])]

    def _join(self, key: _Group, node: str, rows: Floats) -> Siblings:
        edges = [self.expansion.base.edges[edge] for _, _, edge in key]
        rng = stream(self.seed, f"siblings {node} {' '.join(name for name, _, _ in key)}")
        return _by_edge(join_siblings(rows.T, node, edges, rng))


def _alike(expansion: Expansion, setter: Sequence[int]) -> dict[_Group, list[list[int]]]:
    """Return the state edges that leave one state, by what they are: rate, override and edge."""
    leaving: dict[int, list[int]] = {}
    for row, origin in enumerate(expansion.network.origins.tolist()):
        leaving.setdefault(origin, []).append(row)
    edges = expansion.edge.tolist()
    alike: dict[_Group, list[list[int]]] = {}
    for rows in leaving.values():
        alike.setdefault(tuple((expansion.rate[r], setter[r], edges[r]) for r in rows), []).append(rows)
    return alike


def _by_edge(siblings: Siblings) -> Siblings:
    """Return the same with each edge's draws side by side in memory; none where they stay as they came."""
    if siblings.finding is None:
        return dataclasses.replace(siblings, draws=np.empty((0, 0)))
    return dataclasses.replace(siblings, draws=np.ascontiguousarray(siblings.draws.T).T)


def _only_entry(network: Network) -> dict[str, float]:
    if len(network.entries) != 1:
        found = ", ".join(network.entries) or "none, as every node is led to"
        raise UsageError(
            f"entries must begin at one node that no edge leads to; found {found}",
            remedy="say where entries begin: start={node: share}",
        )
    return {network.entries[0]: 1.0}
