"""What a passage costs adds up along paths: per entry, per arrival, and on the way of those who arrive."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from evenfall.beliefs.belief import Belief
from evenfall.errors import UnknownName, UsageError
from evenfall.funnels.draws import draw_rates
from evenfall.funnels.figures import Figure, summarise_draws
from evenfall.funnels.mixing import Mix, assumed_mix, check_slices, mix_slices
from evenfall.funnels.network import Network
from evenfall.funnels.overrides import Override
from evenfall.funnels.propagate import Slice, Unfolded, unfold
from evenfall.funnels.reach import arrivals, passages, reach_from_everywhere
from evenfall.funnels.whatif import weights_of

__all__ = ["OutcomeCost", "cost_per_entry", "cost_until", "path_costs"]

type Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class OutcomeCost:
    """What it costs to get to an outcome, in the project's currency.

    Attributes
    ----------
    target, slice
        The node, and the slice's label; empty for the whole.
    per_entry
        Everything spent per entry, wherever it ends.
    per_arrival
        Everything spent divided by the arrivals at the target, so it carries the cost of those who were lost;
        None when in some draw nobody arrives.
    on_the_way
        Spent up to the first arrival by those who arrive; None as above.
    """

    target: str
    slice: str
    per_entry: Figure
    per_arrival: Figure | None
    on_the_way: Figure | None


def cost_per_entry(network: Network, rates: ArrayLike, start: ArrayLike, costs: ArrayLike) -> Floats:
    """Return the expected cost of all passages of one entry, shape (draw,).

    Parameters
    ----------
    costs : ndarray, shape (edge,) or (draw, edge)
        What one passage of each edge costs.
    """
    return np.asarray((passages(network, rates, start) * np.asarray(costs)).sum(axis=1))


def cost_until(
    network: Network, rates: ArrayLike, start: ArrayLike, costs: ArrayLike, targets: list[str]
) -> tuple[Floats, Floats]:
    """Return E(cost up to the first arrival at `targets`; arriving) and P(arriving), shape (draw,) each.

    The ratio is what it costs on the way of those who arrive. The targets absorb. A passage of u → v counts
    for those who arrive: it is made r_u p_uv times, and arrives from v with probability h_v, so the
    sum is Σ r_u p_uv c_uv h_v.
    """
    ever = reach_from_everywhere(network, rates, targets)
    p = np.asarray(rates, dtype=np.float64) * (ever[:, network.targets] > 0)
    p[:, np.isin(network.origins, [network.node(target) for target in targets])] = 0.0
    taken = passages(network, p, start)
    spent = (taken * np.asarray(costs) * ever[:, network.targets]).sum(axis=1)
    return np.asarray(spent), np.asarray(ever @ np.asarray(start))


def path_costs(
    network: Network,
    slices: Sequence[Slice],
    rates: Mapping[str, Belief | float],
    costs: Mapping[str, float | Floats],
    *,
    overrides: Sequence[Override] = (),
    mix: Mix | None = None,
    targets: Sequence[str] | None = None,
    start: Mapping[str, float] | None = None,
    mece: Collection[str] | None = None,
    draws: int = 4000,
    seed: int = 0,
    level: float = 0.95,
) -> tuple[OutcomeCost, ...]:
    """Return what every target costs, first for the whole, then per slice; parameters as for `whatif`.

    Parameters
    ----------
    costs
        Per edge what one passage costs: a number, or draws of it, shape (draw,). Other edges cost nothing.
    """
    check_slices([part.context for part in slices], mece)
    ends = tuple(targets) if targets is not None else network.outcomes
    price = _prices(network, costs, draws)
    drawn = draw_rates(rates, draws, seed)
    sums = np.stack(
        [
            _sums(unfold(network, part, drawn, overrides=overrides, start=start, seed=seed), price, ends)
            for part in slices
        ]
    )
    labels = [part.label for part in slices]
    whole = mix_slices(sums, weights_of(mix or assumed_mix(labels), labels, draws, seed))
    parts = [(label, part) for label, part in zip(labels, sums, strict=True) if label]
    return tuple(
        _outcome_cost(target, label, part[:, number], level)
        for label, part in [("", whole), *parts]
        for number, target in enumerate(ends)
    )


def _prices(network: Network, costs: Mapping[str, float | Floats], draws: int) -> Floats:
    """Return the cost of each edge, shape (draw, edge)."""
    price = np.zeros((draws, len(network.edges)))
    for edge, cost in costs.items():
        if edge not in network.edges:
            raise UnknownName("edge", edge, network.edges, path="costs")
        price[:, network.edge(edge)] = cost
    if not np.isfinite(price).all():
        raise UsageError("a cost is not a finite number", remedy="leave edges that cost nothing out")
    return price


def _sums(one: Unfolded, price: Floats, targets: Sequence[str]) -> Floats:
    """Return cost per entry, arrivals, cost × arriving and P(arriving), shape (draw, target, 4)."""
    expansion, network = one.expansion, one.expansion.network
    costs = price[:, expansion.edge]
    spent = cost_per_entry(network, one.rates, one.start, costs)
    arrived = expansion.collapse(arrivals(network, one.rates, one.start))
    sums = [
        (
            spent,
            arrived[:, expansion.base.node(target)],
            *cost_until(network, one.rates, one.start, costs, expansion.states(target)),
        )
        for target in targets
    ]
    return np.asarray(np.moveaxis(np.array(sums), -1, 0))


def _outcome_cost(target: str, label: str, sums: Floats, level: float) -> OutcomeCost:
    spent, arrived, on_the_way, ever = sums.T
    arrives = bool((ever > 0).all())
    return OutcomeCost(
        target=target,
        slice=label,
        per_entry=summarise_draws(spent, level),
        per_arrival=summarise_draws(spent / arrived, level) if arrives else None,
        on_the_way=summarise_draws(on_the_way / ever, level) if arrives else None,
    )
