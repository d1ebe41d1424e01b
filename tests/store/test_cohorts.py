"""Cohorts by age: cells that are replaced, known at their time, and counted without gaps."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from tests.store.cases import FIRST, LATE, P, contents, day, night, reading, record, save

from evenfall.errors import StoreError
from evenfall.store.database import Store
from evenfall.store.records import EvidenceRow, EvidenceSpan

Q = {P: "q1"}


def cells(entry: int, size: int, converted: list[int], seen: int, **more: Any) -> tuple[EvidenceRow, ...]:
    return tuple(reading(entry, size, n, seen, age=str(age), **more) for age, n in enumerate(converted))


def keep(store: Store, seen: int, *rows: tuple[EvidenceRow, ...], **more: Any) -> None:
    assert not save(store, record(seen, evidence=tuple(row for one in rows for row in one), **more)).failed


def test_cells_come_back_as_a_matrix_of_whole_numbers(store: Store) -> None:
    keep(store, 5, cells(2, 7, [3], 5), cells(0, 10, [4, 0, 1], 5), cells(1, 2**53, [2**52, 0], 5))
    got = store.cohorts(Q, night(5), {P: "calendar"})[P]
    assert got.entry.tolist() == [day(n).first for n in (0, 1, 2)]
    assert got.size.tolist() == [10, 2**53, 7]
    assert got.conversions.tolist() == [[4, 0, 1], [2**52, 0, 0], [3, 0, 0]]
    assert got.observed.tolist() == [3, 2, 1]
    assert got.clock == "calendar"
    assert got.conversions.dtype == got.size.dtype == got.observed.dtype == np.int64
    assert store.cohorts(Q, LATE)[P].clock == "elapsed"


def test_what_was_known_at_each_night_is_told_again(store: Store) -> None:
    keep(store, 1, cells(0, 10, [4], 1))
    keep(store, 2, cells(0, 10, [4, 1], 2), cells(1, 20, [6], 2))
    keep(store, 4, cells(0, 12, [5, 1, 0, 0], 4), cells(1, 20, [6, 2, 0], 4))
    seen = {n: store.cohorts(Q, night(n)).get(P) for n in range(6)}
    assert seen[0] is None
    expected = {
        1: ([10], [[4]]),
        2: ([10, 20], [[4, 1], [6, 0]]),
        3: ([10, 20], [[4, 1], [6, 0]]),
        4: ([12, 20], [[5, 1, 0, 0], [6, 2, 0, 0]]),
        5: ([12, 20], [[5, 1, 0, 0], [6, 2, 0, 0]]),
    }
    for n, (size, conversions) in expected.items():
        got = seen[n]
        assert got is not None
        assert (got.size.tolist(), got.conversions.tolist()) == (size, conversions)


def test_the_order_of_nights_and_running_them_again_change_nothing(store: Store) -> None:
    nights = [
        record(n, evidence=tuple(row for e in range(n) for row in cells(e, 50, [e] * (n - e), n)))
        for n in range(1, 5)
    ]
    for one in nights[::-1]:
        save(store, one)
    before = contents(store)
    for one in nights:
        save(store, one)
    assert contents(store) == before
    for n in range(1, 5):
        got = store.cohorts(Q, night(n))[P]
        assert got.observed.tolist() == [n - e for e in range(n)]
        assert got.converted.tolist() == [e * (n - e) for e in range(n)]


def test_cells_beyond_a_gap_do_not_count(store: Store) -> None:
    rows = [row for row in cells(0, 10, [1, 1, 1, 1], 1) if row.age != "2"]
    keep(store, 1, tuple(rows), cells(1, 10, [2, 2], 1)[1:])
    got = store.cohorts(Q, LATE)[P]
    assert got.observed.tolist() == [2, 0]
    assert got.conversions.tolist() == [[1, 1], [0, 0]]
    assert got.size.tolist() == [10, 10]


def test_slices_other_queries_and_whole_sums_are_kept_apart(store: Store) -> None:
    keep(
        store,
        1,
        cells(0, 10, [1, 1], 1),
        cells(0, 4, [1], 1, slice="device=mobile"),
        cells(0, 99, [9], 1, query_hash="q2"),
        (reading(0, 10, 5, 1),),
    )
    keep(store, 1, cells(0, 3, [3], 1, parameter_id="b", slice="x"), parameter_id="b")
    both = {P: "q1", "b": "q1", "nobody": "q1"}
    assert store.cohorts(both, LATE).keys() == {P}
    sliced = store.sliced_cohorts(both, LATE)
    assert {name: list(parts) for name, parts in sliced.items()} == {P: ["", "device=mobile"], "b": ["x"]}
    assert sliced[P]["device=mobile"].conversions.tolist() == [[1]]
    assert store.cohorts({P: "q2"}, LATE)[P].size.tolist() == [99]
    assert store.cohorts({P: "q3"}, LATE) == store.cohorts({}, LATE) == {}
    assert store.observations(Q, LATE)[P].sums.tolist() == [[10, 5, 0]]


def test_many_parameters_come_in_more_than_one_batch(store: Store) -> None:
    names = [f"p{n}" for n in range(40)]
    save(
        store,
        *(
            record(
                1,
                parameter_id=name,
                evidence=tuple(
                    r for e in (1, 0) for r in cells(e, 900 + n, [n] * 20, 1, parameter_id=name)[n % 3 :]
                ),
            )
            for n, name in enumerate(names)
        ),
    )
    got = store.cohorts(dict.fromkeys(names, "q1"), LATE)
    for n, name in enumerate(names):
        assert got[name].observed.tolist() == [0 if n % 3 else 20] * 2
        assert got[name].size.tolist() == [900 + n] * 2
        assert got[name].converted.tolist() == [0 if n % 3 else n * 20] * 2


def test_spans_count_each_day_once_however_many_ages_it_has(store: Store) -> None:
    keep(store, 1, cells(0, 10, [1, 1, 1], 1), cells(1, 10, [1, 1], 1), cells(3, 10, [1], 1))
    span = EvidenceSpan("q1", day(0).first, day(3).stop, 3)
    assert store.evidence_spans([P], LATE) == {P: [span]}
    keep(store, 2, (reading(0, 10, 3, 2), reading(1, 10, 3, 2)))  # whole sums of the same query say it all
    assert store.evidence_spans([P], LATE) == {P: [EvidenceSpan("q1", day(0).first, day(1).stop, 2)]}


def test_cells_say_nothing_of_how_late_events_arrive(store: Store) -> None:
    for seen in range(1, 5):
        keep(store, seen, *(cells(e, 10, [1] * (seen - e), seen) for e in range(seen)))
    assert store.arrivals(LATE, FIRST) == []


@pytest.mark.parametrize(
    "wrong", [{"age": "7d"}, {"age": "-1"}, {"age": "1.5"}, {"age": "0", "window": day(0, 7)}]
)
def test_what_is_no_cell_of_one_day_is_refused(store: Store, wrong: dict[str, Any]) -> None:
    report = save(store, record(1, evidence=(reading(0, 1, 0, 1, **wrong),)))
    assert isinstance(report.failed[P], StoreError)
    assert "day of entry" in str(report.failed[P])


@pytest.mark.parametrize(
    "rows",
    [cells(0, 10, [6, 5], 1), cells(0, 10, [-1, 5], 1), tuple(reading(0, 9.5, 1, 1, age="0") for _ in "a")],
    ids=["more than entered", "fewer than none", "half a person"],
)
def test_impossible_cohorts_are_refused_with_their_record_alone(
    store: Store, rows: tuple[EvidenceRow, ...]
) -> None:
    good = record(1, parameter_id="b", evidence=cells(0, 10, [6, 4], 1, parameter_id="b"))
    report = save(store, record(1, evidence=rows), good)
    assert report.failed.keys() == {P}
    assert "cannot convert twice" in str(report.failed[P])
    assert store.cohorts({P: "q1", "b": "q1"}, LATE).keys() == {"b"}


def test_cells_read_apart_that_contradict_each_other_name_their_parameter(store: Store) -> None:
    keep(store, 1, cells(0, 10, [6], 1))
    keep(store, 2, cells(0, 10, [0, 5], 2)[1:])
    with pytest.raises(StoreError, match=r"checkout.*contradict"):
        store.cohorts(Q, LATE)
