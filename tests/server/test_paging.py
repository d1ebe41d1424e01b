"""Pages of long answers: every item once, whatever comes in or goes meanwhile."""

from __future__ import annotations

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evenfall.server.paging import Turning, paged
from evenfall.server.problems import Refused


def page(rows: list[str], limit: int, cursor: str | None = None) -> tuple[list[str], str | None]:
    return paged(rows, Turning(limit, cursor), str)


@given(st.lists(st.text(), unique=True, max_size=30), st.integers(1, 12))
def test_the_pages_together_are_the_list(rows: list[str], limit: int) -> None:
    seen, cursor = page(rows, limit)
    while cursor is not None:
        more, cursor = page(rows, limit, cursor)
        assert more
        seen += more
    assert seen == rows


def test_a_list_as_long_as_the_page_has_no_next() -> None:
    assert page(["a", "b"], 2) == (["a", "b"], None)
    assert page([], 2) == ([], None)


def test_what_comes_in_before_the_page_shifts_nothing() -> None:
    _, cursor = page(["b", "c", "d"], 2)
    assert page(["a", "b", "c", "d"], 2, cursor) == (["d"], None)


def test_when_the_last_item_seen_is_gone_the_page_begins_where_it_stood() -> None:
    _, cursor = page(["a", "b", "c", "d"], 2)
    assert page(["a", "c", "d"], 2, cursor) == (["d"], None)
    assert page([], 2, cursor) == ([], None)


def coded(text: str) -> str:
    return base64.urlsafe_b64encode(text.encode()).decode()


@pytest.mark.parametrize(
    "cursor",
    [
        "",
        "2",
        "!",
        "é",
        coded("[]"),
        coded('["a"]'),
        coded('["a", -1]'),
        coded('["a", true]'),
        coded('["a", 1.5]'),
        coded('{"a": 1}'),
        coded("[" * 700),
        coded("null"),
        base64.urlsafe_b64encode(b"\xff\xfe").decode(),
    ],
)
def test_a_cursor_that_no_page_gave_is_refused(cursor: str) -> None:
    with pytest.raises(Refused) as refused:
        page(["a", "b"], 1, cursor)
    assert (refused.value.status, refused.value.field) == (422, "cursor")


def test_a_cursor_of_an_absurd_place_is_an_empty_page() -> None:
    assert page(["a", "b"], 1, coded('["z", 99999999999999999999]')) == ([], None)
