"""Incidents: one per kind and day, whatever is run again, with the state of any instant."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

import pytest
from tests.store.cases import LATE, P, contents, incident, night, record, save
from tests.store.fixtures import Open

from evenfall.errors import StoreError, UsageError
from evenfall.store.database import Store
from evenfall.store.records import IncidentRecord


def resolved(opened: int, at: int) -> IncidentRecord:
    return incident(opened, state="resolved", resolved_on=night(at).date(), resolved_at=night(at))


def state(store: Store, at: datetime) -> list[str]:
    return [one.state for one in store.incidents([P], at)]


def test_an_incident_comes_back_as_it_was_opened(store: Store) -> None:
    given = incident(3, since=night(1).date(), message="it drifts", figures={"sigma": 4.1, "n": [1, 2]})
    assert save(store, record(3, incidents=(given,))).written["incidents"] == 1
    (stored,) = store.incidents(None, night(3))
    assert stored == replace(given, id=stored.id, seen_at=night(3))
    assert store.incidents(None, night(2)) == store.incidents(["nobody"], LATE) == []


def test_each_night_run_again_in_any_order_changes_nothing(store: Store) -> None:
    nights = [
        record(1, incidents=(incident(1, figures={"sigma": (3.0, 1)}),)),
        record(2, incidents=(incident(1, seen_at=night(2), figures={"sigma": 4.0}),)),
        record(3, incidents=(resolved(1, 3),)),
        record(4),
    ]
    for one in nights:
        save(store, one)
    before = contents(store)
    for one in (*nights, *reversed(nights)):
        save(store, one)
    assert contents(store) == before
    assert len(store.incident_events(store.incidents(None, LATE)[0].id)) == 2


def test_the_state_of_any_night_is_told_by_the_log(store: Store) -> None:
    save(store, record(1, incidents=(incident(1),)))
    number = store.incidents([P], LATE)[0].id
    acked = store.acknowledge_incident(number, "ada", "on it", night(2))
    assert (acked.state, acked.acked_by, acked.note, acked.acked_at) == ("ack", "ada", "on it", night(2))
    save(store, record(3, incidents=(incident(1, seen_at=night(3)),)))  # still so: the ack stays
    save(store, record(5, incidents=(resolved(1, 5),)))
    assert [state(store, night(n)) for n in range(7)] == [
        [],
        ["open"],
        ["ack"],
        ["ack"],
        ["ack"],
        ["resolved"],
        ["resolved"],
    ]
    (then,) = store.incidents([P], night(4))
    assert (then.resolved_at, then.acked_by) == (None, "ada")
    (now,) = store.incidents([P], LATE)
    assert (now.resolved_on, now.resolved_at, now.acked_by) == (night(5).date(), night(5), "ada")
    assert store.incidents([P], LATE, states=("open", "ack")) == []
    assert [event.what for event in store.incident_events(number)] == ["opened", "ack", "resolved"]


def test_a_night_computed_anew_may_open_again_what_it_had_resolved(store: Store) -> None:
    save(store, record(1, incidents=(incident(1),)))
    save(store, record(3, incidents=(resolved(1, 3),)))
    save(store, record(3, result={"detail": "restated"}, incidents=(incident(1, seen_at=night(3)),)))
    assert [state(store, night(n)) for n in (2, 3, 4)] == [["open"]] * 3
    save(store, record(4, incidents=(resolved(1, 4),)))
    assert [state(store, night(n)) for n in (3, 4)] == [["open"], ["resolved"]]


def test_a_night_run_late_resolves_at_its_own_time(store: Store) -> None:
    save(store, record(1, incidents=(incident(1),)))
    save(store, record(5, incidents=(resolved(1, 5),)))
    save(store, record(3, incidents=(resolved(1, 3),)))
    assert [state(store, night(n)) for n in (2, 3, 5)] == [["open"], ["resolved"], ["resolved"]]


def test_figures_are_those_of_the_latest_night_not_of_the_latest_run(store: Store) -> None:
    for seen in (1, 4, 2):
        said = incident(1, seen_at=night(seen), message=str(seen), figures={"n": seen})
        save(store, record(seen, incidents=(said,)))
    (one,) = store.incidents([P], LATE)
    assert (one.message, one.figures) == ("4", {"n": 4})


def test_an_acknowledgement_said_twice_is_written_once_and_may_be_corrected(store: Store) -> None:
    save(store, record(1, incidents=(incident(1),)))
    number = store.incidents([P], LATE)[0].id
    for note in ("looking", "looking", "found it"):
        store.acknowledge_incident(number, "ada", note, night(2))
    assert [event.note for event in store.incident_events(number)] == ["", "looking", "found it"]
    assert store.incidents([P], LATE)[0].note == "found it"


def test_what_is_resolved_or_unknown_cannot_be_acknowledged(store: Store) -> None:
    save(store, record(1, incidents=(incident(1),)))
    save(store, record(3, incidents=(resolved(1, 3),)))
    number = store.incidents([P], LATE)[0].id
    with pytest.raises(UsageError, match="is resolved"):
        store.acknowledge_incident(number, "ada", "", night(4))
    for unknown, at in ((number + 999, night(4)), (number, night(0))):
        with pytest.raises(UsageError, match="no incident number"):
            store.acknowledge_incident(unknown, "ada", "", at)


def test_kinds_and_days_are_incidents_of_their_own(store: Store) -> None:
    given = (incident(1), incident(1, kind="stale"), incident(2))
    save(store, record(2, incidents=given))
    assert len(store.incidents([P], LATE)) == 3
    save(store, record(3, incidents=(resolved(1, 3),)))
    assert [(one.kind, one.state) for one in store.incidents([P], LATE)] == [
        ("divergence", "resolved"),
        ("stale", "open"),
        ("divergence", "open"),
    ]


@pytest.mark.parametrize(
    "poison", [{"state": "ack"}, {"state": "resolved"}, {"figures": {"n": float("nan")}}]
)
def test_a_poison_incident_is_refused_with_its_record(store: Store, poison: dict[str, object]) -> None:
    report = save(store, record(1, incidents=(incident(1, **poison),)), record(1, parameter_id="b"))
    assert report.failed.keys() == {P}
    assert isinstance(report.failed[P], StoreError)
    assert store.incidents(None, LATE) == []
    assert store.night_history("b")


def test_incidents_of_other_tenants_are_not_to_be_had(open_one: Open, url: str) -> None:
    if url == "memory":
        pytest.skip("a store in memory has one connection and one tenant")
    mine, yours = open_one(), open_one()
    save(mine, record(1, incidents=(incident(1),)))
    number = mine.incidents(None, LATE)[0].id
    assert yours.incidents(None, LATE) == yours.incident_events(number) == []
    with pytest.raises(UsageError):
        yours.acknowledge_incident(number, "eve", "", night(2))
