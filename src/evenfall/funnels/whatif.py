"""What reaches each outcome before and after a change, with its uncertainty, per slice and as a whole."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from evenfall.beliefs.belief import Belief
from evenfall.errors import UsageError
from evenfall.findings import Finding
from evenfall.funnels.draws import draw_rates, stream
from evenfall.funnels.figures import Figure, lift_of, summarise_rows
from evenfall.funnels.mixing import Mix, assumed_mix, check_slices, mix_slices
from evenfall.funnels.network import Network
from evenfall.funnels.overrides import INTERVENING, SELECTING, Override
from evenfall.funnels.propagate import Measure, distinct_findings, measure_moved
from evenfall.funnels.standing import Joins, Slice, Standing

__all__ = ["Change", "WhatIf", "stand", "weights_of", "whatif"]

type Floats = NDArray[np.float64]

_ROUNDING: Final = 1e-12  # sums in another order are no change
_REMIXED: Final = "A new mix supposes that further entries of a slice convert like those it has now."


@dataclass(frozen=True, slots=True)
class Change:
    """One outcome before and after, per entry.

    Attributes
    ----------
    target, slice
        The node, and the slice's label; empty for the whole.
    before, after, difference
        Per entry; the difference is taken draw by draw.
    lift
        after/before − 1, draw by draw; None when nobody gets there before.
    p_greater, p_less
        Probability that after is greater, and that it is less, than before.
    """

    target: str
    slice: str
    before: Figure
    after: Figure
    difference: Figure
    lift: Figure | None
    p_greater: float
    p_less: float


@dataclass(frozen=True, slots=True)
class WhatIf:
    """The answer to a what-if.

    Attributes
    ----------
    mixed
        One change per target for all slices together.
    slices
        One change per slice and target.
    shares_before, shares_after
        Expected share of the entries per slice.
    mix
        Where the shares come from: measured, given or assumed (before and after).
    measure
        ``arrivals`` per entry, which count returns, or ``reach``, the probability to get there at least once.
    overrides
        What was set, in words.
    notes
        What the reader must know to understand the answer.
    findings
        What was found in the rates.
    """

    mixed: tuple[Change, ...]
    slices: tuple[Change, ...]
    shares_before: Mapping[str, float]
    shares_after: Mapping[str, float]
    mix: tuple[str, str]
    measure: Measure
    overrides: tuple[str, ...]
    notes: tuple[str, ...]
    findings: tuple[Finding, ...]
    draws: int
    seed: int
    level: float

    def as_json(self) -> dict[str, Any]:
        """Return the answer as dictionaries, lists, numbers and text."""
        return dataclasses.asdict(self)

    def change(self, target: str, slice_: str = "") -> Change:
        """Return the change of a target, of the whole or of one slice."""
        pool = self.slices if slice_ else self.mixed
        found = [change for change in pool if (change.target, change.slice) == (target, slice_)]
        if not found:
            raise UsageError(f"no change of {target!r} in {slice_ or 'the whole'} was computed")
        return found[0]


def whatif(
    network: Network,
    slices: Sequence[Slice],
    rates: Mapping[str, Belief | float],
    *,
    overrides: Sequence[Override] = (),
    mix: Mix | None = None,
    mix_after: Mix | None = None,
    targets: Sequence[str] | None = None,
    start: Mapping[str, float] | None = None,
    measure: Measure = "arrivals",
    mece: Collection[str] | None = None,
    draws: int = 4000,
    seed: int = 0,
    level: float = 0.95,
    standing: Sequence[Standing] | None = None,
) -> WhatIf:
    """Return what the targets receive before and after overrides and a change of mix.

    Before and after share all random numbers, so their difference is the effect of the change alone.

    Parameters
    ----------
    network
        The graph.
    slices
        Parts of one whole: values of one dimension, or joint slices.
    rates
        Per name of a rate, what is believed of it; a number is taken as certain.
    mix, mix_after
        Shares of the slices before and after; equal shares, called assumed, without `mix`, and the same as
        before without `mix_after`.
    targets
        Nodes to look at; the outcomes when None.
    start
        Where entries begin; the one node that no edge leads to when None.
    mece
        Dimensions whose values exclude each other; all when None.
    standing
        The slices as they stand, where they were computed before: with these draws, this start and seed.

    Raises
    ------
    UnknownName
        For a node, edge or rate that does not exist.
    UsageError
        For slices that cannot be added, a mix of other slices, or an override that sets nothing.
    ConfigError
        For a cycle that cannot be left, or an edge without a rate.
    """
    contexts = [part.context for part in slices]
    check_slices(contexts, mece)
    mix = mix or assumed_mix([part.label for part in slices])
    mix_after = mix_after or mix
    ends = tuple(targets) if targets is not None else network.outcomes
    if standing is None:
        standing = stand(network, slices, rates, start=start, draws=draws, seed=seed)
    before = measure_moved(network, [one.base for one in standing], ends, measure)
    after = before
    if overrides:
        after = measure_moved(network, [one.moved(overrides) for one in standing], ends, measure)
    _refuse_idle(overrides, after.changed)
    labels = [part.label for part in slices]
    whole = [
        mix_slices(run.values, weights_of(m, labels, draws, seed))
        for run, m in ((before, mix), (after, mix_after))
    ]
    return WhatIf(
        mixed=_changes("", ends, whole[0], whole[1], level),
        slices=tuple(
            change
            for label, old, new in zip(labels, before.values, after.values, strict=True)
            if label
            for change in _changes(label, ends, old, new, level)
        ),
        shares_before=dict(zip(mix.slices, mix.shares, strict=True)),
        shares_after=dict(zip(mix_after.slices, mix_after.shares, strict=True)),
        mix=(mix.source, mix_after.source),
        measure=measure,
        overrides=tuple(str(override) for override in overrides),
        notes=_notes(network, ends, measure, overrides, mix_after != mix),
        findings=distinct_findings(before.findings + after.findings),
        draws=draws,
        seed=seed,
        level=level,
    )


def stand(
    network: Network,
    slices: Sequence[Slice],
    rates: Mapping[str, Belief | float],
    *,
    start: Mapping[str, float] | None = None,
    draws: int = 4000,
    seed: int = 0,
) -> list[Standing]:
    """Return the slices as they stand when nothing is set; parameters as for `whatif`."""
    rows = draw_rates(rates, draws, seed).rows()
    joins = Joins()
    return [
        Standing.of(network, part, rows, draws=draws, start=start, seed=seed, joins=joins) for part in slices
    ]


def weights_of(mix: Mix, labels: Sequence[str], draws: int, seed: int) -> Floats:
    """Return the mix in the order of the slices, shape (draw, slice)."""
    if sorted(mix.slices) != sorted(labels):
        raise UsageError(
            f"the mix speaks of {', '.join(mix.slices)}, the slices are {', '.join(labels)}",
            remedy="give every slice one share",
        )
    drawn = mix.draw(draws, stream(seed, "mix"))
    return drawn[:, [mix.slices.index(label) for label in labels]]


def _changes(
    label: str, targets: Sequence[str], before: Floats, after: Floats, level: float
) -> tuple[Change, ...]:
    old, new = np.ascontiguousarray(before.T), np.ascontiguousarray(after.T)
    greater = (new > old * (1.0 + _ROUNDING)).mean(axis=1).tolist()
    less = (new < old * (1.0 - _ROUNDING)).mean(axis=1).tolist()
    were, are, moved = (summarise_rows(rows, level) for rows in (old, new, new - old))
    return tuple(
        Change(
            target=target,
            slice=label,
            before=were[row],
            after=are[row],
            difference=moved[row],
            lift=lift_of(old[row], new[row], level),
            p_greater=greater[row],
            p_less=less[row],
        )
        for row, target in enumerate(targets)
    )


def _refuse_idle(overrides: Sequence[Override], changed: frozenset[int]) -> None:
    for number, override in enumerate(overrides):
        if number not in changed:
            raise UsageError(
                f"{override} sets nothing",
                remedy="no slice, no visitor or no later override leaves it anything to set",
            )


def _notes(
    network: Network, targets: Sequence[str], measure: Measure, overrides: Sequence[Override], remixed: bool
) -> tuple[str, ...]:
    notes = []
    if overrides:
        notes += [INTERVENING, SELECTING]
    if remixed:
        notes.append(_REMIXED)
    cyclic = {network.nodes[n] for c in network.components if c.within for n in c.nodes}
    returning = [target for target in targets if target in cyclic]
    if returning and measure == "arrivals":
        notes.append(
            f"Arrivals at {', '.join(returning)} count every return, so they can exceed 1 per entry."
        )
    return tuple(notes)
