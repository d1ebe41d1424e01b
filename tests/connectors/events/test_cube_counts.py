"""Both warehouses count what the model counts, attempt by attempt."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evenfall.connectors.events.questions import EventQuestion
from evenfall.window import DayWindow

from .tables import DAY, OPENERS, QUESTION, Event, cells_of, cube_of, modelled

SPAN = DayWindow(date(2025, 10, 25), date(2025, 10, 29))  # Berlin's autumn change is on the 26th
STEP = timedelta(minutes=50)  # coarse enough for ties, fine enough to miss every edge by little
HOURS = [timedelta(hours=n) for n in (1, 20, 24, 30, 49, 72)]

times = st.builds(lambda n: datetime(2025, 10, 23) + n * STEP, st.integers(0, 200))  # noqa: DTZ001
times |= st.sampled_from([datetime(2025, 10, 26, 2, minute) for minute in (0, 10, 59)])  # noqa: DTZ001
instants = times.map(lambda at: at.replace(tzinfo=UTC))


def events_at(at: st.SearchStrategy[datetime]) -> st.SearchStrategy[list[Event]]:
    some = st.sampled_from
    event = st.builds(
        Event,
        user=some(["ann", "bob", "cem", "dov", None]),
        at=at,
        event=some(["attempt", "attempt", "success", "view", "view"]),
        node=some(["home", "pricing", "faq", None]),
        channel=some(["google", "bing", None]),
        device=some(["mobile", "desktop"]),
        session=some(["1", "2", None]),
    )
    return st.lists(event, max_size=60)


questions = st.builds(
    replace,
    st.just(QUESTION),
    lookback=st.sampled_from(HOURS),
    horizon=st.sampled_from(HOURS),
    unit=st.sampled_from(["user", "session"]),
    user=st.just("user_id"),
)
alone = st.builds(replace, questions, unit=st.just("session"), user=st.just(""))


@pytest.mark.parametrize("engine", OPENERS)
@pytest.mark.parametrize("zone", ["UTC", "Europe/Berlin"])
@settings(max_examples=25, deadline=None)
@given(events=events_at(times) | events_at(instants), question=questions | alone)
def test_a_warehouse_counts_what_the_model_counts(
    engine: str, zone: str, events: Sequence[Event], question: EventQuestion
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        warehouse = OPENERS[engine](Path(folder), events, zone)
        cube = cube_of(warehouse, SPAN, question=question, zone=zone)
    assert cells_of(cube) == modelled(events, SPAN, question=question, zone=zone)


@pytest.mark.verify
@pytest.mark.parametrize("zone", ["America/Sao_Paulo", "Australia/Lord_Howe", "Asia/Beirut"])
@settings(max_examples=300, deadline=None)
@given(events=events_at(times) | events_at(instants), question=questions | alone)
def test_both_warehouses_give_the_same_cube(
    zone: str, events: Sequence[Event], question: EventQuestion
) -> None:
    found = []
    for opener in OPENERS.values():
        with tempfile.TemporaryDirectory() as folder:
            cube = cube_of(opener(Path(folder), events, zone), SPAN, question=question, zone=zone)
        found.append(cells_of(cube))
    assert found[0] == found[1] == modelled(events, SPAN, question=question, zone=zone)
    assert SPAN.stop - SPAN.first == 4 * DAY
