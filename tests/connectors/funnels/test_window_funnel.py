"""ClickHouse's own cases of windowFunnel, with the answers it publishes.

Events, calls and answers are those of ClickHouse's functional test 00632_aggregation_window_funnel (the .sql
and its .reference, as of 2025) and of the example in its manual of parametric aggregate functions.
windowFunnel answers the furthest level of a unit: of any entry, but under strict_order of the first, for the
search ends where the order is disturbed. Its window is closed, ours half-open: w whole seconds there are
w + 1 here. Where a mode has no counterpart, or deliberately another meaning, the case says so.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

import pytest

from evenfall.connectors.funnels.question import FunnelQuestion, Strictness

from .tables import ENGINES, as_listed, ask, laid, opened

COUNTED = [(i, str(1000 + i)) for i in range(9)]
STRICT = [
    *((10 * i, str(1000 + i)) for i in range(6)),
    (51, "1005"),
    (60, "1006"),
    (70, "1007"),
    (80, "1008"),
]
TIED = [(0, "1000"), (1, "1001"), (1, "1002"), (1, "1003"), (2, "1004")]

PLAIN = [
    # events, window there, steps, answer
    (COUNTED, 10000, "1000", 1),
    (COUNTED, 10000, "1000 1001", 2),
    (COUNTED, 10000, "1000 1001 1002", 3),
    (COUNTED, 10000, "1000 1001 1002 1008", 4),
    (COUNTED, 1, "1000", 1),
    (COUNTED, 2, "1003 1004 1005 1006 1007", 3),
    (COUNTED, 3, "1003 1004 1005 1006 1007", 4),
    (COUNTED, 4, "1003 1004 1005 1006 1007", 5),
    (COUNTED, 10000, "1001 1008", 2),
    (COUNTED, 10000, "1008 1001", 1),
    (STRICT, 10000, "1000 1001 1002 1003 1004 1005 1006", 7),
    # 'strict_increase', which is how we always count: of events at the same time none is after the other
    (TIED, 10000, "1000 1001 1002 1003 1004", 2),
    (TIED, 10000, "1004 1004 1004", 1),
]

LETTERS = ["abc", "adbc", "aabbcc", "aaaabbcc", "aabbdcc", "ccbbaa"]
"""Users 1 to 6 of funnel_test_strict_order, an event a second."""

REENTRY = ["abac", "ababc", "abcbd", "acb", "abcabcd"]
"""Users 1 to 5 of funnel_test_allow_reentry."""


def level(
    engine: str, folder: Path, events: Sequence[tuple[int, str]], steps: Sequence[str], **how: object
) -> int:
    """Return the furthest level of one unit: of any entry, under a strict order of the first."""
    furthest, entries = 0, sorted({at for at, name in events if name == steps[0]})
    strict = how.get("strict_order", "no") != "no"
    with opened(engine, folder, laid([("1", at, name, "") for at, name in events])) as warehouse:
        for entry in entries[:1] if strict else entries:
            question = FunnelQuestion("events", tuple(steps), **how)  # type: ignore[arg-type]
            ((_, after),) = as_listed(ask(warehouse, question, first=entry, stop=entry + 1))
            furthest = max(furthest, sum(second >= 0 for second in after))
    return furthest


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("case", PLAIN)
def test_the_plain_cases_answer_as_published(
    engine: str, tmp_path: Path, case: tuple[list[tuple[int, str]], int, str, int]
) -> None:
    events, window, steps, answer = case
    length = timedelta(seconds=window + 1)
    assert level(engine, tmp_path, events, steps.split(), window=length) == answer


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize(
    "case",
    [
        (LETTERS, "abc", "no", [3, 3, 3, 3, 3, 1]),
        # 'strict_order': an event that is not listed disturbs as well, a repetition does not
        (LETTERS, "abc", "events", [3, 1, 3, 3, 2, 1]),
        (["acb"], "abc", "events", [1]),
        (REENTRY, "abc", "events", [2, 2, 3, 1, 3]),
        # published [2, 2, 4, 1, 3]: windowFunnel lets user 3 go back from c to b on the way to d, we do not
        (REENTRY, "abcd", "events", [2, 2, 3, 1, 3]),
    ],
)
def test_strict_order_answers_as_published(
    engine: str, tmp_path: Path, case: tuple[list[str], str, Strictness, list[int]]
) -> None:
    users, steps, strict, answers = case
    day = timedelta(seconds=86401)
    found = [
        level(engine, tmp_path, list(enumerate(user, start=1)), steps, window=day, strict_order=strict)
        for user in users
    ]
    assert found == answers


@pytest.mark.parametrize("engine", ENGINES)
def test_re_entry_opens_a_new_attempt_where_allow_reentry_goes_on_with_the_old(
    engine: str, tmp_path: Path
) -> None:
    """Published under 'strict_order', 'allow_reentry' with steps a, b, c: [3, 3, 3, 1, 3].

    There a further entry does not disturb. Here it ends the attempt and opens the next: user 1 comes to b,
    then to a; user 2 to b, then to c.
    """
    found = []
    for user in REENTRY:
        events = [("1", at, name, "") for at, name in enumerate(user, start=1)]
        question = FunnelQuestion(
            "events", tuple("abc"), timedelta(days=1), strict_order="events", re_entry=True
        )
        with opened(engine, tmp_path, laid(events)) as warehouse:
            attempts = as_listed(ask(warehouse, question))
        found.append([sum(second >= 0 for second in after) for _, after in attempts])
    assert found == [[2, 1], [2, 3], [3], [1], [3, 3]]


@pytest.mark.parametrize("engine", ENGINES)
def test_the_manuals_example_reaches_its_fourth_level(engine: str, tmp_path: Path) -> None:
    """Four events of user 1 on 28 January to 1 February 2019, a window of 6048000000000000 seconds."""
    hour, day = 3600, 86400
    events = [
        (10 * hour, "1003"),
        (2 * day + 9 * hour, "1007"),
        (day + 8 * hour, "1009"),
        (3 * day + 8 * hour, "1010"),
    ]
    steps = ["1003", "1009", "1007", "1010"]
    assert level(engine, tmp_path, events, steps, window=timedelta(days=3660)) == 4


@pytest.mark.parametrize("engine", ENGINES)
def test_one_event_is_never_two_steps_as_under_strict_once(engine: str, tmp_path: Path) -> None:
    """Published under 'strict_once', 'strict_increase': 123 → 3, 234 → 2, 345 → 1; window 200."""
    users = {
        "123": [(180, "failure"), (220, "failure"), (250, "success")],
        "234": [(100, "failure"), (250, "failure")],
        "345": [(200, "success"), (210, "failure"), (230, "success")],
    }
    steps, window = ["failure", "failure", "success"], timedelta(seconds=201)
    found = {user: level(engine, tmp_path, own, steps, window=window) for user, own in users.items()}
    assert found == {"123": 3, "234": 2, "345": 1}


@pytest.mark.parametrize("engine", ENGINES)
def test_the_case_of_issue_27469_stops_at_the_second_b(engine: str, tmp_path: Path) -> None:
    """Published under 'strict_deduplication': 3. There the repetition stops it, here the way back to b."""
    events = list(enumerate("abcbd", start=1))
    window = timedelta(seconds=86401)
    assert level(engine, tmp_path, events, "abcd", window=window, strict_order="steps") == 3
    assert level(engine, tmp_path, events, "abcd", window=window) == 4
