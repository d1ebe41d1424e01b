"""What every store keeps its word on: in memory, in a SQLite file, on PostgreSQL."""

# ruff: noqa: F811 (a test that names a fixture does not redefine it)

from __future__ import annotations

import uuid
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text
from tests.store.cases import (
    FIRST,
    LATE,
    HandClock,
    P,
    beta,
    contents,
    day,
    full,
    night,
    posterior,
    prior,
    reading,
    record,
    save,
)
from tests.store.fixtures import clock, open_one, postgresql_url, store, url  # noqa: F401 (fixtures)

from evenfall.beliefs.belief import Belief, Origin
from evenfall.errors import AlreadyAbsorbed, StoreError
from evenfall.findings import Finding, Light
from evenfall.store.database import Store
from evenfall.store.records import (
    Arrival,
    CommitReport,
    EvidenceSpan,
    Hyperparameter,
    Message,
    NightResult,
    Record,
)
from evenfall.window import DayWindow


def sums(store: Store, as_of: datetime, query: str = "q1") -> dict[DayWindow, tuple[float, float]]:
    return {row.window: (row.size, row.total) for row in store.evidence({P: query}, as_of)[P]}


# The ledger ------------------------------------------------------------------------------------------------


def test_evidence_comes_back_as_it_was_read(store: Store, clock: HandClock) -> None:
    rows = [
        reading(2, 3.0, 1.0, 5),
        reading(0, 1e12, 1e12, 5, squares=0.1 + 0.2),
        reading(1, 0.0, 0.0, 5, backfilled=True),
    ]
    save(store, record(5, evidence=tuple(rows)))
    got = store.evidence({P: "q1", "nobody": "q1"}, night(5))
    assert got["nobody"] == []
    assert got[P] == [replace(rows[i], wall_at=clock.now()) for i in (1, 2, 0)]


def test_slices_and_ages_are_kept_apart(store: Store) -> None:
    rows = [
        reading(0, 10, n, 1, slice=part, age=age)
        for n, (part, age) in enumerate(
            [("", "final"), ("device=mobile", "final"), ("", "7"), ("device=mobile", "7")]
        )
    ]
    save(store, record(1, evidence=tuple(rows)))
    got = store.evidence({P: "q1"}, night(1))[P]
    assert {(row.slice, row.age, row.total) for row in got} == {(r.slice, r.age, r.total) for r in rows}
    assert store.observations({P: "q1"}, night(1))[P].sums.tolist() == [[10, 0, 0]]


def test_a_restated_day_replaces_from_its_night_on_and_the_old_row_stays(store: Store) -> None:
    save(store, record(1, evidence=(reading(0, 10, 4, 1),)))
    save(store, record(3, evidence=(reading(0, 12, 5, 3),)))
    assert sums(store, night(0)) == {}
    assert sums(store, night(2)) == {day(0): (10, 4)}
    assert sums(store, night(3)) == {day(0): (12, 5)}
    history = store.evidence_history(P)
    assert [(row.version, row.size, row.seen_at) for row in history] == [(1, 10, night(1)), (2, 12, night(3))]


def test_a_night_run_late_finds_its_place_in_the_past(store: Store) -> None:
    for seen, size in [(5, 15), (1, 11), (3, 13)]:
        save(store, record(seen, evidence=(reading(0, size, 0, seen),)))
    assert [sums(store, night(n)).get(day(0)) for n in range(7)] == [
        None,
        (11, 0),
        (11, 0),
        (13, 0),
        (13, 0),
        (15, 0),
        (15, 0),
    ]


def test_a_reading_that_only_confirmed_outlives_a_late_one_before_it(store: Store) -> None:
    save(store, record(1, evidence=(reading(0, 10, 4, 1),)))
    assert save(store, record(3, evidence=(reading(0, 10, 4, 3),))).written.get("evidence") is None
    save(store, record(2, evidence=(reading(0, 99, 9, 2),)))
    assert [sums(store, night(n))[day(0)] for n in (1, 2, 3, 4)] == [(10, 4), (99, 9), (10, 4), (10, 4)]


