"""Definitions, tenants, threads, and what cannot be rewritten."""

from __future__ import annotations

import threading
from dataclasses import replace

import pytest
from sqlalchemy import text
from tests.store.cases import (
    ELSEWHERE,
    FIRST,
    LATE,
    P,
    contents,
    definition,
    fit,
    full,
    incident,
    night,
    save,
)
from tests.store.fixtures import Open

from evenfall.errors import LeaseLost
from evenfall.store.database import Store


def test_definitions_are_written_when_they_change(store: Store) -> None:
    a, b = definition("parameters/a.yaml", "a1"), definition("parameters/b.yaml", "b1")
    assert store.record_definitions([a, b], night(1)) == 2
    assert store.record_definitions([a, b], night(2)) == 0
    assert store.record_definitions([definition(a.path, "a2"), b], night(3)) == 1
    assert store.record_definitions([a], night(4)) == 1  # back to an earlier text
    assert store.last_good_definitions() == {a.path: "a1", b.path: "b1"}
    assert len(contents(store)["definition_texts"]) == 3


def test_a_broken_file_does_not_replace_the_last_good_one(store: Store) -> None:
    path = "parameters/a.yaml"
    store.record_definitions([definition(path, "good")], night(1))
    assert store.record_definitions([definition(path, "id: [", good=False)], night(2)) == 1
    assert store.record_definitions([definition("never/good.yaml", "?", good=False)], night(2)) == 1
    assert store.last_good_definitions() == {path: "good"}


def test_tenants_see_nothing_of_one_another(open_one: Open, url: str) -> None:
    if url == "memory":
        pytest.skip("a store in memory has one connection and one tenant")
    mine, yours = open_one(), open_one()
    lease = mine.start_run("night", "nightly", FIRST)
    assert save(mine, full(1), lease=lease).failed == {}
    mine.record_definitions([definition("a.yaml", "a")], night(1))
    assert yours.start_run("night", "nightly", FIRST, ELSEWHERE[0]).token == 1
    assert yours.evidence({P: "q1"}, LATE) == {P: []}
    assert yours.observations({P: "q1"}, LATE) == {}
    assert yours.evidence_spans([P], LATE) == {P: []}
    assert yours.evidence_history(P) == []
    assert yours.arrivals(LATE, FIRST) == []
    assert yours.priors([P], LATE) == {P: []}
    assert yours.hyperparameters(LATE) == {}
    assert yours.posteriors([P], LATE) == {}
    assert yours.posteriors([P], LATE, newest=False) == {P: []}
    assert yours.current([P], LATE) == yours.published([P], LATE) == {}
    assert yours.night_results(None, LATE.date()) == {}
    assert yours.findings() == yours.outbox() == yours.parameter_ids() == []
    assert yours.last_good_definitions() == {}
    with pytest.raises(LeaseLost, match="knows no attempt"):
        yours.commit([full(1)], lease)
    assert save(yours, full(1)).written["outbox"] == 1


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE evidence SET total = total + 1",
        "DELETE FROM evidence",
        "UPDATE prior_versions SET mean = 0.5",
        "DELETE FROM posteriors",
        "UPDATE posteriors SET mean = 0.5",
        "UPDATE current_posteriors SET published_at = ''",
        "DELETE FROM hyperparameters",
        "UPDATE definition_texts SET text = ''",
        "UPDATE posteriors SET fit_id = NULL",
        "UPDATE fits SET passed = NOT passed",
        "DELETE FROM fits",
        "UPDATE incident_events SET who = 'eve'",
        "DELETE FROM incident_events",
    ],
)
def test_what_was_written_cannot_be_rewritten(store: Store, statement: str) -> None:
    save(store, replace(full(1), fit=fit("i1", 1), incidents=(incident(1),)))
    store.record_definitions([definition("a.yaml", "a")], night(1))
    with pytest.raises(Exception, match="append-only"), store._writing() as scope:
        scope.connection.execute(text(statement))


def test_threads_may_share_a_store(store: Store) -> None:
    failures: list[BaseException] = []

    def work(name: str) -> None:
        try:
            for n in range(5):
                report = save(store, full(n, parameter_id=name, total=float(n), inputs=f"h{n}"))
                assert not report.failed
                assert store.posteriors([name], night(n))[name].inputs_hash == f"h{n}"
        except BaseException as failure:
            failures.append(failure)

    threads = [threading.Thread(target=work, args=(f"p{n}",)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert {name: len(store.posterior_history(name)) for name in store.parameter_ids()} == {
        f"p{n}": 5 for n in range(4)
    }
