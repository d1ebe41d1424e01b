"""From beliefs about edges to draws of what reaches a node, slice by slice."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from evenfall.findings import Finding
from evenfall.funnels.draws import RateDraws
from evenfall.funnels.network import Network
from evenfall.funnels.overrides import Override
from evenfall.funnels.reach import reach_from_everywhere
from evenfall.funnels.standing import Moved, Slice, Standing

__all__ = ["Measure", "Propagation", "Slice", "distinct_findings", "measure_moved", "propagate"]

type Floats = NDArray[np.float64]
type Measure = Literal["arrivals", "reach"]


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
    rows = draws.rows()
    count = len(draws.values)
    standing = [Standing.of(network, part, rows, draws=count, start=start, seed=seed) for part in slices]
    return measure_moved(network, [one.moved(overrides) for one in standing], targets, measure)


def measure_moved(
    network: Network, moved: Sequence[Moved], targets: Sequence[str], measure: Measure = "arrivals"
) -> Propagation:
    """Return what reaches the targets from slices that stand, or were moved."""
    ends = [network.node(target) for target in targets]
    values = [_measured(one, ends, measure) for one in moved]
    findings = [finding for one in moved for finding in one.findings]
    changed = frozenset[int]().union(*(one.changed for one in moved))
    return Propagation(tuple(targets), np.stack(values), distinct_findings(findings), changed)


def _measured(one: Moved, ends: Sequence[int], measure: Measure) -> Floats:
    """Return what the targets receive, shape (draw, target)."""
    if measure == "arrivals":
        return one.arrivals(ends)
    expansion = one.expansion
    names = [expansion.base.nodes[end] for end in ends]
    start = np.zeros(len(expansion.node))
    for state, row in one.begin.items():
        start[state] = row[0]
    rates = one.matrix()
    reached = [
        reach_from_everywhere(expansion.network, rates, expansion.states(name)) @ start for name in names
    ]
    return np.stack(reached, axis=1)


def distinct_findings(findings: Sequence[Finding]) -> tuple[Finding, ...]:
    """Return the findings, each once."""
    return tuple({(f.subject, f.message): f for f in findings}.values())
