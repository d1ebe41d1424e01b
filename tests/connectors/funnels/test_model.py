"""Attempts found by the statement against the rules followed event by event, on both engines."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from evenfall.connectors.funnels.question import FunnelQuestion

from .tables import ENGINES, Event, as_listed, ask, by_hand, laid, opened

SPAN = 24
QUIET = [HealthCheck.function_scoped_fixture]

moment = st.tuples(
    st.sampled_from([0, 1, 1, 2]),
    st.sampled_from("aabbccxz"),
    st.sampled_from(["google", "google", "direct"]),
)


@st.composite
def tables(draw: st.DrawFn) -> list[Event]:
    """Draw four users whose events follow each other within a few seconds, some at the same time."""
    events: list[Event] = []
    for user in "1234":
        second = 0
        for gap, name, channel in draw(st.lists(moment, min_size=6, max_size=14)):
            second += gap
            events.append((user, second, name, channel))
    return events


@st.composite
def questions(draw: st.DrawFn) -> FunnelQuestion:
    steps = draw(st.sampled_from(["abc", "abc", "ab", "abca", "aab", "acb", "a", "abac", "abcb"]).map(tuple))
    inner = sorted(set(steps) - {steps[0], steps[-1]})
    return FunnelQuestion(
        "events",
        steps,
        timedelta(seconds=draw(st.integers(3, SPAN))),
        strict_order=draw(st.sampled_from(["no", "steps", "events"])),
        re_entry=draw(st.booleans()),
        exclude=draw(st.sampled_from([(), ("x",), ("x", "z")])),
        optional=tuple(draw(st.sets(st.sampled_from(inner)))) if inner else (),
        context=draw(st.sampled_from([{}, {"channel": "google"}])),
    )


@dataclass(frozen=True)
class Case:
    events: list[Event]
    question: FunnelQuestion
    first: int | None
    stop: int
    until: int


far = st.just(SPAN + 5)
cases = st.builds(
    Case,
    tables(),
    questions(),
    st.one_of(st.none(), st.none(), st.integers(0, 5)),
    st.one_of(far, far, st.integers(4, SPAN)),
    st.one_of(far, far, st.integers(4, SPAN)),
)


def agree(engine: str, folder: Path, case: Case, rows: int) -> None:
    first, stop, until = case.first, case.stop, case.until
    with opened(engine, folder, laid(case.events)) as warehouse:
        found = as_listed(ask(warehouse, case.question, first=first, stop=stop, until=until, rows=rows))
    assert found == by_hand(case.events, case.question, first or 0, stop, until)


@pytest.mark.parametrize("engine", ENGINES)
@settings(max_examples=60, deadline=None, suppress_health_check=QUIET, derandomize=True)
@given(case=cases)
def test_the_statement_finds_the_attempts_of_the_rules(engine: str, tmp_path: Path, case: Case) -> None:
    agree(engine, tmp_path, case, rows=1000)


@pytest.mark.verify
@pytest.mark.parametrize("engine", ENGINES)
@settings(max_examples=1000, deadline=None, suppress_health_check=QUIET)
@given(case=cases)
def test_the_statement_finds_the_attempts_of_the_rules_a_thousand_times(
    engine: str, tmp_path: Path, case: Case
) -> None:
    agree(engine, tmp_path, case, rows=1000)
