"""A what-if over a project's graph: what is believed tonight, sliced and mixed, before and after a change."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from evenfall.errors import ConfigError
from evenfall.findings import Finding
from evenfall.funnels.cost import OutcomeCost, path_costs
from evenfall.funnels.draws import stream
from evenfall.funnels.mixing import Mix
from evenfall.funnels.overrides import Override
from evenfall.funnels.propagate import Measure
from evenfall.funnels.standing import Standing
from evenfall.funnels.whatif import Change, WhatIf, whatif
from evenfall.registry.schemas import Scenario
from evenfall.registry.schemas.graph import Cost
from evenfall.runs.graph.edge_figures import EdgeFigure, edge_figures
from evenfall.runs.graph.entries import Entries
from evenfall.runs.graph.kept import Kept
from evenfall.runs.graph.known import Known
from evenfall.runs.graph.lookup import draw_belief
from evenfall.runs.graph.question import Prepared, merge_findings, prepare
from evenfall.runs.graph.rates import RateSource
from evenfall.runs.report import json_ready
from evenfall.runs.world import World

__all__ = ["DRAWS", "Costs", "WhatIfAnswer", "answer_whatif"]

DRAWS: Final = 4000
"""Joint states of the world an answer is computed in; the error of a mean is then its stdev / 63."""

type Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Costs:
    """What entries cost before and after, in the project's currency."""

    currency: str
    before: tuple[OutcomeCost, ...]
    after: tuple[OutcomeCost, ...]


@dataclass(frozen=True)
class WhatIfAnswer:
    """The answer to a what-if over a project's graph.

    Attributes
    ----------
    question
        What was asked, as a scenario that can be saved.
    graph, start, as_of
        Where, from which node on, and as of which night.
    result
        Arrivals (or reach) before and after, per slice and as a whole.
    entries
        How entries divide over the slices now, and where they were counted.
    rates
        Where the rate of every edge comes from.
    edges
        The rate of every edge over the slices that are asked for, before anything is set.
    findings
        What was found in the rates, each once.
    costs
        None when no edge has a cost.
    """

    question: Scenario
    graph: str
    start: str
    as_of: date
    result: WhatIf
    entries: Entries
    rates: tuple[RateSource, ...]
    edges: tuple[EdgeFigure, ...] = ()
    findings: tuple[Finding, ...] = ()
    costs: Costs | None = None

    @property
    def changes(self) -> tuple[Change, ...]:
        """One change per target, for all slices together."""
        return self.result.mixed

    @property
    def notes(self) -> tuple[str, ...]:
        """What the reader must know to understand the answer."""
        return tuple(filter(None, (*self.result.notes, self.entries.note)))

    def change(self, target: str, slice_: str = "") -> Change:
        """Return the change of a target, of the whole or of one slice such as ``channel=google``."""
        return self.result.change(target, slice_)

    def as_dict(self) -> dict[str, Any]:
        """Return the answer as JSON-ready data."""
        result = self.result.as_json()
        sources = result.pop("mix")
        shares = (result.pop("shares_before"), result.pop("shares_after"))
        return {
            "graph": self.graph,
            "start": self.start,
            "as_of": self.as_of.isoformat(),
            "scenario": self.question.model_dump(mode="json", exclude_defaults=True),
            **json_ready(result),
            "notes": list(self.notes),
            "findings": json_ready(self.findings),
            "mix": {
                "before": {"source": sources[0], "shares": dict(shares[0])},
                "after": {"source": sources[1], "shares": dict(shares[1])},
                "counted_at": self.entries.counted_at,
                "first": json_ready(self.entries.first),
                "stop": json_ready(self.entries.stop),
            },
            "costs": json_ready(self.costs),
            "edges": json_ready(self.edges),
            "rates": [rate.as_dict() for rate in self.rates],
        }


def answer_whatif(
    world: World,
    question: Scenario,
    as_of: date | str | None = None,
    *,
    measure: Measure = "arrivals",
    draws: int = DRAWS,
    seed: int = 0,
    kept: Kept | None = None,
) -> WhatIfAnswer:
    """Return what the targets receive before and after; raises as `prepare` and `whatif` do.

    With `kept`, what earlier questions have in common with this one is taken from there; the answer is the
    same to the last digit.
    """
    ready = prepare(world, question, as_of, ground=(kept or Kept()).ground(world, as_of))
    standing = ready.ground.standing(ready.wired, ready.rates, ready.slices, draws, seed)
    result = whatif(
        ready.network,
        ready.slices,
        ready.rates.beliefs,
        overrides=ready.overrides,
        mix=ready.entries.mix,
        mix_after=ready.mix_after,
        targets=ready.targets,
        start=ready.rates.start,
        measure=measure,
        mece=ready.mece,
        draws=draws,
        seed=seed,
        standing=standing,
    )
    return WhatIfAnswer(
        question=question,
        graph=ready.graph_id,
        start=ready.start,
        as_of=ready.night.as_of,
        result=result,
        entries=ready.entries,
        rates=ready.rates.sources,
        edges=edge_figures(ready, draws, seed),
        findings=merge_findings(result.findings, ready.slices),
        costs=_costs(world, ready, standing, draws, seed),
    )


def _costs(
    world: World, ready: Prepared, standing: Sequence[Standing], draws: int, seed: int
) -> Costs | None:
    """Return what entries cost before and after; None when no edge costs anything."""
    stated = {edge.slug: edge.cost for edge in ready.graph.edges if edge.cost is not None}
    if not stated:
        return None
    prices = {edge: _price(world, ready, edge, cost, draws=draws, seed=seed) for edge, cost in stated.items()}

    def cost(overrides: Sequence[Override], mix: Mix) -> tuple[OutcomeCost, ...]:
        return path_costs(
            ready.network,
            ready.slices,
            ready.rates.beliefs,
            prices,
            overrides=overrides,
            mix=mix,
            targets=ready.targets,
            start=ready.rates.start,
            mece=ready.mece,
            draws=draws,
            seed=seed,
            standing=standing,
        )

    before = cost((), ready.entries.mix)
    changed = ready.overrides or ready.mix_after
    after = cost(ready.overrides, ready.mix_after or ready.entries.mix) if changed else before
    return Costs(world.registry.settings.currency, before, after)


def _price(
    world: World, ready: Prepared, edge: str, cost: float | Cost, *, draws: int, seed: int
) -> float | Floats:
    """Return what one passage costs: a number, or draws of what is believed of it, drawn once."""
    if not isinstance(cost, Cost):
        return float(cost)
    if cost.parameter_id is not None:
        name = cost.parameter_id
        return ready.rates.once(
            ("cost", edge, draws, seed), lambda: _believed(world, ready, name, draws, seed)
        )
    if cost.mean is None:
        raise ConfigError(f"the cost of {edge} has no mean", value=edge, remedy="write cost: {mean: ...}")
    if not cost.stdev:
        return cost.mean
    rng, mean, stdev = stream(seed, f"cost {edge}"), cost.mean, cost.stdev
    return ready.rates.once(("cost", edge, draws, seed), lambda: rng.normal(mean, stdev, draws))


def _believed(world: World, ready: Prepared, name: str, draws: int, seed: int) -> Floats:
    parameter = world.registry.parameter(name)
    belief = Known.of(world, [parameter.id], ready.night).belief(parameter)
    return draw_belief(belief, parameter.id, draws, seed)
