"""From beliefs about edges to draws of what reaches a node: one slice unfolded, joined and propagated."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from evenfall.errors import UsageError
from evenfall.findings import Finding
from evenfall.funnels.draws import RateDraws, stream
from evenfall.funnels.masks import EdgeRate, Expansion, expand
from evenfall.funnels.mixing import slice_label
from evenfall.funnels.network import Network
from evenfall.funnels.overrides import Override, apply_overrides
from evenfall.funnels.reach import arrivals, reach_from_everywhere, start_at
from evenfall.funnels.siblings import join_siblings

__all__ = ["Measure", "Propagation", "Slice", "Unfolded", "distinct_findings", "propagate", "unfold"]

type Floats = NDArray[np.float64]
type Measure = Literal["arrivals", "reach"]


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
class Unfolded:
    """One slice as states, ready to be propagated.

    Attributes
    ----------
    expansion
        The states and the edges between them.
    rates : ndarray, shape (draw, state edge)
        Overrides set and siblings joined.
    start : ndarray, shape (state,)
        Where entries begin.
    findings
        What was found in the rates.
    changed
        Positions of the overrides that set something.
    """

    expansion: Expansion
    rates: Floats
    start: Floats
    findings: tuple[Finding, ...]
    changed: frozenset[int]


@dataclass(frozen=True, slots=True, eq=False)
class Propagation:
    """What reaches the targets.

    Attributes
    ----------
    targets
        Names of nodes.
    values : ndarray, shape (slice, draw, target)
        Per entry.
    findings
        What was found on the way.
    changed : frozenset of int
        Positions of the overrides that changed something.
    """

    targets: tuple[str, ...]
    values: Floats
    findings: tuple[Finding, ...]
    changed: frozenset[int] = frozenset()


def propagate(
    network: Network,
    slices: Sequence[Slice],
    draws: RateDraws,
    *,
    targets: Sequence[str],
    overrides: Sequence[Override] = (),
    start: Mapping[str, float] | None = None,
    measure: Measure = "arrivals",
    seed: int = 0,
) -> Propagation:
    """Return what reaches the targets from each slice, draw by draw; see `whatif`."""
    ends = [network.node(target) for target in targets]
    unfolded = [unfold(network, part, draws, overrides=overrides, start=start, seed=seed) for part in slices]
    values = [_measured(one, ends, measure) for one in unfolded]
    findings = [finding for one in unfolded for finding in one.findings]
    changed = frozenset[int]().union(*(one.changed for one in unfolded))
    return Propagation(tuple(targets), np.stack(values), distinct_findings(findings), changed)


def unfold(
    network: Network,
    part: Slice,
    draws: RateDraws,
    *,
    overrides: Sequence[Override] = (),
    start: Mapping[str, float] | None = None,
    seed: int = 0,
) -> Unfolded:
    """Return the states of one slice with their rates, overrides set and siblings joined."""
    begin = start_at(network, part.start or start or _only_entry(network))
    expansion = expand(network, part.rates, begin, [override.visited for override in overrides])
    believed = draws.values.T[draws.columns(expansion.rate)].T
    applied, setter = apply_overrides(believed, expansion, part.context, overrides, seed)
    joined, findings = _join(expansion, applied, setter, part.label, seed)
    changed = frozenset(setter.tolist()) - {-1}
    return Unfolded(expansion, joined, expansion.unfold(begin), tuple(findings), changed)


def _measured(one: Unfolded, ends: Sequence[int], measure: Measure) -> Floats:
    """Return what the targets receive, shape (draw, target)."""
    expansion = one.expansion
    if measure == "arrivals":
        return expansion.collapse(arrivals(expansion.network, one.rates, one.start))[:, ends]
    names = [expansion.base.nodes[end] for end in ends]
    reached = [
        reach_from_everywhere(expansion.network, one.rates, expansion.states(name)) @ one.start
        for name in names
    ]
    return np.stack(reached, axis=1)


def _join(
    expansion: Expansion, rates: Floats, setter: NDArray[np.intp], label: str, seed: int
) -> tuple[Floats, list[Finding]]:
    """Return the rates with siblings joined where they exceed 1, and what was found.

    States of one node whose edges have the same rates are joined together, so they keep the same draws.
    """
    leaving: dict[int, list[int]] = {}
    for row, origin in enumerate(expansion.network.origins.tolist()):
        leaving.setdefault(origin, []).append(row)
    alike: dict[tuple[tuple[str, int, int], ...], list[list[int]]] = {}
    for rows in leaving.values():
        key = tuple((expansion.rate[r], int(setter[r]), int(expansion.edge[r])) for r in rows)
        alike.setdefault(key, []).append(rows)
    joined, findings = rates.T.copy(), []
    for key, groups in alike.items():
        node = expansion.base.nodes[expansion.node[expansion.network.origins[groups[0][0]]]]
        edges = [expansion.base.edges[edge] for _, _, edge in key]
        rng = stream(seed, f"siblings {node} {' '.join(name for name, _, _ in key)}")
        siblings = join_siblings(joined[groups[0]].T, node, edges, rng)
        if siblings.finding is not None:
            subject = f"{label}: {node}" if label else node
            findings.append(dataclasses.replace(siblings.finding, subject=subject))
            for rows in groups:
                joined[rows] = siblings.draws.T
    return joined.T, findings


def _only_entry(network: Network) -> dict[str, float]:
    if len(network.entries) != 1:
        found = ", ".join(network.entries) or "none, as every node is led to"
        raise UsageError(
            f"entries must begin at one node that no edge leads to; found {found}",
            remedy="say where entries begin: start={node: share}",
        )
    return {network.entries[0]: 1.0}


def distinct_findings(findings: Sequence[Finding]) -> tuple[Finding, ...]:
    """Return the findings, each once."""
    return tuple({(f.subject, f.message): f for f in findings}.values())
