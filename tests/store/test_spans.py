"""Windows packed into text come out as they went in."""

from __future__ import annotations

from datetime import date, timedelta

from hypothesis import given
from hypothesis import strategies as st

from evenfall.store.spans import pack, unpack

STEPS = st.lists(st.tuples(st.integers(0, 2), st.integers(1, 3)), max_size=20)  # (gap, length) in days


@given(STEPS)
def test_disjoint_windows_survive(steps: list[tuple[int, int]]) -> None:
    at, windows = date(2024, 2, 25), []
    for gap, length in steps:
        first = at + timedelta(days=gap)
        at = first + timedelta(days=length)
        windows.append((first.isoformat(), at.isoformat()))
    assert list(unpack(pack(reversed(windows)))) == windows


def test_a_month_of_days_is_one_short_entry() -> None:
    days = [date(2024, 2, 1) + timedelta(days=n) for n in range(30)]
    windows = [(day.isoformat(), (day + timedelta(days=1)).isoformat()) for day in days]
    assert pack(windows) == "2024-02-01/2024-03-02/1"
