"""Instants, numbers and JSON as the database holds them."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evenfall.store.cells import finite, instant, instant_text, to_json

NAMES = ("Europe/Berlin", "America/St_Johns", "Asia/Kathmandu")
ZONES = st.sampled_from([UTC, *map(ZoneInfo, NAMES)])
INSTANTS = st.datetimes(datetime(1, 1, 2), datetime(9999, 12, 30), timezones=ZONES)  # noqa: DTZ001


@given(INSTANTS)
def test_an_instant_survives_and_comes_back_in_utc(moment: datetime) -> None:
    back = instant(instant_text(moment))
    assert back == moment.astimezone(UTC)
    assert back.tzinfo is UTC


@given(INSTANTS, INSTANTS)
def test_text_sorts_as_time_does(one: datetime, other: datetime) -> None:
    earlier = one.astimezone(UTC) < other.astimezone(UTC)
    assert (instant_text(one) < instant_text(other)) == earlier


def test_the_two_passes_of_a_repeated_hour_are_an_hour_apart() -> None:
    first = datetime(2025, 10, 26, 2, 30, tzinfo=ZoneInfo("Europe/Berlin"))
    assert instant_text(first) == "2025-10-26T00:30:00.000000Z"
    assert instant_text(first.replace(fold=1)) == "2025-10-26T01:30:00.000000Z"


def test_an_instant_without_a_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="without a time zone"):
        instant_text(datetime(2025, 1, 1))  # noqa: DTZ001


@pytest.mark.parametrize("number", [float("nan"), float("inf"), float("-inf")])
def test_numbers_that_are_not_finite_have_no_cell(number: float) -> None:
    with pytest.raises(ValueError, match="not finite"):
        finite(number)
    with pytest.raises(ValueError, match="JSON"):
        to_json({"sigma": number})
