"""Two references, two slices or two scenarios side by side: which is better, how surely, at what loss."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any, Literal, TypeGuard

import numpy as np
from numpy.typing import NDArray

from evenfall.beliefs.belief import Belief
from evenfall.clock import Night
from evenfall.errors import UsageError
from evenfall.findings import Finding
from evenfall.funnels.compare import Comparison, compare_beliefs, compare_draws
from evenfall.funnels.draws import draw_rates
from evenfall.funnels.mixing import check_slices, mix_slices
from evenfall.funnels.overrides import SELECTING
from evenfall.funnels.propagate import propagate
from evenfall.funnels.whatif import weights_of
from evenfall.registry.fallback import Names
from evenfall.registry.references import is_reference
from evenfall.runs.graph.lookup import Answer, Lookup, read_reference
from evenfall.runs.graph.question import Prepared, merge_findings, prepare, read_scenario
from evenfall.runs.graph.whatif import DRAWS
from evenfall.runs.report import json_ready
from evenfall.runs.world import World

__all__ = ["Compared", "answer_compare"]

type Floats = NDArray[np.float64]

_SCENARIO = "scenario:"


@dataclass(frozen=True)
class Compared:
    """B beside A.

    Attributes
    ----------
    a, b
        What was compared, as it was asked.
    kind
        ``references``, or ``paths`` for slices and scenarios of a graph.
    type
        ``probability``, or the type of the two parameters.
    target
        The node whose arrivals are compared; empty for references.
    comparison
        P(B > A), the expected losses, difference and lift with their intervals.
    answers
        Which parameters answer the two references.
    """

    a: str
    b: str
    kind: Literal["paths", "references"]
    type: str
    as_of: date
    comparison: Comparison
    target: str = ""
    answers: tuple[Answer, ...] = ()
    notes: tuple[str, ...] = ()
    findings: tuple[Finding, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """Return the comparison as JSON-ready data; the figures of the two are `figure_a` and `figure_b`."""
        facts: dict[str, Any] = json_ready(self)
        figures = facts.pop("comparison")
        return {**facts, "figure_a": figures.pop("a"), "figure_b": figures.pop("b"), **figures}


def answer_compare(
    world: World,
    a: str,
    b: str,
    *,
    graph: str | None = None,
    start: str | None = None,
    to: str | None = None,
    as_of: date | str | None = None,
    draws: int = DRAWS,
    seed: int = 0,
    names: Names | None = None,
) -> Compared:
    """Return B beside A.

    Parameters
    ----------
    a, b
        Two references, or two of: a slice such as ``channel=google``, a saved what-if as ``scenario:NAME``.
    graph, start, to
        For slices: the graph, where entries begin, and the node whose arrivals are compared.

    Raises
    ------
    UsageError
        When one of the two is a reference and the other is not, or a slice is not written as one.
    UnknownName
        For a name that the project does not have.
    """
    known_names = names or Names.of(world.registry)
    if is_reference(a) and is_reference(b):
        if graph or start or to:
            raise UsageError("--graph, --from and --to are for slices and scenarios", remedy="leave them out")
        return _references(world, (a, b), world.night(as_of), known_names, draws=draws, seed=seed)
    if is_reference(a) or is_reference(b):
        raise UsageError(f"{a} and {b} are not of one kind", remedy="compare two references, or two slices")
    sides = []
    for text in (a, b):
        scenario, select = _side(text)
        ends = (to,) if to else ()
        question = read_scenario(
            world.registry.scenarios, scenario, graph=graph, select=select, start=start, to=ends
        )
        sides.append(prepare(world, question, as_of, known_names))
    return _paths((a, b), sides, draws, seed)


def _side(text: str) -> tuple[str | None, dict[str, tuple[str, ...]]]:
    """Return the scenario, or the selected values, that a side names."""
    if text.startswith(_SCENARIO):
        return text.removeprefix(_SCENARIO), {}
    pairs = [pair.partition("=") for pair in text.split(",")]
    if not all(key and equals and value for key, equals, value in pairs):
        raise UsageError(
            f"{text!r} is neither a reference nor a slice",
            remedy="write e.signup.p.mean, channel=google, or scenario:NAME",
        )
    return None, {key: (value,) for key, _, value in pairs}


def _references(
    world: World, texts: tuple[str, str], night: Night, names: Names, *, draws: int, seed: int
) -> Compared:
    asked = [read_reference(text) for text in texts]
    lookup = Lookup.of(world, night, names, asked)
    of_a, of_b = (lookup.find(reference) for reference in asked)
    a, b = of_a.answer, of_b.answer
    if a.type != b.type:
        raise UsageError(
            f"{of_a.name} is a {a.type} and {of_b.name} a {b.type}", remedy="compare like with like"
        )
    same = of_a.name == of_b.name
    note = f"Both are answered by {of_a.name}, so nothing tells them apart."
    if not same and _is_beta(of_a.belief) and _is_beta(of_b.belief):
        comparison = compare_beliefs(of_a.belief, of_b.belief)
    else:
        comparison = compare_draws(of_a.draws(draws, seed), of_b.draws(draws, seed))
    return Compared(
        a=a.reference,
        b=b.reference,
        kind="references",
        type=a.type,
        as_of=night.as_of,
        comparison=comparison,
        answers=(a, b),
        notes=(note,) if same else (),
    )


def _is_beta(belief: Belief | float | None) -> TypeGuard[Belief]:
    return isinstance(belief, Belief) and belief.family == "beta"


def _paths(texts: tuple[str, str], sides: list[Prepared], draws: int, seed: int) -> Compared:
    target = _one_target(sides)
    (of_a, found_a), (of_b, found_b) = (_arrivals(side, target, draws, seed) for side in sides)
    notes = dict.fromkeys([SELECTING, *(side.entries.note for side in sides)])
    return Compared(
        a=texts[0],
        b=texts[1],
        kind="paths",
        type="probability",
        as_of=sides[0].night.as_of,
        comparison=compare_draws(of_a, of_b),
        target=target,
        notes=tuple(filter(None, notes)),
        findings=merge_findings((*found_a, *found_b), [part for side in sides for part in side.slices]),
    )


def _one_target(sides: list[Prepared]) -> str:
    targets = [target for target in sides[0].targets if target in sides[1].targets]
    if len(targets) != 1:
        found = ", ".join(targets) or "none in common"
        raise UsageError(f"compare arrivals at which node? Found {found}", remedy="name one with --to NODE")
    return targets[0]


def _arrivals(side: Prepared, target: str, draws: int, seed: int) -> tuple[Floats, tuple[Finding, ...]]:
    """Return what reaches the target from all slices of one side together, shape (draw,)."""
    check_slices([part.context for part in side.slices], side.mece)
    run = propagate(
        side.network,
        side.slices,
        draw_rates(side.rates.beliefs, draws, seed),
        targets=[target],
        overrides=side.overrides,
        start=side.rates.start,
        seed=seed,
    )
    weights = weights_of(
        side.mix_after or side.entries.mix, [part.label for part in side.slices], draws, seed
    )
    return mix_slices(run.values, weights)[:, 0], run.findings
