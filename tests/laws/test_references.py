"""Fallback never answers with what the request does not imply.

Conditions are checked by listing attempts: every set of four visited nodes times every value of two contexts,
each with a value that no condition can name. A request implies a parameter when the attempts it picks are
among the parameter's. The list is written here and shares no code with the program.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cache, cached_property
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evenfall.errors import ConfigError
from evenfall.registry.assemble import Texts, assemble
from evenfall.registry.fallback import Resolved, resolve
from evenfall.registry.references import EdgeReference
from evenfall.registry.registry import Registry
from evenfall.registry.schemas import VisitedFilter
from evenfall.registry.scope import Scope
from evenfall.registry.sources import Text

NODES = "abcd"
VALUES = {"channel": ("google", "facebook"), "device": ("mobile", "desktop")}
ATTEMPTS = [
    (frozenset(visited), {"channel": channel, "device": device})
    for size in range(5)
    for visited in itertools.combinations(NODES, size)
    for channel in (*VALUES["channel"], "unnamed")
    for device in (*VALUES["device"], "unnamed")
]

GROUP = st.sets(st.sampled_from(NODES), min_size=1, max_size=3)
CONTEXT = st.fixed_dictionaries({}, optional={key: st.sampled_from(values) for key, values in VALUES.items()})


@dataclass(frozen=True)
class Condition:
    """A condition as somebody writes it, and the attempts it picks."""

    visited: frozenset[str]
    groups: tuple[frozenset[str], ...]
    exclude: frozenset[str]
    context: tuple[tuple[str, str], ...]

    @cached_property
    def attempts(self) -> frozenset[int]:
        return frozenset(
            number
            for number, (visited, context) in enumerate(ATTEMPTS)
            if self.visited <= visited
            and not self.exclude & visited
            and all(group & visited for group in self.groups)
            and all(context[key] == value for key, value in self.context)
        )

    @property
    def reference(self) -> EdgeReference:
        groups = tuple(tuple(group) for group in self.groups)
        return EdgeReference("x", None, tuple(self.visited), groups, tuple(self.exclude), dict(self.context))


@st.composite
def conditions(draw: st.DrawFn) -> Condition:
    nodes = st.sets(st.sampled_from(NODES), max_size=2).map(frozenset)
    return Condition(
        draw(nodes),
        tuple(map(frozenset, draw(st.lists(GROUP, max_size=2)))),
        draw(nodes),
        tuple(draw(CONTEXT).items()),
    )


MET = conditions().filter(lambda condition: bool(condition.attempts))


@cache
def project() -> Registry:
    """A project with one parameter, which is changed into others."""
    contexts = [
        Text(f"contexts/{key}.yaml", f"id: {key}\nvalues: [{{id: {one}}}, {{id: {two}}}]\n")
        for key, (one, two) in VALUES.items()
    ]
    nodes = ", ".join(f"{{slug: {node}}}" for node in NODES)
    graph = Text("graphs/g.yaml", f"nodes: [{nodes}]\nedges: [{{slug: x, from: a, to: b}}]\n")
    parameter = Text("parameters/p.yaml", "id: p\nvalue: {mean: 0.3, stdev: 0.1}\n")
    found = assemble(Path(), Texts(Text("evenfall.toml", ""), tuple(contexts), (graph,), (parameter,)))
    assert found.problems == ()
    return found


def holding(defined: list[Condition], split: bool) -> Registry:
    """The project with a parameter per condition, said by its reference or (`split`) by its filters too."""
    (template,) = project().parameters.values()
    parameters = {}
    for number, condition in enumerate(defined):
        said = replace(condition, visited=frozenset(), context=()) if split else condition
        nodes = tuple(sorted(condition.visited))
        parameters[f"p{number}"] = replace(
            template,
            id=f"p{number}",
            edge_reference=str(said.reference),
            visited_filter=VisitedFilter(nodes=nodes) if split and nodes else None,
            context_filter=dict(condition.context) if split else {},
        )
    return replace(project(), parameters=parameters)


def implied(request: Condition, defined: list[Condition]) -> Iterator[str]:
    for number, condition in enumerate(defined):
        if request.attempts <= condition.attempts:
            yield f"p{number}"


def holds(request: Condition, defined: list[Condition], split: bool) -> None:
    """Assert what must be true of any answer, and of any refusal."""
    covering = set(implied(request, defined))
    found, refusal = ask(request, holding(defined, split))
    if found is None:
        tied = set(refusal.removesuffix(" are equally close to this reference").split(" and "))
        assert ("covers all that is asked" in refusal) == (not covering)
        assert not covering or (len(tied) == 2 and tied <= covering)
        return
    answer = defined[int(found.parameter.id[1:])]
    assert found.parameter.id in covering
    assert (found.level == "exact") == (answer.attempts == request.attempts)
    assert found.level == "exact" or (found.level == "context") == bool(answer.context)
    others = [defined[int(name[1:])] for name in covering]
    assert len(answer.context) == max(len(other.context) for other in others)
    # no other that is implied lies strictly between the request and the answer
    assert not any(other.attempts < answer.attempts for other in others)


def ask(request: Condition, registry: Registry) -> tuple[Resolved | None, str]:
    """Return what answers, or why nothing does."""
    try:
        return resolve(request.reference, registry), ""
    except ConfigError as refused:
        return None, refused.message


# every other request narrows one of the defined conditions, so that there is something to fall back to
DEFINED = st.lists(MET, min_size=1, max_size=6)


@st.composite
def cases(draw: st.DrawFn) -> tuple[Condition, list[Condition]]:
    defined = draw(DEFINED)
    request, base = draw(MET), draw(st.sampled_from(defined))
    narrowed = Condition(
        request.visited | base.visited,
        (*request.groups, *base.groups),
        request.exclude | base.exclude,
        tuple((dict(request.context) | dict(base.context)).items()),
    )
    return (narrowed if narrowed.attempts and draw(st.booleans()) else request), defined


def compares(defined: list[Condition]) -> None:
    """Assert that what is implied, and what is the same, is what the lists of attempts say."""
    for one, other in itertools.product(defined, repeat=2):
        scopes = Scope.asked(one.reference), Scope.asked(other.reference)
        assert scopes[0].implies(scopes[1]) == (one.attempts <= other.attempts)
        assert (scopes[0] == scopes[1]) == (one.attempts == other.attempts)


MANY = st.lists(MET, min_size=2, max_size=8)


@given(MANY)
def test_a_condition_implies_another_when_its_attempts_are_among_the_others(defined: list[Condition]) -> None:
    compares(defined)


@pytest.mark.verify
@settings(max_examples=10_000)
@given(MANY)
def test_a_condition_implies_another_when_its_attempts_are_among_the_others_ten_thousand_times(
    defined: list[Condition],
) -> None:
    compares(defined)


@given(cases(), st.booleans())
def test_an_answer_is_always_about_all_that_was_asked(
    case: tuple[Condition, list[Condition]], split: bool
) -> None:
    holds(*case, split)


@pytest.mark.verify
@settings(max_examples=10_000)
@given(cases(), st.booleans())
def test_an_answer_is_always_about_all_that_was_asked_ten_thousand_times(
    case: tuple[Condition, list[Condition]], split: bool
) -> None:
    holds(*case, split)
