from __future__ import annotations

import dataclasses
from datetime import date, timedelta

from hypothesis import given
from hypothesis import strategies as st

from evenfall.monitoring.incidents import CALM_NIGHTS, SOURCE_DOWN, Incident, Signal, notices, step

NIGHT = date(2025, 11, 7)
ALARM = Signal("a", "change", alarmed=True, source="shop", since=date(2025, 11, 3), message="a lower: …")
QUIET = dataclasses.replace(ALARM, alarmed=False, message="")
CALM = dataclasses.replace(QUIET, calm=True)
DOWN = Signal("a", SOURCE_DOWN, alarmed=True, source="shop")
UP = Signal("a", SOURCE_DOWN, alarmed=False, calm=True, source="shop")


def run(*nights: list[Signal]):
    """Return the changes of each night, each from the incidents the one before left behind."""
    standing: list[Incident] = []
    said = []
    for number, signals in enumerate(nights):
        changes = step(NIGHT + timedelta(days=number), signals, standing)
        standing = [change.incident for change in changes]
        said.append(changes)
    return said


def whats(changes):
    return [change.what for change in changes]


def test_an_alarm_opens_an_incident_that_knows_its_night_and_its_day():
    [[change]] = run([ALARM])
    assert change.what == "opened"
    assert change.incident == Incident(
        "a", "change", NIGHT, date(2025, 11, 3), source="shop", message="a lower: …"
    )


def test_no_alarm_opens_nothing():
    assert run([QUIET], [CALM]) == [[], []]


def test_an_incident_stays_open_while_it_rings_and_while_nothing_shows_a_return():
    said = run([ALARM], [ALARM], *[[QUIET]] * 30)
    assert [whats(changes) for changes in said] == [["opened"], *[["kept"]] * 31]


def test_it_is_resolved_after_calm_nights_in_a_row_and_not_before():
    said = run([ALARM], *[[CALM]] * CALM_NIGHTS, [QUIET])
    assert [whats(changes) for changes in said] == [["opened"], ["kept"], ["kept"], ["resolved"], []]
    assert said[3][0].incident.resolved_on == NIGHT + timedelta(days=3)
    interrupted = run([ALARM], [CALM], [CALM], [ALARM], [CALM], [CALM])
    assert whats(interrupted[-1]) == ["kept"]


def test_since_and_the_frozen_baseline_do_not_move_while_it_is_open():
    later = dataclasses.replace(ALARM, since=date(2025, 11, 6), message="a lower still")
    [_, [kept]] = run([ALARM], [later])
    assert kept.incident.since == date(2025, 11, 3)
    assert kept.incident.message == "a lower still"


def test_an_acknowledged_incident_is_kept_and_resolved_like_an_open_one():
    seen = Incident("a", "change", NIGHT, state="ack", calm_nights=CALM_NIGHTS - 1)
    [kept] = step(NIGHT, [ALARM], [seen])
    assert (kept.what, kept.incident.state) == ("kept", "ack")
    [resolved] = step(NIGHT, [CALM], [seen])
    assert (resolved.what, resolved.incident.state) == ("resolved", "resolved")


def test_a_resolved_incident_is_over_and_a_new_alarm_opens_another():
    over = Incident("a", "change", NIGHT - timedelta(days=9), state="resolved")
    [change] = step(NIGHT, [ALARM], [over])
    assert (change.what, change.incident.opened_on) == ("opened", NIGHT)


def test_a_source_that_is_down_neither_opens_nor_resolves_anything_else():
    opened = run([DOWN, ALARM])[0]
    assert [change.incident.kind for change in opened] == [SOURCE_DOWN]
    said = run([ALARM], [CALM], [CALM], [CALM, DOWN], [CALM, UP])
    assert [(c.what, c.incident.kind) for c in said[3]] == [("kept", "change"), ("opened", SOURCE_DOWN)]
    assert [(c.what, c.incident.kind) for c in said[4]] == [("resolved", "change"), ("resolved", SOURCE_DOWN)]


def test_an_incident_nobody_looked_at_tonight_is_kept_as_it_is():
    standing = Incident("b", "change", NIGHT, calm_nights=2)
    [change] = step(NIGHT, [], [standing])
    assert (change.what, change.incident) == ("kept", standing)


def test_one_source_says_one_thing_on_opening_and_one_on_resolving():
    many = [dataclasses.replace(DOWN, parameter_id=f"p{i}") for i in range(12)]
    back = [dataclasses.replace(UP, parameter_id=f"p{i}") for i in range(12)]
    opened, kept, resolved = (notices(changes) for changes in run(many, many, back))
    assert kept == []
    assert [(one.what, len(one.parameter_ids)) for one in opened + resolved] == [
        ("opened", 12),
        ("resolved", 12),
    ]
    assert opened[0].message == (
        "shop could not be read: 12 parameters (p0, p1, p10, p11, p2, …) not updated"
    )
    assert resolved[0].message.startswith("shop is read again: 12 parameters")


def test_a_message_of_one_parameter_is_the_alarms_own_and_ends_with_its_day():
    said = run([ALARM], *[[CALM]] * CALM_NIGHTS)
    assert [one.message for one in notices(said[0])] == ["a lower: …"]
    assert [one.message for one in notices(said[-1])] == ["resolved: a, change since 3 Nov"]


def test_parameters_without_a_source_are_told_of_one_by_one():
    two = [dataclasses.replace(ALARM, source="", parameter_id=name) for name in "ab"]
    assert [one.parameter_ids for one in notices(run(two)[0])] == [("a",), ("b",)]


SIGNALS = st.lists(
    st.builds(
        Signal,
        st.sampled_from("abc"),
        st.sampled_from(["change", SOURCE_DOWN]),
        alarmed=st.booleans(),
        calm=st.booleans(),
        source=st.sampled_from(["", "shop"]),
    ),
    unique_by=lambda one: (one.parameter_id, one.kind),
)


@given(st.lists(SIGNALS, max_size=12), st.randoms())
def test_whatever_happens_there_is_one_message_for_each_opening_and_one_for_each_end(nights, random):
    standing: list[Incident] = []
    opened = ended = 0
    for number, signals in enumerate(nights):
        shuffled = random.sample(signals, len(signals))
        changes = step(NIGHT + timedelta(days=number), signals, standing)
        assert step(NIGHT + timedelta(days=number), shuffled, list(reversed(standing))) == changes
        told = [name for one in notices(changes) for name in one.parameter_ids]
        assert len(told) == sum(change.what != "kept" for change in changes)
        keys = [(change.incident.parameter_id, change.incident.kind) for change in changes]
        assert len(set(keys)) == len(keys)
        opened += whats(changes).count("opened")
        ended += whats(changes).count("resolved")
        standing = [change.incident for change in changes]
    assert opened - ended == sum(one.state != "resolved" for one in standing)
