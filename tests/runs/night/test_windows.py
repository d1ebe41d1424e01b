from datetime import date, timedelta
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from evenfall.runs.night.windows import Span, days_to_read, merge_days, missing_windows, tumbling_to_read
from evenfall.window import DayWindow

D = date(2026, 9, 1)
ONE = timedelta(days=1)


def day(n: int) -> DayWindow:
    return DayWindow(D + n * ONE, D + (n + 1) * ONE)


def test_a_new_parameter_reads_its_whole_lookback() -> None:
    assert days_to_read(Span(D, D, D + 3 * ONE), ()) == (day(0), day(1), day(2))


def test_a_later_night_reads_missing_days_and_the_lookback_only() -> None:
    known = [day(n) for n in range(20) if n != 4]
    windows = days_to_read(Span(D, D + 14 * ONE, D + 21 * ONE), known)
    assert windows == (day(4), *(day(n) for n in range(14, 21)))
    assert missing_windows(windows, known) == (day(4), day(20))


def test_nothing_is_read_before_a_day_is_complete() -> None:
    assert days_to_read(Span(D, D, D), ()) == ()


def test_tumbling_windows_never_overlap_and_wait_until_they_are_complete() -> None:
    first = tumbling_to_read(Span(D + 3 * ONE, D + 3 * ONE, D + 10 * ONE), (), 7)
    assert first == (DayWindow(D + 3 * ONE, D + 10 * ONE),)
    assert tumbling_to_read(Span(D + 3 * ONE, D + 16 * ONE, D + 16 * ONE), first, 7) == ()
    last = tumbling_to_read(Span(D + 3 * ONE, D + 17 * ONE, D + 17 * ONE), first, 7)
    assert last == (DayWindow(D + 10 * ONE, D + 17 * ONE),)


@given(st.sets(st.integers(0, 60)))
def test_merged_days_hold_exactly_the_days_given(days: set[int]) -> None:
    given_days = {D + n * ONE for n in days}
    merged = merge_days(given_days)
    assert {d for window in merged for d in window} == given_days
    assert all(a.stop < b.first for a, b in pairwise(merged))
