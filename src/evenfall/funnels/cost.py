"""What a passage costs adds up along paths: per entry, per arrival, and on the way of those who arrive."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from evenfall.beliefs.belief import Belief
from evenfall.errors import UnknownName, UsageError
from evenfall.funnels.figures import Figure, summarise_draws
from evenfall.funnels.masks import Expansion
from evenfall.funnels.mixing import Mix, assumed_mix, check_slices, mix_slices
from evenfall.funnels.network import Network
from evenfall.funnels.overrides import Override
from evenfall.funnels.reach import flow_on, passages, reach_from_everywhere
from evenfall.funnels.standing import Moved, Slice, Standing
from evenfall.funnels.whatif import stand, weights_of

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
    standing: Sequence[Standing] | None = None,
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
    if standing is None:
        standing = stand(network, slices, rates, start=start, draws=draws, seed=seed)
    told = [_told(one, overrides, costs, (price, ends, level)) for one in standing]
    labels = [part.label for part in slices]
    sums = np.stack([part for part, _ in told])
    whole = mix_slices(sums, weights_of(mix or assumed_mix(labels), labels, draws, seed))
    parts = [one for label, (_, outcomes) in zip(labels, told, strict=True) if label for one in outcomes]
    return (*_outcome_costs("", whole, ends, level), *parts)


def _told(
    one: Standing,
    overrides: Sequence[Override],
    costs: Mapping[str, float | Floats],
    how: tuple[Mapping[int, Floats], tuple[str, ...], float],
) -> tuple[Floats, tuple[OutcomeCost, ...]]:
    """Return the sums of a slice and what they tell; what holds while nothing is set is computed once."""
    price, ends, level = how
    key = tuple((edge, id(cost) if isinstance(cost, np.ndarray) else cost) for edge, cost in costs.items())
    place = "costs", key, ends, level
    if not overrides and place in one.found:
        _, sums, outcomes = one.found[place]
        return sums, outcomes
    sums = _sums(one.moved(overrides), price, ends)
    outcomes = _outcome_costs(one.part.label, sums, ends, level)
    if not overrides:
        one.found[place] = dict(costs), sums, outcomes  # with the costs, so that their ids stay theirs
    return sums, outcomes


def _prices(network: Network, costs: Mapping[str, float | Floats], draws: int) -> dict[int, Floats]:
    """Return what each edge that costs something costs, shape (draw,), by its position."""
    price = {}
    for edge, cost in costs.items():
        if edge not in network.edges:
            raise UnknownName("edge", edge, network.edges, path="costs")
        price[network.edge(edge)] = np.broadcast_to(np.asarray(cost, dtype=np.float64), (draws,))
    if not all(np.isfinite(cost).all() for cost in price.values()):
        raise UsageError("a cost is not a finite number", remedy="leave edges that cost nothing out")
    return price


def _sums(one: Moved, price: Mapping[int, Floats], targets: Sequence[str]) -> Floats:
    """Return cost per entry, arrivals, cost × arriving and P(arriving), shape (draw, target, 4)."""
    expansion = one.expansion
    ends = [expansion.base.node(target) for target in targets]
    arrived = one.arrivals(ends).T
    spent = _spent(one, price)
    per_entry = np.zeros(arrived.shape[1])
    for amount in spent.values():
        per_entry += amount
    carried = _carried(one, spent)
    sums = []
    for target, end, come in zip(targets, ends, arrived, strict=True):
        states = np.flatnonzero(expansion.node == end).tolist()
        if _once(expansion, states):  # whoever arrives has arrived once: no later passage counts
            way = np.zeros(len(come))
            for row in (carried[state] for state in states):
                way += 0.0 if row is None else row
            sums.append((per_entry, come, way, come))
        else:
            sums.append((per_entry, come, *_until(one, price, target)))
    return np.asarray(np.moveaxis(np.array(sums), -1, 0))


def _spent(one: Moved, price: Mapping[int, Floats]) -> dict[int, Floats]:
    """Return what is spent per entry at each state edge that costs something, shape (draw,)."""
    origins = one.expansion.network.origins.tolist()
    spent = {}
    for row, edge in enumerate(one.expansion.edge.tolist()):
        come = one.arrived[origins[row]]
        if edge in price and come is not None:
            spent[row] = come * one.rates[row] * price[edge]
    return spent


def _carried(one: Moved, spent: Mapping[int, Floats]) -> list[Floats | None]:
    """Return per state E(what was spent before an arrival), summed over all arrivals, shape (draw,).

    What is spent on the way to a state goes on with those who go on, so it flows through the network as
    entries do: m_v = Σ_u (m_u + r_u c_uv) p_uv.
    """
    network = one.expansion.network
    begin: dict[int, Floats] = {}
    for row, amount in spent.items():
        target = int(network.targets[row])
        begin[target] = begin[target] + amount if target in begin else amount
    return flow_on(network, one.rates, [None] * len(network.nodes), begin)


def _once(expansion: Expansion, states: Sequence[int]) -> bool:
    """Return whether nobody who is in one of the states can come to any of them again."""
    network = expansion.network
    onward = {
        t for o, t in zip(network.origins.tolist(), network.targets.tolist(), strict=True) if o in states
    }
    return network.downstream(onward).isdisjoint(states)


def _until(one: Moved, price: Mapping[int, Floats], target: str) -> tuple[Floats, Floats]:
    """Return `cost_until` of a target that people can come back to."""
    network = one.expansion.network
    rates, costs = one.matrix(), np.zeros((one.draws, len(one.rates)))
    for row, edge in enumerate(one.expansion.edge.tolist()):
        costs[:, row] = price.get(edge, 0.0)
    start = np.zeros(len(network.nodes))
    for state, begun in one.begin.items():
        start[state] = begun[0]
    return cost_until(network, rates, start, costs, one.expansion.states(target))


def _outcome_costs(label: str, sums: Floats, ends: Sequence[str], level: float) -> tuple[OutcomeCost, ...]:
    return tuple(_outcome_cost(end, label, sums[:, place], level) for place, end in enumerate(ends))


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
