"""A read meets the ledger: replaced, never added; counted once, or said not to be."""

from __future__ import annotations

import math
from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evenfall.errors import AlreadyAbsorbed
from evenfall.runs.night.ledger import count_loaded, digest_rows, merge, observations_of
from evenfall.window import DayWindow

D = date(2026, 9, 1)


def days(first: int, stop: int) -> DayWindow:
    return DayWindow(D + timedelta(days=first), D + timedelta(days=stop))


ROWS = st.dictionaries(
    st.integers(0, 20).map(lambda n: days(n, n + 1)),
    st.tuples(*[st.integers(0, 10**6).map(float)] * 3),
)


@given(known=ROWS, read=ROWS)
def test_a_read_replaces_the_rows_of_its_intervals_and_leaves_the_others(
    known: dict[DayWindow, tuple[float, float, float]], read: dict[DayWindow, tuple[float, float, float]]
) -> None:
    merged = merge("p", known, read)
    assert all(merged[window] == sums for window, sums in read.items())
    assert all(merged[window] == sums for window, sums in known.items() if window not in read)
    assert merged.keys() == known.keys() | read.keys()
    assert merge("p", merged, read) == merged


def test_meeting_a_read_changes_neither_the_ledger_nor_the_read() -> None:
    known, read = {days(0, 1): (1.0, 1.0, 0.0)}, {days(0, 1): (2.0, 0.0, 0.0)}
    merge("p", known, read)
    assert (known, read) == ({days(0, 1): (1.0, 1.0, 0.0)}, {days(0, 1): (2.0, 0.0, 0.0)})


@pytest.mark.parametrize("other", [days(0, 2), days(6, 8), days(2, 4), days(0, 9)])
def test_an_interval_that_overlaps_another_one_is_refused(other: DayWindow) -> None:
    with pytest.raises(AlreadyAbsorbed, match=r"p: the evidence of .* overlaps that of"):
        merge("p", {days(1, 7): (1.0, 0.0, 0.0)}, {other: (1.0, 0.0, 0.0)})


def test_intervals_that_touch_do_not_overlap() -> None:
    assert len(merge("p", {days(1, 7): (1.0, 0.0, 0.0)}, {days(7, 14): (1.0, 0.0, 0.0)})) == 2


@given(
    read=ROWS,
    quarantined=st.lists(st.integers(0, 10**6)),
    absorbed=st.none() | st.integers(-1, 22).map(lambda n: D + timedelta(days=n)),
)
def test_every_trial_that_was_loaded_is_counted_late_or_quarantined(
    read: dict[DayWindow, tuple[float, float, float]], quarantined: list[int], absorbed: date | None
) -> None:
    count = count_loaded(read, quarantined, absorbed)
    assert count.loaded == count.counted + count.late_not_counted + count.quarantined
    assert count.loaded == sum(sums[0] for sums in read.values()) + sum(quarantined)
    assert count.counted == sum(s[0] for w, s in read.items() if absorbed is None or w.first >= absorbed)


def test_a_window_that_begins_before_absorbed_until_is_late_as_a_whole() -> None:
    count = count_loaded(
        {days(0, 7): (70.0, 7.0, 0.0), days(7, 14): (80.0, 8.0, 0.0)}, [5], D + timedelta(days=3)
    )
    assert (count.loaded, count.counted, count.late_not_counted, count.quarantined) == (155, 80, 70, 5)


def test_observations_stand_in_order_of_time() -> None:
    seen = observations_of({days(2, 3): (3.0, 1.0, 0.0), days(0, 1): (5.0, 2.0, 0.0)})
    assert seen.first.tolist() == [D, D + timedelta(days=2)]
    assert seen.sums.tolist() == [[5, 2, 0], [3, 1, 0]]


def test_digests_are_equal_exactly_when_the_rows_are() -> None:
    one = [(days(0, 1), (0.1, 2.0, 0.0)), (days(1, 2), (3.0, 1.0, 0.0))]
    assert digest_rows(one) == digest_rows(reversed(one))
    others = [
        [(days(0, 1), (math.nextafter(0.1, 1), 2.0, 0.0)), one[1]],
        [(days(0, 1), (2.0, 0.1, 0.0)), one[1]],
        [(days(0, 2), (0.1, 2.0, 0.0))],
        one[:1],
    ]
    assert all(digest_rows(one) != digest_rows(other) for other in others)
