"""How entries divide over slices: counted in the ledger, given by the user, or assumed to be equal."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final

from evenfall.errors import EvenfallError, UnknownName, UsageError
from evenfall.funnels.mixing import Mix, assumed_mix, given_mix, measured_mix, slice_label
from evenfall.registry.parameter import Parameter
from evenfall.runs.graph.rates import GraphRates
from evenfall.runs.night.sources import shape_of
from evenfall.window import local_day

__all__ = ["ENTRY_DAYS", "Entries", "count_entries", "divide"]

ENTRY_DAYS: Final = 28
"""Mature days whose entries count: four whole weeks, so that no weekday weighs more than another."""

type Contexts = Sequence[Mapping[str, str]]


@dataclass(frozen=True, slots=True)
class Entries:
    """How entries divide now.

    Attributes
    ----------
    mix
        The shares.
    counted_at
        Node at which they were counted, and `edge` whose trials they are; None when they were not counted.
    first, stop
        The days that were counted, half open.
    """

    mix: Mix
    counted_at: str | None = None
    edge: str | None = None
    first: date | None = None
    stop: date | None = None

    @property
    def note(self) -> str:
        """What a reader must know of the shares."""
        if len(self.mix.slices) < 2:
            return ""
        if self.counted_at is None:
            return "Nothing says how entries divide over the slices, so equal shares are assumed."
        return (
            f"Shares of the slices are the trials of {self.edge} at {self.counted_at} "
            f"from {self.first} to {self.stop} (excluded)."
        )


def count_entries(rates: GraphRates, contexts: Contexts) -> Entries:
    """Return how entries divide over slices, by the trials of the last mature days.

    They are counted where the paths begin or, when nothing there is counted per slice, at the first node
    further on where it is: upstream of it every slice then has the same rates, so the shares are the same.
    """
    labels = [slice_label(context) for context in contexts]
    if len(contexts) > 1:
        first, stop = rates.once("mature days", lambda: _mature_days(rates))
        for node, edge, members in _counted_per_slice(rates, contexts):
            trials = _trials(rates, members, first, stop)
            if sum(trials):
                mix = measured_mix(dict(zip(labels, trials, strict=True)))
                return Entries(mix, node, edge, first, stop)
    return Entries(assumed_mix(labels))


def _mature_days(rates: GraphRates) -> tuple[date, date]:
    night = rates.night
    learned = rates.world.store.hyperparameters(night.instant).get(("*", "arrival_delay_days"))
    delay = learned.value if learned is not None else 1.0
    stop = local_day(night.instant - timedelta(days=delay), night.zone)
    return stop - timedelta(days=ENTRY_DAYS), stop


def _counted_per_slice(
    rates: GraphRates, contexts: Contexts
) -> Iterator[tuple[str, str, list[list[Parameter]]]]:
    """Yield node, edge and each slice's parameters where attempts are counted per slice, upstream first."""
    network = rates.network
    reachable = network.downstream([network.node(node) for node in rates.start])
    keys = frozenset(contexts[0])
    for component in network.components:
        for node in component.nodes:
            leaving = [e for e, o in enumerate(network.origins.tolist()) if o == node and node in reachable]
            for edge in leaving:
                for members in _by_slice(rates, network.edges[edge], contexts, keys):
                    yield network.nodes[node], network.edges[edge], members


def _by_slice(
    rates: GraphRates, edge: str, contexts: Contexts, keys: frozenset[str]
) -> Iterator[list[list[Parameter]]]:
    """Yield the parameters that count the attempts of each slice, with the fewest further keys first."""
    declared = rates.world.registry.contexts
    held = rates.names.held.get(edge, {})
    for used in sorted(held, key=lambda used: (len(used), sorted(used))):
        adds_up = all(key in declared and declared[key].mece for key in used - keys)
        if not keys <= used or not adds_up:
            continue
        members = [
            [
                parameter
                for pairs, found in held[used].items()
                if frozenset(context.items()) <= pairs
                for scope, parameter in found
                if scope.rank[1] == 0 and parameter.type == "probability" and parameter.observation_source
            ]
            for context in contexts
        ]
        if all(members):
            yield members


def _trials(rates: GraphRates, members: list[list[Parameter]], first: date, stop: date) -> list[float]:
    """Return the trials of each slice within the days."""
    sizes = rates.once("trials", dict[str, float])
    asked = {one.id: one for slice_ in members for one in slice_ if one.id not in sizes}
    sizes.update(_sizes(rates, list(asked.values()), first, stop))
    return [sum(sizes[parameter.id] for parameter in slice_) for slice_ in members]


def _sizes(rates: GraphRates, asked: Sequence[Parameter], first: date, stop: date) -> dict[str, float]:
    """Return the trials of each parameter within the days; none of one without evidence."""
    hashes: dict[str, str] = {}
    for parameter in asked:
        try:
            hashes[parameter.id] = shape_of(parameter, rates.world.registry).query_hash
        except EvenfallError:  # a query that cannot be asked has no evidence
            continue
    seen = rates.world.store.observations(hashes, rates.night.instant) if hashes else {}
    sizes = dict.fromkeys((parameter.id for parameter in asked), 0.0)
    return sizes | {name: observations.between(first, stop).size for name, observations in seen.items()}


def divide(shares: Mapping[str, float], contexts: Contexts, now: Mix) -> Mix:
    """Return the mix a user asks for, per slice.

    Parameters
    ----------
    shares
        Per value of one context, or per slice written as ``channel=google,device=mobile``.
    now
        How entries divide now: it divides a value's share over the slices that have this value.

    Raises
    ------
    UnknownName
        For a value or slice that is not among the slices.
    UsageError
        For values that leave a slice without a share.
    """
    labels = [slice_label(context) for context in contexts]
    if any("=" in name for name in shares):
        shares = {_in_order(name): share for name, share in shares.items()}
        _refuse_others("slice", shares, labels)
        return given_mix({label: shares[label] for label in labels})
    key = _dimension(shares, contexts)
    values = [context[key] for context in contexts]
    _refuse_others(f"selected value of {key}", shares, values)
    within = dict(zip(now.slices, now.shares, strict=True))
    of_value = dict.fromkeys(values, 0.0)
    for label, value in zip(labels, values, strict=True):
        of_value[value] += within[label]
    return given_mix(
        {
            label: shares[value] * within[label] / of_value[value]
            for label, value in zip(labels, values, strict=True)
        }
    )


def _in_order(label: str) -> str:
    return slice_label(dict(pair.split("=", 1) for pair in label.split(",")))


def _dimension(shares: Mapping[str, float], contexts: Contexts) -> str:
    """Return the context whose values the shares are about: the one that has the most of them."""
    keys = list(contexts[0])
    if not keys:
        raise UsageError(
            "there is nothing to mix: nothing is selected", remedy="select the values of one context"
        )
    hits = {key: len({context[key] for context in contexts} & shares.keys()) for key in keys}
    return max(keys, key=lambda key: hits[key])


def _refuse_others(kind: str, shares: Mapping[str, float], valid: Sequence[str]) -> None:
    for name in shares:
        if name not in valid:
            raise UnknownName(kind, name, dict.fromkeys(valid))
    missing = [name for name in dict.fromkeys(valid) if name not in shares]
    if missing:
        raise UsageError(
            f"the mix says nothing of {', '.join(missing)}", remedy="give every value a share; 0 is one"
        )