_READINGS = st.lists(
    st.tuples(
        st.integers(0, 5),  # night
        st.lists(st.tuples(st.integers(0, 3), st.integers(0, 2)), min_size=1, max_size=4),  # (day, size)
    ),
    max_size=9,
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(nights=_READINGS)
def test_readings_in_any_order_are_a_ledger_that_keeps_them_all(store: Store, nights: Any) -> None:
    name = uuid.uuid4().hex
    lease = store.start_run("night", "nightly", FIRST)
    naive: list[tuple[int, int, int]] = []  # (night, day, size), in the order of writing
    for seen, readings in nights:
        rows = tuple(reading(of, size, 0, seen, parameter_id=name) for of, size in readings)
        save(store, record(seen, parameter_id=name, evidence=rows), lease=lease)
        naive += [(seen, of, size) for of, size in readings]
    for at in range(-1, 7):
        expected = {day(of): size for seen, of, size in sorted(naive, key=lambda one: one[0]) if seen <= at}
        got = {row.window: row.size for row in store.evidence({name: "q1"}, night(at))[name]}
        assert got == expected


def test_rows_of_another_query_do_not_count(store: Store) -> None:
    save(store, record(1, evidence=(reading(0, 10, 4, 1), reading(1, 5, 1, 1))))
    save(store, record(2, evidence=(reading(0, 20, 8, 2, query_hash="q2"),)))
    assert sums(store, LATE, "q2") == {day(0): (20, 8)}
    assert sums(store, LATE, "q1") == {day(0): (10, 4), day(1): (5, 1)}
    assert sums(store, LATE, "q3") == {}


def test_spans_say_which_days_are_known_of_each_query(store: Store) -> None:
    save(store, record(1, evidence=(reading(0, 10, 4, 1), reading(2, 5, 1, 1))))
    save(store, record(2, evidence=(reading(3, 9, 1, 2, window=day(3, 7), query_hash="q2"),)))
    first = EvidenceSpan("q1", day(0).first, day(2).stop, 2)
    assert store.evidence_spans([P, "nobody"], night(1)) == {P: [first], "nobody": []}
    assert store.evidence_spans([P], night(2)) == {
        P: [first, EvidenceSpan("q2", day(3).first, day(9).stop, 7)]
    }


def test_observations_are_the_evidence_as_arrays(store: Store) -> None:
    names = [f"p{n}" for n in range(600)]  # more than one batch of ids
    records = [
        record(
            4,
            parameter_id=name,
            evidence=tuple(reading(of, n + 1, of / 3, 4, parameter_id=name, squares=0.5) for of in (2, 0, 1)),
        )
        for n, name in enumerate(names)
    ]
    save(store, *records)
    hashes = dict.fromkeys([*names, "nobody"], "q1")
    arrays, rows = store.observations(hashes, night(4)), store.evidence(hashes, night(4))
    assert arrays.keys() == set(names)
    for name, observed in arrays.items():
        assert observed.sums.tolist() == [[r.size, r.total, r.squares] for r in rows[name]]
        assert observed.first.tolist() == [r.window.first for r in rows[name]]
        assert observed.stop.tolist() == [r.window.stop for r in rows[name]]
    assert store.observations({}, night(4)) == {}


def test_windows_that_share_days_are_refused_and_their_parameter_alone_fails(store: Store) -> None:
    save(store, record(1, evidence=(reading(0, 10, 4, 1, window=day(0, 7)),)))
    report = save(
        store,
        record(2, evidence=(reading(6, 1, 0, 2),)),
        record(2, parameter_id="other", evidence=(reading(6, 1, 0, 2, parameter_id="other"),)),
    )
    assert isinstance(report.failed[P], AlreadyAbsorbed)
    assert report.failed.keys() == {P}
    assert sums(store, LATE) == {day(0, 7): (10, 4)}
    assert len(store.evidence({"other": "q1"}, LATE)["other"]) == 1


def test_windows_of_one_reading_must_not_overlap_either(store: Store) -> None:
    report = save(store, record(1, evidence=(reading(0, 1, 0, 1), reading(0, 7, 0, 1, window=day(0, 7)))))
    assert isinstance(report.failed[P], AlreadyAbsorbed)


def test_arrivals_tell_how_windows_grew_but_not_what_was_loaded_at_once(store: Store) -> None:
    save(store, record(1, evidence=(reading(-1, 500, 0, 1), reading(0, 100, 0, 1))))  # the first load
    save(store, record(2, evidence=(reading(0, 101, 0, 2), reading(1, 90, 0, 2))))
    save(store, record(3, evidence=(reading(1, 96, 0, 3), reading(2, 80, 0, 3))))
    save(store, record(4, evidence=(reading(1, 95, 0, 4), reading(-5, 70, 0, 4, backfilled=True))))
    save(store, record(5, evidence=(reading(-5, 75, 0, 5),)))  # its first reading was the backfill's
    save(store, record(2, parameter_id="b", evidence=(reading(0, 7, 0, 2, parameter_id="b"),)))
    save(store, record(3, parameter_id="b", evidence=(reading(1, 10, 0, 3, parameter_id="b"),)))
    assert store.arrivals(night(5), day(-30).first) == [
        Arrival(day(1).stop, night(2), 90.0),
        Arrival(day(1).stop, night(3), 6.0 + 10.0),
        Arrival(day(1).stop, night(4), 1.0),
        Arrival(day(2).stop, night(3), 80.0),
    ]
    assert [one.seen_at for one in store.arrivals(night(2), day(-30).first)] == [night(2)]
    assert store.arrivals(night(5), day(-30).first, ["q1"]) == []


# Once and once more ----------------------------------------------------------------------------------------


def test_saving_the_same_records_again_writes_nothing(store: Store, clock: HandClock) -> None:
    records = [full(n, parameter_id=name, inputs=f"h{n}") for n in (3, 4) for name in ("a", "b")]
    first = save(store, *records)
    assert first.failed == {}
    assert first.written == {
        "evidence": 2,  # the second night read the same sums
        "prior_versions": 2,
        "hyperparameters": 2,
        "posteriors": 4,
        "current_posteriors": 4,
        "night_results": 4,
        "findings": 4,
        "outbox": 4,
    }
    before = contents(store)
    clock.pass_seconds(3600)
    assert save(store, *records) == CommitReport({})
    assert save(store, *reversed(records)) == CommitReport({})
    assert contents(store) == before


def test_several_nights_of_one_parameter_may_come_in_one_commit(store: Store) -> None:
    records = [full(n, total=50.0 + n, inputs=f"h{n}") for n in range(1, 6)]
    assert save(store, *records).failed == {}
    assert [one.inputs_hash for one in store.posterior_history(P)] == ["h1", "h2", "h3", "h4", "h5"]
    assert [one.prior_version for one in store.posterior_history(P)] == [1] * 5
    assert sums(store, night(3)) == {day(0): (150, 53)}


@pytest.mark.parametrize(
    ("poison", "says"),
    [
        (lambda r: replace(r, evidence=(reading(0, float("nan"), 0, 1),)), "not finite"),
        (lambda r: replace(r, evidence=(reading(0, -1, 0, 1),)), ""),
        (lambda r: replace(r, result=replace(r.result, verdict={"sigma": float("inf")})), "JSON"),
        (lambda r: replace(r, result=replace(r.result, verdict={"sigma": object()})), "JSON"),
        (lambda r: replace(r, result=replace(r.result, failures=2**80)), ""),
        (lambda r: replace(r, priors=()), "names no prior"),
        (lambda r: replace(r, posterior=replace(r.posterior, prior_version=7)), ""),
        (lambda r: replace(r, posterior=replace(r.posterior, mean=float("nan"))), "not finite"),
        (lambda r: replace(r, result=replace(r.result, loaded=float("inf"))), "not finite"),
        (lambda r: replace(r, priors=(prior(float("nan"), 1),)), "not finite"),
        (lambda r: replace(r, posterior=replace(r.posterior, seen_at=datetime(2025, 1, 1))), "time zone"),  # noqa: DTZ001
        (lambda r: replace(r, priors=(replace(r.priors[0], reason="guessed"),)), ""),
        (lambda r: replace(r, messages=(replace(r.messages[0], payload={"x": {1, 2}}),)), "JSON"),
    ],
)
def test_a_poison_record_leaves_nothing_and_stops_nobody(
    store: Store, poison: Callable[[Record], Record], says: str
) -> None:
    lease = store.start_run("night", "nightly", FIRST)
    save(store, *(full(1, parameter_id=name) for name in ("a", "b")), lease=lease)
    expected = {name: [row for row in rows if P not in row] for name, rows in contents(store).items()}

    report = save(store, full(1, parameter_id="a"), poison(full(1)), full(1, parameter_id="b"), lease=lease)
    assert report.failed.keys() == {P}
    assert isinstance(report.failed[P], StoreError)
    assert says in str(report.failed[P])
    assert contents(store) == expected

    assert save(store, poison(full(1)), full(1, parameter_id="c"), lease=lease).failed.keys() == {P}
    assert store.night_history(P) == []
    assert [row.total for row in store.evidence_history("c")] == [52.0]
    assert [one.inputs_hash for one in store.posterior_history("c")] == ["h1"]
    assert [message.message.parameter_id for message in store.outbox()] == ["a", "b", "c"]


def test_the_nights_after_a_refused_one_wait_for_it(store: Store) -> None:
    bad = replace(full(1), priors=())
    report = save(store, bad, full(2, inputs="h2"))
    assert report.failed.keys() == {P}
    assert store.night_history(P) == []
    assert save(store, full(1), full(2, inputs="h2")).failed == {}


# Priors and hyperparameters --------------------------------------------------------------------------------


def test_priors_are_numbered_and_know_their_root(store: Store) -> None:
    save(store, record(1, priors=(prior(8, 1),)))
    save(store, record(2, priors=(prior(40, 2, reason="promoted", absorbed_until=FIRST),)))
    save(store, record(3, priors=(prior(41, 3, reason="rebuilt", absorbed_until=FIRST, root=1),)))
    save(store, record(4, priors=(prior(9, 4),)))
    versions = store.priors([P, "nobody"], night(9))
    assert versions["nobody"] == []
    assert [(v.version, v.root, v.reason) for v in versions[P]] == [
        (1, 1, "declared"),
        (2, 1, "promoted"),
        (3, 1, "rebuilt"),
        (4, 4, "declared"),
    ]
    assert versions[P][1] == prior(40, 2, reason="promoted", absorbed_until=FIRST, version=2, root=1)
    assert [v.version for v in store.priors([P], night(2))[P]] == [1, 2]


def test_a_prior_said_again_is_not_a_new_version_but_one_that_returns_is(store: Store) -> None:
    for seen, alpha in enumerate([8, 8, 9, 8]):
        save(store, record(seen, priors=(prior(alpha, seen),)))
    assert [(v.version, v.belief.theta[0]) for v in store.priors([P], LATE)[P]] == [(1, 8), (2, 9), (3, 8)]


def test_the_newest_prior_is_the_one_of_the_latest_night_not_of_the_latest_run(store: Store) -> None:
    save(store, record(5, priors=(prior(8, 5),)))
    save(store, record(2, priors=(prior(9, 2),)))
    assert [v.version for v in store.priors([P], LATE)[P]] == [2, 1]
    assert [v.version for v in store.priors([P], night(3))[P]] == [2]
    save(store, record(4, priors=(prior(8, 4),)))  # what night 5 says again was not known to night 2
    assert [v.version for v in store.priors([P], night(4))[P]] == [2, 3]


def test_a_posterior_without_a_version_belongs_to_the_prior_saved_with_it(store: Store) -> None:
    both = (prior(8, 1), prior(60, 1, reason="promoted", absorbed_until=FIRST))
    save(store, record(1, priors=both, posterior=posterior("h1", 1)))
    save(store, record(2, posterior=posterior("h2", 2, prior_version=2)))
    assert [one.prior_version for one in store.posterior_history(P)] == [1, 2]


def test_belief_numbers_keep_their_order_and_every_bit(store: Store) -> None:
    belief = Belief(
        "normal-inverse-gamma",
        ("mu", "sigma", "noise_shape", "noise_scale"),
        (0.1 + 0.2, 1e-300, 5e-324, 1.7976931348623157e308),
        Origin("sql", 'it\'s "quoted"; DROP TABLE runs -- ünï'),
    )
    save(store, record(1, priors=(prior(1, 1, belief=belief),)))
    assert store.priors([P], LATE)[P][0].belief == belief


def test_a_hyperparameter_is_written_when_it_differs(store: Store) -> None:
    for seen, value in [(1, 2.0), (2, 2.0), (3, 3.0), (0, 2.5)]:
        numbers = (
            Hyperparameter("*", "arrival_delay_days", value, night(seen)),
            Hyperparameter(P, "kappa", 50, night(seen)),
        )
        save(store, record(seen, hyperparameters=numbers))
    at = {n: store.hyperparameters(night(n)) for n in range(-1, 4)}
    key = ("*", "arrival_delay_days")
    assert at[-1] == {}
    assert [(at[n][key].value, at[n][key].version) for n in range(4)] == [(2.5, 3), (2, 1), (2, 1), (3, 2)]
    assert at[3][P, "kappa"].value == 50


# Posteriors ------------------------------------------------------------------------------------------------


def test_a_posterior_comes_back_as_it_was_saved(store: Store, clock: HandClock) -> None:
    given_one = posterior("h1", 3, kappa=50.0)
    save(store, record(3, priors=(prior(8, 3),), posterior=given_one))
    (got,) = store.posterior_history(P)
    assert got == replace(given_one, prior_version=1, id=got.id, wall_at=clock.now())
    assert store.posteriors([P, "nobody"], night(3)) == {P: got}
    assert store.posteriors([P], night(2)) == {}


def test_unchanged_inputs_write_no_posterior_but_the_pointer_moves(store: Store) -> None:
    save(store, record(1, priors=(prior(8, 1),), posterior=posterior("h1", 1)))
    assert store.current([P], LATE) == {}
    report = save(store, record(2, posterior=posterior("h1", 2, prior_version=1), publish=True))
    assert report.written == {"current_posteriors": 1, "night_results": 1}
    assert store.current([P], night(1)) == {}
    assert store.current([P], night(2))[P].as_of == night(1).date()
    assert store.published([P], LATE) == {P: night(2)}
    assert [one.posterior_id for one in store.night_history(P)] == [store.posterior_history(P)[0].id] * 2


def test_nights_in_any_order_agree_on_the_newest_and_the_current_posterior(store: Store) -> None:
    inputs = {1: "same", 2: "other", 3: "same", 4: "new"}
    for order in ([1, 2, 3, 4], [1, 3, 2, 4], [4, 3, 2, 1], [3, 1, 4, 2]):
        name = f"p{order}"
        prior_of = {"priors": (prior(8, 0, parameter_id=name),)}
        for n in order:
            made = posterior(inputs[n], n, parameter_id=name, prior_version=0)
            save(store, record(n, parameter_id=name, posterior=made, publish=True, **prior_of))
        for n, expected in inputs.items():
            assert store.posteriors([name], night(n))[name].inputs_hash == expected
            assert store.current([name], night(n))[name].inputs_hash == expected
            assert store.published([name], night(n)) == {name: night(n)}


def test_the_same_night_computed_anew_supersedes_itself(store: Store) -> None:
    save(store, full(1))
    save(store, full(1, total=53.0, inputs="h2"))
    assert store.posteriors([P], night(1))[P].inputs_hash == "h2"
    assert store.current([P], night(1))[P].inputs_hash == "h2"
    assert sums(store, night(1)) == {day(0): (150, 53)}
    assert len(store.posterior_history(P)) == 2
    assert len(store.posteriors([P], night(1), newest=False)[P]) == 2


def test_people_read_one_view_of_a_parameters_values(store: Store) -> None:
    save(store, full(1))
    save(store, record(2, priors=(prior(9, 2, belief=beta(9, 17, "sql")),)))
    save(store, record(3, priors=(prior(60, 3, reason="promoted", belief=beta(60, 115, "posterior")),)))
    save(store, record(4, priors=(prior(2, 4, reason="fallback", belief=beta(2, 8, "manual")),)))
    query = text(
        "SELECT timestamp, mean, stdev, source FROM parameter_values "
        "WHERE param_id = :p AND tenant = :t ORDER BY timestamp, source"
    )
    with store._reading() as scope:
        rows = [tuple(row) for row in scope.connection.execute(query, {"p": P, "t": store.tenant})]
    assert [(row[0][:10], row[3]) for row in rows] == [
        ("2025-01-02", "manual"),
        ("2025-01-02", "posterior"),
        ("2025-01-03", "sql"),
        ("2025-01-05", "fallback"),
    ]
    assert rows[1][1:3] == (60 / 175, 0.0358)


# Nights, findings, messages --------------------------------------------------------------------------------


def test_the_newest_result_at_or_before_a_night(store: Store) -> None:
    save(store, *(record(n, result={"detail": str(n), "failures": n}) for n in (1, 3, 5)))
    save(store, record(2, parameter_id="b", result={"light": Light.RED, "loaded": 2.5, "read_at": night(1)}))
    assert store.night_results(None, night(4).date())[P].detail == "3"
    assert store.night_results(["b"], night(4).date()) == {
        "b": NightResult("b", night(2).date(), "updated", Light.RED, loaded=2.5, read_at=night(1))
    }
    assert store.night_results(None, night(1).date()).keys() == {P}
    assert store.night_results([P, "nobody"], night(0).date()) == {}
    assert [one.failures for one in store.night_history(P)] == [1, 3, 5]
    assert store.parameter_ids() == sorted(["b", P])


def test_a_night_said_differently_is_rewritten(store: Store) -> None:
    save(store, record(1))
    report = save(store, record(1, result={"light": Light.AMBER, "verdict": {"n": 3}}))
    assert report.written == {"night_results": 1}
    assert [(one.light, one.verdict) for one in store.night_history(P)] == [(Light.AMBER, {"n": 3})]


def test_a_finding_is_one_per_check_and_subject_and_can_be_withdrawn(store: Store) -> None:
    drift = Finding("drift", P, Light.RED, "it drifts", "look", {"sigma": 4.1, "since": "2025-01-01"})
    bad = [Finding("quarantine", P, Light.STALE, "bad rows", subject=str(day(n))) for n in (1, 2)]
    save(store, record(1, findings=(drift, *bad)))
    assert store.findings([P], night(1).date()) == [(night(1).date(), one) for one in (drift, *bad)]
    calmer = replace(drift, light=Light.AMBER)
    report = save(store, record(1, result={"detail": "again"}, findings=(calmer,)))
    assert report.written == {"night_results": 1, "findings": 3}
    assert [one for _, one in store.findings()] == [calmer]
    save(store, record(1, result={"detail": "and again"}, findings=(calmer, bad[0])))
    assert [one for _, one in store.findings()] == [calmer, bad[0]]
    assert store.findings(["nobody"]) == []
    assert store.findings(as_of=night(2).date()) == []


def test_a_record_that_comes_for_a_prior_alone_leaves_its_night_as_it_was(store: Store) -> None:
    save(store, full(1))
    before = contents(store)
    result = store.night_results([P], night(1).date())[P]
    promoted = prior(60, 2, reason="promoted", absorbed_until=FIRST)
    report = save(store, Record(P, result, priors=(promoted,)))
    assert report == CommitReport({"prior_versions": 1})
    after = contents(store)
    assert {name for name in after if after[name] != before[name]} == {"prior_versions"}
    assert store.posteriors([P], LATE)[P].inputs_hash == "h1"


def test_a_message_is_queued_once_whatever_becomes_of_it(store: Store) -> None:
    one = Message("key", "webhook", {"mean": 0.34, "nested": {"a": [1, None]}}, P, night(1))
    save(store, record(1, messages=(one, one)))
    save(store, record(2, messages=(replace(one, payload={}), replace(one, idempotency_key="key 2"))))
    queued = store.outbox()
    assert [message.message.idempotency_key for message in queued] == ["key", "key 2"]
    assert queued[0].message == one
    assert (queued[0].status, queued[0].attempts) == ("pending", 0)
    assert store.outbox("delivered") == []
