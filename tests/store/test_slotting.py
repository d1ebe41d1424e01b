"""Readings slotted in any order answer like a list that keeps them all."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from evenfall.store.slotting import Kept, slot

READINGS = st.lists(st.tuples(st.integers(0, 7), st.integers(0, 2)), max_size=14)


def place(readings: list[tuple[int, int]]) -> tuple[list[Kept], list[str]]:
    history: list[Kept] = []
    confirmed: list[str] = []
    for at, value in readings:
        if slot(history, confirmed, str(at), (float(value), 0.0, 0.0), False).confirms:
            confirmed = sorted([*confirmed, str(at)])
    return history, confirmed


def known(history: list[Kept], at: int) -> list[float]:
    return [
        kept.sums[0]
        for kept in history
        if kept.seen_at <= str(at) and (kept.superseded_at is None or str(at) < kept.superseded_at)
    ]


@given(READINGS)
def test_the_winner_at_any_time_is_the_last_reading_made_by_then(readings: list[tuple[int, int]]) -> None:
    history, _ = place(readings)
    for at in range(-1, 9):
        made = [value for seen, value in sorted(readings, key=lambda one: one[0]) if seen <= at]
        assert known(history, at) == made[-1:]


@given(READINGS)
def test_kept_readings_follow_one_another_without_gaps(readings: list[tuple[int, int]]) -> None:
    history, _ = place(readings)
    assert [kept.superseded_at for kept in history] == [
        *(after.seen_at for after in history[1:]),
        *([None] if history else []),
    ]
    assert sorted(kept.version for kept in history) == list(range(1, len(history) + 1))


@given(READINGS)
def test_the_same_readings_again_in_order_change_nothing(readings: list[tuple[int, int]]) -> None:
    last = dict(readings)  # of one instant, what was said last
    history, confirmed = place(readings)
    for at, value in last.items():
        result = slot(history, confirmed, str(at), (float(value), 0.0, 0.0), False)
        assert (result.added, result.ended, result.confirms) == ([], [], False)


def test_a_put_back_row_says_it_was_backfilled_when_the_one_it_copies_was() -> None:
    history: list[Kept] = []
    slot(history, [], "1", (1.0, 0.0, 0.0), True)
    result = slot(history, ["3"], "2", (2.0, 0.0, 0.0), False)
    assert [(kept.seen_at, kept.sums[0], kept.backfilled) for kept in result.added] == [
        ("2", 2.0, False),
        ("3", 1.0, True),
    ]
