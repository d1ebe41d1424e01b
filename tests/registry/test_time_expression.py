"""Relative times on a logical clock, checked by hand against the calendar."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evenfall.errors import ConfigError
from evenfall.registry.time_expression import check_time, parse_time, resolve_time

BERLIN = ZoneInfo("Europe/Berlin")
NIGHT = datetime(2025, 10, 27, 5, 0, tzinfo=UTC)  # 06:00 in Berlin, the day after the clocks went back


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("NOW()", "2025-10-27T05:00"),
        ("now( )", "2025-10-27T05:00"),
        ("CURRENT_TIMESTAMP", "2025-10-27T05:00"),
        ("NOW() - INTERVAL '7 days'", "2025-10-20T04:00"),  # 06:00 summer time
        ("NOW() - INTERVAL '168 hours'", "2025-10-20T05:00"),
        ("NOW() - INTERVAL 7 DAY", "2025-10-20T04:00"),
        ("NOW() - INTERVAL '7' DAY", "2025-10-20T04:00"),
        ("NOW() + INTERVAL '90 minutes'", "2025-10-27T06:30"),
        ("NOW() - INTERVAL '30 seconds' - INTERVAL '1 hour'", "2025-10-27T03:59:30"),
        ("CURRENT_DATE", "2025-10-26T23:00"),
        ("CURRENT_DATE - INTERVAL '1 day'", "2025-10-25T22:00"),
        ("current_date - interval '1 week' + interval '1 day'", "2025-10-20T22:00"),
        ("CURRENT_DATE - INTERVAL '8 months'", "2025-02-26T23:00"),
        ("DATE '2024-02-29' + INTERVAL '1 year'", "2025-02-27T23:00"),
        ("DATE '2025-01-31' + INTERVAL '1 month'", "2025-02-27T23:00"),
        ("'2025-03-31' - INTERVAL '1 quarter'", "2024-12-30T23:00"),
        ("2025-10-01", "2025-09-30T22:00"),
        ("2025-10-01 12:30", "2025-10-01T10:30"),
        ("TIMESTAMP '2025-10-01T12:30:15'", "2025-10-01T10:30:15"),
        ("2025-10-01T12:30:00Z", "2025-10-01T12:30"),
        ("'2025-10-01 12:30:00+05:00'", "2025-10-01T07:30"),
    ],
)
def test_times_resolve_on_the_wall_clock_of_the_zone(text: str, expected: str) -> None:
    assert resolve_time(text, NIGHT, BERLIN) == datetime.fromisoformat(expected).replace(tzinfo=UTC)


def test_a_midnight_that_the_clocks_skip_is_the_instant_the_day_begins() -> None:
    beirut = ZoneInfo("Asia/Beirut")  # on 30 March 2025 the clocks went from 00:00 to 01:00
    noon = datetime(2025, 3, 30, 9, tzinfo=UTC)
    assert resolve_time("CURRENT_DATE", noon, beirut) == datetime(2025, 3, 29, 22, tzinfo=UTC)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "yesterday",
        "NOW",
        "NOW() - 7 days",
        "NOW() - INTERVAL",
        "NOW() - INTERVAL '7 fortnights'",
        "NOW() - INTERVAL '-7 days'",
        "NOW() - INTERVAL '7 days'; DROP TABLE x",
        "NOW() INTERVAL '7 days'",
        "2025-13-01",
        "2025-02-30",
        "2025-10-01 25:00",
        "(SELECT MAX(day) FROM visits)",
        "NOW() - INTERVAL '٣ days'",
    ],
)
def test_everything_else_is_refused_with_the_grammar(text: str) -> None:
    with pytest.raises(ConfigError, match=r"write NOW\(\), CURRENT_DATE or a date") as refused:
        check_time(text)
    assert refused.value.value == text


def test_a_time_outside_the_calendar_is_refused() -> None:
    for text in (
        "NOW() + INTERVAL '9999 years'",
        "NOW() - INTERVAL '999999 weeks'",
        "0001-01-01 00:00+14:00",
    ):
        with pytest.raises(ConfigError):
            resolve_time(text, NIGHT, BERLIN)


@given(st.integers(0, 3000), st.sampled_from(["second", "minute", "hour", "day", "week"]))
def test_steps_forward_and_back_cancel_in_a_zone_without_clock_changes(count: int, unit: str) -> None:
    text = f"NOW() + INTERVAL '{count} {unit}s' - INTERVAL '{count} {unit}'"
    assert resolve_time(text, NIGHT, ZoneInfo("UTC")) == NIGHT


@given(st.text(alphabet="NOW()CURENT_DA-+ '179days INTERVAL:TZ"))
def test_no_text_raises_anything_but_a_config_error(text: str) -> None:
    with suppress(ConfigError):
        parse_time(text)
